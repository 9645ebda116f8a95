/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys, NMI, and commands to the monitor as a user wrote them. */
#include "base/error.h"
#include "domain-private.h"
#include "keycodes.h"
#include "taint.h"

#include <string.h>

#define MAX_KEYS 16 /* Source: VIR_DOMAIN_SEND_KEY_MAX_KEYS */

typedef struct {
    QemuDomain *domain;
    QemuTextDone done;
    gpointer data;
    gboolean is_human;
} TextRequest;

void
qemu_domain_inject_nmi(QemuDomain *domain, guint flags, QemuDone done, gpointer data)
{
    qemu_domain_execute(domain, "inject-nmi", NULL, done, data);
}

/* ---- keys ---- */

static char *
format_keys(const QemuKeys *keys, GError **error)
{
    g_autoptr(VbJsonWriter) writer = vb_json_writer_new();
    vb_json_begin_object(writer, NULL);
    vb_json_begin_array(writer, "keys");
    for (guint i = 0; i < keys->n_keycodes; i++) {
        int number = qemu_keycode_to_qnum(keys->codeset, keys->keycodes[i]);
        if (number < 0) {
            vb_error_set(error, VIR_ERR_INVALID_ARG,
                         "cannot translate keycode %u of %s codeset to qnum keycode",
                         keys->keycodes[i], qemu_keycode_set_name(keys->codeset));
            return NULL;
        }
        vb_json_begin_object(writer, NULL);
        vb_json_add_string(writer, "type", "number");
        vb_json_add_int(writer, "data", number);
        vb_json_end(writer);
    }
    vb_json_end(writer);
    if (keys->hold_ms > 0)
        vb_json_add_uint(writer, "hold-time", keys->hold_ms);
    vb_json_end(writer);
    return vb_json_writer_finish(writer);
}

/**
 * qemu_domain_send_key:
 *
 * Errors: OPERATION_INVALID not running; INVALID_ARG unknown codeset or key, too many keys
 */
void
qemu_domain_send_key(QemuDomain *domain, const QemuKeys *keys, QemuDone done, gpointer data)
{
    GError *error = NULL;
    g_autofree char *arguments = NULL;
    if (!qemu_keycode_set_name(keys->codeset))
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "unsupported codeset: %u", keys->codeset);
    else if (keys->n_keycodes == 0 || keys->n_keycodes > MAX_KEYS)
        vb_error_set(&error, VIR_ERR_INVALID_ARG,
                     "nkeycodes in virDomainSendKey must be at least 1 and at most %d", MAX_KEYS);
    else if (qemu_domain_check_active(domain, &error))
        arguments = format_keys(keys, &error);
    if (arguments)
        qemu_domain_execute(domain, "send-key", arguments, done, data);
    else
        qemu_domain_finish_later(domain, error, done, data);
}

/* ---- the monitor itself ---- */

static void
text_finish(TextRequest *request, const char *text, const GError *error)
{
    g_autoptr(QemuDomain) domain = request->domain;
    g_autoptr(GError) copy = error ? g_error_copy(error) : NULL;
    request->done(domain, text, copy, request->data);
    g_free(request);
}

static void
on_reply(const VbJson *result, const GError *error, gpointer data)
{
    TextRequest *request = data;
    g_autofree char *json = error || request->is_human ? NULL : vb_json_to_string(result);
    text_finish(request, request->is_human ? vb_json_as_string(result) : json, error);
}

static void
fail_text_later(QemuDomain *domain, GError *error, gpointer data)
{
    text_finish(data, NULL, error);
}

/* Source: libvirt wraps a plain word as {"execute": WORD} */
static VbJson *
parse_command(const char *command, GError **error)
{
    const char *at = command + strspn(command, " \t\r\n");
    if (*at == '{')
        return vb_json_parse(command, -1, error);
    g_autofree char *wrapped = vb_json_object("s:execute", at, NULL);
    return vb_json_parse(wrapped, -1, error);
}

static void
send_human(QemuDomain *domain, const char *command, TextRequest *request)
{
    g_autofree char *arguments = vb_json_object("s:command-line", command, NULL);
    qemu_qmp_execute(domain->qmp, "human-monitor-command", arguments, QEMU_QMP_TIMEOUT_MS, on_reply,
                     request);
}

/**
 * qemu_domain_monitor_command:
 * @flags: VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
 *
 * The guest is marked as tainted: from now on it may differ from what its definition says.
 *
 * Errors: OPERATION_INVALID not running; INVALID_ARG no JSON; OPERATION_TIMEOUT
 */
void
qemu_domain_monitor_command(QemuDomain *domain, const char *command, guint flags, QemuTextDone done,
                            gpointer data)
{
    GError *error = NULL;
    TextRequest *request = g_new0(TextRequest, 1);
    *request = (TextRequest){qemu_domain_ref(domain), done, data,
                             flags & VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP};
    g_autoptr(VbJson) message = NULL;
    if (qemu_domain_check_active(domain, &error) && !request->is_human)
        message = parse_command(command, &error);
    if (!error && !domain->qmp)
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED,
                     "the monitor of domain '%s' is not connected", domain->name);
    if (error) {
        qemu_domain_finish_later(domain, error, fail_text_later, request);
        return;
    }
    qemu_domain_taint(domain, "custom-monitor");
    if (request->is_human)
        send_human(domain, command, request);
    else
        qemu_qmp_execute_raw(domain->qmp, message, -1, QEMU_QMP_TIMEOUT_MS, on_reply, request);
}
