/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests for the capability documents: waits for the emulators' answers, checks what was asked for, formats. */
#include "caps/caps-private.h"
#include "domain/domain.h"

/* ---- <capabilities> ---- */

typedef struct {
    QemuCapsCache *cache;
    QemuCapsTextDone done;
    gpointer data;
    QemuCaps **answers; /* one per emulator, NULL: it failed */
    guint n_emulators;
    guint n_open;
} CapabilitiesRequest;

typedef struct {
    CapabilitiesRequest *request;
    guint index;
} EmulatorAnswer;

static void
finish_capabilities(CapabilitiesRequest *request)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    g_autofree char *text = NULL;

    for (guint i = 0; i < request->n_emulators; i++)
        if (request->answers[i])
            g_ptr_array_add(list, request->answers[i]);
    text = qemu_capabilities_format(list, qemu_caps_cache_host(request->cache),
                                    qemu_caps_cache_resctrl(request->cache));
    request->done(text, NULL, request->data);
    for (guint i = 0; i < request->n_emulators; i++)
        qemu_caps_unref(request->answers[i]);
    g_free(request->answers);
    g_free(request);
}

/* an emulator that cannot be probed is left out, as libvirt does */
static void
on_emulator(QemuCaps *caps, const GError *error, gpointer data)
{
    g_autofree EmulatorAnswer *answer = data;
    CapabilitiesRequest *request = answer->request;

    if (caps)
        request->answers[answer->index] = qemu_caps_ref(caps);
    if (--request->n_open == 0)
        finish_capabilities(request);
}

static gboolean
finish_without_emulators(gpointer data)
{
    finish_capabilities(data);
    return G_SOURCE_REMOVE;
}

/**
 * qemu_caps_cache_get_capabilities:
 * @done: called once, from the loop, with the document
 *
 * What the host and its emulators can do. Probes what is not known; emulators that fail are left out.
 */
void
qemu_caps_cache_get_capabilities(QemuCapsCache *cache, QemuCapsTextDone done, gpointer data)
{
    const char *const *emulators = qemu_caps_cache_get_emulators(cache);
    CapabilitiesRequest *request = g_new0(CapabilitiesRequest, 1);

    *request = (CapabilitiesRequest){.cache = cache, .done = done, .data = data};
    request->n_open = request->n_emulators = g_strv_length((char **)emulators);
    request->answers = g_new0(QemuCaps *, request->n_emulators + 1);
    if (request->n_emulators == 0) {
        g_idle_add(finish_without_emulators, request);
        return;
    }
    for (guint i = 0; i < request->n_emulators; i++) {
        EmulatorAnswer *answer = g_new0(EmulatorAnswer, 1);

        *answer = (EmulatorAnswer){.request = request, .index = i};
        qemu_caps_cache_get(cache, emulators[i], QEMU_ACCEL_KVM, on_emulator, answer);
    }
}

/* ---- what a query means ---- */

typedef struct {
    QemuCapsQueryDone done;
    gpointer data;
    char *arch, *machine;
    int virt_type; /* VbDomainVirtType; NONE: the best */
    GError *error;
} Query;

static void
query_finish(Query *query, const QemuDomainCapsInput *input, const GError *error)
{
    query->done(input, error, query->data);
    g_free(query->arch);
    g_free(query->machine);
    g_clear_error(&query->error);
    g_free(query);
}

static gboolean
choose_accel(const Query *query, const QemuCaps *caps, QemuAccel *ret_accel, GError **error)
{
    gboolean has_kvm = qemu_caps_has_accel(caps, QEMU_ACCEL_KVM);

    if (query->virt_type == VB_DOMAIN_VIRT_NONE) {
        *ret_accel = has_kvm ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG;
        return TRUE;
    }
    if (query->virt_type != VB_DOMAIN_VIRT_QEMU &&
        (query->virt_type != VB_DOMAIN_VIRT_KVM || !has_kvm))
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "Emulator '%s' does not support virt type '%s'",
                            qemu_caps_get_path(caps),
                            vb_enum_to_nick(&vb_domain_virt_type_enum, query->virt_type));
    *ret_accel = query->virt_type == VB_DOMAIN_VIRT_KVM ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG;
    return TRUE;
}

static gboolean
check_emulator(const Query *query, QemuDomainCapsInput *input, GError **error)
{
    const char *arch = qemu_caps_get_arch(input->caps);

    if (query->arch && !g_str_equal(query->arch, arch) &&
        !(g_str_equal(query->arch, "i686") && g_str_equal(arch, "x86_64")))
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "architecture from emulator '%s' doesn't match given architecture '%s'",
                            arch, query->arch);
    if (!choose_accel(query, input->caps, &input->accel, error))
        return FALSE;
    input->machine = query->machine ? qemu_caps_find_machine(input->caps, query->machine)
                                    : qemu_caps_get_default_machine(input->caps);
    if (!input->machine)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "the machine '%s' is not supported by emulator '%s'",
                            query->machine ? query->machine : "", qemu_caps_get_path(input->caps));
    return TRUE;
}

static void
on_query_caps(QemuCaps *caps, const GError *error, gpointer data)
{
    Query *query = data;
    QemuDomainCapsInput input = {.caps = caps};
    g_autoptr(GError) local = NULL;

    if (!caps)
        query_finish(query, NULL, error);
    else if (!check_emulator(query, &input, &local))
        query_finish(query, NULL, local);
    else
        query_finish(query, &input, NULL);
}

static gboolean
fail_later(gpointer data)
{
    Query *query = data;

    query_finish(query, NULL, query->error);
    return G_SOURCE_REMOVE;
}

static char *
dup_if_given(const char *text)
{
    return text && *text ? g_strdup(text) : NULL;
}

/* the emulator to ask, or NULL with query->error */
static const char *
choose_emulator(QemuCapsCache *cache, const QemuDomainCapsQuery *asked, Query *query)
{
    const char *emulator = asked->emulator && *asked->emulator ? asked->emulator : NULL;
    const char *arch = query->arch ? query->arch : qemu_caps_host_arch();

    query->virt_type = VB_DOMAIN_VIRT_NONE;
    if (asked->virttype && *asked->virttype) {
        query->virt_type = vb_enum_from_nick(&vb_domain_virt_type_enum, asked->virttype);
        if (query->virt_type < 0) {
            vb_error_set(&query->error, VIR_ERR_INVALID_ARG, "unknown virttype: %s",
                         asked->virttype);
            return NULL;
        }
    }
    if (!emulator)
        emulator = qemu_caps_cache_get_default_emulator(cache, arch);
    if (!emulator)
        vb_error_set(&query->error, VIR_ERR_CONFIG_UNSUPPORTED,
                     "unable to find any emulator to serve '%s' architecture", arch);
    return emulator;
}

/* Errors (in @done): INVALID_ARG unknown machine, type of guest or architecture of another emulator;
 * CONFIG_UNSUPPORTED no emulator for the architecture; as qemu_caps_cache_get() */
void
qemu_caps_cache_resolve(QemuCapsCache *cache, const QemuDomainCapsQuery *asked,
                        QemuCapsQueryDone done, gpointer data)
{
    Query *query = g_new0(Query, 1);
    const char *emulator;

    query->done = done;
    query->data = data;
    query->arch = dup_if_given(asked->arch);
    query->machine = dup_if_given(asked->machine);
    emulator = choose_emulator(cache, asked, query);
    if (!emulator) {
        g_idle_add(fail_later, query);
        return;
    }
    qemu_caps_cache_get(cache, emulator,
                        query->virt_type == VB_DOMAIN_VIRT_QEMU ? QEMU_ACCEL_TCG : QEMU_ACCEL_KVM,
                        on_query_caps, query);
}

/* ---- <domainCapabilities> ---- */

typedef struct {
    QemuCapsCache *cache;
    QemuCapsTextDone done;
    gpointer data;
} DomainCapsRequest;

static void
on_resolved(const QemuDomainCapsInput *input, const GError *error, gpointer data)
{
    g_autofree DomainCapsRequest *request = data;
    g_autofree char *text = NULL;

    if (input) {
        QemuDomainCapsInput complete = *input;

        complete.place = qemu_caps_cache_place(request->cache);
        text = qemu_domain_caps_format(&complete);
    }
    request->done(text, error, request->data);
}

/**
 * qemu_caps_cache_get_domain_capabilities:
 * @query: what to look at; every part may be left out
 * @done: called once, from the loop
 *
 * What a guest can have with one emulator.
 *
 * Errors (in @done): as qemu_caps_cache_resolve()
 */
void
qemu_caps_cache_get_domain_capabilities(QemuCapsCache *cache, const QemuDomainCapsQuery *query,
                                        QemuCapsTextDone done, gpointer data)
{
    DomainCapsRequest *request = g_new0(DomainCapsRequest, 1);

    request->cache = cache;
    request->done = done;
    request->data = data;
    qemu_caps_cache_resolve(cache, query, on_resolved, request);
}
