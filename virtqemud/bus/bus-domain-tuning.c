/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Domain1 about limits: scheduler, memory, disks, network cards, memory nodes; data: the QemuDomain. */
#include "bandwidth.h"
#include "bus/bus-private.h"
#include "iotune.h"
#include "tuning.h"

#define N_SCHEDULER_PARAMETERS 9

GVariant *
qemu_bus_domain_get_scheduler_type(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GVariant) values = qemu_tuning_get(data, QEMU_TUNING_SCHEDULER, 0, error);
    if (values)
        g_variant_ref_sink(values);
    return values ? g_variant_new("(si)", "posix", N_SCHEDULER_PARAMETERS) : NULL;
}

static GVariant *
get(QemuDomain *domain, QemuTuningKind kind, GVariant *args, GError **error)
{
    guint flags;
    GVariant *values;
    g_variant_get(args, "(u)", &flags);
    values = qemu_tuning_get(domain, kind, flags, error);
    return values ? g_variant_new("(@a{sv})", values) : NULL;
}

static GVariant *
set(QemuDomain *domain, QemuTuningKind kind, VbCall *call, GVariant *args)
{
    g_autoptr(GVariant) params = NULL;
    QemuTuningChange change = {.kind = kind};
    g_variant_get(args, "(@a{sv}u)", &params, &change.flags);
    change.params = params;
    vb_call_defer(call);
    qemu_tuning_set(domain, &change, qemu_bus_done, call);
    return NULL;
}

#define KIND_METHODS(name, kind)                                                                   \
    GVariant *qemu_bus_domain_get_##name(gpointer data, VbCall *call, GVariant *args,              \
                                         GError **error)                                           \
    {                                                                                              \
        return get(data, kind, args, error);                                                       \
    }                                                                                              \
    GVariant *qemu_bus_domain_set_##name(gpointer data, VbCall *call, GVariant *args,              \
                                         GError **error)                                           \
    {                                                                                              \
        return set(data, kind, call, args);                                                        \
    }

KIND_METHODS(scheduler, QEMU_TUNING_SCHEDULER)
KIND_METHODS(memory_parameters, QEMU_TUNING_MEMORY)
KIND_METHODS(blkio_parameters, QEMU_TUNING_BLKIO)
KIND_METHODS(numa_parameters, QEMU_TUNING_NUMA)

/* ---- disks ---- */

GVariant *
qemu_bus_domain_get_block_io_tune(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *disk;
    guint flags;
    GVariant *values;
    g_variant_get(args, "(&su)", &disk, &flags);
    values = qemu_iotune_get(data, disk, flags, error);
    return values ? g_variant_new("(@a{sv})", values) : NULL;
}

typedef void (*SetLimits)(QemuDomain *domain, const QemuIotuneChange *change, QemuDone done,
                          gpointer data);

static GVariant *
set_limits(QemuDomain *domain, SetLimits set_them, VbCall *call, GVariant *args)
{
    g_autoptr(GVariant) params = NULL;
    QemuIotuneChange change;
    g_variant_get(args, "(&s@a{sv}u)", &change.name, &params, &change.flags);
    change.params = params;
    vb_call_defer(call);
    set_them(domain, &change, qemu_bus_done, call);
    return NULL;
}

GVariant *
qemu_bus_domain_set_block_io_tune(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return set_limits(data, qemu_iotune_set, call, args);
}

GVariant *
qemu_bus_domain_set_throttle_group(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return set_limits(data, qemu_throttle_group_set, call, args);
}

GVariant *
qemu_bus_domain_delete_throttle_group(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *group;
    guint flags;
    g_variant_get(args, "(&su)", &group, &flags);
    vb_call_defer(call);
    qemu_throttle_group_delete(data, group, flags, qemu_bus_done, call);
    return NULL;
}

/* ---- network cards ---- */

GVariant *
qemu_bus_domain_get_interface_parameters(gpointer data, VbCall *call, GVariant *args,
                                         GError **error)
{
    const char *device;
    guint flags;
    GVariant *values;
    g_variant_get(args, "(&su)", &device, &flags);
    values = qemu_bandwidth_get_params(data, device, flags, error);
    return values ? g_variant_new("(@a{sv})", values) : NULL;
}

GVariant *
qemu_bus_domain_set_interface_parameters(gpointer data, VbCall *call, GVariant *args,
                                         GError **error)
{
    g_autoptr(GVariant) params = NULL;
    QemuBandwidthChange change;
    g_variant_get(args, "(&s@a{sv}u)", &change.device, &params, &change.flags);
    change.params = params;
    return qemu_bandwidth_set_params(data, &change, error) ? g_variant_new("()") : NULL;
}
