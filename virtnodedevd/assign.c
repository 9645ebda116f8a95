/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Detach, reattach, reset of one device that no guest holds. A thread does the writing (bind.c). */
#include "assign.h"

#include "base/error.h"
#include "bind.h"
#include "claims.h"
#include "hand-over.h"
#include "vb-constants.h"
#include "work.h"

#define LIMIT_MS 60000

typedef struct {
    NodedevManager *manager;
    char *name;
    NodedevDone done;
    gpointer data;
} Change;

/* ---- in the thread ---- */

static gboolean
detach(gpointer bind, GError **error)
{
    return nodedev_bind_detach(bind, error);
}

static gboolean
reattach(gpointer bind, GError **error)
{
    return nodedev_bind_reattach(bind, error);
}

static gboolean
reset(gpointer bind, GError **error)
{
    return nodedev_bind_reset(bind, error);
}

/* ---- on the loop ---- */

static void
on_ended(const GError *error, gpointer data)
{
    Change *change = data;
    NodedevDevice *device = g_hash_table_lookup(change->manager->by_name, change->name);
    if (device)
        device->is_busy = FALSE;
    nodedev_hand_over_poke(change->manager);
    if (!change->done) { /* its caller was answered long ago */
        g_free(change->name);
        g_free(change);
    }
}

/* The kernel's event may still be on its way: what changed is looked at before the answer. */
static void
on_done(const GError *error, gpointer data)
{
    Change *change = data;
    NodedevDevice *device = g_hash_table_lookup(change->manager->by_name, change->name);
    if (device)
        nodedev_manager_refresh(change->manager, device);
    change->done(error ? NULL : device, error, change->data);
    if (error && g_error_matches(error, VB_ERROR, VIR_ERR_OPERATION_TIMEOUT)) {
        change->done = NULL; /* on_ended() frees the rest */
        return;
    }
    g_free(change->name);
    g_free(change);
}

static void
run(NodedevManager *manager, NodedevDevice *device, const NodedevWork *what, NodedevDone done,
    gpointer data)
{
    g_autoptr(GError) error = NULL;
    NodedevWork work = *what;
    if (device->kind != NODEDEV_CAP_PCI)
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "device %s is not a PCI device", device->name);
    else if (nodedev_claims_check(manager, device, NULL, &error) && device->is_busy)
        vb_error_set(&error, VIR_ERR_OPERATION_INVALID,
                     "another operation on device %s is under way", device->name);
    if (error) {
        done(NULL, error, data);
        return;
    }
    Change *change = g_new0(Change, 1);
    change->manager = manager;
    change->name = g_strdup(device->name);
    change->done = done;
    change->data = data;
    device->is_busy = TRUE;
    work.request = nodedev_bind_new(manager, device);
    nodedev_work_run(&work, on_done, on_ended, change);
}

void
nodedev_assign_detach(NodedevManager *manager, NodedevDevice *device, const char *driver,
                      NodedevDone done, gpointer data)
{
    static const NodedevWork work = {detach, NULL, nodedev_bind_free, LIMIT_MS,
                                     "detaching the device"};
    g_autoptr(GError) error = NULL;
    gboolean is_vfio = !*driver || g_str_equal(driver, "vfio") || g_str_equal(driver, "vfio-pci");
    if (g_str_equal(driver, "kvm") || g_str_equal(driver, "xen"))
        vb_error_set(&error, VIR_ERR_ARGUMENT_UNSUPPORTED,
                     "%s device assignment is not supported on this system", driver);
    else if (!is_vfio)
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "unknown driver name '%s'", driver);
    if (error)
        done(NULL, error, data);
    else
        run(manager, device, &work, done, data);
}

void
nodedev_assign_reattach(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                        gpointer data)
{
    static const NodedevWork work = {reattach, NULL, nodedev_bind_free, LIMIT_MS,
                                     "giving the device back"};
    run(manager, device, &work, done, data);
}

void
nodedev_assign_reset(NodedevManager *manager, NodedevDevice *device, NodedevDone done,
                     gpointer data)
{
    static const NodedevWork work = {reset, NULL, nodedev_bind_free, LIMIT_MS,
                                     "resetting the device"};
    run(manager, device, &work, done, data);
}
