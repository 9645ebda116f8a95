/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events of the manager's log as signals, and again on demand. One shape for both. */
#include "bus/bus-private.h"

/* Shape: (tsoa{sv}): sequence, kind, guest, details with name, uuid, id and, when found later, late */
static GVariant *
pack(const VbEvent *event)
{
    GVariantBuilder details;
    g_autofree char *path = qemu_bus_domain_path(event->uuid);
    g_variant_builder_init(&details, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&details, "{sv}", "name", g_variant_new_string(event->name));
    g_variant_builder_add(&details, "{sv}", "uuid", g_variant_new_string(event->uuid));
    g_variant_builder_add(&details, "{sv}", "id", g_variant_new_int32(event->id));
    if (event->is_late)
        g_variant_builder_add(&details, "{sv}", "late", g_variant_new_boolean(TRUE));
    if (event->details) {
        GVariantIter iter;
        const char *key;
        GVariant *value;
        g_variant_iter_init(&iter, event->details);
        while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
            g_variant_builder_add(&details, "{sv}", key, value);
    }
    return g_variant_new("(tsoa{sv})", event->sequence, event->kind, path, &details);
}

void
qemu_bus_send_event(QemuBus *bus, const VbEvent *event)
{
    vb_object_emit(bus->root, HYPERVISOR_INTERFACE, "Event", pack(event));
}

static void
add_event(const VbEvent *event, gpointer data)
{
    g_variant_builder_add_value(data, pack(event));
}

GVariant *
qemu_bus_method_events_since(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuBus *bus = data;
    VbEvents *events = bus->manager->events;
    const char *epoch;
    guint64 sequence;
    GVariantBuilder builder;
    g_variant_get(args, "(&st)", &epoch, &sequence);
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(tsoa{sv})"));
    gboolean is_resync = !vb_events_since(events, epoch, sequence, add_event, &builder);
    return g_variant_new("(bsa(tsoa{sv}))", is_resync, vb_events_get_epoch(events), &builder);
}
