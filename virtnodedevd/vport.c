/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NPIV: a port is made by writing "WWPN:WWNN" to its host's vport_create, and deleted likewise
 * (Documentation/scsi/scsi_fc_transport.rst). The kernel may take seconds for it: a thread writes. */
#include "vport.h"

#include <string.h>

#include "base/error.h"
#include "vb-constants.h"
#include "work.h"

#define WRITE_MS 30000
#define APPEAR_MS 10000

typedef struct {
    char *path;
    char *text;
} Request;

typedef struct {
    NodedevManager *manager;
    char *wwnn, *wwpn; /* of the port; NULL: it is being deleted */
    char *name;        /* of the host that is deleted */
    guint ticks;
    NodedevDone done;
    gpointer data;
} Change;

static void
request_free(gpointer data)
{
    Request *request = data;
    g_free(request->path);
    g_free(request->text);
    g_free(request);
}

static gboolean
write_request(gpointer data, GError **error)
{
    const Request *request = data;
    return nodedev_work_write(request->path, request->text, error);
}

static void
change_end(Change *change, NodedevDevice *device, const GError *error)
{
    change->done(device, error, change->data);
    g_free(change->wwnn);
    g_free(change->wwpn);
    g_free(change->name);
    g_free(change);
}

/* ---- the parent ---- */

static gboolean
can_make_ports(const NodedevDevice *device)
{
    return device->syspath && nodedev_device_has_cap(device, NODEDEV_CAP_VPORTS);
}

static NodedevDevice *
find_by_fabric(NodedevManager *manager, const char *wanted)
{
    for (guint i = 0; i < manager->devices->len; i++) {
        NodedevDevice *device = manager->devices->pdata[i];
        if (!can_make_ports(device))
            continue;
        g_autofree char *sysname = g_path_get_basename(device->syspath);
        g_autofree char *folder = g_strconcat("/sys/class/fc_host/", sysname, NULL);
        g_autofree char *name = nodedev_sysfs_read(&manager->host, folder, "fabric_name");
        if (!wanted || (name && g_ascii_strcasecmp(g_str_has_prefix(name, "0x") ? name + 2 : name,
                                                   wanted) == 0))
            return device;
    }
    return NULL;
}

/* by its name, its WWNs, its fabric, or the first that can; NULL with @error */
static NodedevDevice *
find_parent(NodedevManager *manager, const NodedevDef *def, GError **error)
{
    NodedevDevice *parent = NULL;
    if (def->parent) {
        parent = g_hash_table_lookup(manager->by_name, def->parent);
        if (!parent)
            vb_error_set(error, VIR_ERR_NO_NODE_DEVICE, "Could not find parent device for '%s'",
                         def->parent);
        else if (!can_make_ports(parent))
            vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                         "Parent device %s is not capable of vport operations", def->parent);
        return parent && can_make_ports(parent) ? parent : NULL;
    }
    if (def->parent_wwnn && def->parent_wwpn)
        return nodedev_manager_find_wwn(manager, def->parent_wwnn, def->parent_wwpn, error);
    parent = find_by_fabric(manager, def->parent_fabric_wwn);
    if (!parent)
        vb_error_set(error, VIR_ERR_NO_NODE_DEVICE, "%s",
                     def->parent_fabric_wwn ? "no vport capable host is in that fabric"
                                            : "unable to find a vport capable device");
    return parent;
}

static char *
attribute_of(NodedevManager *manager, const NodedevDevice *host, const char *attribute)
{
    g_autofree char *sysname = g_path_get_basename(host->syspath);
    static const char *const classes[] = {"fc_host", "scsi_host"};
    for (guint i = 0; i < G_N_ELEMENTS(classes); i++) {
        g_autofree char *folder = g_strdup_printf("/sys/class/%s/%s", classes[i], sysname);
        if (nodedev_sysfs_exists(&manager->host, folder, attribute))
            return nodedev_sysfs_path(&manager->host, folder, attribute);
    }
    return NULL;
}

/* ---- creating ---- */

static void
on_appeared(NodedevDevice *device, gpointer data)
{
    Change *change = data;
    g_autoptr(GError) error = NULL;
    if (!device)
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED,
                     "the port with wwnn '%s' and wwpn '%s' did not appear", change->wwnn,
                     change->wwpn);
    change_end(change, device, error);
}

#define TICK_MS 20

static gboolean
on_tick(gpointer data)
{
    Change *change = data;
    NodedevDevice *device =
        nodedev_manager_find_wwn(change->manager, change->wwnn, change->wwpn, NULL);
    if (!device && ++change->ticks < APPEAR_MS / TICK_MS)
        return G_SOURCE_CONTINUE;
    on_appeared(device, change);
    return G_SOURCE_REMOVE;
}

static void
on_created(const GError *error, gpointer data)
{
    Change *change = data;
    if (error)
        change_end(change, NULL, error);
    else
        g_timeout_add(TICK_MS, on_tick, change);
}

/* Names of our own: registered format 5 with the number that libvirt uses for them, too (5001a4a) */
static char *
make_wwn(void)
{
    return g_strdup_printf("5001a4a%01x%08x", g_random_int() & 0xf, g_random_int());
}

static gboolean
is_wwn(const char *text)
{
    return strlen(text) == 16 && strspn(text, "0123456789abcdefABCDEF") == 16;
}

static void
run(Change *change, const char *path, const char *wwnn, const char *wwpn, const char *what,
    NodedevWorkDone done)
{
    Request *request = g_new0(Request, 1);
    const NodedevWork work = {write_request, request, request_free, WRITE_MS, what};
    request->path = g_strdup(path);
    request->text = g_strdup_printf("%s:%s", wwpn, wwnn);
    nodedev_work_run(&work, done, NULL, change);
}

static gboolean
check_wwns(const NodedevSub *fc, GError **error)
{
    if (!fc)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "%s", "Unsupported device type");
    if (!fc->wwnn != !fc->wwpn)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "%s",
                            "wwnn and wwpn must be given together, or neither");
    if (fc->wwnn && (!is_wwn(fc->wwnn) || !is_wwn(fc->wwpn)))
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Malformed wwn: %s",
                            is_wwn(fc->wwnn) ? fc->wwpn : fc->wwnn);
    return TRUE;
}

void
nodedev_vport_create(NodedevManager *manager, const NodedevDef *def, NodedevDone done,
                     gpointer data)
{
    const NodedevSub *fc = nodedev_sub_find(def->capability, NODEDEV_SUB_FC_HOST);
    g_autoptr(GError) error = NULL;
    NodedevDevice *parent = check_wwns(fc, &error) ? find_parent(manager, def, &error) : NULL;
    g_autofree char *path = parent ? attribute_of(manager, parent, "vport_create") : NULL;
    if (parent && !path)
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "device '%s' makes no ports any more",
                     parent->name);
    if (error) {
        done(NULL, error, data);
        return;
    }
    Change *change = g_new0(Change, 1);
    change->manager = manager;
    change->wwnn = fc->wwnn ? g_strdup(fc->wwnn) : make_wwn();
    change->wwpn = fc->wwpn ? g_strdup(fc->wwpn) : make_wwn();
    change->done = done;
    change->data = data;
    run(change, path, change->wwnn, change->wwpn, "creating the port", on_created);
}

/* ---- deleting ---- */

static gboolean
on_deleted_tick(gpointer data)
{
    Change *change = data;
    if (g_hash_table_contains(change->manager->by_name, change->name) &&
        ++change->ticks < APPEAR_MS / TICK_MS)
        return G_SOURCE_CONTINUE;
    change_end(change, NULL, NULL);
    return G_SOURCE_REMOVE;
}

static void
on_deleted(const GError *error, gpointer data)
{
    if (error)
        change_end(data, NULL, error);
    else
        g_timeout_add(TICK_MS, on_deleted_tick, data);
}

static char *
wwn_of(NodedevManager *manager, const NodedevDevice *device, const char *attribute)
{
    g_autofree char *sysname = g_path_get_basename(device->syspath);
    g_autofree char *folder = g_strconcat("/sys/class/fc_host/", sysname, NULL);
    g_autofree char *text = nodedev_sysfs_read(&manager->host, folder, attribute);
    return text ? g_strdup(g_str_has_prefix(text, "0x") ? text + 2 : text) : NULL;
}

void
nodedev_vport_delete(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                     gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *wwnn = wwn_of(manager, device, "node_name");
    g_autofree char *wwpn = wwn_of(manager, device, "port_name");
    NodedevDevice *parent = g_hash_table_lookup(manager->by_name, device->parent);
    gboolean is_port = wwnn && wwpn && strstr(device->syspath, "/vport-");
    g_autofree char *path =
        is_port && parent && parent->syspath ? attribute_of(manager, parent, "vport_delete") : NULL;
    if (!path) {
        vb_error_set(&error, VIR_ERR_INTERNAL_ERROR,
                     "Parent device %s is not capable of vport operations", device->parent);
        done(NULL, error, data);
        return;
    }
    Change *change = g_new0(Change, 1);
    change->manager = manager;
    change->name = g_strdup(device->name);
    change->done = done;
    change->data = data;
    run(change, path, wwnn, wwpn, "deleting the port", on_deleted);
}
