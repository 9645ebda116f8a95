/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which host CPUs a guest may use and how much of them, as its definition says. */
#include "base/error.h"
#include "define.h"
#include "placement.h"
#include "procfs.h"
#include "status.h"
#include "vcpus.h"

#define MAX_MAP 1024 /* bytes: more CPUs than Linux knows */
#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

static const VbDomainDef *
pick(QemuDomain *domain, guint flags, const char *function, GError **error)
{
    VbDomainDef *live = NULL;
    VbDomainDef *config = NULL;

    if (!qemu_check_flags(flags, IMPACT, function, error) ||
        !qemu_domain_pick_defs(domain, flags, &live, &config, error))
        return NULL;
    return live ? live : config;
}

static gboolean
check_length(int length, GError **error)
{
    if (length > 0 && length <= MAX_MAP)
        return TRUE;
    return vb_error_set(error, VIR_ERR_INVALID_ARG, "maplen must be 1 to %d", MAX_MAP);
}

/* @list NULL: every CPU that the host has online */
static void
add_map(GByteArray *maps, QemuManager *manager, const char *list, int length)
{
    g_autofree char *path = g_build_filename(manager->sysfs, "devices/system/cpu/online", NULL);
    g_autofree char *online = NULL;
    g_autofree guint8 *map = g_new0(guint8, length);

    if (!list && g_file_get_contents(path, &online, NULL, NULL))
        list = online;
    (void)qemu_procfs_parse_list(list ? list : "0", map, (guint)length * 8);
    g_byte_array_append(maps, map, (guint)length);
}

static GVariant *
take_maps(GByteArray *maps, int n)
{
    GVariant *bytes = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, maps->data, maps->len, 1);

    g_byte_array_unref(maps);
    return g_variant_new("(@ayi)", bytes, n);
}

/**
 * qemu_domain_get_vcpu_pinning:
 * @domain: the guest
 * @n_maps: at most so many
 * @length: bytes per map
 * @flags: virDomainModificationImpact
 *
 * Returns: (transfer floating): the maps one after the other, and how many
 * Errors: INVALID_ARG; OPERATION_INVALID
 */
GVariant *
qemu_domain_get_vcpu_pinning(QemuDomain *domain, int n_maps, int length, guint flags,
                             GError **error)
{
    const VbDomainDef *def = pick(domain, flags, "qemuDomainGetVcpuPinInfo", error);
    GByteArray *maps;
    int n;

    if (!def || !check_length(length, error))
        return NULL;
    maps = g_byte_array_new();
    n = CLAMP(n_maps, 0, (int)MIN(def->vcpus, 4096u));
    for (int i = 0; i < n; i++)
        add_map(maps, domain->manager, qemu_placement_of_vcpu(def, (guint)i), length);
    return take_maps(maps, n);
}

GVariant *
qemu_domain_get_emulator_pinning(QemuDomain *domain, int length, guint flags, GError **error)
{
    const VbDomainDef *def = pick(domain, flags, "qemuDomainGetEmulatorPinInfo", error);
    const char *list;
    GByteArray *maps;

    if (!def || !check_length(length, error))
        return NULL;
    list = def->cputune && def->cputune->emulatorpin ? def->cputune->emulatorpin : def->cpuset;
    maps = g_byte_array_new();
    add_map(maps, domain->manager, list, length);
    return take_maps(maps, 1);
}

/**
 * qemu_domain_get_iothreads:
 * @domain: the guest
 * @flags: virDomainModificationImpact
 *
 * Returns: (transfer floating): number and map of each I/O thread, and how many there are
 * Errors: OPERATION_INVALID
 */
GVariant *
qemu_domain_get_iothreads(QemuDomain *domain, guint flags, GError **error)
{
    const VbDomainDef *def = pick(domain, flags, "qemuDomainGetIOThreadInfo", error);
    const int length = (int)(qemu_placement_last_cpu(domain) / 8 + 1);
    GVariantBuilder threads;
    if (!def)
        return NULL;
    g_variant_builder_init(&threads, G_VARIANT_TYPE("a(uay)"));
    for (guint i = 0; i < qemu_placement_count_iothreads(def); i++) {
        const guint id = qemu_placement_iothread_id(def, i);
        GByteArray *map = g_byte_array_new();
        add_map(map, domain->manager, qemu_placement_of_iothread(def, id), length);
        g_variant_builder_add(&threads, "(u@ay)", id,
                              g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, map->data, map->len,
                                                        1));
        g_byte_array_unref(map);
    }
    return g_variant_new("(a(uay)u)", &threads, qemu_placement_count_iothreads(def));
}
