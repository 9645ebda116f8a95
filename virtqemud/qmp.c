/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP client: owns one connected socket, the commands that wait for a reply and the bytes that wait to leave. Runs on the
 * main loop; never blocks. Knows nothing of guests. */
#include "qmp.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_MESSAGE                                                                                \
    (16 * 1024 *                                                                                   \
     1024) /* one line of the emulator; the largest real one, query-qmp-schema, is 0.2 MiB */
#define READ_CHUNK 65536

typedef struct {
    guint64 id;
    guint timeout_source;
    gboolean is_raw;
    gboolean is_abandoned; /* timed out; its reply will be dropped */
    QemuQmpDone done;
    gpointer data;
    QemuQmp *qmp;
} Command;

typedef struct {
    char *text;
    gsize length, sent;
    int fd; /* travels with the first byte; -1 */
} Outgoing;

struct _QemuQmp {
    int fd;
    guint read_source, write_source, fail_source;
    QemuQmpHandlers handlers;
    gpointer data;
    GByteArray *input;
    gsize scanned;        /* bytes of @input known to hold no line end */
    GQueue outgoing;      /* Outgoing */
    GHashTable *commands; /* id -> Command */
    guint64 next_id;
    guint n_abandoned;
    gint64 last_answer_us;
    gboolean is_ready, is_closed;
    gboolean *is_freed; /* set by qemu_qmp_free while a callback runs */
    GError *reason;
};

static void flush_output(QemuQmp *qmp);

static void
outgoing_free(gpointer data)
{
    Outgoing *out = data;
    if (out->fd >= 0)
        close(out->fd);
    g_free(out->text);
    g_free(out);
}

static void
command_free(gpointer data)
{
    Command *command = data;
    g_clear_handle_id(&command->timeout_source, g_source_remove);
    g_free(command);
}

/* Takes the command out of the table and tells its owner. The client may be freed by that. */
static void
finish_command(QemuQmp *qmp, Command *command, const VbJson *result, const GError *error)
{
    QemuQmpDone done = command->is_abandoned ? NULL : command->done;
    gpointer data = command->data;
    if (command->is_abandoned)
        qmp->n_abandoned--;
    g_hash_table_remove(qmp->commands, &command->id);
    if (done)
        done(result, error, data);
}

static void
fail_all(QemuQmp *qmp, const GError *reason)
{
    g_autoptr(GHashTable) commands = g_steal_pointer(&qmp->commands);
    GHashTableIter iter;
    gpointer value;
    qmp->commands = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, command_free);
    qmp->n_abandoned = 0;
    g_hash_table_iter_init(&iter, commands);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Command *command = value;
        g_clear_handle_id(&command->timeout_source, g_source_remove);
        if (!command->is_abandoned && command->done)
            command->done(NULL, reason, command->data);
    }
}

static gboolean
close_later(gpointer data)
{
    QemuQmp *qmp = data;
    gboolean is_freed = FALSE;
    qmp->fail_source = 0;
    qmp->is_freed = &is_freed;
    fail_all(qmp, qmp->reason);
    if (!is_freed && qmp->handlers.closed)
        qmp->handlers.closed(qmp, qmp->reason, qmp->data);
    if (!is_freed)
        qmp->is_freed = NULL;
    return G_SOURCE_REMOVE;
}

/* The connection is lost: no more I/O; everybody hears of it from the loop. */
static void
break_connection(QemuQmp *qmp, const char *why)
{
    if (qmp->is_closed)
        return;
    qmp->is_closed = TRUE;
    vb_error_set(&qmp->reason, VIR_ERR_OPERATION_FAILED, "%s", why);
    vb_error_set_reason(qmp->reason, "MonitorLost", NULL);
    g_clear_handle_id(&qmp->read_source, g_source_remove);
    g_clear_handle_id(&qmp->write_source, g_source_remove);
    g_queue_clear_full(&qmp->outgoing, outgoing_free);
    qmp->fail_source = g_idle_add_full(G_PRIORITY_DEFAULT, close_later, qmp, NULL);
}

/* Source: QEMU docs/interop/qmp-spec: {"error": {"class": ..., "desc": ...}, "id": ...} */
static GError *
reply_error(const VbJson *reply)
{
    const VbJson *error = vb_json_get(reply, "error");
    const char *description = vb_json_get_string(error, "desc");
    GError *result = NULL;
    vb_error_set(&result, VIR_ERR_OPERATION_FAILED, "%s",
                 description ? description : "the emulator refused");
    vb_error_set_reason(result, vb_json_get_string(error, "class"), NULL);
    return result;
}

static void
handle_reply(QemuQmp *qmp, const VbJson *message)
{
    guint64 id = vb_json_get_uint(message, "id", 0);
    Command *command = g_hash_table_lookup(qmp->commands, &id);
    if (!command)
        return;
    if (command->is_raw) {
        finish_command(qmp, command, message, NULL);
        return;
    }
    const VbJson *result = vb_json_get(message, "return");
    g_autoptr(GError) error = result ? NULL : reply_error(message);
    finish_command(qmp, command, result, error);
}

static void
handle_event(QemuQmp *qmp, const VbJson *message, const char *name)
{
    const VbJson *time = vb_json_get(message, "timestamp");
    gint64 seconds = vb_json_get_int(time, "seconds", -1);
    gint64 time_us = g_get_real_time();
    if (seconds >= 0 && seconds < G_MAXINT64 / G_USEC_PER_SEC - 1)
        time_us =
            seconds * G_USEC_PER_SEC + vb_json_get_int(time, "microseconds", 0) % G_USEC_PER_SEC;
    if (qmp->handlers.event)
        qmp->handlers.event(qmp, name, vb_json_get(message, "data"), time_us, qmp->data);
}

static char *
format_command(const char *command, const char *arguments, guint64 id)
{
    return vb_json_object("s:execute", command, "j:arguments", arguments, "u:id", id, NULL);
}

static void
push_output(QemuQmp *qmp, char *text, int fd)
{
    Outgoing *out = g_new0(Outgoing, 1);
    out->text = text;
    out->length = strlen(text);
    out->fd = fd;
    g_queue_push_tail(&qmp->outgoing, out);
}

/* The greeting: negotiate first, whatever was queued before. Source: QEMU docs/interop/qmp-spec. Commands may be sent
 * without waiting for the answer, since the emulator reads them in order. */
static void
handle_greeting(QemuQmp *qmp, const VbJson *greeting)
{
    if (qmp->is_ready)
        return;
    qmp->is_ready = TRUE;
    Outgoing *out = g_new0(Outgoing, 1);
    out->text = g_strdup("{\"execute\":\"qmp_capabilities\"}");
    out->length = strlen(out->text);
    out->fd = -1;
    g_queue_push_head(&qmp->outgoing, out);
    flush_output(qmp);
    if (!qmp->is_closed && qmp->handlers.ready)
        qmp->handlers.ready(qmp, greeting, qmp->data);
}

static void
handle_line(QemuQmp *qmp, const char *line, gsize length)
{
    g_autoptr(VbJson) message = vb_json_parse(line, (gssize)length, NULL);
    const VbJson *greeting = vb_json_get(message, "QMP");
    const char *event = vb_json_get_string(message, "event");
    qmp->last_answer_us = g_get_monotonic_time();
    if (greeting)
        handle_greeting(qmp, greeting);
    else if (event)
        handle_event(qmp, message, event);
    else if (vb_json_get_kind(message) == VB_JSON_OBJECT)
        handle_reply(qmp, message);
    else
        break_connection(qmp, "the emulator's monitor sent text that is no QMP");
}

/* All whole lines of the input, for as long as the callbacks leave the client alive. */
static void
handle_input(QemuQmp *qmp)
{
    g_autoptr(GByteArray) input = g_steal_pointer(&qmp->input);
    gboolean is_freed = FALSE;
    gsize start = 0;
    qmp->input = g_byte_array_new();
    qmp->is_freed = &is_freed;
    while (!qmp->is_closed) {
        gsize from = MAX(start, qmp->scanned);
        const guint8 *end = memchr(input->data + from, '\n', input->len - from);
        if (!end)
            break;
        qmp->scanned = 0;
        gsize line = start;
        start = (gsize)(end - input->data) + 1;
        if (end - input->data > (gssize)line + 1)
            handle_line(qmp, (const char *)input->data + line, (gsize)(end - input->data) - line);
        if (is_freed)
            return;
    }
    qmp->is_freed = NULL;
    g_byte_array_append(qmp->input, input->data + start, input->len - (guint)start);
    qmp->scanned = qmp->input->len;
    if (qmp->input->len > MAX_MESSAGE)
        break_connection(qmp, "the emulator's monitor sent a message that is too long");
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer data)
{
    QemuQmp *qmp = data;
    guint before = qmp->input->len;
    g_byte_array_set_size(qmp->input, before + READ_CHUNK);
    gssize n = recv(fd, qmp->input->data + before, READ_CHUNK, MSG_DONTWAIT);
    int errsv = errno;
    g_byte_array_set_size(qmp->input, before + (n > 0 ? (guint)n : 0));
    if (n < 0 && (errsv == EAGAIN || errsv == EINTR))
        return G_SOURCE_CONTINUE;
    if (n <= 0) {
        qmp->read_source = 0;
        break_connection(qmp,
                         n == 0 ? "End of file from qemu monitor" : "Unable to read from monitor");
        return G_SOURCE_REMOVE;
    }
    handle_input(qmp); /* may free the client, and this source with it */
    return G_SOURCE_CONTINUE;
}

static gssize
send_some(int fd, const Outgoing *out)
{
    struct iovec iov = {.iov_base = out->text + out->sent, .iov_len = out->length - out->sent};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    union {
        char buffer[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    if (out->fd >= 0 && out->sent == 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.buffer;
        message.msg_controllen = sizeof control.buffer;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &out->fd, sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static gboolean
on_writable(int fd, GIOCondition condition, gpointer data)
{
    QemuQmp *qmp = data;
    qmp->write_source = 0;
    flush_output(qmp);
    return G_SOURCE_REMOVE;
}

static void
flush_output(QemuQmp *qmp)
{
    Outgoing *out;
    while (qmp->is_ready && !qmp->is_closed && (out = g_queue_peek_head(&qmp->outgoing))) {
        gssize n = send_some(qmp->fd, out);
        if (n < 0 && errno == EAGAIN) {
            if (qmp->write_source == 0)
                qmp->write_source = g_unix_fd_add(qmp->fd, G_IO_OUT, on_writable, qmp);
            return;
        }
        if (n < 0 && errno != EINTR) {
            break_connection(qmp, "Unable to write to monitor");
            return;
        }
        out->sent += n > 0 ? (gsize)n : 0;
        if (out->sent == out->length)
            outgoing_free(g_queue_pop_head(&qmp->outgoing));
    }
}

/**
 * qemu_qmp_new:
 * @fd: (transfer full): connected stream socket
 * @handlers: copied
 *
 * Returns: (transfer full): the client; it negotiates as soon as the greeting arrives
 */
QemuQmp *
qemu_qmp_new(int fd, const QemuQmpHandlers *handlers, gpointer data)
{
    QemuQmp *qmp = g_new0(QemuQmp, 1);
    qmp->fd = fd;
    qmp->handlers = *handlers;
    qmp->data = data;
    qmp->next_id = 1;
    qmp->input = g_byte_array_new();
    qmp->commands = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, command_free);
    g_queue_init(&qmp->outgoing);
    qmp->read_source = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, qmp);
    return qmp;
}

/**
 * qemu_qmp_connect:
 * @path: of a listening unix socket; paths beyond sun_path go through /proc/self/fd
 *
 * Returns: a connected descriptor, or -1
 * Errors: RESOURCE_BUSY the listener's queue is full, try again later; SYSTEM_ERROR
 */
int
qemu_qmp_connect(const char *path, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *base = g_path_get_basename(path);
    int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder_fd, base);
    int result = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&address, sizeof address);
    int errsv = errno;
    if (folder_fd >= 0)
        close(folder_fd);
    if (result == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    if (errsv == EAGAIN)
        vb_error_set(error, VIR_ERR_RESOURCE_BUSY, "monitor socket '%s' takes no connection now",
                     path);
    else
        vb_error_set_errno(error, errsv, "failed to connect to monitor socket '%s'", path);
    return -1;
}

void
qemu_qmp_free(QemuQmp *qmp)
{
    if (!qmp)
        return;
    if (qmp->is_freed)
        *qmp->is_freed = TRUE;
    qmp->is_freed = NULL;
    g_clear_handle_id(&qmp->read_source, g_source_remove);
    g_clear_handle_id(&qmp->write_source, g_source_remove);
    g_clear_handle_id(&qmp->fail_source, g_source_remove);
    qmp->is_closed = TRUE;
    if (!qmp->reason)
        vb_error_set(&qmp->reason, VIR_ERR_OPERATION_FAILED, "the monitor was closed");
    fail_all(qmp, qmp->reason);
    g_queue_clear_full(&qmp->outgoing, outgoing_free);
    g_hash_table_unref(qmp->commands);
    g_byte_array_unref(qmp->input);
    g_error_free(qmp->reason);
    close(qmp->fd);
    g_free(qmp);
}

static gboolean
on_timeout(gpointer data)
{
    Command *command = data;
    QemuQmpDone done = command->done;
    gpointer done_data = command->data;
    g_autoptr(GError) error = NULL;
    command->timeout_source = 0;
    command->is_abandoned = TRUE;
    command->qmp->n_abandoned++;
    vb_error_set(&error, VIR_ERR_OPERATION_TIMEOUT, "the emulator's monitor does not answer");
    vb_error_set_reason(error, "MonitorTimeout", NULL);
    if (done)
        done(NULL, error, done_data);
    return G_SOURCE_REMOVE;
}

static Command *
add_command(QemuQmp *qmp, guint timeout_ms, QemuQmpDone done, gpointer data)
{
    Command *command = g_new0(Command, 1);
    command->id = qmp->next_id++;
    command->done = done;
    command->data = data;
    command->qmp = qmp;
    g_hash_table_insert(qmp->commands, &command->id, command);
    if (timeout_ms > 0)
        command->timeout_source = g_timeout_add(timeout_ms, on_timeout, command);
    return command;
}

static void
send_command(QemuQmp *qmp, char *text, int fd)
{
    if (qmp->is_closed) {
        g_free(text);
        if (qmp->fail_source == 0)
            qmp->fail_source = g_idle_add_full(G_PRIORITY_DEFAULT, close_later, qmp, NULL);
        return;
    }
    push_output(qmp, text, fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1);
    flush_output(qmp);
}

void
qemu_qmp_execute_request(QemuQmp *qmp, const QemuQmpRequest *request, QemuQmpDone done,
                         gpointer data)
{
    Command *command = add_command(qmp, request->timeout_ms, done, data);
    send_command(qmp, format_command(request->command, request->arguments, command->id),
                 request->fd);
}

/**
 * qemu_qmp_execute:
 * @arguments: (nullable): text of a JSON object
 * @timeout_ms: 0: wait for ever
 * @done: once, from the loop
 */
void
qemu_qmp_execute(QemuQmp *qmp, const char *command, const char *arguments, guint timeout_ms,
                 QemuQmpDone done, gpointer data)
{
    QemuQmpRequest request = {.command = command,
                              .arguments = arguments,
                              .fd = -1,
                              .timeout_ms = timeout_ms};
    qemu_qmp_execute_request(qmp, &request, done, data);
}

void
qemu_qmp_execute_raw(QemuQmp *qmp, const VbJson *command, int fd, guint timeout_ms,
                     QemuQmpDone done, gpointer data)
{
    Command *entry = add_command(qmp, timeout_ms, done, data);
    g_autoptr(VbJsonWriter) writer = vb_json_writer_new();
    entry->is_raw = TRUE;
    vb_json_begin_object(writer, NULL);
    for (const VbJson *member = vb_json_first(command); member; member = vb_json_next(member)) {
        if (strcmp(vb_json_get_key(member), "id") != 0)
            vb_json_add_node(writer, vb_json_get_key(member), member);
    }
    vb_json_add_uint(writer, "id", entry->id);
    vb_json_end(writer);
    send_command(qmp, vb_json_writer_finish(writer), fd);
}

gboolean
qemu_qmp_is_ready(const QemuQmp *qmp)
{
    return qmp->is_ready && !qmp->is_closed;
}

gboolean
qemu_qmp_is_stalled(const QemuQmp *qmp)
{
    return qmp->n_abandoned > 0;
}

gint64
qemu_qmp_get_last_answer_us(const QemuQmp *qmp)
{
    return qmp->last_answer_us;
}

guint
qemu_qmp_get_n_pending(const QemuQmp *qmp)
{
    return g_hash_table_size(qmp->commands);
}
