/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Joins the manager and the bus: objects come and go with guests, changes become signals. Owns the QemuBus. */
#include <string.h>
#include <unistd.h>

#include "bus/bus-host.h"
#include "bus/bus-private.h"
#include "host/uevents.h"

#define DOMAIN_PREFIX QEMU_BUS_ROOT "/domain/"

/* paths */

/**
 * qemu_bus_domain_path:
 * @uuid_text: with dashes
 *
 * Returns: (transfer full): the guest's object path; D-Bus allows no dash in it
 */
char *
qemu_bus_domain_path(const char *uuid_text)
{
    char *path = g_strconcat(DOMAIN_PREFIX, uuid_text, NULL);
    g_strdelimit(path, "-", '_');
    return path;
}

static char *
path_to_uuid(const char *path)
{
    if (!g_str_has_prefix(path, DOMAIN_PREFIX))
        return NULL;
    return g_strdelimit(g_strdup(path + strlen(DOMAIN_PREFIX)), "_", '-');
}

/**
 * qemu_bus_find_domain:
 *
 * Errors: NO_DOMAIN; INVALID_ARG not the path of a guest
 */
QemuDomain *
qemu_bus_find_domain(QemuBus *bus, const char *path, GError **error)
{
    g_autofree char *uuid = path_to_uuid(path);
    if (uuid)
        return qemu_manager_find_by_uuid(bus->manager, uuid, error);
    vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' is not the path of a domain", path);
    return NULL;
}

void
qemu_bus_explain_missing(const char *path, GError **error)
{
    if (qemu_bus_explain_snapshot(path, error))
        return;
    g_autofree char *uuid = path_to_uuid(path);
    if (uuid)
        vb_error_set(error, VIR_ERR_NO_DOMAIN, "no domain with matching uuid '%s'", uuid);
}

gboolean
qemu_bus_name_guest(VbObject *object, const char **ret_name, const char **ret_uuid)
{
    const char *path = vb_object_get_path(object);
    const QemuDomain *domain;
    if (!g_str_has_prefix(path, DOMAIN_PREFIX))
        return FALSE;
    if (strchr(path + strlen(DOMAIN_PREFIX), '/')) /* below the guest's: a snapshot */
        domain = ((const QemuSnapshot *)vb_object_get_data(object))->domain;
    else
        domain = vb_object_get_data(object);
    *ret_name = domain->name;
    *ret_uuid = domain->uuid_text;
    return TRUE;
}

GVariant *
qemu_bus_paths(GPtrArray *domains)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE_OBJECT_PATH_ARRAY);
    for (guint i = 0; i < domains->len; i++) {
        QemuDomain *domain = domains->pdata[i];
        g_autofree char *path = qemu_bus_domain_path(domain->uuid_text);
        g_variant_builder_add(&builder, "o", path);
    }
    return g_variant_builder_end(&builder);
}

/* replies */

void
qemu_bus_done(QemuDomain *domain, GError *error, gpointer data)
{
    if (error)
        vb_call_fail(data, g_error_copy(error));
    else
        vb_call_return(data, NULL);
}

static void
reply_text(VbCall *call, const char *text, const GError *error)
{
    if (error) {
        vb_call_fail(call, g_error_copy(error));
        return;
    }
    /* an emulator's words may be anything; D-Bus carries UTF-8 */
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    vb_call_return(call, g_variant_new("(s)", valid));
}

void
qemu_bus_done_text(QemuDomain *domain, const char *text, GError *error, gpointer data)
{
    reply_text(data, text, error);
}

void
qemu_bus_done_document(const char *text, const GError *error, gpointer data)
{
    reply_text(data, text, error);
}

/**
 * qemu_bus_reply_fd:
 * @fd: (transfer full)
 *
 * Returns: (transfer floating): the handle that stands for it in the reply
 */
GVariant *
qemu_bus_reply_fd(VbCall *call, int fd)
{
    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&fd, 1);
    vb_call_set_reply_fds(call, fds);
    return g_variant_new_handle(0);
}

/* the manager's listener */

static const struct {
    guint change;
    const char *property;
} changed_properties[] = {
    {QEMU_DOMAIN_CHANGED_STATE, "State"},
    {QEMU_DOMAIN_CHANGED_STATE, "StateReason"},
    {QEMU_DOMAIN_CHANGED_STATE, "StateName"},
    {QEMU_DOMAIN_CHANGED_RUN, "Id"},
    {QEMU_DOMAIN_CHANGED_RUN, "Active"},
    {QEMU_DOMAIN_CHANGED_RUN | QEMU_DOMAIN_CHANGED_STATE, "Pid"}, /* known later than Active */
    {QEMU_DOMAIN_CHANGED_RUN | QEMU_DOMAIN_CHANGED_CONFIG, "Persistent"},
    {QEMU_DOMAIN_CHANGED_RUN | QEMU_DOMAIN_CHANGED_CONFIG, "Updated"},
    {QEMU_DOMAIN_CHANGED_REVISION, "Revision"},
    {QEMU_DOMAIN_CHANGED_RUN | QEMU_DOMAIN_CHANGED_CONFIG, "Title"},
    {QEMU_DOMAIN_CHANGED_RUN | QEMU_DOMAIN_CHANGED_CONFIG, "Description"},
    {QEMU_DOMAIN_CHANGED_RUN | QEMU_DOMAIN_CHANGED_CONFIG, "MaxMemory"},
    {QEMU_DOMAIN_CHANGED_RUN | QEMU_DOMAIN_CHANGED_CONFIG | QEMU_DOMAIN_CHANGED_MEMORY, "Memory"},
    {QEMU_DOMAIN_CHANGED_RUN | QEMU_DOMAIN_CHANGED_CONFIG, "Vcpus"},
    {QEMU_DOMAIN_CHANGED_RUN | QEMU_DOMAIN_CHANGED_CONFIG, "MaxVcpus"},
    {QEMU_DOMAIN_CHANGED_RUN | QEMU_DOMAIN_CHANGED_CONFIG, "OSType"},
    {QEMU_DOMAIN_CHANGED_CONFIG, "HasManagedSave"},
    {QEMU_DOMAIN_CHANGED_AUTOSTART | QEMU_DOMAIN_CHANGED_CONFIG, "Autostart"},
    {QEMU_DOMAIN_CHANGED_AUTOSTART | QEMU_DOMAIN_CHANGED_CONFIG, "AutostartOnce"},
    {QEMU_DOMAIN_CHANGED_NAME, "Name"},
    {QEMU_DOMAIN_CHANGED_RESCTRL | QEMU_DOMAIN_CHANGED_RUN, "ResctrlMonitoring"},
    {QEMU_DOMAIN_CHANGED_SNAPSHOTS, "HasCurrentSnapshot"},
    {QEMU_DOMAIN_CHANGED_SNAPSHOTS, "CurrentSnapshot"},
    {QEMU_DOMAIN_CHANGED_SNAPSHOTS, "Snapshots"},
};

static void
domain_added(QemuDomain *domain, gpointer data)
{
    static const VbInterface *const interfaces[] = {&qemu_bus_domain_interface, NULL};
    QemuBus *bus = data;
    g_autofree char *path = qemu_bus_domain_path(domain->uuid_text);
    g_hash_table_insert(bus->domains, domain,
                        vb_service_export(bus->service, path, interfaces, domain));
}

static void
domain_removed(QemuDomain *domain, gpointer data)
{
    QemuBus *bus = data;
    VbObject *object = g_hash_table_lookup(bus->domains, domain);
    g_hash_table_remove(bus->domains, domain);
    g_hash_table_remove(bus->records, domain);
    vb_object_unexport(object);
}

static void
domain_changed(QemuDomain *domain, guint changes, gpointer data)
{
    QemuBus *bus = data;
    VbObject *object = g_hash_table_lookup(bus->domains, domain);
    for (gsize i = 0; object && i < G_N_ELEMENTS(changed_properties); i++) {
        if (changes & changed_properties[i].change)
            vb_object_notify(object, DOMAIN_INTERFACE, changed_properties[i].property);
    }
    if (changes & QEMU_DOMAIN_CHANGED_RUN)
        qemu_bus_check_stops(bus);
}

static void
event_happened(QemuManager *manager, const VbEvent *event, gpointer data)
{
    qemu_bus_send_event(data, event);
}

static void
monitor_event(QemuDomain *domain, const char *name, gint64 time_us, const char *details_json,
              gpointer data)
{
    QemuBus *bus = data;
    VbObject *object = g_hash_table_lookup(bus->domains, domain);
    g_autofree char *details = g_utf8_make_valid(details_json ? details_json : "", -1);
    if (object)
        vb_object_emit(object, DOMAIN_INTERFACE, "MonitorEvent",
                       g_variant_new("(sxus)", name, time_us / G_USEC_PER_SEC,
                                     (guint32)(time_us % G_USEC_PER_SEC), details));
}

static void
hold(const char *why, gpointer data)
{
    vb_service_hold(((QemuBus *)data)->service, why);
}

static void
release(const char *why, gpointer data)
{
    vb_service_release(((QemuBus *)data)->service, why);
}

static void
confine(QemuDomain *domain, pid_t pid, QemuConfined done, gpointer done_data, gpointer data)
{
    QemuBus *bus = data;
    if (bus->scopes)
        qemu_bus_confine(bus->scopes, domain, pid, done, done_data);
    else
        done(done_data);
}

static void
hand_over(const QemuHandOver *request, QemuHandedOver done, gpointer done_data, gpointer data)
{
    qemu_bus_hand_over(((QemuBus *)data)->nodedev, request, done, done_data);
}

/* A guest in a scope, and no bus any more: it was systemd's, and is not ours to weigh. */
static void
set_weights(QemuDomain *domain, const QemuWeights *weights, QemuDone done, gpointer done_data,
            gpointer data)
{
    QemuBus *bus = data;
    g_autoptr(GError) error = NULL;
    if (bus->scopes) {
        qemu_bus_weigh(bus->scopes, domain, weights, done, done_data);
        return;
    }
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED,
                 "cannot set the weight of domain '%s': systemd is not on the bus", domain->name);
    done(domain, error, done_data);
}

static const QemuManagerListener listener = {
    .added = domain_added,
    .removed = domain_removed,
    .changed = domain_changed,
    .event = event_happened,
    .monitor_event = monitor_event,
    .snapshot_added = qemu_bus_snapshot_added,
    .snapshot_removed = qemu_bus_snapshot_removed,
    .snapshot_changed = qemu_bus_snapshot_changed,
    .hold = hold,
    .release = release,
    .confine = confine,
    .hand_over = hand_over,
    .set_weights = set_weights,
};

/* Probing the default emulator: its version is a property, and the first guest need not wait for it. */
static void
version_known(QemuCaps *caps, const GError *error, gpointer data)
{
    QemuBus *bus = data;
    if (!caps)
        return;
    bus->version = qemu_caps_get_version(caps);
    vb_object_notify(bus->root, HYPERVISOR_INTERFACE, "Version");
}

static void
ask_version(QemuBus *bus)
{
    const char *emulator = qemu_caps_cache_get_default_emulator(bus->manager->caps, NULL);
    if (!emulator)
        return;
    g_autoptr(QemuCaps) known = qemu_caps_cache_peek(bus->manager->caps, emulator);
    if (known)
        bus->version = qemu_caps_get_version(known);
    else
        qemu_caps_cache_get(bus->manager->caps, emulator, QEMU_ACCEL_TCG, version_known, bus);
}

static void
host_changed(VbHost *host, gpointer data)
{
    qemu_bus_host_changed(data);
}

/* Without the kernel's events the daemon works: what it shows of the host is then as old as it is itself. */
static void
watch_host(QemuBus *bus)
{
    g_autoptr(GError) error = NULL;
    bus->host_watch = vb_host_watch_new(bus->manager->host, host_changed, bus, &error);
    if (!bus->host_watch)
        vb_log_warning(NULL, "%s", error->message);
}

QemuBus *
qemu_bus_new(VbService *service, QemuManager *manager)
{
    static const VbInterface *const interfaces[] = {&qemu_bus_hypervisor_interface,
                                                    &qemu_bus_host_interface, NULL};
    QemuBus *bus = g_new0(QemuBus, 1);
    bus->service = service;
    bus->manager = manager;
    bus->domains = g_hash_table_new(NULL, NULL);
    bus->records = g_hash_table_new_full(NULL, NULL, NULL, qemu_bus_record_free);
    bus->callers = g_hash_table_new(NULL, NULL);
    bus->snapshots = g_hash_table_new(NULL, NULL);
    bus->root = vb_service_export(service, QEMU_BUS_ROOT, interfaces, bus);
    if (vb_service_bus(service))
        bus->scopes = qemu_bus_scopes_new(vb_service_bus(service), vb_service_is_session(service));
    bus->nodedev = qemu_bus_nodedev_new(vb_service_bus(service));
    ask_version(bus);
    watch_host(bus);
    qemu_manager_set_listener(manager, &listener, bus);
    vb_service_export_jobs(service, manager->jobs);
    return bus;
}

void
qemu_bus_free(QemuBus *bus)
{
    static const QemuManagerListener nobody;
    if (!bus)
        return;
    qemu_bus_drop_stops(bus);
    qemu_bus_scopes_free(bus->scopes);
    qemu_manager_set_listener(bus->manager, &nobody, NULL);
    qemu_bus_nodedev_free(bus->nodedev);
    vb_jobs_set_listener(bus->manager->jobs, NULL, NULL);
    qemu_bus_forget_callers(bus);
    g_hash_table_unref(bus->callers);
    vb_host_watch_free(bus->host_watch);
    g_hash_table_unref(bus->domains);
    g_hash_table_unref(bus->records);
    g_hash_table_unref(bus->snapshots);
    g_free(bus);
}
