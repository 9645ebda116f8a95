/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A daemon's life: options, lock, bus, start, sockets, name, main loop, stop. Owns the VbService. */
#include "service/service-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>

#include "base/error.h"

#define DEFAULT_PROXY_USER "virtproxyd"

typedef struct {
    GSource source;
    VbService *service;
} FlushSource;

/* what the daemon asks */

/**
 * vb_service_path:
 * @path: "/etc/libvirt/qemu"
 *
 * Returns: (transfer full): the same below --root
 */
char *
vb_service_path(VbService *service, const char *path)
{
    return g_strconcat(service->options.root, path, NULL);
}

const char *
vb_service_sysfs(VbService *service)
{
    return service->options.sysfs;
}

const char *
vb_service_procfs(VbService *service)
{
    return service->options.procfs;
}

const char *
vb_service_resctrl(VbService *service)
{
    return service->options.resctrl;
}

GDBusConnection *
vb_service_bus(VbService *service)
{
    return service->bus ? service->bus->connection : NULL;
}

gboolean
vb_service_is_session(VbService *service)
{
    return service->options.is_session;
}

/**
 * vb_service_take_fd:
 * @name: FileDescriptorName= of the socket unit
 *
 * A socket unit gives all its sockets one name: they are taken one after the other.
 *
 * Returns: the descriptor, the caller's from here on; -1 when there is none (left)
 */
int
vb_service_take_fd(VbService *service, const char *name)
{
    for (guint i = 0; i < service->passed_names->len; i++) {
        if (g_strcmp0(service->passed_names->pdata[i], name) == 0) {
            g_clear_pointer(&service->passed_names->pdata[i], g_free);
            return SD_LISTEN_FDS_START + (int)i;
        }
    }
    return -1;
}

/**
 * vb_service_bus_address:
 *
 * Returns: (transfer full): where the message bus is, also for a daemon without a name on it; NULL: none
 */
char *
vb_service_bus_address(VbService *service)
{
    if (g_strcmp0(service->options.bus_address, "none") == 0)
        return NULL;
    if (service->options.bus_address)
        return g_strdup(service->options.bus_address);
    return g_dbus_address_get_for_bus_sync(service->options.is_session ? G_BUS_TYPE_SESSION
                                                                       : G_BUS_TYPE_SYSTEM,
                                           NULL, NULL);
}

void
vb_service_quit(VbService *service, int status)
{
    service->status = status;
    if (service->loop)
        g_main_loop_quit(service->loop);
}

/* idle exit */

void
vb_service_hold(VbService *service, const char *why)
{
    service->n_holds++;
    vb_log_debug(NULL, "held by %s", why);
}

void
vb_service_release(VbService *service, const char *why)
{
    g_return_if_fail(service->n_holds > 0);
    service->n_holds--;
    vb_log_debug(NULL, "released by %s", why);
    vb_service_touch(service);
}

void
vb_service_touch(VbService *service)
{
    service->active_us = g_get_monotonic_time();
}

/* FALSE: somebody has called meanwhile */
static gboolean
let_go(VbService *service)
{
    return vb_bus_release_name(service) &&
           (!service->info->let_go || service->info->let_go(service, service->data));
}

static gboolean
look_idle(gpointer data)
{
    VbService *service = data;
    gint64 idle_us = g_get_monotonic_time() - service->active_us;
    gint64 left_us = service->options.idle_timeout_s * G_USEC_PER_SEC - idle_us;
    if (service->n_holds > 0 || service->peers->len > 0 || service->n_calls > 0)
        left_us = service->options.idle_timeout_s * G_USEC_PER_SEC;
    if (left_us <= 0 && let_go(service)) {
        vb_log_info(NULL, "idle, exiting");
        vb_service_quit(service, 0);
        return G_SOURCE_REMOVE;
    }
    g_timeout_add((guint)MAX(left_us / 1000 + 1, 10), look_idle, service);
    return G_SOURCE_REMOVE;
}

/* options */

static gboolean
parse_options(VbService *service, int *argc, char ***argv, GError **error)
{
    VbServiceOptions *o = &service->options;
    const GOptionEntry entries[] = {
        {"root", 0, 0, G_OPTION_ARG_FILENAME, &o->root, "All of etc, run and var below DIR", "DIR"},
        {"bus", 0, 0, G_OPTION_ARG_STRING, &o->bus_address, "Message bus; \"none\": without",
         "ADDRESS"},
        {"sysfs", 0, 0, G_OPTION_ARG_FILENAME, &o->sysfs, "Host facts instead of /sys", "DIR"},
        {"procfs", 0, 0, G_OPTION_ARG_FILENAME, &o->procfs, "Host facts instead of /proc", "DIR"},
        {"resctrl", 0, 0, G_OPTION_ARG_FILENAME, &o->resctrl, "Instead of /sys/fs/resctrl", "DIR"},
        {"idle-timeout", 0, 0, G_OPTION_ARG_INT, &o->idle_timeout_s, "Exit when idle; 0: never",
         "SECONDS"},
        {"no-polkit", 0, 0, G_OPTION_ARG_NONE, &o->no_polkit,
         "Allow root and this daemon's user only", NULL},
        {"proxy-user", 0, 0, G_OPTION_ARG_STRING, &o->proxy_user,
         "User who may speak for others on the private socket", "NAME"},
        {"session", 0, 0, G_OPTION_ARG_NONE, &o->is_session, "For one user, on the session bus",
         NULL},
        {"verbose", 0, 0, G_OPTION_ARG_NONE, &o->is_verbose, "Say more", NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &o->wants_version, "Print the version", NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    if (service->info->options)
        g_option_context_add_main_entries(context, service->info->options, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return FALSE;
    if (*argc > 1)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "unexpected argument '%s'", (*argv)[1]);
    if (o->idle_timeout_s < 0)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "idle timeout is negative");
    return TRUE;
}

static void
set_default(char **option, const char *value)
{
    if (!*option)
        *option = g_strdup(value);
}

/* A user's "run" does not outlive a reboot either. A link of that name that is there already is as good. */
static void
link_session_run(const char *root)
{
    g_autofree char *run = g_build_filename(root, "run", NULL);
    if (g_mkdir_with_parents(root, 0700) == 0 && symlink(g_get_user_runtime_dir(), run) < 0 &&
        errno != EEXIST)
        vb_log_warning(NULL, "cannot create link '%s': %s", run, g_strerror(errno));
}

/* Without a trailing slash, and "" for /, so that paths join by concatenation */
static void
settle_root(VbServiceOptions *options)
{
    if (!options->root && options->is_session) {
        options->root = g_build_filename(g_get_user_data_dir(), "virtbus", NULL);
        link_session_run(options->root);
    }
    g_autofree char *given = options->root;
    options->root = g_canonicalize_filename(given ? given : "/", NULL);
    if (g_str_equal(options->root, "/"))
        options->root[0] = '\0';
}

static void
settle_options(VbService *service)
{
    VbServiceOptions *options = &service->options;
    settle_root(options);
    set_default(&options->sysfs, "/sys");
    set_default(&options->procfs, "/proc");
    set_default(&options->resctrl, "/sys/fs/resctrl");
    set_default(&options->proxy_user, DEFAULT_PROXY_USER);
    vb_log_set_verbose(options->is_verbose);
    const struct passwd *user = getpwnam(options->proxy_user);
    service->proxy_uid = user ? user->pw_uid : (uid_t)-1;
    service->proxy_gid = user ? user->pw_gid : (gid_t)-1;
}

static void
clear_options(VbServiceOptions *options)
{
    g_free(options->root);
    g_free(options->bus_address);
    g_free(options->sysfs);
    g_free(options->procfs);
    g_free(options->resctrl);
    g_free(options->proxy_user);
}

/* one daemon per root */

static gboolean
take_lock(VbService *service, GError **error)
{
    g_autofree char *folder = vb_service_path(service, "/run/virtbus");
    g_autofree char *path = g_strdup_printf("%s/%s.lock", folder, service->info->name);
    if (g_mkdir_with_parents(folder, 0755) < 0)
        return vb_error_set_errno(error, errno, "cannot create directory '%s'", folder);
    service->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (service->lock_fd < 0)
        return vb_error_set_errno(error, errno, "cannot open file '%s'", path);
    if (flock(service->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "another %s runs below '%s'",
                            service->info->name,
                            *service->options.root ? service->options.root : "/");
    return TRUE;
}

static void
take_passed_fds(VbService *service)
{
    g_auto(GStrv) names = NULL;
    int n = sd_listen_fds_with_names(TRUE, &names);
    for (int i = 0; i < n; i++)
        g_ptr_array_add(service->passed_names, g_strdup(names && names[i] ? names[i] : "unknown"));
}

/* the loop's sources */

/* Marks are made on the loop, which asks here before it waits: nothing has to wake it. */
static gboolean
is_flush_due(GSource *source)
{
    return !g_queue_is_empty(&((FlushSource *)source)->service->dirty);
}

static gboolean
prepare_flush(GSource *source, int *timeout_ms)
{
    *timeout_ms = -1;
    return is_flush_due(source);
}

static gboolean
dispatch_flush(GSource *source, GSourceFunc callback, gpointer data)
{
    vb_service_flush(((FlushSource *)source)->service);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs flush_funcs = {.prepare = prepare_flush,
                                   .check = is_flush_due,
                                   .dispatch = dispatch_flush};

static void
add_flush_source(VbService *service)
{
    service->flush_source = g_source_new(&flush_funcs, sizeof(FlushSource));
    ((FlushSource *)service->flush_source)->service = service;
    g_source_set_static_name(service->flush_source, "virtbus property changes");
    g_source_set_priority(service->flush_source, G_PRIORITY_HIGH);
    g_source_attach(service->flush_source, NULL);
}

static gboolean
terminate(gpointer data)
{
    vb_service_quit(data, 0);
    return G_SOURCE_CONTINUE;
}

/* Source: sd_notify(3), RELOADING=1 of Type=notify-reload */
static gboolean
reload(gpointer data)
{
    VbService *service = data;
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, g_get_monotonic_time());
    if (service->info->reload)
        service->info->reload(service, service->data);
    sd_notify(0, "READY=1");
    return G_SOURCE_CONTINUE;
}

static gboolean
feed_watchdog(gpointer data)
{
    sd_notify(0, "WATCHDOG=1");
    return G_SOURCE_CONTINUE;
}

static void
add_sources(VbService *service)
{
    guint64 usec = 0;
    g_unix_signal_add(SIGTERM, terminate, service);
    g_unix_signal_add(SIGINT, terminate, service);
    g_unix_signal_add(SIGHUP, reload, service);
    if (sd_watchdog_enabled(0, &usec) > 0)
        service->watchdog_source =
            g_timeout_add((guint)MAX(usec / 2000, 1), feed_watchdog, service);
    if (service->options.idle_timeout_s > 0)
        g_timeout_add_seconds((guint)service->options.idle_timeout_s, look_idle, service);
}

/* life */

static void
init(VbService *service, const VbServiceInfo *info, gpointer data)
{
    service->info = info;
    service->data = data;
    service->lock_fd = -1;
    service->listen_fd = -1;
    service->proxy_uid = (uid_t)-1;
    service->peers = g_ptr_array_new_with_free_func((GDestroyNotify)vb_link_unref);
    service->clients =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)vb_client_unref);
    service->objects = g_hash_table_new(g_str_hash, g_str_equal);
    service->passed_names = g_ptr_array_new_with_free_func(g_free);
    service->active_us = g_get_monotonic_time();
    g_queue_init(&service->dirty);
    vb_inbox_init(service);
    add_flush_source(service);
}

static void
clear(VbService *service)
{
    vb_service_drop_objects(service);
    vb_service_flush(service);
    vb_inbox_clear(service);
    g_source_destroy(service->flush_source);
    g_source_unref(service->flush_source);
    g_ptr_array_unref(service->peers);
    g_hash_table_unref(service->clients);
    g_hash_table_unref(service->objects);
    g_ptr_array_unref(service->passed_names);
    g_clear_pointer(&service->loop, g_main_loop_unref);
    g_free(service->socket_path);
    g_free(service->guid);
    clear_options(&service->options);
    if (service->lock_fd >= 0)
        close(service->lock_fd);
}

static gboolean
start(VbService *service, GError **error)
{
    const VbServiceInfo *info = service->info;
    /* a daemon without objects of its own has nothing to lock, and may lack the right to write there */
    if (info->has_peer_socket && !take_lock(service, error))
        return FALSE;
    take_passed_fds(service);
    add_sources(service); /* a signal during the start waits for the loop */
    if (!vb_bus_connect(service, error))
        return FALSE;
    if (info->start && !info->start(service, service->data, error))
        return FALSE;
    vb_service_export_root(service);
    vb_service_flush(service); /* what start marked, nobody has seen otherwise */
    service->is_running = TRUE;
    if (info->has_peer_socket && !vb_peer_listen(service, error))
        return FALSE;
    if (!vb_bus_own_name(service, error))
        return FALSE;
    sd_notify(0, "READY=1");
    return TRUE;
}

/* What has arrived is still answered; then nothing is read from the daemon's objects any more, which the daemon may free
 * in its own stop, and no object is said to have gone. Replies that this brings still leave. */
static void
stop(VbService *service)
{
    gboolean was_running = service->is_running;
    sd_notify(0, "STOPPING=1");
    if (was_running) {
        vb_inbox_drain(service);
        vb_peer_drain(service);
        vb_service_flush(service);
    }
    service->is_stopping = TRUE;
    service->is_running = FALSE;
    if (was_running && service->info->stop)
        service->info->stop(service, service->data);
    vb_peer_close(service);
    vb_bus_close(service);
}

static int
run(VbService *service)
{
    g_autoptr(GError) error = NULL;
    service->loop = g_main_loop_new(NULL, FALSE);
    settle_options(service);
    if (start(service, &error)) {
        g_main_loop_run(service->loop);
    } else {
        service->status = EXIT_FAILURE;
        vb_log_warning(NULL, "cannot start: %s", error->message);
    }
    stop(service);
    return service->status;
}

/**
 * vb_service_run:
 * @info: what the daemon is
 * @data: handed to its functions
 *
 * Returns: the process's exit status
 */
int
vb_service_run(const VbServiceInfo *info, int argc, char **argv, gpointer data)
{
    VbService service = {0};
    g_autoptr(GError) error = NULL;
    int status = EXIT_SUCCESS;
    g_set_prgname(info->name);
    signal(SIGPIPE, SIG_IGN);
    init(&service, info, data);
    if (!parse_options(&service, &argc, &argv, &error)) {
        fprintf(stderr, "%s: %s\n", info->name, error->message);
        status = EXIT_FAILURE;
    } else if (service.options.wants_version) {
        printf("%s (virtbus) %s\n", info->name, VB_VERSION);
    } else {
        status = run(&service);
    }
    clear(&service);
    return status;
}
