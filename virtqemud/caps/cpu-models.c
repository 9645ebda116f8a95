/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPUs as an emulator offers them, in libvirt's terms: its richest CPU as a model with differences, baseline and comparison
 * with what guests can get. The arithmetic is libcommon/cpu. */
#include "caps/caps-private.h"
#include "domain/domain.h"
#include "domain/tables.h"
#include <string.h>

gboolean
qemu_cpu_model_is_listed(const char *name)
{
    const char *dash = strrchr(name, '-');

    if (g_str_equal(name, "max") || g_str_equal(name, "host") || g_str_equal(name, "base"))
        return FALSE;
    return !(dash && dash[1] == 'v' && g_ascii_isdigit(dash[2]));
}

/* ---- the emulator's CPU ---- */

static gboolean
is_x86(const char *arch)
{
    return g_strcmp0(arch, "x86_64") == 0 || g_strcmp0(arch, "i686") == 0;
}

gboolean
qemu_caps_get_cpu(const QemuCaps *caps, QemuAccel accel, VbCpuData *ret_data)
{
    const VbJson *properties = vb_json_get_path(caps->cpus[accel], "model/props");
    const char *vendor = vb_json_get_string(properties, "vendor");
    VbCpuData data = {0};

    if (!properties || !is_x86(caps->arch))
        return FALSE;
    data.vendor = vendor ? vb_cpu_vendor_name(vendor) : NULL;
    data.family = (guint)vb_json_get_uint(properties, "family", 0);
    data.model = (guint)vb_json_get_uint(properties, "model", 0);
    data.stepping = (guint)vb_json_get_uint(properties, "stepping", 0);
    for (const VbJson *at = vb_json_first(properties); at; at = vb_json_next(at))
        if (vb_json_as_bool(at, FALSE))
            vb_cpu_set_add(&data.features, vb_cpu_feature_find(vb_json_get_key(at)));
    *ret_data = data;
    return TRUE;
}

typedef struct {
    const QemuCaps *caps;
    QemuAccel accel;
} Offer;

static gboolean
offer_is_allowed(const VbCpuModel *model, gpointer data)
{
    const Offer *offer = data;

    return qemu_caps_find_cpu_model(offer->caps, offer->accel, model->name) != NULL;
}

static VbCpuSet
offer_blockers(const VbCpuModel *model, gpointer data)
{
    const Offer *offer = data;
    const QemuCpuModel *known = qemu_caps_find_cpu_model(offer->caps, offer->accel, model->name);
    VbCpuSet blockers = {{0}};

    for (guint i = 0; known && known->unavailable[i]; i++)
        vb_cpu_set_add(&blockers, vb_cpu_feature_find(known->unavailable[i]));
    return blockers;
}

gboolean
qemu_caps_get_host_model(const QemuCaps *caps, QemuAccel accel, VbCpuChoice *ret_choice)
{
    Offer offer = {caps, accel};
    const VbCpuOffer models = {offer_is_allowed, offer_blockers, &offer};
    VbCpuData data;
    const VbCpuDecode query = {.data = &data, .offer = &models};

    return qemu_caps_get_cpu(caps, accel, &data) && vb_cpu_decode(&query, ret_choice);
}

/* ---- texts ---- */

static VbCpuDescription *
parse_one(const char *xml, VbCpuKind kind, gboolean is_model_needed, guint index, GError **error)
{
    g_autoptr(VbCpuDescription) description = vb_cpu_parse(xml, kind, error);

    if (!description)
        return NULL;
    if (is_model_needed && !description->model) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "no CPU model specified at index %u", index);
        return NULL;
    }
    return g_steal_pointer(&description);
}

/* of VbCpuDescription, or NULL */
static GPtrArray *
parse_all(const char *const *xmls, VbCpuKind kind, GError **error)
{
    g_autoptr(GPtrArray) list =
        g_ptr_array_new_with_free_func((GDestroyNotify)vb_cpu_description_free);

    for (guint i = 0; xmls[i]; i++) {
        VbCpuDescription *description = parse_one(xmls[i], kind, TRUE, i, error);

        if (!description)
            return NULL;
        g_ptr_array_add(list, description);
        if (description->arch && !is_x86(description->arch)) {
            vb_error_set(error, VIR_ERR_NO_SUPPORT,
                         "cannot compute baseline CPU of %s architecture", description->arch);
            return NULL;
        }
    }
    if (list->len == 0) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "no CPUs given");
        return NULL;
    }
    return g_steal_pointer(&list);
}

static VbCpuDescription *
parse_wanted(const char *xml, guint flags, GError **error)
{
    g_autoptr(VbCpuDescription) wanted = vb_cpu_parse(xml, VB_CPU_ANY, error);
    gboolean is_valid = TRUE;

    if (wanted && flags & VIR_CONNECT_COMPARE_CPU_VALIDATE_XML)
        is_valid = wanted->arch ? vb_cpu_validate(xml, error)
                                : vb_xml_validate(&vb_domain_cpu_type, xml, -1, error);
    return is_valid ? g_steal_pointer(&wanted) : NULL;
}

/* ---- the host's own processor ---- */

static gboolean
host_data(VbCpuData *ret_data, const char *what, GError **error)
{
    if (vb_cpu_read_host(ret_data))
        return TRUE;
    return vb_error_set(error, VIR_ERR_NO_SUPPORT, "cannot %s CPU of %s architecture", what,
                        qemu_caps_host_arch());
}

int
qemu_host_compare_cpu(const char *xml, guint flags, GError **error)
{
    g_autoptr(VbCpuDescription) wanted = parse_wanted(xml, flags, error);
    VbCpuData data;
    const VbCpuCompare how = {.provided = &data,
                              .arch = qemu_caps_host_arch(),
                              .is_incompatible_an_error =
                                  (flags & VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE) != 0};

    if (!wanted || !host_data(&data, "compare", error))
        return VIR_CPU_COMPARE_ERROR;
    return vb_cpu_compare(&how, wanted, error);
}

char *
qemu_host_baseline_cpu(const char *const *xmls, guint flags, GError **error)
{
    const VbCpuBaseline how = {.is_expanded =
                                   (flags & VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES) != 0,
                               .is_migratable = (flags & VIR_CONNECT_BASELINE_CPU_MIGRATABLE) != 0};
    g_autoptr(GPtrArray) list = parse_all(xmls, VB_CPU_HOST, error);
    VbCpuData data;

    if (!list || !host_data(&data, "compute baseline", error))
        return NULL;
    return vb_cpu_baseline(&how, list, error);
}

/* ---- an emulator's ---- */

typedef struct {
    union {
        QemuCpuCompareDone compare;
        QemuCapsTextDone text;
    } done;
    gpointer data;
    guint flags;
    char **xmls;
} Request;

static Request *
request_new(const char *const *xmls, guint flags, gpointer data)
{
    Request *request = g_new0(Request, 1);

    request->xmls = g_strdupv((char **)xmls);
    request->flags = flags;
    request->data = data;
    return request;
}

static void
request_free(Request *request)
{
    g_strfreev(request->xmls);
    g_free(request);
}

static gboolean
emulator_data(const QemuDomainCapsInput *input, VbCpuData *ret_data, const char *what,
              GError **error)
{
    if (qemu_caps_get_cpu(input->caps, input->accel, ret_data))
        return TRUE;
    return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                        "%s with the hypervisor CPU is not supported for arch '%s'", what,
                        qemu_caps_get_arch(input->caps));
}

static int
compare(const QemuDomainCapsInput *input, const Request *request, GError **error)
{
    g_autoptr(VbCpuDescription) wanted = parse_wanted(request->xmls[0], request->flags, error);
    VbCpuData data;
    const VbCpuCompare how = {.provided = &data,
                              .arch = qemu_caps_get_arch(input->caps),
                              .is_incompatible_an_error =
                                  (request->flags & VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE) !=
                                  0};

    if (!wanted || !emulator_data(input, &data, "comparing", error))
        return VIR_CPU_COMPARE_ERROR;
    return vb_cpu_compare(&how, wanted, error);
}

static void
compare_resolved(const QemuDomainCapsInput *input, const GError *failure, gpointer data)
{
    Request *request = data;
    g_autoptr(GError) error = NULL;
    int result = input ? compare(input, request, &error) : VIR_CPU_COMPARE_ERROR;

    request->done.compare(result, input ? error : failure, request->data);
    request_free(request);
}

void
qemu_caps_cache_compare_cpu(QemuCapsCache *cache, const QemuDomainCapsQuery *query, const char *xml,
                            guint flags, QemuCpuCompareDone done, gpointer data)
{
    const char *const xmls[] = {xml, NULL};
    Request *request = request_new(xmls, flags, data);

    request->done.compare = done;
    qemu_caps_cache_resolve(cache, query, compare_resolved, request);
}

static char *
baseline(const QemuDomainCapsInput *input, const Request *request, GError **error)
{
    Offer offer = {input->caps, input->accel};
    const VbCpuOffer models = {offer_is_allowed, offer_blockers, &offer};
    const VbCpuBaseline how = {.offer = &models,
                               .is_expanded =
                                   (request->flags & VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES) != 0,
                               .is_migratable =
                                   (request->flags & VIR_CONNECT_BASELINE_CPU_MIGRATABLE) != 0};
    g_autoptr(GPtrArray) list = parse_all((const char *const *)request->xmls, VB_CPU_ANY, error);
    VbCpuData data;

    if (!list || !emulator_data(input, &data, "computing baseline", error))
        return NULL;
    return vb_cpu_baseline(&how, list, error);
}

static void
baseline_resolved(const QemuDomainCapsInput *input, const GError *failure, gpointer data)
{
    Request *request = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = input ? baseline(input, request, &error) : NULL;

    request->done.text(text, input ? error : failure, request->data);
    request_free(request);
}

void
qemu_caps_cache_baseline_cpu(QemuCapsCache *cache, const QemuDomainCapsQuery *query,
                             const char *const *xmls, guint flags, QemuCapsTextDone done,
                             gpointer data)
{
    Request *request = request_new(xmls, flags, data);

    request->done.text = done;
    qemu_caps_cache_resolve(cache, query, baseline_resolved, request);
}
