/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hypervisor1.StopGuests: what a host that goes down asks. The caller waits until no guest runs, or its time is up. */
#include "bus/bus-private.h"
#include "save.h"

struct _QemuBusStop {
    QemuBus *bus;
    VbCall *call;
    guint timeout;
};

static void
stop_finish(QemuBusStop *stop)
{
    GVariantBuilder names;
    g_autoptr(GPtrArray) left =
        qemu_manager_list(stop->bus->manager, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    g_variant_builder_init(&names, G_VARIANT_TYPE_STRING_ARRAY);
    for (guint i = 0; i < left->len; i++)
        g_variant_builder_add(&names, "s", ((QemuDomain *)left->pdata[i])->name);
    stop->bus->stops = g_slist_remove(stop->bus->stops, stop);
    g_clear_handle_id(&stop->timeout, g_source_remove);
    vb_call_return(stop->call, g_variant_new("(as)", &names));
    g_free(stop);
}

/* A guest has started or ended: called for each. */
void
qemu_bus_check_stops(QemuBus *bus)
{
    while (bus->stops && qemu_manager_count_active(bus->manager) == 0)
        stop_finish(bus->stops->data);
}

void
qemu_bus_drop_stops(QemuBus *bus)
{
    while (bus->stops)
        stop_finish(bus->stops->data);
}

static gboolean
on_timeout(gpointer data)
{
    QemuBusStop *stop = data;
    stop->timeout = 0;
    stop_finish(stop);
    return G_SOURCE_REMOVE;
}

static void
log_failure(QemuDomain *domain, GError *error, gpointer data)
{
    if (error)
        vb_log_warning(domain->name, "cannot be stopped: %s", error->message);
}

/* A guest that cannot be saved is asked to end by itself: nothing is lost then either. */
static void
saved(QemuDomain *domain, GError *error, gpointer data)
{
    if (!error)
        return;
    vb_log_warning(domain->name, "cannot be saved: %s", error->message);
    qemu_domain_shutdown(domain, 0, log_failure, NULL);
}

static void
stop_guest(QemuDomain *domain, const char *how)
{
    const QemuSaveRequest request = {.subject = domain->name};
    if (g_str_equal(how, "save"))
        qemu_domain_save_image(domain, &request, saved, NULL);
    else if (g_str_equal(how, "shutdown"))
        qemu_domain_shutdown(domain, 0, log_failure, NULL);
    else
        qemu_domain_destroy(domain, VIR_DOMAIN_DESTROY_GRACEFUL, log_failure, NULL);
}

GVariant *
qemu_bus_method_stop_guests(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuBus *bus = data;
    const char *how;
    guint timeout_s;
    g_variant_get(args, "(&su)", &how, &timeout_s);
    if (!g_str_equal(how, "shutdown") && !g_str_equal(how, "save") &&
        !g_str_equal(how, "destroy")) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "unknown way to stop guests '%s'", how);
        return NULL;
    }
    g_autoptr(GPtrArray) domains = qemu_manager_list(bus->manager, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    QemuBusStop *stop = g_new0(QemuBusStop, 1);
    stop->bus = bus;
    stop->call = call;
    stop->timeout = g_timeout_add_seconds(timeout_s, on_timeout, stop);
    bus->stops = g_slist_append(bus->stops, stop);
    vb_call_defer(call);
    for (guint i = 0; i < domains->len; i++) {
        QemuDomain *domain = domains->pdata[i];
        vb_log_info(domain->name, "all guests are stopped: %s", how);
        stop_guest(domain, how);
    }
    qemu_bus_check_stops(bus);
    return NULL;
}
