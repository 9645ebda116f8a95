/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The channel of the guest agent. Owns the requests that wait and the connection of the first. The agent's protocol is
 * lines of JSON; before each command guest-sync-delimited finds the beginning of its answers, whatever was left in the
 * channel by somebody else. Source: QEMU docs/interop/qemu-ga-ref, guest-sync-delimited. */
#include "agent.h"

#include "base/error.h"
#include "domain-private.h"
#include "taint.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHANNEL "org.qemu.guest_agent.0"
#define SYNC_S 5             /* Source: virDomainQemuAgentCommandTimeoutValues, DEFAULT */
#define LONGEST_S 600        /* of BLOCK: nobody waits for ever */
#define MAX_REPLY (16 << 20) /* bytes of one line */
#define MAX_WAITING 64       /* requests of one guest */

typedef struct {
    QemuDomain *domain; /* a reference */
    char *text;
    char *name; /* for messages */
    int timeout_s;
    QemuAgentEffect effect;
    QemuAgentDone done;
    gpointer data;
} Request;

struct _QemuAgent {
    QemuDomain *domain; /* whose it is */
    GQueue waiting;     /* Request; the first is under way */
    int default_timeout_s;
    int fd;
    gint64 sync_id;
    gboolean is_synced;
    GByteArray *input;
    GString *output;
    guint start_source, read_source, write_source, timeout_source;
};

static gint64 last_sync_id;

static void start_later(QemuAgent *agent);

/* ---- the channel ---- */

static const VbDomainChr *
find_channel(const QemuDomain *domain)
{
    VB_DOMAIN_EACH(VbDomainChr, channel, domain->live->channels)
    if (g_strcmp0(channel->target_name, CHANNEL) == 0)
        return channel;
    return NULL;
}

gboolean
qemu_agent_check(const QemuDomain *domain, GError **error)
{
    const VbDomainChr *channel;

    if (!qemu_domain_check_active(domain, error))
        return FALSE;
    channel = find_channel(domain);
    if (!channel)
        return vb_error_set(error, VIR_ERR_ARGUMENT_UNSUPPORTED,
                            "QEMU guest agent is not configured");
    if (g_strcmp0(channel->target_state, "connected") != 0)
        return vb_error_set(error, VIR_ERR_AGENT_UNRESPONSIVE, "QEMU guest agent is not connected");
    if (channel->source.type != VB_DOMAIN_CHR_UNIX || !channel->source.path)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "the channel of the guest agent is not of type 'unix'");
    return TRUE;
}

static QemuAgent *
agent_of(QemuDomain *domain)
{
    if (!domain->agent) {
        domain->agent = g_new0(QemuAgent, 1);
        domain->agent->domain = domain;
        domain->agent->fd = -1;
        domain->agent->default_timeout_s = VIR_DOMAIN_QEMU_AGENT_COMMAND_BLOCK;
        domain->agent->input = g_byte_array_new();
        domain->agent->output = g_string_new(NULL);
        g_queue_init(&domain->agent->waiting);
    }
    return domain->agent;
}

/* ---- the end of a request ---- */

static void
close_connection(QemuAgent *agent)
{
    g_clear_handle_id(&agent->start_source, g_source_remove);
    g_clear_handle_id(&agent->read_source, g_source_remove);
    g_clear_handle_id(&agent->write_source, g_source_remove);
    g_clear_handle_id(&agent->timeout_source, g_source_remove);
    if (agent->fd >= 0)
        close(agent->fd);
    agent->fd = -1;
    agent->is_synced = FALSE;
    g_byte_array_set_size(agent->input, 0);
    g_string_truncate(agent->output, 0);
}

static void
request_free(Request *request)
{
    qemu_domain_unref(request->domain);
    g_free(request->text);
    g_free(request->name);
    g_free(request);
}

/* The caller may drop the agent from his callback. */
static void
finish(QemuAgent *agent, const VbJson *reply, const GError *error)
{
    Request *request = g_queue_pop_head(&agent->waiting);

    close_connection(agent);
    if (agent->waiting.length > 0)
        start_later(agent);
    request->done(request->domain, reply, error, request->data);
    request_free(request);
}

static void G_GNUC_PRINTF(3, 4) fail(QemuAgent *agent, int code, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    vb_error_set(&error, code, "%s", text);
    finish(agent, NULL, error);
}

static gboolean
on_timeout(gpointer data)
{
    QemuAgent *agent = data;
    const Request *request = g_queue_peek_head(&agent->waiting);

    agent->timeout_source = 0;
    if (!agent->is_synced)
        fail(agent, VIR_ERR_AGENT_UNRESPONSIVE, "Guest agent not available for now");
    else if (request->effect != QEMU_AGENT_ANSWERS)
        fail(agent, VIR_ERR_AGENT_UNRESPONSIVE, "Guest agent did not obey '%s' in time",
             request->name);
    else
        fail(agent, VIR_ERR_AGENT_COMMAND_TIMEOUT, "%s", request->name);
    return G_SOURCE_REMOVE;
}

static void
set_timeout(QemuAgent *agent, int seconds)
{
    g_clear_handle_id(&agent->timeout_source, g_source_remove);
    agent->timeout_source = g_timeout_add_seconds((guint)seconds, on_timeout, agent);
}

static gboolean
is_under_way(QemuDomain *domain, QemuAgentEffect effect)
{
    QemuAgent *agent = domain->agent;
    const Request *request = agent ? g_queue_peek_head(&agent->waiting) : NULL;

    return request && agent->is_synced && request->effect == effect;
}

static void
lose_connection(QemuAgent *agent)
{
    if (is_under_way(agent->domain, QEMU_AGENT_ENDS_GUEST))
        finish(agent, NULL, NULL);
    else
        fail(agent, VIR_ERR_AGENT_UNRESPONSIVE, "Guest agent disappeared while executing command");
}

/* The channel's other end has gone: what a guest does that obeys guest-shutdown; and for a moment one that wakes up: who has
 * not said anything yet waits for it to come back, within the time that he would wait for an answer. */
void
qemu_agent_disconnected(QemuDomain *domain)
{
    QemuAgent *agent = domain->agent;

    if (!agent || agent->fd < 0)
        return;
    if (agent->is_synced) {
        lose_connection(agent);
        return;
    }
    close_connection(agent);
    set_timeout(agent, SYNC_S);
}

void
qemu_agent_connected(QemuDomain *domain)
{
    if (domain->agent && domain->agent->fd < 0 && domain->agent->waiting.length > 0)
        start_later(domain->agent);
}

/* ---- sending ---- */

static gboolean on_writable(int fd, GIOCondition condition, gpointer data);

static gboolean
flush(QemuAgent *agent)
{
    while (agent->output->len > 0) {
        gssize n =
            send(agent->fd, agent->output->str, agent->output->len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN) {
            if (!agent->write_source)
                agent->write_source = g_unix_fd_add(agent->fd, G_IO_OUT, on_writable, agent);
            return TRUE;
        }
        if (n < 0 && errno != EINTR) {
            fail(agent, VIR_ERR_AGENT_UNRESPONSIVE, "cannot write to the channel: %s",
                 g_strerror(errno));
            return FALSE;
        }
        if (n > 0)
            g_string_erase(agent->output, 0, n);
    }
    return TRUE;
}

static gboolean
on_writable(int fd, GIOCondition condition, gpointer data)
{
    QemuAgent *agent = data;

    agent->write_source = 0;
    (void)flush(agent);
    return G_SOURCE_REMOVE;
}

static gboolean
send_command(QemuAgent *agent)
{
    const Request *request = g_queue_peek_head(&agent->waiting);
    int timeout_s = request->timeout_s;

    agent->is_synced = TRUE;
    if (timeout_s == VIR_DOMAIN_QEMU_AGENT_COMMAND_BLOCK)
        timeout_s = LONGEST_S;
    else if (timeout_s == VIR_DOMAIN_QEMU_AGENT_COMMAND_DEFAULT)
        timeout_s = SYNC_S;
    set_timeout(agent, MIN(timeout_s, LONGEST_S));
    g_string_append(agent->output, request->text);
    g_string_append_c(agent->output, '\n');
    if (!flush(agent))
        return FALSE;
    if (request->timeout_s == VIR_DOMAIN_QEMU_AGENT_COMMAND_NOWAIT && agent->output->len == 0) {
        finish(agent, NULL, NULL);
        return FALSE;
    }
    return TRUE;
}

/* ---- receiving ---- */

static void
take_reply(QemuAgent *agent, const VbJson *reply)
{
    const Request *request = g_queue_peek_head(&agent->waiting);
    const VbJson *refusal = vb_json_get(reply, "error");
    const char *description = vb_json_get_string(refusal, "desc");
    g_autoptr(GError) error = NULL;

    if (!vb_json_get(reply, "return") && !refusal) {
        fail(agent, VIR_ERR_AGENT_COMMAND_FAILED, "guest agent command '%s' returned no data",
             request->name);
        return;
    }
    if (refusal) {
        vb_error_set(&error, VIR_ERR_AGENT_COMMAND_FAILED,
                     "unable to execute QEMU agent command '%s': %s", request->name,
                     description ? description : "unknown QEMU command error");
        vb_error_set_reason(error, vb_json_get_string(refusal, "class"), NULL);
    }
    finish(agent, refusal ? NULL : reply, error);
}

/* FALSE: the request is over */
static gboolean
take_line(QemuAgent *agent, const char *line, gsize length)
{
    g_autoptr(VbJson) message = NULL;

    while (length > 0 && (guchar)*line == 0xff) { /* the delimiter of a sync's answer */
        line++;
        length--;
    }
    message = vb_json_parse(line, (gssize)length, NULL);
    if (!agent->is_synced) /* what is not our answer is left over from before */
        return vb_json_get_int(message, "return", 0) != agent->sync_id || send_command(agent);
    if (!message || vb_json_get(message, "event"))
        return TRUE;
    take_reply(agent, message);
    return FALSE;
}

static gboolean
take_input(QemuAgent *agent)
{
    const guint8 *end;

    while ((end = memchr(agent->input->data, '\n', agent->input->len))) {
        gsize length = (gsize)(end - agent->input->data);
        g_autofree char *line = g_strndup((const char *)agent->input->data, length);

        g_byte_array_remove_range(agent->input, 0, (guint)length + 1);
        if (!take_line(agent, line, strlen(line)))
            return FALSE;
    }
    if (agent->input->len <= MAX_REPLY)
        return TRUE;
    fail(agent, VIR_ERR_AGENT_COMMAND_FAILED, "the reply is longer than %d bytes", MAX_REPLY);
    return FALSE;
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer data)
{
    QemuAgent *agent = data;
    guint8 buffer[16384];
    gssize n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n <= 0) {
        agent->read_source = 0;
        lose_connection(agent);
        return G_SOURCE_REMOVE;
    }
    g_byte_array_append(agent->input, buffer, (guint)n);
    return take_input(agent) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* ---- a request, from the beginning ---- */

static gboolean
start(gpointer data)
{
    QemuAgent *agent = data;
    g_autoptr(GError) error = NULL;

    agent->start_source = 0;
    if (!qemu_agent_check(agent->domain, &error)) {
        finish(agent, NULL, error);
        return G_SOURCE_REMOVE;
    }
    agent->fd = qemu_qmp_connect(find_channel(agent->domain)->source.path, &error);
    if (agent->fd < 0) {
        fail(agent, VIR_ERR_AGENT_UNRESPONSIVE, "%s", error->message);
        return G_SOURCE_REMOVE;
    }
    agent->sync_id = last_sync_id = MAX(last_sync_id + 1, g_get_real_time() / 1000);
    agent->read_source =
        g_unix_fd_add(agent->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, agent);
    set_timeout(agent, SYNC_S);
    g_string_append_printf(agent->output,
                           "\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":"
                           "%" G_GINT64_FORMAT "}}\n",
                           agent->sync_id);
    (void)flush(agent);
    return G_SOURCE_REMOVE;
}

static void
start_later(QemuAgent *agent)
{
    if (!agent->start_source)
        agent->start_source = g_idle_add_full(G_PRIORITY_DEFAULT, start, agent, NULL);
}

typedef struct {
    QemuDomain *domain;
    GError *error;
    QemuAgentDone done;
    gpointer data;
} Refusal;

static gboolean
refuse(gpointer data)
{
    Refusal *refusal = data;

    refusal->done(refusal->domain, NULL, refusal->error, refusal->data);
    g_error_free(refusal->error);
    qemu_domain_unref(refusal->domain);
    g_free(refusal);
    return G_SOURCE_REMOVE;
}

static void
refuse_later(QemuDomain *domain, GError *error, QemuAgentDone done, gpointer data)
{
    Refusal *refusal = g_new(Refusal, 1);

    *refusal = (Refusal){qemu_domain_ref(domain), error, done, data};
    g_idle_add_full(G_PRIORITY_DEFAULT, refuse, refusal, NULL);
}

/* the name is for messages; FALSE: no command */
static gboolean
make_text(const QemuAgentRequest *asked, Request *request, GError **error)
{
    g_autoptr(VbJson) raw = asked->raw ? vb_json_parse(asked->raw, -1, error) : NULL;

    if (!asked->raw) {
        request->name = g_strdup(asked->command);
        request->text =
            vb_json_object("s:execute", asked->command, "j:arguments", asked->arguments, NULL);
        return TRUE;
    }
    if (!raw)
        return FALSE;
    if (vb_json_get_kind(raw) != VB_JSON_OBJECT || !vb_json_get_string(raw, "execute"))
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "the command is no JSON object with 'execute'");
    request->name = g_strdup(vb_json_get_string(raw, "execute"));
    request->text = vb_json_to_string(raw);
    return TRUE;
}

/**
 * qemu_agent_execute:
 *
 * Asks the agent. Requests of one guest wait for each other.
 *
 * Errors (in @done): those of qemu_agent_check(); AGENT_UNRESPONSIVE no answer to the greeting within 5 s;
 * AGENT_COMMAND_TIMEOUT; AGENT_COMMAND_FAILED with the agent's words and its class as reason; RESOURCE_BUSY
 */
void
qemu_agent_execute(QemuDomain *domain, const QemuAgentRequest *asked, QemuAgentDone done,
                   gpointer data)
{
    GError *error = NULL;
    QemuAgent *agent = agent_of(domain);
    Request *request;

    if (qemu_agent_check(domain, &error) && agent->waiting.length >= MAX_WAITING)
        vb_error_set(&error, VIR_ERR_RESOURCE_BUSY, "too many commands wait for the guest agent");
    if (error) {
        refuse_later(domain, error, done, data);
        return;
    }
    request = g_new0(Request, 1);
    *request = (Request){.domain = qemu_domain_ref(domain),
                         .timeout_s = asked->timeout_s,
                         .effect = asked->effect,
                         .done = done,
                         .data = data};
    if (!asked->raw && asked->effect == QEMU_AGENT_ANSWERS)
        request->timeout_s = agent->default_timeout_s;
    if (!make_text(asked, request, &error)) {
        request_free(request);
        refuse_later(domain, error, done, data);
        return;
    }
    if (asked->raw)
        qemu_domain_taint(domain, "custom-ga-command");
    g_queue_push_tail(&agent->waiting, request);
    if (agent->waiting.length == 1)
        start_later(agent);
}

gboolean
qemu_agent_set_timeout(QemuDomain *domain, int timeout_s, guint flags, GError **error)
{
    if (!vb_error_check_flags(error, flags, 0, "qemuDomainAgentSetResponseTimeout"))
        return FALSE;
    if (timeout_s < VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "guest agent timeout '%d' is less than the minimum '%d'", timeout_s,
                            VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK);
    if (!qemu_domain_check_active(domain, error))
        return FALSE;
    agent_of(domain)->default_timeout_s = timeout_s;
    return TRUE;
}

/* ---- what the monitor saw ---- */

void
qemu_agent_guest_suspended(QemuDomain *domain)
{
    if (is_under_way(domain, QEMU_AGENT_SUSPENDS_GUEST))
        finish(domain->agent, NULL, NULL);
}

void
qemu_agent_drop(QemuDomain *domain)
{
    QemuAgent *agent = g_steal_pointer(&domain->agent);
    g_autoptr(GError) error = NULL;
    Request *request;

    if (!agent)
        return;
    close_connection(agent);
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "domain is not running");
    while ((request = g_queue_pop_head(&agent->waiting))) {
        gboolean is_obeyed = request->effect == QEMU_AGENT_ENDS_GUEST;

        request->done(request->domain, NULL, is_obeyed ? NULL : error, request->data);
        request_free(request);
    }
    g_byte_array_unref(agent->input);
    g_string_free(agent->output, TRUE);
    g_free(agent);
}
