/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Domain1 that change where threads run; data: the QemuDomain. */
#include "bus/bus-private.h"
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
