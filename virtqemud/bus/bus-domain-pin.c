/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Domain1 about threads: where they run, I/O threads that come and go; data: the QemuDomain. */
#include "bus/bus-private.h"
#include "iothreads.h"
#include "vcpus.h"

/* the map of a call lies in @map for as long as it is used */
static QemuPin
get_pin(GVariant *map, guint flags)
{
    QemuPin pin = {.flags = flags};
    pin.map = g_variant_get_fixed_array(map, &pin.length, 1);
    return pin;
}

typedef gboolean (*PinThread)(QemuDomain *domain, guint number, const QemuPin *pin, GError **error);

static GVariant *
pin_thread(QemuDomain *domain, GVariant *args, PinThread func, GError **error)
{
    g_autoptr(GVariant) map = NULL;
    guint number, flags;
    QemuPin pin;
    g_variant_get(args, "(u@ayu)", &number, &map, &flags);
    pin = get_pin(map, flags);
    return func(domain, number, &pin, error) ? g_variant_new("()") : NULL;
}

GVariant *
qemu_bus_domain_pin_vcpu(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return pin_thread(data, args, qemu_domain_pin_vcpu, error);
}

GVariant *
qemu_bus_domain_pin_iothread(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return pin_thread(data, args, qemu_domain_pin_iothread, error);
}

GVariant *
qemu_bus_domain_pin_emulator(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    g_autoptr(GVariant) map = NULL;
    guint flags;
    QemuPin pin;
    g_variant_get(args, "(@ayu)", &map, &flags);
    pin = get_pin(map, flags);
    return qemu_domain_pin_emulator(data, &pin, error) ? g_variant_new("()") : NULL;
}

GVariant *
qemu_bus_domain_get_iothreads(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    return qemu_domain_get_iothreads(data, flags, error);
}

static GVariant *
change_iothread(QemuDomain *domain, VbCall *call, const QemuIothreadChange *change)
{
    vb_call_defer(call);
    qemu_iothread_change(domain, change, qemu_bus_done, call);
    return NULL;
}

GVariant *
qemu_bus_domain_add_iothread(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuIothreadChange change = {.kind = QEMU_IOTHREAD_ADD};
    g_variant_get(args, "(uu)", &change.id, &change.flags);
    return change_iothread(data, call, &change);
}

GVariant *
qemu_bus_domain_delete_iothread(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuIothreadChange change = {.kind = QEMU_IOTHREAD_DELETE};
    g_variant_get(args, "(uu)", &change.id, &change.flags);
    return change_iothread(data, call, &change);
}

GVariant *
qemu_bus_domain_set_iothread_parameters(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuIothreadChange change = {.kind = QEMU_IOTHREAD_SET};
    g_autoptr(GVariant) params = NULL;
    g_variant_get(args, "(u@a{sv}u)", &change.id, &params, &change.flags);
    change.params = params;
    return change_iothread(data, call, &change);
}

GVariant *
qemu_bus_domain_set_vcpu(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuVcpuSwitch what = {0};
    g_variant_get(args, "(&siu)", &what.list, &what.state, &what.flags);
    vb_call_defer(call);
    qemu_domain_set_vcpu(data, &what, qemu_bus_done, call);
    return NULL;
}
