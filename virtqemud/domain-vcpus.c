/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vCPUs of a running guest, plugged and unplugged one after the other until those are there that are wanted. The emulator
 * is asked what is plugged after each step, and at the end, so that what is told is what is there and not what was tried.
 * One change at a time: those that come meanwhile wait. */
#include "base/error.h"
#include "domain-private.h"
#include "monitor.h"
#include "placement.h"
#include "resctrl.h"
#include "tuning.h"
#include "vcpus.h"

#include <string.h>

#define POLL_MS 200
#define UNPLUG_MS 5000 /* Source: libvirt waits as long for a guest to let go */
#define PERIPHERAL "/machine/peripheral/"

typedef enum { TO_COUNT, TO_MAP, TO_START, TO_KNOW } Goal;

typedef struct {
    QemuDomain *domain; /* a reference */
    Goal goal;
    guint n_wanted;
    VbBitset *map; /* to be switched */
    gboolean is_on;
    QemuDone done;
    gpointer data;
    /* under way */
    VbBitset *wanted; /* NULL: not known yet */
    VbBitset *online, *removable;
    gint64 deadline_us; /* of an unplug under way; 0: none */
    int leaving;        /* the vCPU */
    GError *error;
} Resize;

static void look(Resize *resize);
static void conclude(Resize *resize, const GError *error);

static void
begin_next(QemuDomain *domain)
{
    if (!g_queue_is_empty(domain->resizes))
        look(g_queue_peek_head(domain->resizes));
}

static void
finish(Resize *resize)
{
    g_autoptr(QemuDomain) domain = resize->domain;
    (void)g_queue_remove(domain->resizes, resize);
    if (resize->done)
        resize->done(domain, resize->error, resize->data);
    vb_bitset_free(resize->map);
    vb_bitset_free(resize->wanted);
    vb_bitset_free(resize->online);
    vb_bitset_free(resize->removable);
    g_clear_error(&resize->error);
    g_free(resize);
    begin_next(domain);
}

static void
ask(Resize *resize, const char *command, const char *arguments, QemuQmpDone done)
{
    g_autoptr(GError) error = NULL;
    if (qemu_domain_check_active(resize->domain, &error) && resize->domain->qmp) {
        qemu_qmp_execute(resize->domain->qmp, command, arguments, QEMU_QMP_TIMEOUT_MS, done,
                         resize);
        return;
    }
    if (!error)
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED,
                     "the monitor of domain '%s' is not connected", resize->domain->name);
    if (!resize->error)
        resize->error = g_steal_pointer(&error);
    finish(resize);
}

/* ---- what is there ---- */

/* The emulator lists the last one first. @ret_slot: that of vCPU @index */
static void
read_slots(Resize *resize, const VbJson *slots, guint index, const VbJson **ret_slot)
{
    guint at = 0;
    g_clear_pointer(&resize->online, vb_bitset_free);
    g_clear_pointer(&resize->removable, vb_bitset_free);
    resize->online = vb_bitset_new();
    resize->removable = vb_bitset_new();
    for (const VbJson *slot = vb_json_first(slots); slot; slot = vb_json_next(slot))
        at += (guint)vb_json_get_uint(slot, "vcpus-count", 1);
    for (const VbJson *slot = vb_json_first(slots); slot; slot = vb_json_next(slot)) {
        const char *path = vb_json_get_string(slot, "qom-path");
        const guint n = (guint)vb_json_get_uint(slot, "vcpus-count", 1);
        at -= n;
        for (guint i = 0; path && i < n; i++) {
            vb_bitset_add(resize->online, at + i);
            if (g_str_has_prefix(path, PERIPHERAL))
                vb_bitset_add(resize->removable, at + i);
        }
        if (ret_slot && at == index)
            *ret_slot = slot;
    }
}

/* ---- the end: threads that came and went ---- */

void
qemu_start_take_vcpus(const VbJson *result, QemuDomain *domain)
{
    for (const VbJson *cpu = vb_json_first(result); cpu; cpu = vb_json_next(cpu)) {
        guint64 index = vb_json_get_uint(cpu, "cpu-index", G_MAXUINT);
        pid_t tid = (pid_t)vb_json_get_int(cpu, "thread-id", 0);
        if (index >= 4096)
            continue;
        if (index >= domain->vcpu_tids->len)
            g_array_set_size(domain->vcpu_tids, (guint)index + 1);
        g_array_index(domain->vcpu_tids, pid_t, index) = tid;
    }
}

static void
place_one(QemuDomain *domain, guint vcpu, pid_t tid)
{
    g_autoptr(GError) error = NULL;
    if (!qemu_placement_apply_vcpu(domain, vcpu, tid, &error))
        g_warning("vcpu %u of domain '%s': %s", vcpu, domain->name, error->message);
    qemu_resctrl_add_vcpu(domain, vcpu, tid);
}

static void
on_limited(QemuDomain *domain, GError *error, gpointer data)
{
    if (error)
        g_warning("limits of domain '%s' for a new vcpu: %s", domain->name, error->message);
}

static pid_t
thread_of(const GArray *tids, guint vcpu)
{
    return vcpu < tids->len ? g_array_index(tids, pid_t, vcpu) : 0;
}

static void
compare_threads(QemuDomain *domain, const GArray *before)
{
    gboolean has_new = FALSE;
    for (guint i = 0; i < MAX(before->len, domain->vcpu_tids->len); i++) {
        const pid_t was = thread_of(before, i), is = thread_of(domain->vcpu_tids, i);
        if (is > 0 && is != was) {
            place_one(domain, i, is);
            has_new = TRUE;
        } else if (is <= 0 && was > 0) {
            g_autofree char *child = g_strdup_printf("vcpu%u", i);
            qemu_tuning_remove_thread(domain, child);
        }
    }
    if (has_new)
        qemu_tuning_add_threads(domain, on_limited, NULL);
}

static void
on_final_threads(const VbJson *result, const GError *error, gpointer data)
{
    Resize *resize = data;
    QemuDomain *domain = resize->domain;
    if (!error && domain->live) {
        g_autoptr(GArray) before = g_array_copy(domain->vcpu_tids);
        g_array_set_size(domain->vcpu_tids, 0);
        qemu_start_take_vcpus(result, domain);
        qemu_vcpus_write_live(domain->live, resize->online, resize->removable);
        if (resize->goal != TO_START)
            compare_threads(domain, before);
        qemu_domain_save(domain);
        qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_CONFIG);
    } else if (error && !resize->error) {
        resize->error = g_error_copy(error);
    }
    finish(resize);
}

static void
on_final_slots(const VbJson *result, const GError *error, gpointer data)
{
    Resize *resize = data;
    if (!error)
        read_slots(resize, result, 0, NULL);
    else if (!resize->error)
        resize->error = g_error_copy(error);
    if (error)
        finish(resize);
    else
        ask(resize, "query-cpus-fast", NULL, on_final_threads);
}

/* Whatever happened: what is there now is asked for, and told. */
static void
conclude(Resize *resize, const GError *error)
{
    if (error)
        resize->error = g_error_copy(error);
    ask(resize, "query-hotpluggable-cpus", NULL, on_final_slots);
}

static void G_GNUC_PRINTF(3, 4) refuse(Resize *resize, int code, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    va_list args;
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    vb_error_set(&error, code, "%s", text);
    conclude(resize, error);
}

/* ---- steps ---- */

static gboolean
on_poll(gpointer data)
{
    look(data);
    return G_SOURCE_REMOVE;
}

static void
on_plugged(const VbJson *result, const GError *error, gpointer data)
{
    if (error)
        conclude(data, error);
    else
        look(data);
}

static void
on_unplug_asked(const VbJson *result, const GError *error, gpointer data)
{
    if (error)
        conclude(data, error);
    else
        g_timeout_add(POLL_MS, on_poll, data);
}

static void
plug(Resize *resize, const VbJson *slot, guint index)
{
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    g_autofree char *id = g_strdup_printf("vcpu%u", index);
    g_autofree char *arguments = NULL;
    if (!slot) {
        refuse(resize, VIR_ERR_OPERATION_INVALID,
               "failed to find appropriate hotpluggable vcpus to reach the desired target vcpu "
               "count");
        return;
    }
    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "driver", vb_json_get_string(slot, "type"));
    vb_json_add_string(json, "id", id);
    for (const VbJson *at = vb_json_first(vb_json_get(slot, "props")); at; at = vb_json_next(at))
        vb_json_add_node(json, vb_json_get_key(at), at);
    vb_json_end(json);
    arguments = vb_json_writer_finish(json);
    ask(resize, "device_add", arguments, on_plugged);
}

static void
unplug(Resize *resize, const VbJson *slot, guint index)
{
    const char *path = vb_json_get_string(slot, "qom-path");
    const gboolean is_waiting = resize->deadline_us && resize->leaving == (int)index;
    g_autofree char *arguments = NULL;
    if (is_waiting && g_get_monotonic_time() < resize->deadline_us) {
        g_timeout_add(POLL_MS, on_poll, resize);
    } else if (is_waiting) {
        refuse(resize, VIR_ERR_OPERATION_TIMEOUT,
               "vcpu unplug request timed out. Unplug result must be manually inspected in the "
               "domain");
    } else if (!vb_bitset_has(resize->removable, index)) {
        refuse(resize, VIR_ERR_OPERATION_UNSUPPORTED, "vcpu '%u' can't be unplugged", index);
    } else {
        resize->leaving = (int)index;
        resize->deadline_us = g_get_monotonic_time() + UNPLUG_MS * 1000;
        arguments = vb_json_object("s:id", path + strlen(PERIPHERAL), NULL);
        ask(resize, "device_del", arguments, on_unplug_asked);
    }
}

/* ---- what is wanted ---- */

static int
last_of(const VbBitset *set)
{
    int last = -1;
    VB_BITSET_EACH(n, set)
    {
        last = n;
    }
    return last;
}

/* the lowest come, the highest of those that can go */
static gboolean
want_count(Resize *resize, GError **error)
{
    g_autoptr(VbBitset) removable = vb_bitset_copy(resize->removable);
    guint n = vb_bitset_count(resize->wanted);
    for (guint id = 0; id < resize->domain->live->vcpus && n < resize->n_wanted; id++) {
        n += !vb_bitset_has(resize->wanted, id);
        vb_bitset_add(resize->wanted, id);
    }
    while (n > resize->n_wanted && vb_bitset_count(removable) > 0) {
        const guint id = (guint)last_of(removable);
        vb_bitset_remove(removable, id);
        vb_bitset_remove(resize->wanted, id);
        n--;
    }
    return n == resize->n_wanted ||
           vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                        "failed to find appropriate hotpluggable vcpus to reach the desired "
                        "target vcpu count");
}

static gboolean
want_map(Resize *resize, GError **error)
{
    VB_BITSET_EACH(id, resize->map)
    {
        if (vb_bitset_has(resize->online, (guint)id) == resize->is_on)
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "vcpu '%d' is already in requested state", id);
        if (!resize->is_on && !vb_bitset_has(resize->removable, (guint)id))
            return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                                "vcpu '%d' can't be unplugged", id);
        if (resize->is_on)
            vb_bitset_add(resize->wanted, (guint)id);
        else
            vb_bitset_remove(resize->wanted, (guint)id);
    }
    return TRUE;
}

static gboolean
want(Resize *resize, GError **error)
{
    if (resize->goal == TO_START) {
        resize->wanted = qemu_vcpus_online(resize->domain->live);
        return TRUE;
    }
    resize->wanted = vb_bitset_copy(resize->online);
    return resize->goal == TO_COUNT ? want_count(resize, error)
           : resize->goal == TO_MAP ? want_map(resize, error)
                                    : TRUE;
}

/* the next vCPU that has to come or go; -1: all is as it is wanted */
static int
next_step(const Resize *resize)
{
    int surplus = -1;
    VB_BITSET_EACH(id, resize->wanted)
    {
        if (!vb_bitset_has(resize->online, (guint)id))
            return id;
    }
    VB_BITSET_EACH(id, resize->online)
    {
        if (!vb_bitset_has(resize->wanted, (guint)id))
            surplus = id;
    }
    return surplus;
}

static void
on_slots(const VbJson *result, const GError *failure, gpointer data)
{
    Resize *resize = data;
    g_autoptr(GError) error = failure ? g_error_copy(failure) : NULL;
    const VbJson *slot = NULL;
    int next;
    if (error || !qemu_domain_check_active(resize->domain, &error)) {
        resize->error = resize->error ? resize->error : g_steal_pointer(&error);
        finish(resize);
        return;
    }
    read_slots(resize, result, 0, NULL);
    if (resize->error || (!resize->wanted && !want(resize, &error))) {
        conclude(resize, error);
        return;
    }
    next = next_step(resize);
    if (next < 0) {
        conclude(resize, NULL);
        return;
    }
    read_slots(resize, result, (guint)next, &slot);
    if (vb_bitset_has(resize->wanted, (guint)next))
        plug(resize, slot, (guint)next);
    else
        unplug(resize, slot, (guint)next);
}

static void
look(Resize *resize)
{
    ask(resize, "query-hotpluggable-cpus", NULL, on_slots);
}

/* ---- the calls ---- */

static Resize *
resize_new(QemuDomain *domain, Goal goal, QemuDone done, gpointer data)
{
    Resize *resize = g_new0(Resize, 1);
    resize->domain = qemu_domain_ref(domain);
    resize->goal = goal;
    resize->leaving = -1;
    resize->done = done;
    resize->data = data;
    return resize;
}

static void
begin(Resize *resize)
{
    GQueue *queue = resize->domain->resizes;
    g_queue_push_tail(queue, resize);
    if (g_queue_get_length(queue) == 1)
        look(resize);
}

/**
 * qemu_domain_plug_vcpus:
 * @domain: a running guest
 * @n: how many vCPUs it is to have, at most its maximum
 * @done: called once, from the loop
 * @data: for @done
 *
 * Errors: OPERATION_INVALID vCPUs that were there at the start cannot go; OPERATION_TIMEOUT the guest does not let go;
 *   OPERATION_FAILED with the emulator's words
 */
void
qemu_domain_plug_vcpus(QemuDomain *domain, guint n, QemuDone done, gpointer data)
{
    Resize *resize = resize_new(domain, TO_COUNT, done, data);
    resize->n_wanted = n;
    begin(resize);
}

/**
 * qemu_domain_switch_vcpus:
 * @map: below the guest's maximum
 *
 * Errors: INVALID_ARG one is there already, or is not; OPERATION_UNSUPPORTED one cannot go; as qemu_domain_plug_vcpus()
 */
void
qemu_domain_switch_vcpus(QemuDomain *domain, const VbBitset *map, gboolean is_on, QemuDone done,
                         gpointer data)
{
    Resize *resize = resize_new(domain, TO_MAP, done, data);
    resize->map = vb_bitset_copy(map);
    resize->is_on = is_on;
    begin(resize);
}

void
qemu_vcpus_plug_at_start(QemuDomain *domain, QemuDone done, gpointer data)
{
    begin(resize_new(domain, TO_START, done, data));
}

/* also one that leaves when nobody waits any more */
void
qemu_vcpus_deleted(QemuDomain *domain)
{
    begin(resize_new(domain, TO_KNOW, NULL, NULL));
}

void
qemu_vcpus_rejected(QemuDomain *domain, const char *alias)
{
    Resize *resize = g_queue_peek_head(domain->resizes);
    g_autofree char *leaving = NULL;
    if (!resize || !resize->deadline_us || resize->error)
        return;
    leaving = g_strdup_printf("vcpu%d", resize->leaving);
    if (strcmp(leaving, alias) == 0)
        vb_error_set(&resize->error, VIR_ERR_OPERATION_FAILED,
                     "unplug of device was rejected by the guest");
}
