/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handing a guest's devices over and taking them back: claims first, on disk; then a thread does the writing. Requests
 * wait while something else is being done with one of their devices; none overtakes another of the same guest. */
#include "hand-over.h"

#include <errno.h>

#include "base/error.h"
#include "base/log.h"
#include "bind.h"
#include "vb-constants.h"
#include "work.h"

#define LIMIT_MS 60000

typedef struct {
    char *address;
    gboolean is_managed;
    gboolean is_new;   /* nobody held it before */
    gboolean is_owed;  /* as its claim says */
    gboolean is_kept;  /* could not be taken back yet; the thread's */
    NodedevBind *bind; /* NULL: not there */
} Item;

typedef struct {
    NodedevManager *manager;
    NodedevHolder holder;
    GPtrArray *items; /* of Item; the thread's while it runs */
    gboolean is_return;
    guint flags;
    NodedevHanded done; /* NULL: has been called */
    gpointer data;
} Job;

static void
item_free(gpointer data)
{
    Item *item = data;
    g_free(item->address);
    nodedev_bind_free(item->bind);
    g_free(item);
}

static void
job_free(Job *job)
{
    g_free(job->holder.driver);
    g_free(job->holder.domain);
    g_ptr_array_unref(job->items);
    g_free(job);
}

static void
add_item(Job *job, const char *address, gboolean is_managed)
{
    Item *item = g_new0(Item, 1);
    item->address = g_strdup(address);
    item->is_managed = is_managed;
    g_ptr_array_add(job->items, item);
}

/* ---- in the thread ---- */

static gboolean
prepare(const Item *item, GError **error)
{
    if (item->is_managed)
        return nodedev_bind_detach(item->bind, error);
    return nodedev_bind_has_vfio(item->bind) ||
           vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                        "Unmanaged PCI device %s must be manually detached from the host",
                        item->address);
}

/* Those without a reset of their own are reset by vfio-pci as well as it can when the guest opens them. */
static gboolean
start_afresh(const Item *item, GError **error)
{
    return !item->is_new || item->bind->is_group_shared || !nodedev_bind_can_reset(item->bind) ||
           nodedev_bind_reset(item->bind, error);
}

static gboolean
hand_over(gpointer data, GError **error)
{
    const Job *job = data;
    gboolean is_done = TRUE;
    for (guint i = 0; is_done && i < job->items->len; i++)
        is_done = prepare(job->items->pdata[i], error);
    for (guint i = 0; is_done && i < job->items->len; i++)
        is_done = start_afresh(job->items->pdata[i], error);
    for (guint i = 0; !is_done && i < job->items->len; i++) {
        const Item *item = job->items->pdata[i];
        if (item->is_new && item->is_owed && nodedev_bind_has_vfio(item->bind))
            (void)nodedev_bind_reattach(item->bind, NULL);
    }
    return is_done;
}

static gboolean
take_back(gpointer data, GError **error)
{
    const Job *job = data;
    g_autoptr(GError) first = NULL;
    for (guint i = 0; i < job->items->len; i++) {
        Item *item = job->items->pdata[i];
        g_autoptr(GError) why = NULL;
        if (!item->bind || !item->is_owed || nodedev_bind_reattach(item->bind, &why))
            continue;
        item->is_kept = g_error_matches(why, VB_ERROR, VIR_ERR_OPERATION_INVALID);
        if (!first)
            first = g_steal_pointer(&why);
    }
    if (first)
        g_propagate_error(error, g_steal_pointer(&first));
    return !*error;
}

/* ---- on the loop ---- */

static void
keep_job(gpointer job)
{
    /* the loop frees it */
}

static void
reply(Job *job, const GError *error)
{
    NodedevHanded done = job->done;
    job->done = NULL;
    if (done)
        done(error, job->data);
}

/* What the request came to is written down before anybody is told. */
static void
settle(Job *job, gboolean is_done)
{
    NodedevManager *manager = job->manager;
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < job->items->len; i++) {
        const Item *item = job->items->pdata[i];
        NodedevDevice *device = nodedev_claims_device(manager, item->address);
        if (job->is_return ? !item->is_kept : !is_done && item->is_new)
            nodedev_claims_remove(manager, item->address);
        if (!device)
            continue;
        device->is_busy = FALSE;
        nodedev_manager_refresh(manager, device);
    }
    if (!nodedev_claims_save(manager, &error))
        vb_log_warning(NULL, "%s", error->message);
}

static void
on_ended(const GError *error, gpointer data)
{
    Job *job = data;
    NodedevManager *manager = job->manager;
    settle(job, error == NULL);
    reply(job, error); /* unless it was told that it takes too long */
    job_free(job);
    nodedev_hand_over_poke(manager);
}

static void
on_done(const GError *error, gpointer data)
{
    /* on_ended() comes first, and then has freed the job: only a time-out gets here with one */
    if (g_error_matches(error, VB_ERROR, VIR_ERR_OPERATION_TIMEOUT))
        reply(data, error);
}

/* whether the guest holds something of the device's group since before */
static gboolean
has_group(const Job *job, const NodedevDevice *device)
{
    g_autoptr(GPtrArray) held = nodedev_claims_list(job->manager, &job->holder);
    for (guint i = 0; i < held->len; i++) {
        const NodedevDevice *other = nodedev_claims_device(job->manager, held->pdata[i]);
        gboolean is_asked = FALSE;
        for (guint j = 0; j < job->items->len; j++)
            is_asked = is_asked ||
                       g_str_equal(((const Item *)job->items->pdata[j])->address, held->pdata[i]);
        if (other && !is_asked && other->iommu_group >= 0 &&
            other->iommu_group == device->iommu_group)
            return TRUE;
    }
    return FALSE;
}

static gboolean
claim_item(Job *job, Item *item, GError **error)
{
    NodedevManager *manager = job->manager;
    NodedevDevice *device = nodedev_claims_device(manager, item->address);
    NodedevClaim *claim;
    if (!device) {
        g_autofree char *path = g_strdup_printf("/sys/bus/pci/devices/%s/config", item->address);
        return vb_error_set_errno(error, ENOENT, "Device %s not found: could not access %s",
                                  item->address, path);
    }
    if (!nodedev_claims_check(manager, device, &job->holder, error))
        return FALSE;
    item->bind = nodedev_bind_new(manager, device);
    item->bind->is_group_shared = has_group(job, device);
    claim = nodedev_claims_find(manager, item->address);
    item->is_new = claim == NULL;
    if (!claim) {
        claim = nodedev_claims_add(manager, item->address, &job->holder);
        claim->is_owed = item->is_managed && ((job->flags & NODEDEV_HAND_OVER_NOTE) != 0 ||
                                              !nodedev_bind_has_vfio(item->bind));
    }
    item->is_owed = claim->is_owed;
    return TRUE;
}

static gboolean
claim_all(Job *job, GError **error)
{
    gboolean is_done = TRUE;
    for (guint i = 0; is_done && i < job->items->len; i++)
        is_done = claim_item(job, job->items->pdata[i], error);
    is_done = is_done && nodedev_claims_save(job->manager, error);
    for (guint i = 0; !is_done && i < job->items->len; i++) {
        const Item *item = job->items->pdata[i];
        if (item->is_new)
            nodedev_claims_remove(job->manager, item->address);
    }
    return is_done;
}

/* what @holder has of what it gives back */
static void
find_claims(Job *job)
{
    if (job->items->len == 0) {
        g_autoptr(GPtrArray) addresses = nodedev_claims_list(job->manager, &job->holder);
        for (guint i = 0; i < addresses->len; i++)
            add_item(job, addresses->pdata[i], FALSE);
    }
    for (guint i = job->items->len; i > 0; i--) {
        Item *item = job->items->pdata[i - 1];
        const NodedevClaim *claim = nodedev_claims_find(job->manager, item->address);
        const NodedevDevice *device = nodedev_claims_device(job->manager, item->address);
        if (!claim || !nodedev_claim_is_of(claim, &job->holder)) {
            g_ptr_array_remove_index(job->items, i - 1);
            continue;
        }
        item->is_owed = claim->is_owed;
        item->bind = device ? nodedev_bind_new(job->manager, device) : NULL;
    }
}

static void
end_at_once(Job *job, const GError *error)
{
    if (job->is_return)
        settle(job, TRUE);
    reply(job, error);
    job_free(job);
}

static void
run(Job *job)
{
    static const char what[] = "handing devices over";
    g_autoptr(GError) error = NULL;
    const NodedevWork work = {job->is_return ? take_back : hand_over, job, keep_job, LIMIT_MS,
                              what};
    if (job->is_return)
        find_claims(job);
    else
        (void)claim_all(job, &error);
    if (error || job->items->len == 0 || job->flags & NODEDEV_HAND_OVER_NOTE) {
        end_at_once(job, error);
        return;
    }
    for (guint i = 0; i < job->items->len; i++) {
        const Item *item = job->items->pdata[i];
        NodedevDevice *device = nodedev_claims_device(job->manager, item->address);
        if (device)
            device->is_busy = TRUE;
    }
    nodedev_work_run(&work, on_done, on_ended, job);
}

/* ---- waiting ---- */

static gboolean
is_held_up(const Job *job)
{
    g_autoptr(GPtrArray) all = NULL;
    if (job->items->len == 0)
        all = nodedev_claims_list(job->manager, &job->holder);
    for (guint i = 0; i < (all ? all->len : job->items->len); i++) {
        const char *address = all ? all->pdata[i] : ((const Item *)job->items->pdata[i])->address;
        const NodedevDevice *device = nodedev_claims_device(job->manager, address);
        if (device && device->is_busy)
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_of(const Job *job, const NodedevHolder *holder)
{
    return g_str_equal(job->holder.driver, holder->driver) &&
           g_str_equal(job->holder.domain, holder->domain);
}

/* the guest's latest word is what counts in the end */
static gboolean
would_overtake(const GList *at)
{
    const Job *job = at->data;
    for (const GList *other = at->prev; other; other = other->prev)
        if (is_of(other->data, &job->holder))
            return TRUE;
    return FALSE;
}

void
nodedev_hand_over_poke(NodedevManager *manager)
{
    for (GList *at = manager->hand_overs.head; at;) {
        GList *next = at->next;
        Job *job = at->data;
        if (!is_held_up(job) && !would_overtake(at)) {
            g_queue_delete_link(&manager->hand_overs, at);
            run(job);
            next = manager->hand_overs.head; /* what ended at once may let others go on */
        }
        at = next;
    }
}

static void
enqueue(Job *job)
{
    NodedevManager *manager = job->manager;
    g_queue_push_tail(&manager->hand_overs, job);
    nodedev_hand_over_poke(manager);
}

static Job *
job_new(NodedevManager *manager, const NodedevHolder *holder, NodedevHanded done, gpointer data)
{
    Job *job = g_new0(Job, 1);
    job->manager = manager;
    job->holder.driver = g_strdup(holder->driver);
    job->holder.domain = g_strdup(holder->domain);
    job->items = g_ptr_array_new_with_free_func(item_free);
    job->done = done;
    job->data = data;
    return job;
}

void
nodedev_hand_over(NodedevManager *manager, const NodedevHolder *holder, GVariant *devices,
                  guint flags, NodedevHanded done, gpointer data)
{
    Job *job = job_new(manager, holder, done, data);
    GVariantIter iter;
    const char *address;
    gboolean is_managed;
    job->flags = flags;
    g_variant_iter_init(&iter, devices);
    while (g_variant_iter_next(&iter, "(&sb)", &address, &is_managed))
        add_item(job, address, is_managed);
    enqueue(job);
}

/* The guest is gone: what it still waits for is not to be taken from its driver. */
static void
abort_waiting(NodedevManager *manager, const NodedevHolder *holder)
{
    g_autoptr(GError) error = NULL;
    vb_error_set(&error, VIR_ERR_OPERATION_ABORTED, "all devices of domain %s were given back",
                 holder->domain);
    for (GList *at = manager->hand_overs.head; at;) {
        GList *next = at->next;
        Job *job = at->data;
        if (!job->is_return && is_of(job, holder)) {
            g_queue_delete_link(&manager->hand_overs, at);
            reply(job, error);
            job_free(job);
        }
        at = next;
    }
}

void
nodedev_take_back(NodedevManager *manager, const NodedevHolder *holder,
                  const char *const *addresses, NodedevHanded done, gpointer data)
{
    Job *job = job_new(manager, holder, done, data);
    job->is_return = TRUE;
    for (guint i = 0; addresses[i]; i++)
        add_item(job, addresses[i], FALSE);
    if (job->items->len == 0)
        abort_waiting(manager, holder);
    enqueue(job);
}
