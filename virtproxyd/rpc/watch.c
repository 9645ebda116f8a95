/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One file descriptor on the main loop whose conditions change often. Owns the source, not the descriptor. */
#include "rpc/watch.h"

struct _ProxyWatch {
    GSource source;
    int fd;
    gpointer tag; /* NULL while nothing is waited for */
    GIOCondition condition;
    ProxyWatchFunc func;
    gpointer data;
};

static gboolean
dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    ProxyWatch *watch = (ProxyWatch *)source;
    GIOCondition condition = watch->tag ? g_source_query_unix_fd(source, watch->tag) : 0;
    g_source_set_ready_time(source, -1);
    watch->func(condition, watch->data);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs watch_funcs = {.dispatch = dispatch};

/**
 * proxy_watch_new:
 * @fd: borrowed; must stay open until proxy_watch_free()
 * @condition: what to wait for; hang-up and error are always reported, except for 0
 * @func: called on the loop with what holds, or with 0 after proxy_watch_wake()
 */
ProxyWatch *
proxy_watch_new(int fd, GIOCondition condition, ProxyWatchFunc func, gpointer data)
{
    ProxyWatch *watch = (ProxyWatch *)g_source_new(&watch_funcs, sizeof *watch);
    watch->fd = fd;
    watch->func = func;
    watch->data = data;
    proxy_watch_set(watch, condition);
    /* Nobody runs the loop inside a callback. Saying so spares GLib from taking the descriptor out of the poll set
     * for the callback's time and putting it back, which costs four system calls each time. */
    g_source_set_can_recurse(&watch->source, TRUE);
    g_source_attach(&watch->source, g_main_context_get_thread_default());
    return watch;
}

/**
 * proxy_watch_set:
 * @condition: 0: wait for nothing, not even a hang-up (which poll() would report over and over)
 */
void
proxy_watch_set(ProxyWatch *watch, GIOCondition condition)
{
    if (watch->condition == condition)
        return;
    watch->condition = condition;
    if (watch->tag && condition == 0)
        g_source_remove_unix_fd(&watch->source, g_steal_pointer(&watch->tag));
    else if (watch->tag)
        g_source_modify_unix_fd(&watch->source, watch->tag, condition);
    else
        watch->tag = g_source_add_unix_fd(&watch->source, watch->fd, condition);
}

/* calls the function in the loop's next round */
void
proxy_watch_wake(ProxyWatch *watch)
{
    g_source_set_ready_time(&watch->source, 0);
}

void
proxy_watch_free(ProxyWatch *watch)
{
    if (!watch)
        return;
    g_source_destroy(&watch->source);
    g_source_unref(&watch->source);
}
