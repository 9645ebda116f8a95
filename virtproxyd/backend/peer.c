/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections to a daemon's private socket. A connection attempt is retried until its deadline, since a daemon may be
 * coming up: systemd holds its socket, or the bus starts it. Owns nothing but the attempts under way. */
#include "backend/peer.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/error.h"

#define RETRY_FIRST_MS 5
#define RETRY_MAX_MS 200

typedef struct {
    const ProxyDaemon *daemon;
    GVariant *identity;
    ProxyPeerDone done;
    gpointer data;
    VbWire *wire; /* while it identifies itself */
    guint deadline_source;
    guint retry_source;
    guint delay_ms;
    gboolean is_late;
    gboolean is_start_requested;
} Attempt;

static void attempt_connect(Attempt *attempt);

static void
attempt_finish(Attempt *attempt, const GError *error)
{
    attempt->done(attempt->data, g_steal_pointer(&attempt->wire), error);
    g_variant_unref(attempt->identity);
    g_clear_handle_id(&attempt->deadline_source, g_source_remove);
    g_clear_handle_id(&attempt->retry_source, g_source_remove);
    g_free(attempt);
}

static void
attempt_failed(Attempt *attempt, const char *cause)
{
    g_autoptr(GError) error = NULL;

    vb_error_set(&error, VIR_ERR_SYSTEM_ERROR, "Failed to connect socket to '%s': %s",
                 attempt->daemon->socket_path, attempt->is_late ? g_strerror(ETIMEDOUT) : cause);
    g_clear_pointer(&attempt->wire, vb_wire_unref);
    attempt_finish(attempt, error);
}

/* A call that waits for its answer fails when its connection is closed, and ends the attempt. */
static gboolean
on_deadline(gpointer data)
{
    Attempt *attempt = data;

    attempt->deadline_source = 0;
    attempt->is_late = TRUE;
    if (attempt->wire)
        vb_wire_close(attempt->wire);
    else
        attempt_failed(attempt, NULL);
    return G_SOURCE_REMOVE;
}

/* Field 22 of /proc/PID/stat, counted behind the command's closing bracket: polkit's process start time. */
static guint64
process_start_time(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) fields = NULL;
    char *tail;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(tail = strrchr(text, ')')))
        return 0;
    fields = g_strsplit(tail + 1, " ", 0);
    return g_strv_length(fields) > 20 ? g_ascii_strtoull(fields[20], NULL, 10) : 0;
}

GVariant *
proxy_peer_identity(uid_t uid, pid_t pid, gboolean is_readonly)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "uid", "u", (guint32)uid);
    g_variant_dict_insert(&dict, "pid", "u", (guint32)MAX(pid, 0));
    g_variant_dict_insert(&dict, "start_time", "t", process_start_time(pid));
    g_variant_dict_insert(&dict, "readonly", "b", is_readonly);
    g_variant_dict_insert(&dict, "remote", "s", "unix");
    return g_variant_dict_end(&dict);
}

/**
 * proxy_peer_is_lost:
 *
 * Returns: TRUE when @error says that the connection or the daemon behind it has gone
 */
gboolean
proxy_peer_is_lost(const GError *error)
{
    static const GIOErrorEnum codes[] = {G_IO_ERROR_CLOSED, G_IO_ERROR_NOT_CONNECTED,
                                         G_IO_ERROR_BROKEN_PIPE, G_IO_ERROR_CONNECTION_REFUSED,
                                         G_IO_ERROR_NOT_FOUND};

    for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
        if (g_error_matches(error, G_IO_ERROR, codes[i]))
            return TRUE;
    return g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY) ||
           g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_DISCONNECTED);
}

static void
on_started(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);

    g_dbus_connection_close(G_DBUS_CONNECTION(source), NULL, NULL, NULL);
}

static void
on_bus(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autofree char *name = data;
    g_autoptr(GDBusConnection) bus = g_dbus_connection_new_for_address_finish(result, NULL);

    if (!bus)
        return;
    g_dbus_connection_set_exit_on_close(bus, FALSE);
    g_dbus_connection_call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                           "org.freedesktop.DBus", "StartServiceByName",
                           g_variant_new("(su)", name, 0), NULL, G_DBUS_CALL_FLAGS_NONE,
                           PROXY_PEER_DEADLINE_MS, NULL, on_started, NULL);
}

/* Needed where nobody holds the daemon's socket. Whether it helped is seen by connecting. */
static void
request_start(const ProxyDaemon *daemon)
{
    g_dbus_connection_new_for_address(daemon->bus_address,
                                      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                          G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                      NULL, NULL, on_bus, g_strdup(daemon->bus_name));
}

static gboolean
on_retry(gpointer data)
{
    Attempt *attempt = data;

    attempt->retry_source = 0;
    attempt_connect(attempt);
    return G_SOURCE_REMOVE;
}

/* The daemon may be starting: once, the bus is asked to start it; then try until the deadline. */
static void
attempt_again(Attempt *attempt)
{
    g_clear_pointer(&attempt->wire, vb_wire_unref);
    if (!attempt->is_start_requested && attempt->daemon->bus_address) {
        attempt->is_start_requested = TRUE;
        request_start(attempt->daemon);
    }
    attempt->retry_source = g_timeout_add(attempt->delay_ms, on_retry, attempt);
    attempt->delay_ms = MIN(attempt->delay_ms * 2, RETRY_MAX_MS);
}

static void
on_identified(gpointer data, GVariant *reply, GUnixFDList *fds, GError *error)
{
    Attempt *attempt = data;

    if (reply)
        attempt_finish(attempt, NULL);
    else if (!attempt->is_late && proxy_peer_is_lost(error))
        attempt_again(attempt);
    else
        attempt_failed(attempt, error->message);
}

/* Returns: a connected socket, or -1 */
static int
open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void
attempt_connect(Attempt *attempt)
{
    const VbWireCall call = {
        .path = attempt->daemon->root_path,
        .interface = "org.virtbus.Peer1",
        .member = "Identify",
        .args = g_variant_new("(@a{sv})", attempt->identity),
        .reply_type = "()",
        .timeout_ms = PROXY_PEER_DEADLINE_MS,
    };
    int fd = open_socket(attempt->daemon->socket_path);

    if (fd < 0) {
        g_variant_unref(g_variant_ref_sink(call.args));
        attempt_again(attempt);
        return;
    }
    attempt->wire = vb_wire_new(fd, VB_WIRE_CLIENT, NULL);
    vb_wire_call(attempt->wire, &call, on_identified, attempt);
}

void
proxy_peer_connect(const ProxyDaemon *daemon, GVariant *identity, ProxyPeerDone done, gpointer data)
{
    Attempt *attempt = g_new0(Attempt, 1);

    attempt->daemon = daemon;
    attempt->identity = g_variant_ref_sink(identity);
    attempt->done = done;
    attempt->data = data;
    attempt->deadline_source = g_timeout_add(PROXY_PEER_DEADLINE_MS, on_deadline, attempt);
    attempt->delay_ms = RETRY_FIRST_MS;
    attempt_connect(attempt);
}
