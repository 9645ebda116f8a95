/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mediated devices. Every change is one run of mdevctl, after which its definitions are read again; a change is told, and
 * its caller answered, when that shows it. Changes made with mdevctl itself are seen by watching its folder. */
#include "mdev.h"

#include <gio/gio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "vb-constants.h"
#include "work.h"

#define FOLDER "/etc/mdevctl.d"
#define COMMAND_MS 30000
#define LIST_MS 10000
#define APPEAR_MS 10000
#define SETTLE_MS 50 /* mdevctl writes several files */

typedef struct {
    GPtrArray *monitors; /* of GFileMonitor: the folder, and one per parent */
    guint settle;
    gboolean is_stopped;
} Definitions;

/* one change under way */
typedef struct {
    NodedevManager *manager;
    char *name;       /* of the device; NULL: mdevctl says its UUID */
    char *parent;     /* its parent's address */
    const char *what; /* for the message: "start" */
    gboolean awaits_device;
    gboolean may_vanish; /* the device's end is no failure */
    NodedevDone done;
    gpointer data;
} Change;

static void reload(NodedevManager *manager, Change *change);

/* ---- definitions ---- */

static gboolean
is_same_definition(const NodedevMdev *a, const NodedevMdev *b)
{
    guint n_a = a->attrs ? a->attrs->len : 0, n_b = b->attrs ? b->attrs->len : 0;
    if (n_a != n_b || a->is_autostart != b->is_autostart || g_strcmp0(a->type, b->type) != 0)
        return FALSE;
    for (guint i = 0; i < n_a; i++)
        if (!vb_xml_equal(&nodedev_attr_type, a->attrs->pdata[i], b->attrs->pdata[i]))
            return FALSE;
    return TRUE;
}

static void
set_definition(NodedevManager *manager, NodedevDevice *device, NodedevMdev *mdev)
{
    gboolean is_new = !device->definition;
    gboolean is_same = !is_new && is_same_definition(device->definition, mdev);
    nodedev_mdev_free(device->definition);
    device->definition = mdev;
    if (is_same)
        return;
    nodedev_manager_tell_changed(manager, device);
    if (is_new)
        nodedev_manager_tell(manager, device, "lifecycle", VIR_NODE_DEVICE_EVENT_DEFINED);
    else
        nodedev_manager_tell(manager, device, "update", 0);
}

static void
drop_definition(NodedevManager *manager, NodedevDevice *device)
{
    g_clear_pointer(&device->definition, nodedev_mdev_free);
    if (device->is_active)
        nodedev_manager_tell_changed(manager, device);
    nodedev_manager_tell(manager, device, "lifecycle", VIR_NODE_DEVICE_EVENT_UNDEFINED);
    if (!device->is_active)
        nodedev_manager_remove(manager, device);
}

static void
add_defined(NodedevManager *manager, NodedevMdev *mdev)
{
    NodedevDevice *parent = nodedev_manager_find_parent(manager, mdev->parent_addr);
    NodedevDevice *device = nodedev_device_new_defined(mdev);
    device->parent = g_strdup(parent ? parent->name : "computer");
    nodedev_manager_add(manager, device);
    nodedev_manager_tell(manager, device, "lifecycle", VIR_NODE_DEVICE_EVENT_DEFINED);
}

static void
take_definitions(NodedevManager *manager, GPtrArray *list)
{
    g_autoptr(GHashTable) present = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    while (list->len > 0) {
        NodedevMdev *mdev = g_ptr_array_steal_index(list, 0);
        char *name = nodedev_device_mdev_name(mdev->uuid, mdev->parent_addr);
        NodedevDevice *device = g_hash_table_lookup(manager->by_name, name);
        g_hash_table_add(present, name);
        if (device && device->kind != NODEDEV_CAP_MDEV)
            nodedev_mdev_free(mdev);
        else if (device)
            set_definition(manager, device, mdev);
        else
            add_defined(manager, mdev);
    }
    for (guint i = manager->devices->len; i > 0; i--) {
        NodedevDevice *device = i <= manager->devices->len ? manager->devices->pdata[i - 1] : NULL;
        if (device && device->definition && !g_hash_table_contains(present, device->name))
            drop_definition(manager, device);
    }
}

/* ---- the end of a change ---- */

static void
change_end(Change *change, NodedevDevice *device, const GError *cause)
{
    g_autoptr(GError) error = NULL;
    if (!device && !cause && !change->may_vanish)
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "mediated device '%s' did not appear",
                     change->name);
    change->done(cause || error ? NULL : device, cause ? cause : error, change->data);
    g_free(change->name);
    g_free(change->parent);
    g_free(change);
}

static void
on_appeared(NodedevDevice *device, gpointer data)
{
    change_end(data, device && device->is_active ? device : NULL, NULL);
}

static void
change_settle(Change *change)
{
    if (change->awaits_device)
        nodedev_manager_wait(change->manager, change->name, APPEAR_MS, on_appeared, change);
    else
        change_end(change, g_hash_table_lookup(change->manager->by_name, change->name), NULL);
}

/* ---- reading mdevctl's list ---- */

typedef struct {
    NodedevManager *manager;
    Change *change; /* that waits for it; NULL: none */
} Reload;

static void
on_listed(const char *out, const GError *cause, gpointer data)
{
    g_autofree Reload *request = data;
    g_autoptr(GError) error = cause ? g_error_copy(cause) : NULL;
    g_autoptr(GPtrArray) list = out ? nodedev_mdev_parse_list(out, &error) : NULL;
    if (list)
        take_definitions(request->manager, list);
    else
        vb_log_warning(NULL, "mdevctl's list: %s", error->message);
    request->manager->has_definitions = TRUE;
    if (!request->manager->host.is_real)
        nodedev_manager_rescan(request->manager); /* a recorded tree tells of nothing by itself */
    if (request->change && error)
        change_end(request->change, NULL, error);
    else if (request->change)
        change_settle(request->change);
}

static void
reload(NodedevManager *manager, Change *change)
{
    static const char *const more[] = {"--dumpjson", "--defined", NULL};
    g_auto(GStrv) argv = nodedev_mdev_argv("list", NULL, NULL, FALSE, more);
    Reload *request = g_new0(Reload, 1);
    request->manager = manager;
    request->change = change;
    nodedev_command_run((const char *const *)argv, NULL, LIST_MS, on_listed, request);
}

/* ---- changes ---- */

static void
on_changed(const char *out, const GError *cause, gpointer data)
{
    Change *change = data;
    if (cause) {
        g_autoptr(GError) error = NULL;
        if (g_error_matches(cause, VB_ERROR, VIR_ERR_OPERATION_TIMEOUT))
            error = g_error_copy(cause);
        else
            vb_error_set(&error, VIR_ERR_INTERNAL_ERROR, "Unable to %s mediated device: %s",
                         change->what,
                         g_str_has_prefix(cause->message, "internal error: ")
                             ? cause->message + strlen("internal error: ")
                             : cause->message);
        change_end(change, NULL, error);
        return;
    }
    if (!change->name) {
        g_autofree char *uuid = g_strstrip(g_strdup(out));
        change->name = nodedev_device_mdev_name(uuid, change->parent);
    }
    reload(change->manager, change);
}

static Change *
change_new(NodedevManager *manager, const char *what, NodedevDone done, gpointer data)
{
    Change *change = g_new0(Change, 1);
    change->manager = manager;
    change->what = what;
    change->done = done;
    change->data = data;
    return change;
}

static void
fail(NodedevDone done, gpointer data, GError *error)
{
    done(NULL, error, data);
    g_error_free(error);
}

/* The type must be one that the parent offers, where it says what it offers. */
static gboolean
check_type(NodedevManager *manager, const NodedevDevice *parent, const char *type, GError **error)
{
    g_autofree char *path = g_strconcat("mdev_supported_types/", type, NULL);
    gboolean offers = parent->syspath && nodedev_device_has_cap(parent, NODEDEV_CAP_MDEV_TYPES);
    if (strchr(type, '/') || type[0] == '.')
        return vb_error_set(error, VIR_ERR_XML_ERROR, "invalid mediated device type '%s'", type);
    if (offers && !nodedev_sysfs_exists(&manager->host, parent->syspath, path))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "device '%s' has no mediated device type '%s'", parent->name, type);
    return TRUE;
}

static gboolean
can_be_parent(const NodedevDevice *device)
{
    return device->kind == NODEDEV_CAP_PCI || device->kind == NODEDEV_CAP_CSS ||
           device->kind == NODEDEV_CAP_AP_MATRIX ||
           nodedev_device_has_cap(device, NODEDEV_CAP_MDEV_TYPES);
}

/* (transfer full) the parent's address as mdevctl wants it; NULL with @error */
static char *
parent_of(NodedevManager *manager, const NodedevDef *def, gboolean must_offer, GError **error)
{
    const char *wanted = def->parent ? def->parent : def->capability->mdev_parent_addr;
    NodedevDevice *parent = wanted ? nodedev_manager_find_parent(manager, wanted) : NULL;
    if (!parent || !parent->syspath || !can_be_parent(parent)) {
        vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "invalid parent device '%s'",
                     wanted ? wanted : "");
        return NULL;
    }
    if (must_offer && !nodedev_device_has_cap(parent, NODEDEV_CAP_MDEV_TYPES)) {
        vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                     "device '%s' does not support mediated devices", parent->name);
        return NULL;
    }
    if (!check_type(manager, parent, def->capability->mdev_type, error))
        return NULL;
    return g_path_get_basename(parent->syspath);
}

static void
make(NodedevManager *manager, const NodedevDef *def, gboolean is_start, NodedevDone done,
     gpointer data)
{
    GError *error = NULL;
    const char *uuid = def->capability->mdev_uuid;
    g_autofree char *parent = parent_of(manager, def, is_start, &error);
    g_autofree char *name = parent && uuid ? nodedev_device_mdev_name(uuid, parent) : NULL;
    NodedevDevice *known = name ? g_hash_table_lookup(manager->by_name, name) : NULL;
    if (parent && known && is_start && known->is_active)
        vb_error_set(&error, VIR_ERR_OPERATION_INVALID, "%s", "Device is already active");
    if (error) {
        fail(done, data, error);
        return;
    }
    Change *change = change_new(manager, is_start ? "start" : "define", done, data);
    g_auto(GStrv) argv = nodedev_mdev_argv(change->what, parent, uuid, TRUE, NULL);
    g_autofree char *json = nodedev_mdev_json(def->capability, FALSE);
    change->parent = g_steal_pointer(&parent);
    change->name = g_steal_pointer(&name);
    change->awaits_device = is_start;
    nodedev_command_run((const char *const *)argv, json, COMMAND_MS, on_changed, change);
}

void
nodedev_mdev_create(NodedevManager *manager, const NodedevDef *def, NodedevDone done, gpointer data)
{
    make(manager, def, TRUE, done, data);
}

void
nodedev_mdev_define(NodedevManager *manager, const NodedevDef *def, NodedevDone done, gpointer data)
{
    make(manager, def, FALSE, done, data);
}

/* a change of a device that is known; (transfer none) @argv */
static void
change_run(Change *change, const NodedevDevice *device, GStrv argv, const char *json)
{
    change->name = g_strdup(device->name);
    nodedev_command_run((const char *const *)argv, json, COMMAND_MS, on_changed, change);
}

static char *
uuid_of(const NodedevDevice *device)
{
    return device->definition ? g_strdup(device->definition->uuid)
                              : g_path_get_basename(device->syspath);
}

/* mdevctl knows a definition by UUID and parent: one UUID may be defined for several parents */
void
nodedev_mdev_begin(NodedevManager *manager, NodedevDevice *device, NodedevDone done, gpointer data)
{
    g_auto(GStrv) argv = nodedev_mdev_argv("start", NULL, device->definition->uuid, FALSE, NULL);
    Change *change = change_new(manager, "start", done, data);
    change->awaits_device = TRUE;
    change_run(change, device, argv, NULL);
}

/* ---- changes after which the device may be gone ---- */

typedef struct {
    NodedevDone done;
    gpointer data;
    NodedevManager *manager;
    char *name;
    guint ticks;
} Gone;

#define GONE_TICK_MS 10

static void
gone_end(Gone *gone, const GError *error)
{
    gone->done(NULL, error, gone->data);
    g_free(gone->name);
    g_free(gone);
}

/* The kernel's event of the end comes after mdevctl's: the caller is answered once it has been told. */
static gboolean
on_gone_tick(gpointer data)
{
    Gone *gone = data;
    const NodedevDevice *device = g_hash_table_lookup(gone->manager->by_name, gone->name);
    if (device && device->is_active && device->syspath &&
        !nodedev_sysfs_exists(&gone->manager->host, device->syspath, NULL) && ++gone->ticks < 200)
        return G_SOURCE_CONTINUE;
    gone_end(gone, NULL);
    return G_SOURCE_REMOVE;
}

static void
on_maybe_gone(NodedevDevice *device, const GError *error, gpointer data)
{
    if (error)
        gone_end(data, error);
    else
        g_timeout_add(GONE_TICK_MS, on_gone_tick, data);
}

static Gone *
gone_new(NodedevManager *manager, const NodedevDevice *device, NodedevDone done, gpointer data)
{
    Gone *gone = g_new0(Gone, 1);
    gone->manager = manager;
    gone->name = g_strdup(device->name);
    gone->done = done;
    gone->data = data;
    return gone;
}

void
nodedev_mdev_end(NodedevManager *manager, NodedevDevice *device, NodedevDone done, gpointer data)
{
    g_autofree char *uuid = uuid_of(device);
    g_auto(GStrv) argv = nodedev_mdev_argv("stop", NULL, uuid, FALSE, NULL);
    Change *change =
        change_new(manager, "stop", on_maybe_gone, gone_new(manager, device, done, data));
    change->may_vanish = TRUE;
    change_run(change, device, argv, NULL);
}

void
nodedev_mdev_undefine(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                      gpointer data)
{
    g_auto(GStrv) argv = nodedev_mdev_argv("undefine", NULL, device->definition->uuid, FALSE, NULL);
    Change *change =
        change_new(manager, "undefine", on_maybe_gone, gone_new(manager, device, done, data));
    change->may_vanish = TRUE;
    change_run(change, device, argv, NULL);
}

void
nodedev_mdev_set_autostart(NodedevManager *manager, NodedevDevice *device, gboolean is_autostart,
                           NodedevDone done, gpointer data)
{
    const char *const more[] = {is_autostart ? "--auto" : "--manual", NULL};
    g_auto(GStrv) argv = nodedev_mdev_argv("modify", NULL, device->definition->uuid, FALSE, more);
    change_run(change_new(manager, "set autostart of", done, data), device, argv, NULL);
}

void
nodedev_mdev_update(NodedevManager *manager, NodedevDevice *device, const NodedevDef *def,
                    guint flags, NodedevDone done, gpointer data)
{
    gboolean is_live = (flags & VIR_NODE_DEVICE_UPDATE_AFFECT_LIVE) != 0;
    gboolean is_config = (flags & VIR_NODE_DEVICE_UPDATE_AFFECT_CONFIG) != 0;
    const char *more[3] = {NULL};
    guint n = 0;
    if (!is_live && !is_config) {
        is_live = device->is_active;
        is_config = !is_live;
    }
    if (is_config)
        more[n++] = "--defined";
    if (is_live)
        more[n++] = "--live";
    g_autofree char *uuid = uuid_of(device);
    g_autofree char *parent = device->definition ? g_strdup(device->definition->parent_addr) : NULL;
    if (!parent) {
        g_autofree char *folder = g_path_get_dirname(device->syspath);
        parent = g_path_get_basename(folder);
    }
    g_auto(GStrv) argv = nodedev_mdev_argv("modify", parent, uuid, TRUE, more);
    g_autofree char *json =
        nodedev_mdev_json(def->capability, device->definition && device->definition->is_autostart);
    change_run(change_new(manager, "update", done, data), device, argv, json);
}

/* ---- life ---- */

static gboolean
on_settled(gpointer data)
{
    NodedevManager *manager = data;
    ((Definitions *)manager->definitions)->settle = 0;
    nodedev_mdev_stop(manager);
    nodedev_mdev_start(manager);
    return G_SOURCE_REMOVE;
}

static void
on_folder_changed(GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event,
                  gpointer data)
{
    Definitions *definitions = ((NodedevManager *)data)->definitions;
    if (definitions->settle == 0)
        definitions->settle = g_timeout_add(SETTLE_MS, on_settled, data);
}

static void
watch(NodedevManager *manager, const char *path)
{
    Definitions *definitions = manager->definitions;
    g_autoptr(GFile) file = g_file_new_for_path(path);
    GFileMonitor *monitor = g_file_monitor_directory(file, G_FILE_MONITOR_NONE, NULL, NULL);
    if (!monitor)
        return;
    g_signal_connect(monitor, "changed", G_CALLBACK(on_folder_changed), manager);
    g_ptr_array_add(definitions->monitors, monitor);
}

/* TRUE when something is defined; @path's folders are watched */
static gboolean
watch_all(NodedevManager *manager, const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    gboolean is_any = FALSE;
    watch(manager, path);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *below = g_build_filename(path, name, NULL);
        if (g_str_equal(name, "scripts.d") || !g_file_test(below, G_FILE_TEST_IS_DIR))
            continue;
        is_any = TRUE;
        watch(manager, below);
    }
    return is_any;
}

void
nodedev_mdev_start(NodedevManager *manager)
{
    Definitions *definitions = g_new0(Definitions, 1);
    g_autofree char *path = g_strconcat(manager->host.root, FOLDER, NULL);
    gboolean is_first = !manager->has_definitions;
    definitions->monitors = g_ptr_array_new_with_free_func(g_object_unref);
    manager->definitions = definitions;
    gboolean is_any = watch_all(manager, path);
    if (is_any || !is_first)
        reload(manager, NULL);
    else
        manager->has_definitions = TRUE;
}

void
nodedev_mdev_stop(NodedevManager *manager)
{
    Definitions *definitions = g_steal_pointer(&manager->definitions);
    if (!definitions)
        return;
    g_clear_handle_id(&definitions->settle, g_source_remove);
    for (guint i = 0; i < definitions->monitors->len; i++)
        g_signal_handlers_disconnect_by_data(definitions->monitors->pdata[i], manager);
    g_ptr_array_unref(definitions->monitors);
    g_free(definitions);
}
