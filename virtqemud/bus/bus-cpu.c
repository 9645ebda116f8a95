/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.virtbus.Hypervisor1: CPU models, comparison, baseline. */
#include "bus/bus-cpu.h"
#include "bus/bus-private.h"

GVariant *
qemu_bus_cpu_get_model_names(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *arch;
    guint flags;
    g_auto(GStrv) names = NULL;

    g_variant_get(args, "(&su)", &arch, &flags);
    if (!qemu_check_flags(flags, 0, "virConnectGetCPUModelNames", error))
        return NULL;
    names = vb_cpu_model_names(arch, error);
    return names ? g_variant_new("(^as)", names) : NULL;
}

GVariant *
qemu_bus_cpu_compare(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *xml;
    guint flags;
    int result;

    g_variant_get(args, "(&su)", &xml, &flags);
    if (!qemu_check_flags(flags,
                          VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE |
                              VIR_CONNECT_COMPARE_CPU_VALIDATE_XML,
                          "qemuConnectCompareCPU", error))
        return NULL;
    result = qemu_host_compare_cpu(xml, flags, error);
    return result == VIR_CPU_COMPARE_ERROR ? NULL : g_variant_new("(i)", result);
}

static void
compared(int result, const GError *error, gpointer data)
{
    if (error)
        vb_call_fail(data, g_error_copy(error));
    else
        vb_call_return(data, g_variant_new("(i)", result));
}

GVariant *
qemu_bus_cpu_compare_hypervisor(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuDomainCapsQuery query;
    const char *xml;
    guint flags;

    g_variant_get(args, "(&s&s&s&s&su)", &query.emulator, &query.arch, &query.machine,
                  &query.virttype, &xml, &flags);
    if (!qemu_check_flags(flags,
                          VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE |
                              VIR_CONNECT_COMPARE_CPU_VALIDATE_XML,
                          "qemuConnectCompareHypervisorCPU", error))
        return NULL;
    vb_call_defer(call);
    qemu_caps_cache_compare_cpu(((QemuBus *)data)->manager->caps, &query, xml, flags, compared,
                                call);
    return NULL;
}

#define BASELINE_FLAGS                                                                             \
    (VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES | VIR_CONNECT_BASELINE_CPU_MIGRATABLE)

GVariant *
qemu_bus_cpu_baseline(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autofree const char **xmls = NULL;
    g_autofree char *text = NULL;
    guint flags;

    g_variant_get(args, "(^a&su)", &xmls, &flags);
    if (!qemu_check_flags(flags, BASELINE_FLAGS, "qemuConnectBaselineCPU", error))
        return NULL;
    text = qemu_host_baseline_cpu(xmls, flags, error);
    return text ? g_variant_new("(s)", text) : NULL;
}

GVariant *
qemu_bus_cpu_baseline_hypervisor(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuDomainCapsQuery query;
    g_autofree const char **xmls = NULL;
    guint flags;

    g_variant_get(args, "(&s&s&s&s^a&su)", &query.emulator, &query.arch, &query.machine,
                  &query.virttype, &xmls, &flags);
    if (!qemu_check_flags(flags, BASELINE_FLAGS, "qemuConnectBaselineHypervisorCPU", error))
        return NULL;
    vb_call_defer(call);
    qemu_caps_cache_baseline_cpu(((QemuBus *)data)->manager->caps, &query, xmls, flags,
                                 qemu_bus_done_document, call);
    return NULL;
}
