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
    QemuHostPaths paths = qemu_caps_cache_host_paths(request->cache);
    g_autofree char *text = NULL;

    for (guint i = 0; i < request->n_emulators; i++)
        if (request->answers[i])
            g_ptr_array_add(list, request->answers[i]);
    text = qemu_capabilities_format(list, &paths);
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

/* ---- <domainCapabilities> ---- */

typedef struct {
    QemuCapsTextDone done;
    gpointer data;
    char *arch, *machine;
    int virt_type; /* VbDomainVirtType; NONE: the best */
    GError *error;
} DomainCapsRequest;

static void
request_free(DomainCapsRequest *request)
{
    g_free(request->arch);
    g_free(request->machine);
    g_clear_error(&request->error);
    g_free(request);
}

static gboolean
choose_accel(const DomainCapsRequest *request, const QemuCaps *caps, QemuAccel *ret_accel,
             GError **error)
{
    gboolean has_kvm = qemu_caps_has_accel(caps, QEMU_ACCEL_KVM);

    if (request->virt_type == VB_DOMAIN_VIRT_NONE) {
        *ret_accel = has_kvm ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG;
        return TRUE;
    }
    if (request->virt_type != VB_DOMAIN_VIRT_QEMU &&
        (request->virt_type != VB_DOMAIN_VIRT_KVM || !has_kvm))
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "Emulator '%s' does not support virt type '%s'",
                            qemu_caps_get_path(caps),
                            vb_enum_to_nick(&vb_domain_virt_type_enum, request->virt_type));
    *ret_accel = request->virt_type == VB_DOMAIN_VIRT_KVM ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG;
    return TRUE;
}

static char *
format_request(const DomainCapsRequest *request, const QemuCaps *caps, GError **error)
{
    QemuDomainCapsInput input = {.caps = caps};
    const char *arch = qemu_caps_get_arch(caps);

    if (request->arch && !g_str_equal(request->arch, arch) &&
        !(g_str_equal(request->arch, "i686") && g_str_equal(arch, "x86_64"))) {
        vb_error_set(error, VIR_ERR_INVALID_ARG,
                     "architecture from emulator '%s' doesn't match given architecture '%s'", arch,
                     request->arch);
        return NULL;
    }
    if (!choose_accel(request, caps, &input.accel, error))
        return NULL;
    input.machine = request->machine ? qemu_caps_find_machine(caps, request->machine)
                                     : qemu_caps_get_default_machine(caps);
    if (!input.machine) {
        vb_error_set(error, VIR_ERR_INVALID_ARG,
                     "the machine '%s' is not supported by emulator '%s'",
                     request->machine ? request->machine : "", qemu_caps_get_path(caps));
        return NULL;
    }
    return qemu_domain_caps_format(&input);
}

static void
on_domain_caps(QemuCaps *caps, const GError *error, gpointer data)
{
    DomainCapsRequest *request = data;
    g_autoptr(GError) local = NULL;
    g_autofree char *text = caps ? format_request(request, caps, &local) : NULL;

    request->done(text, text ? NULL : caps ? local : error, request->data);
    request_free(request);
}

static gboolean
fail_later(gpointer data)
{
    DomainCapsRequest *request = data;

    request->done(NULL, request->error, request->data);
    request_free(request);
    return G_SOURCE_REMOVE;
}

static char *
dup_if_given(const char *text)
{
    return text && *text ? g_strdup(text) : NULL;
}

/* the emulator to ask, or NULL with request->error */
static const char *
check_query(QemuCapsCache *cache, const QemuDomainCapsQuery *query, DomainCapsRequest *request)
{
    const char *emulator = query->emulator && *query->emulator ? query->emulator : NULL;
    const char *arch = request->arch ? request->arch : qemu_caps_host_arch();

    request->virt_type = VB_DOMAIN_VIRT_NONE;
    if (query->virttype && *query->virttype) {
        request->virt_type = vb_enum_from_nick(&vb_domain_virt_type_enum, query->virttype);
        if (request->virt_type < 0) {
            vb_error_set(&request->error, VIR_ERR_INVALID_ARG, "unknown virttype: %s",
                         query->virttype);
            return NULL;
        }
    }
    if (!emulator)
        emulator = qemu_caps_cache_get_default_emulator(cache, arch);
    if (!emulator)
        vb_error_set(&request->error, VIR_ERR_CONFIG_UNSUPPORTED,
                     "unable to find any emulator to serve '%s' architecture", arch);
    return emulator;
}

/**
 * qemu_caps_cache_get_domain_capabilities:
 * @query: what to look at; every part may be left out
 * @done: called once, from the loop
 *
 * What a guest can have with one emulator.
 *
 * Errors (in @done): INVALID_ARG unknown machine, type of guest or architecture of another emulator;
 * CONFIG_UNSUPPORTED no emulator for the architecture; as qemu_caps_cache_get()
 */
void
qemu_caps_cache_get_domain_capabilities(QemuCapsCache *cache, const QemuDomainCapsQuery *query,
                                        QemuCapsTextDone done, gpointer data)
{
    DomainCapsRequest *request = g_new0(DomainCapsRequest, 1);
    const char *emulator;

    request->done = done;
    request->data = data;
    request->arch = dup_if_given(query->arch);
    request->machine = dup_if_given(query->machine);
    emulator = check_query(cache, query, request);
    if (!emulator) {
        g_idle_add(fail_later, request);
        return;
    }
    qemu_caps_cache_get(cache, emulator,
                        request->virt_type == VB_DOMAIN_VIRT_QEMU ? QEMU_ACCEL_TCG : QEMU_ACCEL_KVM,
                        on_domain_caps, request);
}
