/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A few nameless files (O_TMPFILE) kept ready by a thread. They vanish with the process. Where the file system has no
 * such files, taking one fails for good and the caller uses a temporary name. */
#include "store/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP 8
#define REFILL_BELOW 5

struct _VbStoreSpares {
    char *folder;
    GAsyncQueue *ready; /* descriptor + 1 */
    GThreadPool *maker;
    gint is_making;     /* atomic */
    gint is_impossible; /* atomic */
};

static int
make_one(VbStoreSpares *spares)
{
    int fd = open(spares->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    /* EISDIR: a kernel that does not know them; EINVAL, EOPNOTSUPP: a file system that does not */
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        g_atomic_int_set(&spares->is_impossible, 1);
    if (fd >= 0 && fchmod(fd, 0600) < 0) { /* whatever the umask */
        close(fd);
        return -1;
    }
    return fd;
}

void
vb_store_spares_give_up(VbStoreSpares *spares)
{
    g_atomic_int_set(&spares->is_impossible, 1);
}

static void
refill(gpointer job, gpointer data)
{
    VbStoreSpares *spares = data;

    while (g_async_queue_length(spares->ready) < KEEP) {
        int fd = make_one(spares);
        if (fd < 0)
            break;
        g_async_queue_push(spares->ready, GINT_TO_POINTER(fd + 1));
    }
    g_atomic_int_set(&spares->is_making, 0);
}

VbStoreSpares *
vb_store_spares_new(const char *folder)
{
    VbStoreSpares *spares = g_new0(VbStoreSpares, 1);

    spares->folder = g_strdup(folder);
    spares->ready = g_async_queue_new();
    return spares;
}

void
vb_store_spares_drop(VbStoreSpares *spares)
{
    gpointer fd;

    while ((fd = g_async_queue_try_pop(spares->ready)))
        close(GPOINTER_TO_INT(fd) - 1);
}

void
vb_store_spares_free(VbStoreSpares *spares)
{
    if (!spares)
        return;
    if (spares->maker)
        g_thread_pool_free(spares->maker, FALSE, TRUE);
    vb_store_spares_drop(spares);
    g_async_queue_unref(spares->ready);
    g_free(spares->folder);
    g_free(spares);
}

/* A failure to start the thread is no failure: files are made when they are taken. */
static void
ask_for_more(VbStoreSpares *spares)
{
    if (g_async_queue_length(spares->ready) >= REFILL_BELOW ||
        !g_atomic_int_compare_and_exchange(&spares->is_making, 0, 1))
        return;
    if (!spares->maker)
        spares->maker = g_thread_pool_new(refill, spares, 1, FALSE, NULL);
    if (!spares->maker || !g_thread_pool_push(spares->maker, spares, NULL))
        g_atomic_int_set(&spares->is_making, 0);
}

int
vb_store_spares_take(VbStoreSpares *spares)
{
    if (g_atomic_int_get(&spares->is_impossible))
        return -1;
    gpointer ready = g_async_queue_try_pop(spares->ready);
    int fd = ready ? GPOINTER_TO_INT(ready) - 1 : make_one(spares);
    if (fd >= 0)
        ask_for_more(spares);
    return fd;
}
