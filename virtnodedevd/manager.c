/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The registry of devices, fed by the backend. What is known of each is small; its XML is read when asked for. */
#include "manager.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "claims.h"
#include "describe.h"
#include "known.h"
#include "mdev.h"
#include "store/store.h"
#include "vb-constants.h"

#define DEFINITIONS_MS 5000

typedef struct {
    NodedevManager *manager;
    char *name;
    guint timer;
    NodedevWaitDone done;
    gpointer data;
} Wait;

/* ---- waiting for a device ---- */

static void
wait_end(Wait *wait, NodedevDevice *device)
{
    g_ptr_array_remove(wait->manager->waits, wait);
    g_clear_handle_id(&wait->timer, g_source_remove);
    wait->done(device, wait->data);
    g_free(wait->name);
    g_free(wait);
}

static gboolean
on_wait_over(gpointer data)
{
    Wait *wait = data;
    wait->timer = 0;
    wait_end(wait, g_hash_table_lookup(wait->manager->by_name, wait->name));
    return G_SOURCE_REMOVE;
}

void
nodedev_manager_wait(NodedevManager *manager, const char *name, guint timeout_ms,
                     NodedevWaitDone done, gpointer data)
{
    NodedevDevice *device = g_hash_table_lookup(manager->by_name, name);
    if (device && device->is_active) {
        done(device, data);
        return;
    }
    Wait *wait = g_new0(Wait, 1);
    wait->manager = manager;
    wait->name = g_strdup(name);
    wait->done = done;
    wait->data = data;
    wait->timer = g_timeout_add(timeout_ms, on_wait_over, wait);
    g_ptr_array_add(manager->waits, wait);
}

static void
wake(NodedevManager *manager, NodedevDevice *device)
{
    for (guint i = manager->waits->len; i > 0; i--) {
        Wait *wait = manager->waits->pdata[i - 1];
        if (device->is_active && g_str_equal(wait->name, device->name))
            wait_end(wait, device);
    }
}

/* ---- telling ---- */

static void
on_event(const VbEvent *event, gpointer data)
{
    NodedevManager *manager = data;
    if (manager->listener.event)
        manager->listener.event(event, manager->data);
}

static void
tell(NodedevManager *manager, const char *name, const char *kind, int number, gboolean is_late)
{
    GVariantDict details;
    if (manager->is_quiet)
        return;
    g_variant_dict_init(&details, NULL);
    if (g_str_equal(kind, "lifecycle")) {
        g_variant_dict_insert(&details, "event", "i", number);
        g_variant_dict_insert(&details, "detail", "i", 0);
    }
    VbEvent event = {.kind = (char *)kind,
                     .name = (char *)name,
                     .id = -1,
                     .is_late = is_late,
                     .details = g_variant_ref_sink(g_variant_dict_end(&details))};
    vb_events_append(manager->events, &event);
    g_variant_unref(event.details);
    if (!is_late)
        nodedev_known_follow(manager);
}

void
nodedev_manager_tell(NodedevManager *manager, const NodedevDevice *device, const char *kind,
                     int event)
{
    tell(manager, device->name, kind, event, FALSE);
}

void
nodedev_manager_tell_late(NodedevManager *manager, const char *name, int event)
{
    tell(manager, name, "lifecycle", event, TRUE);
}

void
nodedev_manager_tell_changed(NodedevManager *manager, NodedevDevice *device)
{
    if (manager->listener.changed)
        manager->listener.changed(device, manager->data);
}

/* ---- the registry ---- */

static NodedevDevice *
parent_of(NodedevManager *manager, const char *syspath)
{
    g_autofree char *path = g_strdup(syspath);
    for (char *slash = strrchr(path, '/'); slash && slash > path; slash = strrchr(path, '/')) {
        *slash = '\0';
        NodedevDevice *parent = g_hash_table_lookup(manager->by_path, path);
        if (parent)
            return parent;
    }
    return NULL;
}

static void
set_parent(NodedevManager *manager, NodedevDevice *device)
{
    NodedevDevice *parent = device->syspath ? parent_of(manager, device->syspath) : NULL;
    g_free(device->parent);
    device->parent = g_strdup(parent ? parent->name : "computer");
}

void
nodedev_manager_add(NodedevManager *manager, NodedevDevice *device)
{
    if (!device->parent && device->kind != NODEDEV_CAP_SYSTEM)
        set_parent(manager, device);
    g_ptr_array_add(manager->devices, device);
    g_hash_table_insert(manager->by_name, device->name, device);
    if (device->syspath)
        g_hash_table_insert(manager->by_path, device->syspath, device);
    if (manager->listener.added)
        manager->listener.added(device, manager->data);
}

void
nodedev_manager_remove(NodedevManager *manager, NodedevDevice *device)
{
    if (manager->listener.removed)
        manager->listener.removed(device, manager->data);
    if (g_hash_table_lookup(manager->by_name, device->name) == device)
        g_hash_table_remove(manager->by_name, device->name);
    if (device->syspath)
        g_hash_table_remove(manager->by_path, device->syspath);
    g_ptr_array_remove_fast(manager->devices, device);
}

/* What was found goes into the device that is known already; names and kinds stay. */
static gboolean
take_facts(NodedevManager *manager, NodedevDevice *device, NodedevDevice *found)
{
    if (device->is_active && nodedev_facts_equal(device, found))
        return FALSE;
    if (device->syspath)
        g_hash_table_remove(manager->by_path, device->syspath);
    g_free(device->syspath);
    g_free(device->driver);
    g_free(device->devnode);
    g_strfreev(device->devlinks);
    device->syspath = g_steal_pointer(&found->syspath);
    device->driver = g_steal_pointer(&found->driver);
    device->devnode = g_steal_pointer(&found->devnode);
    device->devlinks = g_steal_pointer(&found->devlinks);
    device->caps = found->caps;
    device->iommu_group = found->iommu_group;
    device->numa_node = found->numa_node;
    g_hash_table_insert(manager->by_path, device->syspath, device);
    set_parent(manager, device);
    return TRUE;
}

/* A mediated device that is defined stays when it stops. */
static void
device_gone(NodedevManager *manager, NodedevDevice *device)
{
    g_autofree char *name = g_strdup(device->name);
    if (device->definition) {
        g_hash_table_remove(manager->by_path, device->syspath);
        g_clear_pointer(&device->syspath, g_free);
        g_clear_pointer(&device->driver, g_free);
        device->is_active = FALSE;
        nodedev_manager_tell_changed(manager, device);
    } else {
        nodedev_manager_remove(manager, device);
    }
    tell(manager, name, "lifecycle", VIR_NODE_DEVICE_EVENT_DELETED, FALSE);
}

static void
device_found(NodedevManager *manager, NodedevDevice *found, gboolean is_event)
{
    g_autoptr(NodedevDevice) owned = found;
    NodedevDevice *device = g_hash_table_lookup(manager->by_path, found->syspath);
    NodedevDevice *namesake = g_hash_table_lookup(manager->by_name, found->name);
    /* another name: a serial number or address that is known only now; another device at the same place */
    if (device && device != namesake) {
        device_gone(manager, device);
        device = NULL;
    }
    if (!device && namesake && namesake->is_active && namesake->syspath) {
        vb_log_warning(NULL, "two devices are called '%s': '%s' is not shown", found->name,
                       found->syspath);
        return;
    }
    if (!device && !namesake) {
        device = g_steal_pointer(&owned);
        nodedev_manager_add(manager, device);
        tell(manager, device->name, "lifecycle", VIR_NODE_DEVICE_EVENT_CREATED, FALSE);
        wake(manager, device);
        return;
    }
    device = namesake;
    device->is_stale = FALSE;
    gboolean was_active = device->is_active;
    gboolean has_changed = take_facts(manager, device, found);
    device->is_active = TRUE;
    if (has_changed)
        nodedev_manager_tell_changed(manager, device);
    if (!was_active)
        tell(manager, device->name, "lifecycle", VIR_NODE_DEVICE_EVENT_CREATED, FALSE);
    else if (has_changed || is_event)
        tell(manager, device->name, "update", 0, FALSE);
    if (!was_active)
        wake(manager, device);
}

/* ---- the backend's words ---- */

static void
remove_path(NodedevManager *manager, const char *syspath)
{
    NodedevDevice *device = g_hash_table_lookup(manager->by_path, syspath);
    if (device)
        device_gone(manager, device);
}

void
nodedev_manager_refresh(NodedevManager *manager, NodedevDevice *device)
{
    g_autoptr(NodedevRaw) raw =
        device->syspath ? manager->backend->lookup(manager->backend, device->syspath) : NULL;
    NodedevDevice *found = raw ? nodedev_device_identify(&manager->host, raw) : NULL;
    if (found)
        device_found(manager, found, FALSE);
}

/* A SCSI host becomes a Fibre Channel host, or one that can make ports, after it has been told of: its class devices say so.
 * Source: drivers/scsi/scsi_transport_fc.c: .../host7/fc_host/host7 */
static void
look_at_host(NodedevManager *manager, const NodedevRaw *raw)
{
    g_autofree char *folder = g_path_get_dirname(raw->syspath);
    g_autofree char *host = g_path_get_dirname(folder);
    NodedevDevice *device = g_hash_table_lookup(manager->by_path, host);
    if (device)
        nodedev_manager_refresh(manager, device);
}

static void
on_backend_event(NodedevAction action, const NodedevRaw *raw, gpointer data)
{
    NodedevManager *manager = data;
    NodedevDevice *found =
        action == NODEDEV_ACTION_REMOVE ? NULL : nodedev_device_identify(&manager->host, raw);
    if (found)
        device_found(manager, found, TRUE);
    else
        remove_path(manager, raw->syspath);
    if (raw->subsystem &&
        (g_str_equal(raw->subsystem, "fc_host") || g_str_equal(raw->subsystem, "scsi_host")))
        look_at_host(manager, raw);
}

static void
on_backend_lost(gpointer data)
{
    nodedev_manager_rescan(data);
}

static const NodedevBackendListener backend_listener = {on_backend_event, on_backend_lost};

static void
on_enumerated(gpointer raw, gpointer data)
{
    NodedevManager *manager = data;
    NodedevDevice *found = nodedev_device_identify(&manager->host, raw);
    if (!found)
        return;
    NodedevDevice *known = g_hash_table_lookup(manager->by_path, found->syspath);
    if (known)
        known->is_stale = FALSE;
    device_found(manager, found, FALSE);
}

static gboolean
enumerate(NodedevManager *manager, GError **error)
{
    for (guint i = 0; i < manager->devices->len; i++) {
        NodedevDevice *device = manager->devices->pdata[i];
        device->is_stale = device->syspath != NULL;
    }
    if (!manager->backend->enumerate(manager->backend, on_enumerated, manager, error))
        return FALSE;
    for (guint i = manager->devices->len; i > 0; i--) {
        NodedevDevice *device = i <= manager->devices->len ? manager->devices->pdata[i - 1] : NULL;
        if (device && device->is_stale)
            device_gone(manager, device);
    }
    return TRUE;
}

void
nodedev_manager_rescan(NodedevManager *manager)
{
    g_autoptr(GError) error = NULL;
    if (!enumerate(manager, &error))
        vb_log_warning(NULL, "%s", error->message);
}

static gboolean
on_definitions_late(gpointer data)
{
    *(gboolean *)data = TRUE;
    return G_SOURCE_REMOVE;
}

/* Before anybody is served: the first list is to be complete. */
static void
read_definitions(NodedevManager *manager)
{
    gboolean is_late = FALSE;
    nodedev_mdev_start(manager);
    guint timer = g_timeout_add(DEFINITIONS_MS, on_definitions_late, &is_late);
    while (!manager->has_definitions && !is_late)
        g_main_context_iteration(NULL, TRUE);
    if (!is_late)
        g_source_remove(timer);
}

gboolean
nodedev_manager_start(NodedevManager *manager, GError **error)
{
    if (!manager->backend->watch(manager->backend, &backend_listener, manager, error))
        return FALSE;
    manager->is_quiet = TRUE;
    nodedev_manager_add(manager, nodedev_device_new_computer());
    gboolean is_done = enumerate(manager, error);
    read_definitions(manager);
    manager->is_quiet = FALSE;
    return is_done && nodedev_known_compare(manager, error);
}

/* ---- looking ---- */

NodedevDevice *
nodedev_manager_find(NodedevManager *manager, const char *name, GError **error)
{
    NodedevDevice *device = g_hash_table_lookup(manager->by_name, name);
    if (!device)
        vb_error_set(error, VIR_ERR_NO_NODE_DEVICE, "no node device with matching name '%s'", name);
    return device;
}

NodedevDevice *
nodedev_manager_find_parent(NodedevManager *manager, const char *address)
{
    NodedevDevice *device = g_hash_table_lookup(manager->by_name, address);
    for (guint i = 0; !device && i < manager->devices->len; i++) {
        NodedevDevice *at = manager->devices->pdata[i];
        g_autofree char *sysname = at->syspath ? g_path_get_basename(at->syspath) : NULL;
        if (g_strcmp0(sysname, address) == 0 && nodedev_device_has_cap(at, NODEDEV_CAP_MDEV_TYPES))
            device = at;
    }
    return device;
}

static gboolean
is_wwn(const char *text)
{
    if (strlen(text) != 16)
        return FALSE;
    for (; *text; text++)
        if (!g_ascii_isxdigit(*text))
            return FALSE;
    return TRUE;
}

static gboolean
has_wwn(NodedevManager *manager, const NodedevDevice *device, const char *attribute,
        const char *wwn)
{
    g_autofree char *sysname = g_path_get_basename(device->syspath);
    g_autofree char *folder = g_strconcat("/sys/class/fc_host/", sysname, NULL);
    g_autofree char *text = nodedev_sysfs_read(&manager->host, folder, attribute);
    return text && g_ascii_strcasecmp(g_str_has_prefix(text, "0x") ? text + 2 : text, wwn) == 0;
}

NodedevDevice *
nodedev_manager_find_wwn(NodedevManager *manager, const char *wwnn, const char *wwpn,
                         GError **error)
{
    if (!is_wwn(wwnn) || !is_wwn(wwpn)) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' is not a world wide name",
                     is_wwn(wwnn) ? wwpn : wwnn);
        return NULL;
    }
    for (guint i = 0; i < manager->devices->len; i++) {
        NodedevDevice *device = manager->devices->pdata[i];
        if (nodedev_device_has_cap(device, NODEDEV_CAP_FC_HOST) && device->syspath &&
            has_wwn(manager, device, "node_name", wwnn) &&
            has_wwn(manager, device, "port_name", wwpn))
            return device;
    }
    vb_error_set(error, VIR_ERR_NO_NODE_DEVICE,
                 "no node device with matching wwnn '%s' and wwpn '%s'", wwnn, wwpn);
    return NULL;
}

/* The flags for capabilities are in the order of their kinds, from SYSTEM = 1 on, but for two. */
static const struct {
    guint flag;
    NodedevCap cap;
} cap_flags[] = {
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_SYSTEM, NODEDEV_CAP_SYSTEM},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV, NODEDEV_CAP_PCI},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_USB_DEV, NODEDEV_CAP_USB_DEVICE},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_USB_INTERFACE, NODEDEV_CAP_USB},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET, NODEDEV_CAP_NET},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI_HOST, NODEDEV_CAP_SCSI_HOST},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI_TARGET, NODEDEV_CAP_SCSI_TARGET},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI, NODEDEV_CAP_SCSI},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_STORAGE, NODEDEV_CAP_STORAGE},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_FC_HOST, NODEDEV_CAP_FC_HOST},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_VPORTS, NODEDEV_CAP_VPORTS},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI_GENERIC, NODEDEV_CAP_SCSI_GENERIC},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_DRM, NODEDEV_CAP_DRM},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV_TYPES, NODEDEV_CAP_MDEV_TYPES},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV, NODEDEV_CAP_MDEV},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_CCW_DEV, NODEDEV_CAP_CCW},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_CSS_DEV, NODEDEV_CAP_CSS},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_VDPA, NODEDEV_CAP_VDPA},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_AP_CARD, NODEDEV_CAP_AP_CARD},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_AP_QUEUE, NODEDEV_CAP_AP_QUEUE},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_AP_MATRIX, NODEDEV_CAP_AP_MATRIX},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_VPD, NODEDEV_CAP_VPD},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_CCWGROUP_DEV, NODEDEV_CAP_CCWGROUP},
    {VIR_CONNECT_LIST_NODE_DEVICES_CAP_CCWGROUP_MEMBER, NODEDEV_CAP_CCWGROUP_MEMBER},
};

/* Of two flags that exclude each other, none or both mean "either". */
static gboolean
either(guint flags, guint yes, guint no, gboolean is)
{
    return !(flags & (yes | no)) || (flags & (is ? yes : no)) != 0;
}

GPtrArray *
nodedev_manager_list(NodedevManager *manager, guint flags)
{
    GPtrArray *list = g_ptr_array_new();
    guint caps = 0, asked = 0;
    for (guint i = 0; i < G_N_ELEMENTS(cap_flags); i++) {
        asked |= cap_flags[i].flag;
        if (flags & cap_flags[i].flag)
            caps |= 1u << cap_flags[i].cap;
    }
    for (guint i = 0; i < manager->devices->len; i++) {
        NodedevDevice *device = manager->devices->pdata[i];
        gboolean is_persistent = device->definition != NULL;
        if ((!(flags & asked) || (device->caps & caps)) &&
            either(flags, VIR_CONNECT_LIST_NODE_DEVICES_PERSISTENT,
                   VIR_CONNECT_LIST_NODE_DEVICES_TRANSIENT, is_persistent) &&
            either(flags, (guint)VIR_CONNECT_LIST_NODE_DEVICES_ACTIVE,
                   VIR_CONNECT_LIST_NODE_DEVICES_INACTIVE, device->is_active))
            g_ptr_array_add(list, device);
    }
    return list;
}

GPtrArray *
nodedev_manager_list_cap(NodedevManager *manager, const char *cap)
{
    GPtrArray *list = g_ptr_array_new();
    int kind = cap && *cap ? vb_enum_from_nick(&nodedev_cap_enum, cap) : 0;
    for (guint i = 0; kind >= 0 && i < manager->devices->len; i++) {
        NodedevDevice *device = manager->devices->pdata[i];
        if (device->is_active && (kind == 0 || nodedev_device_has_cap(device, (NodedevCap)kind)))
            g_ptr_array_add(list, device);
    }
    return list;
}

char *
nodedev_manager_get_xml(NodedevManager *manager, NodedevDevice *device, gboolean is_inactive)
{
    gboolean is_defined = device->definition && (is_inactive || !device->is_active);
    g_autoptr(NodedevRaw) raw = device->syspath && !is_defined
                                    ? manager->backend->lookup(manager->backend, device->syspath)
                                    : NULL;
    NodedevDef *def = is_defined ? nodedev_describe_defined(device)
                                 : nodedev_describe(&manager->host, device, raw);
    char *xml = vb_xml_format(&nodedev_def_type, def, VB_XML_FORMAT_LIVE);
    vb_xml_free(&nodedev_def_type, def);
    return xml;
}

/* ---- life ---- */

void
nodedev_manager_set_listener(NodedevManager *manager, const NodedevListener *listener,
                             gpointer data)
{
    manager->listener = *listener;
    manager->data = data;
}

NodedevManager *
nodedev_manager_new(const char *root, const char *sysfs, const char *procfs, GError **error)
{
    NodedevManager *manager = g_new0(NodedevManager, 1);
    g_autofree char *folder = g_strconcat(root, "/run/virtbus", NULL);
    g_autofree char *log = g_build_filename(folder, "virtnodedevd.events", NULL);
    manager->host = (NodedevHost){g_strdup(sysfs), g_strdup(procfs), g_strdup(root),
                                  g_str_equal(sysfs, "/sys")};
    manager->devices = g_ptr_array_new_with_free_func((GDestroyNotify)nodedev_device_free);
    manager->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    manager->by_path = g_hash_table_new(g_str_hash, g_str_equal);
    manager->waits = g_ptr_array_new();
    manager->backend = manager->host.is_real ? nodedev_backend_udev_new(&manager->host)
                                             : nodedev_backend_tree_new(&manager->host);
    if (vb_store_mkdir(folder, 0755, error) && nodedev_claims_load(manager, error))
        manager->events = vb_events_open(log, error);
    if (!manager->events) {
        nodedev_manager_free(manager);
        return NULL;
    }
    vb_events_subscribe(manager->events, on_event, manager);
    return manager;
}

void
nodedev_manager_free(NodedevManager *manager)
{
    if (!manager)
        return;
    nodedev_mdev_stop(manager);
    while (manager->waits->len > 0)
        wait_end(manager->waits->pdata[0], NULL);
    manager->backend->free(manager->backend);
    if (manager->events)
        nodedev_known_write(manager);
    nodedev_claims_free(manager);
    g_hash_table_unref(manager->by_name);
    g_hash_table_unref(manager->by_path);
    g_ptr_array_unref(manager->devices);
    g_ptr_array_unref(manager->waits);
    vb_events_free(manager->events);
    g_free(manager->host.sysfs);
    g_free(manager->host.procfs);
    g_free(manager->host.root);
    g_free(manager);
}
