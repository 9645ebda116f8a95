/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Domain1 about what a guest may use of the host and how its disks are; data: the QemuDomain. */
#include "bus/bus-private.h"
#include "guest-info.h"
#include "vcpus.h"

GVariant *
qemu_bus_domain_get_vcpu_pinning(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    int n_maps, length;
    guint flags;
    g_variant_get(args, "(iiu)", &n_maps, &length, &flags);
    return qemu_domain_get_vcpu_pinning(data, n_maps, length, flags, error);
}

GVariant *
qemu_bus_domain_get_emulator_pinning(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    int length;
    guint flags;
    g_variant_get(args, "(iu)", &length, &flags);
    return qemu_domain_get_emulator_pinning(data, length, flags, error);
}

static void
disk_errors_known(const QemuDiskError *errors, guint n, const GError *error, gpointer data)
{
    guint max, flags;
    GVariantBuilder list;
    if (error) {
        vb_call_fail(data, g_error_copy(error));
        return;
    }
    g_variant_get(vb_call_get_args(data), "(uu)", &max, &flags);
    g_variant_builder_init(&list, G_VARIANT_TYPE("a(si)"));
    for (guint i = 0; i < MIN(n, max); i++)
        g_variant_builder_add(&list, "(si)", errors[i].disk, errors[i].error);
    vb_call_return(data, g_variant_new("(a(si)i)", &list, max ? (int)MIN(n, max) : (int)n));
}

GVariant *
qemu_bus_domain_get_disk_errors(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint max, flags;
    g_variant_get(args, "(uu)", &max, &flags);
    vb_call_defer(call);
    qemu_domain_get_disk_errors(data, flags, disk_errors_known, call);
    return NULL;
}
