/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Domain1 that add, remove and change devices; data: the QemuDomain. */
#include "bus/bus-private.h"
#include "hotplug.h"

/* Those that take one text and flags */
#define TEXT_METHOD(name, function)                                                                \
    GVariant *qemu_bus_domain_##name(gpointer data, VbCall *call, GVariant *args, GError **error)  \
    {                                                                                              \
        const char *text;                                                                          \
        guint flags;                                                                               \
        g_variant_get(args, "(&su)", &text, &flags);                                               \
        vb_call_defer(call);                                                                       \
        function(data, text, flags, qemu_bus_done, call);                                          \
        return NULL;                                                                               \
    }

TEXT_METHOD(attach_device, qemu_domain_attach_device)
TEXT_METHOD(detach_device, qemu_domain_detach_device)
TEXT_METHOD(detach_device_alias, qemu_domain_detach_alias)
TEXT_METHOD(update_device, qemu_domain_update_device)
