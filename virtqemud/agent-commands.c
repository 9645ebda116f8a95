/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agent's commands behind libvirt's calls. Keeps what a call needs until its answer is there. */
#include "agent-commands.h"

#include "agent-replies.h"
#include "base/error.h"
#include "define.h"
#include "domain-private.h"

#include <string.h>

/* ---- one question, one answer ---- */

/* (transfer floating) reply; NULL with @error */
typedef GVariant *(*Reader)(const VbJson *result, const VbDomainDef *live, GError **error);

typedef struct {
    QemuAgentCall call;
    Reader read;
} Question;

static void
answered(QemuDomain *domain, const VbJson *reply, const GError *error, gpointer data)
{
    g_autofree Question *question = data;
    g_autoptr(GError) unreadable = NULL;
    GVariant *result = NULL;

    if (!error && question->read && domain->live)
        result = question->read(vb_json_get(reply, "return"), domain->live, &unreadable);
    else if (!error)
        result = g_variant_new("()");
    if (!result && !error && !unreadable)
        vb_error_set(&unreadable, VIR_ERR_AGENT_COMMAND_FAILED,
                     "the reply is not what the guest agent should say");
    question->call.done(domain, result, error ? error : unreadable, question->call.data);
}

static void
ask(const QemuAgentCall *call, const QemuAgentRequest *request, Reader read)
{
    Question *question = g_new(Question, 1);

    *question = (Question){*call, read};
    qemu_agent_execute(call->domain, request, answered, question);
}

typedef struct {
    QemuAgentCall call;
    GError *error;
} Refusal;

static gboolean
refuse(gpointer data)
{
    Refusal *refusal = data;

    refusal->call.done(refusal->call.domain, NULL, refusal->error, refusal->call.data);
    g_error_free(refusal->error);
    qemu_domain_unref(refusal->call.domain);
    g_free(refusal);
    return G_SOURCE_REMOVE;
}

static void
refuse_later(const QemuAgentCall *call, GError *error)
{
    Refusal *refusal = g_new(Refusal, 1);

    *refusal = (Refusal){*call, error};
    qemu_domain_ref(call->domain);
    g_idle_add_full(G_PRIORITY_DEFAULT, refuse, refusal, NULL);
}

static gboolean
check(const QemuAgentCall *call, guint known, const char *function)
{
    GError *error = NULL;

    if (qemu_check_flags(call->flags, known, function, &error))
        return TRUE;
    refuse_later(call, error);
    return FALSE;
}

static void
ask_plain(const QemuAgentCall *call, const char *command, Reader read)
{
    const QemuAgentRequest request = {.command = command};

    ask(call, &request, read);
}

/* ---- clock, name, addresses ---- */

static GVariant *
read_time(const VbJson *result, const VbDomainDef *live, GError **error)
{
    gint64 time_ns = vb_json_as_int(result, -1);

    return time_ns < 0 ? NULL
                       : g_variant_new("(xu)", time_ns / 1000000000, (guint)(time_ns % 1000000000));
}

void
qemu_agent_get_time(const QemuAgentCall *call)
{
    if (check(call, 0, "qemuDomainGetTime"))
        ask_plain(call, "guest-get-time", read_time);
}

/* what the emulator had kept for the guest's clock is old now; not every machine has such a clock */
static GVariant *
read_nothing(const VbJson *result, const VbDomainDef *live, GError **error)
{
    return g_variant_new("()");
}

static void
time_set(QemuDomain *domain, const VbJson *reply, const GError *error, gpointer data)
{
    if (!error && domain->qmp)
        qemu_qmp_execute(domain->qmp, "rtc-reset-reinjection", NULL, QEMU_QMP_TIMEOUT_MS, NULL,
                         NULL);
    answered(domain, reply, error, data);
}

void
qemu_agent_set_time(const QemuAgentCall *call, gint64 seconds, guint nanoseconds)
{
    Question *question;
    g_autofree char *arguments = NULL;
    GError *error = NULL;

    if (!check(call, VIR_DOMAIN_TIME_SYNC, "qemuDomainSetTime"))
        return;
    if (seconds > G_MAXINT64 / 1000000000 - 1 || seconds < 0) {
        vb_error_set(&error, VIR_ERR_INVALID_ARG,
                     "Time '%" G_GINT64_FORMAT "' is too big for guest agent", seconds);
        refuse_later(call, error);
        return;
    }
    if (!(call->flags & VIR_DOMAIN_TIME_SYNC))
        arguments = vb_json_object("i:time", seconds * 1000000000 + nanoseconds, NULL);
    question = g_new(Question, 1);
    *question = (Question){*call, read_nothing};
    const QemuAgentRequest request = {.command = "guest-set-time", .arguments = arguments};
    qemu_agent_execute(call->domain, &request, time_set, question);
}

static GVariant *
read_name(const VbJson *result, const VbDomainDef *live, GError **error)
{
    const char *name = vb_json_get_string(result, "host-name");

    return name ? g_variant_new("(s)", name) : NULL;
}

void
qemu_agent_get_hostname(const QemuAgentCall *call)
{
    ask_plain(call, "guest-get-host-name", read_name);
}

static GVariant *
read_addresses(const VbJson *result, const VbDomainDef *live, GError **error)
{
    GVariant *list = qemu_agent_read_addresses(result);

    return list ? g_variant_new("(@a(ssa(isu)))", list) : NULL;
}

void
qemu_agent_get_addresses(const QemuAgentCall *call)
{
    ask_plain(call, "guest-network-get-interfaces", read_addresses);
}

/* ---- file systems ---- */

static GVariant *
read_fsinfo(const VbJson *result, const VbDomainDef *live, GError **error)
{
    GVariant *list = qemu_agent_read_fsinfo(result, live);

    return list ? g_variant_new("(@a(sssas)u)", list, (guint)g_variant_n_children(list)) : NULL;
}

void
qemu_agent_get_fsinfo(const QemuAgentCall *call)
{
    if (check(call, 0, "qemuDomainGetFSInfo"))
        ask_plain(call, "guest-get-fsinfo", read_fsinfo);
}

static GVariant *
read_number(const VbJson *result, const VbDomainDef *live, GError **error)
{
    gint64 n = vb_json_as_int(result, -1);

    return n < 0 || n > G_MAXINT ? NULL : g_variant_new("(i)", (int)n);
}

void
qemu_agent_fsfreeze(const QemuAgentCall *call, const char *const *mountpoints)
{
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    g_autofree char *arguments = NULL;
    QemuAgentRequest request = {.command = "guest-fsfreeze-freeze"};

    if (!check(call, 0, "qemuDomainFSFreeze"))
        return;
    if (mountpoints[0]) {
        vb_json_begin_object(json, NULL);
        vb_json_begin_array(json, "mountpoints");
        for (guint i = 0; mountpoints[i]; i++)
            vb_json_add_string(json, NULL, mountpoints[i]);
        vb_json_end(json);
        vb_json_end(json);
        arguments = vb_json_writer_finish(json);
        request =
            (QemuAgentRequest){.command = "guest-fsfreeze-freeze-list", .arguments = arguments};
    }
    ask(call, &request, read_number);
}

void
qemu_agent_fsthaw(const QemuAgentCall *call, const char *const *mountpoints)
{
    GError *error = NULL;

    if (!check(call, 0, "qemuDomainFSThaw"))
        return;
    if (mountpoints[0]) {
        vb_error_set(&error, VIR_ERR_ARGUMENT_UNSUPPORTED,
                     "specifying mountpoints is not supported");
        refuse_later(call, error);
        return;
    }
    ask_plain(call, "guest-fsfreeze-thaw", read_number);
}

void
qemu_agent_fstrim(const QemuAgentCall *call, const char *mountpoint, guint64 minimum)
{
    g_autofree char *arguments = vb_json_object("u:minimum", minimum, NULL);
    const QemuAgentRequest request = {.command = "guest-fstrim", .arguments = arguments};
    GError *error = NULL;

    if (!check(call, 0, "qemuDomainFSTrim"))
        return;
    if (*mountpoint) {
        vb_error_set(&error, VIR_ERR_ARGUMENT_UNSUPPORTED,
                     "Specifying mount point is not supported for now");
        refuse_later(call, error);
        return;
    }
    ask(call, &request, NULL);
}

/* ---- users ---- */

void
qemu_agent_set_password(const QemuAgentCall *call, const char *user, const char *password)
{
    g_autofree char *encoded = g_base64_encode((const guchar *)password, strlen(password));
    g_autofree char *arguments =
        vb_json_object("s:username", user, "s:password", encoded, "b:crypted",
                       (gboolean)((call->flags & VIR_DOMAIN_PASSWORD_ENCRYPTED) != 0), NULL);
    const QemuAgentRequest request = {.command = "guest-set-user-password", .arguments = arguments};

    if (check(call, VIR_DOMAIN_PASSWORD_ENCRYPTED, "qemuDomainSetUserPassword"))
        ask(call, &request, NULL);
}

static GVariant *
read_keys(const VbJson *result, const VbDomainDef *live, GError **error)
{
    const VbJson *keys = vb_json_get(result, "keys");
    GVariantBuilder list;
    guint n = 0;

    if (vb_json_get_kind(keys) != VB_JSON_ARRAY)
        return NULL;
    g_variant_builder_init(&list, G_VARIANT_TYPE_STRING_ARRAY);
    /* Source: REMOTE_DOMAIN_AUTHORIZED_SSH_KEYS_MAX */
    for (const VbJson *at = vb_json_first(keys); at && n < 2048; at = vb_json_next(at), n++)
        if (vb_json_as_string(at))
            g_variant_builder_add(&list, "s", vb_json_as_string(at));
    return g_variant_new("(as)", &list);
}

void
qemu_agent_get_ssh_keys(const QemuAgentCall *call, const char *user)
{
    g_autofree char *arguments = vb_json_object("s:username", user, NULL);
    const QemuAgentRequest request = {.command = "guest-ssh-get-authorized-keys",
                                      .arguments = arguments};

    if (check(call, 0, "qemuDomainAuthorizedSSHKeysGet"))
        ask(call, &request, read_keys);
}

void
qemu_agent_set_ssh_keys(const QemuAgentCall *call, const char *user, const char *const *keys)
{
    const gboolean removes = (call->flags & VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_REMOVE) != 0;
    const gboolean appends = (call->flags & VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_APPEND) != 0;
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    g_autofree char *arguments = NULL;

    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "username", user);
    vb_json_begin_array(json, "keys");
    for (guint i = 0; keys[i]; i++)
        vb_json_add_string(json, NULL, keys[i]);
    vb_json_end(json);
    if (!removes)
        vb_json_add_bool(json, "reset", !appends);
    vb_json_end(json);
    arguments = vb_json_writer_finish(json);
    const QemuAgentRequest request = {.command = removes ? "guest-ssh-remove-authorized-keys"
                                                         : "guest-ssh-add-authorized-keys",
                                      .arguments = arguments};
    if (check(call,
              VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_REMOVE | VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_APPEND,
              "qemuDomainAuthorizedSSHKeysSet"))
        ask(call, &request, NULL);
}

/* ---- virtual CPUs ---- */

static GVariant *
read_vcpus(const VbJson *result, const VbDomainDef *live, GError **error)
{
    GVariantBuilder params;
    g_autofree char *problem = NULL;

    g_variant_builder_init(&params, G_VARIANT_TYPE_VARDICT);
    problem = qemu_agent_read_vcpus(result, &params);
    if (!problem)
        return g_variant_new("(a{sv})", &params);
    g_variant_builder_clear(&params);
    vb_error_set(error, VIR_ERR_AGENT_COMMAND_FAILED, "%s", problem);
    return NULL;
}

void
qemu_agent_get_vcpus(const QemuAgentCall *call)
{
    if (check(call, 0, "qemuDomainGetGuestVcpus"))
        ask_plain(call, "guest-get-vcpus", read_vcpus);
}

static GVariant *
read_vcpus_set(const VbJson *result, const VbDomainDef *live, GError **error)
{
    if (vb_json_as_int(result, 0) > 0)
        return g_variant_new("()");
    vb_error_set(error, VIR_ERR_AGENT_COMMAND_FAILED, "guest agent changed no vCPU");
    return NULL;
}

void
qemu_agent_set_vcpus(const QemuAgentCall *call, const char *cpumap, int state)
{
    g_autofree char *list = vb_bitmap_normalise(cpumap, 65535);
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    g_autofree char *arguments = NULL;
    g_auto(GStrv) ranges = g_strsplit(list ? list : "", ",", -1);
    GError *error = NULL;

    if (!check(call, 0, "qemuDomainSetGuestVcpus"))
        return;
    if (!list || state < 0 || state > 1) {
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "%s",
                     list ? "unsupported state value" : "failed to parse bitmap");
        refuse_later(call, error);
        return;
    }
    vb_json_begin_object(json, NULL);
    vb_json_begin_array(json, "vcpus");
    for (guint i = 0; ranges[i]; i++) {
        const char *dash = strchr(ranges[i], '-');
        guint64 first = g_ascii_strtoull(ranges[i], NULL, 10);
        guint64 last = dash ? g_ascii_strtoull(dash + 1, NULL, 10) : first;

        for (guint64 id = first; id <= last; id++) {
            vb_json_begin_object(json, NULL);
            vb_json_add_uint(json, "logical-id", id);
            vb_json_add_bool(json, "online", state == 1);
            vb_json_end(json);
        }
    }
    vb_json_end(json);
    vb_json_end(json);
    arguments = vb_json_writer_finish(json);
    const QemuAgentRequest request = {.command = "guest-set-vcpus", .arguments = arguments};
    ask(call, &request, read_vcpus_set);
}

/* ---- how many vCPUs the guest uses ---- */

#define VCPU_FLAGS                                                                                 \
    (VIR_DOMAIN_VCPU_LIVE | VIR_DOMAIN_VCPU_CONFIG | VIR_DOMAIN_VCPU_MAXIMUM |                     \
     VIR_DOMAIN_VCPU_GUEST)

static guint
count_vcpus(const VbJson *list, const char *flag)
{
    guint n = 0;

    for (const VbJson *at = vb_json_first(list); at; at = vb_json_next(at))
        n += vb_json_get_bool(at, flag, FALSE);
    return n;
}

static GVariant *
read_n_vcpus(const VbJson *result, const VbDomainDef *live, GError **error)
{
    return vb_json_get_kind(result) == VB_JSON_ARRAY
               ? g_variant_new("(i)", (int)vb_json_get_length(result))
               : NULL;
}

static GVariant *
read_n_online(const VbJson *result, const VbDomainDef *live, GError **error)
{
    return vb_json_get_kind(result) == VB_JSON_ARRAY
               ? g_variant_new("(i)", (int)count_vcpus(result, "online"))
               : NULL;
}

void
qemu_agent_count_vcpus(const QemuAgentCall *call)
{
    const gboolean is_max = (call->flags & VIR_DOMAIN_VCPU_MAXIMUM) != 0;

    if (check(call, VCPU_FLAGS, "qemuDomainGetVcpusFlags"))
        ask_plain(call, "guest-get-vcpus", is_max ? read_n_vcpus : read_n_online);
}

typedef struct {
    QemuAgentCall call;
    guint n_wanted;
} Resize;

static gboolean
check_resize(const VbJson *list, guint n_wanted, GError **error)
{
    const guint n = vb_json_get_length(list);
    guint n_fixed = 0;

    if (vb_json_get_kind(list) != VB_JSON_ARRAY)
        return vb_error_set(error, VIR_ERR_AGENT_COMMAND_FAILED,
                            "guest agent reported no list of vCPUs");
    for (const VbJson *at = vb_json_first(list); at; at = vb_json_next(at))
        n_fixed +=
            vb_json_get_bool(at, "online", FALSE) && !vb_json_get_bool(at, "can-offline", FALSE);
    if (n_wanted > n)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "guest agent reports less cpu than requested");
    if (n_wanted < n_fixed)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "Cannot offline enough CPUs");
    return TRUE;
}

/* those that change until as many are online; NULL: none has to */
static char *
make_resize(const VbJson *list, guint n_wanted)
{
    guint n_online = count_vcpus(list, "online");
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    const gboolean is_more = n_wanted > n_online;

    if (n_wanted == n_online)
        return NULL;
    vb_json_begin_object(json, NULL);
    vb_json_begin_array(json, "vcpus");
    for (const VbJson *at = vb_json_first(list); at && n_online != n_wanted;
         at = vb_json_next(at)) {
        if (vb_json_get_bool(at, "online", FALSE) == is_more ||
            (!is_more && !vb_json_get_bool(at, "can-offline", FALSE)))
            continue;
        vb_json_begin_object(json, NULL);
        vb_json_add_uint(json, "logical-id", vb_json_get_uint(at, "logical-id", 0));
        vb_json_add_bool(json, "online", is_more);
        vb_json_end(json);
        n_online = is_more ? n_online + 1 : n_online - 1;
    }
    vb_json_end(json);
    vb_json_end(json);
    return vb_json_writer_finish(json);
}

static void
on_resize_listed(QemuDomain *domain, const VbJson *reply, const GError *error, gpointer data)
{
    g_autofree Resize *resize = data;
    const VbJson *list = reply ? vb_json_get(reply, "return") : NULL;
    g_autoptr(GError) refusal = error ? g_error_copy(error) : NULL;
    g_autofree char *arguments = NULL;

    if (!refusal && check_resize(list, resize->n_wanted, &refusal))
        arguments = make_resize(list, resize->n_wanted);
    const QemuAgentRequest request = {.command = "guest-set-vcpus", .arguments = arguments};
    if (arguments)
        ask(&resize->call, &request, read_vcpus_set);
    else
        resize->call.done(domain, refusal ? NULL : g_variant_new("()"), refusal, resize->call.data);
}

void
qemu_agent_resize_vcpus(const QemuAgentCall *call, guint n_wanted)
{
    const QemuAgentRequest request = {.command = "guest-get-vcpus"};
    const guint n = call->domain->live ? vb_domain_online_vcpus(call->domain->live) : 0;
    Resize *resize;
    GError *error = NULL;

    if (!check(call, VCPU_FLAGS | VIR_DOMAIN_VCPU_HOTPLUGGABLE, "qemuDomainSetVcpusFlags"))
        return;
    if (n_wanted == 0)
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "nvcpus in virDomainSetVcpus must not be zero");
    else if (n > 0 && n_wanted > n)
        vb_error_set(&error, VIR_ERR_INVALID_ARG,
                     "requested vcpu count is greater than the count of enabled vcpus in the "
                     "domain: %u > %u",
                     n_wanted, n);
    if (error) {
        refuse_later(call, error);
        return;
    }
    resize = g_new(Resize, 1);
    *resize = (Resize){*call, n_wanted};
    qemu_agent_execute(call->domain, &request, on_resize_listed, resize);
}

/* ---- power ---- */

void
qemu_agent_shutdown(QemuDomain *domain, const char *mode, QemuAgentDone done, gpointer data)
{
    g_autofree char *arguments = vb_json_object("s:mode", mode, NULL);
    const QemuAgentRequest request = {.command = "guest-shutdown",
                                      .arguments = arguments,
                                      .timeout_s = VIR_DOMAIN_QEMU_AGENT_COMMAND_SHUTDOWN,
                                      .effect = QEMU_AGENT_ENDS_GUEST};

    qemu_agent_execute(domain, &request, done, data);
}

void
qemu_agent_suspend(const QemuAgentCall *call, guint target, guint64 duration)
{
    static const char *const commands[] = {"guest-suspend-ram", "guest-suspend-disk",
                                           "guest-suspend-hybrid"};
    QemuAgentRequest request = {.timeout_s = VIR_DOMAIN_QEMU_AGENT_COMMAND_SHUTDOWN,
                                .effect = QEMU_AGENT_SUSPENDS_GUEST};
    GError *error = NULL;

    if (!check(call, 0, "qemuDomainPMSuspendForDuration"))
        return;
    if (duration)
        vb_error_set(&error, VIR_ERR_ARGUMENT_UNSUPPORTED, "Duration not supported. Use 0 for now");
    else if (target >= G_N_ELEMENTS(commands))
        vb_error_set(&error, VIR_ERR_ARGUMENT_UNSUPPORTED, "Unknown suspend target: %u", target);
    if (error) {
        refuse_later(call, error);
        return;
    }
    request.command = commands[target];
    ask(call, &request, NULL);
}

/* ---- anything ---- */

static void
raw_answered(QemuDomain *domain, const VbJson *reply, const GError *error, gpointer data)
{
    g_autofree Question *question = data;
    g_autofree char *text = reply ? vb_json_to_string(reply) : g_strdup("");

    question->call.done(domain, error ? NULL : g_variant_new("(s)", text), error,
                        question->call.data);
}

void
qemu_agent_raw(const QemuAgentCall *call, const char *command, int timeout_s)
{
    const QemuAgentRequest request = {.raw = command, .timeout_s = timeout_s};
    Question *question;
    GError *error = NULL;

    if (!check(call, 0, "qemuDomainQemuAgentCommand"))
        return;
    if (timeout_s < VIR_DOMAIN_QEMU_AGENT_COMMAND_MIN) {
        vb_error_set(&error, VIR_ERR_INVALID_ARG,
                     "guest agent timeout '%d' is less than the minimum '%d'", timeout_s,
                     VIR_DOMAIN_QEMU_AGENT_COMMAND_MIN);
        refuse_later(call, error);
        return;
    }
    question = g_new(Question, 1);
    *question = (Question){*call, NULL};
    qemu_agent_execute(call->domain, &request, raw_answered, question);
}

/* ---- all that it knows, one question after the other ---- */

typedef struct {
    QemuAgentCall call;
    guint types; /* asked for in so many words; 0: whatever there is */
    guint next;
    GVariantBuilder params;
} Info;

static void ask_next(QemuDomain *domain, Info *info);

static void
info_done(QemuDomain *domain, Info *info, const GError *error)
{
    g_autoptr(GVariant) params = g_variant_ref_sink(g_variant_builder_end(&info->params));
    GVariant *reply = error ? NULL : g_variant_new("(@a{sv})", params);

    info->call.done(domain, reply, error, info->call.data);
    g_free(info);
}

static void
part_answered(QemuDomain *domain, const VbJson *reply, const GError *error, gpointer data)
{
    Info *info = data;
    guint n;
    const QemuAgentInfoPart *part = &qemu_agent_info_parts(&n)[info->next++];
    gboolean is_unknown = g_strcmp0(vb_error_get_reason(error), "CommandNotFound") == 0 ||
                          g_strcmp0(vb_error_get_reason(error), "Unsupported") == 0;

    if (error && (info->types != 0 || !is_unknown)) {
        info_done(domain, info, error);
        return;
    }
    if (!error && domain->live)
        part->read(vb_json_get(reply, "return"), domain->live, &info->params);
    ask_next(domain, info);
}

static void
ask_next(QemuDomain *domain, Info *info)
{
    guint n;
    const QemuAgentInfoPart *parts = qemu_agent_info_parts(&n);

    while (info->next < n && info->types && !(parts[info->next].type & info->types))
        info->next++;
    if (info->next == n) {
        info_done(domain, info, NULL);
        return;
    }
    const QemuAgentRequest request = {.command = parts[info->next].command};
    qemu_agent_execute(domain, &request, part_answered, info);
}

void
qemu_agent_get_info(const QemuAgentCall *call, guint types)
{
    guint n, known = 0;
    const QemuAgentInfoPart *parts = qemu_agent_info_parts(&n);
    GError *error = NULL;
    Info *info;

    for (guint i = 0; i < n; i++)
        known |= parts[i].type;
    if (!check(call, 0, "qemuDomainGetGuestInfo"))
        return;
    if (types & ~known) {
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "unsupported guest information types '0x%x'",
                     types & ~known);
        refuse_later(call, error);
        return;
    }
    info = g_new0(Info, 1);
    info->call = *call;
    info->types = types;
    g_variant_builder_init(&info->params, G_VARIANT_TYPE_VARDICT);
    ask_next(call->domain, info);
}
