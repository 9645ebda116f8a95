/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vCPUs of a running guest, plugged one after the other until there are as many as asked for. The emulator is asked
 * what is plugged after each step, so that the end is what it says and not what was tried. */
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

typedef struct {
    QemuDomain *domain; /* a reference */
    guint n_wanted;
    QemuDone done;
    gpointer data;
    gint64 deadline_us; /* of an unplug under way; 0: none */
    guint n_asked;      /* plugged when the last unplug was asked for */
} Resize;

static void look(Resize *resize);

static void
finish(Resize *resize, const GError *failure)
{
    g_autoptr(QemuDomain) domain = resize->domain;
    g_autoptr(GError) error = failure ? g_error_copy(failure) : NULL;
    resize->done(domain, error, resize->data);
    g_free(resize);
}

static gboolean
ask(Resize *resize, const char *command, const char *arguments, QemuQmpDone done)
{
    g_autoptr(GError) error = NULL;
    if (qemu_domain_check_active(resize->domain, &error) && resize->domain->qmp) {
        qemu_qmp_execute(resize->domain->qmp, command, arguments, QEMU_QMP_TIMEOUT_MS, done,
                         resize);
        return TRUE;
    }
    if (!error)
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED,
                     "the monitor of domain '%s' is not connected", resize->domain->name);
    finish(resize, error);
    return FALSE;
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

/* threads that were not there before */
static void
place_new(QemuDomain *domain, const GArray *before)
{
    for (guint i = 0; i < domain->vcpu_tids->len; i++) {
        const pid_t tid = g_array_index(domain->vcpu_tids, pid_t, i);
        if (tid > 0 && (i >= before->len || g_array_index(before, pid_t, i) != tid))
            place_one(domain, i, tid);
    }
    qemu_tuning_add_threads(domain, on_limited, NULL);
}

static void
on_threads(const VbJson *result, const GError *error, gpointer data)
{
    Resize *resize = data;
    if (!error) {
        g_autoptr(GArray) before = g_array_copy(resize->domain->vcpu_tids);
        g_array_set_size(resize->domain->vcpu_tids, 0);
        qemu_start_take_vcpus(result, resize->domain);
        place_new(resize->domain, before);
    }
    finish(resize, error);
}

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
        finish(data, error);
    else
        look(data);
}

static void
on_unplug_asked(const VbJson *result, const GError *error, gpointer data)
{
    if (error)
        finish(data, error);
    else
        g_timeout_add(POLL_MS, on_poll, data);
}

/* the emulator lists the last one first */
static void
plug(Resize *resize, const VbJson *slot, guint index)
{
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    g_autofree char *id = g_strdup_printf("vcpu%u", index);
    g_autofree char *arguments = NULL;
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
unplug(Resize *resize, const char *id, guint n_plugged)
{
    g_autofree char *arguments = id ? vb_json_object("s:id", id, NULL) : NULL;
    g_autoptr(GError) error = NULL;
    if (resize->deadline_us && resize->n_asked == n_plugged &&
        g_get_monotonic_time() < resize->deadline_us) {
        g_timeout_add(POLL_MS, on_poll, resize);
    } else if (resize->deadline_us && resize->n_asked == n_plugged) {
        vb_error_set(&error, VIR_ERR_OPERATION_TIMEOUT,
                     "vcpu unplug request timed out. Unplug result must be manually inspected in "
                     "the domain");
        finish(resize, error);
    } else if (!id) {
        vb_error_set(
            &error, VIR_ERR_OPERATION_INVALID,
            "failed to find appropriate hotpluggable vcpus to reach the desired target vcpu count");
        finish(resize, error);
    } else {
        resize->n_asked = n_plugged;
        resize->deadline_us = g_get_monotonic_time() + UNPLUG_MS * 1000;
        ask(resize, "device_del", arguments, on_unplug_asked);
    }
}

static void
on_slots(const VbJson *result, const GError *error, gpointer data)
{
    Resize *resize = data;
    const VbJson *free_slot = NULL;
    const char *removable = NULL;
    guint index = vb_json_get_length(result), free_index = 0, n_plugged = 0;
    if (error) {
        finish(resize, error);
        return;
    }
    for (const VbJson *slot = vb_json_first(result); slot; slot = vb_json_next(slot)) {
        const char *path = vb_json_get_string(slot, "qom-path");
        index--;
        n_plugged += path ? (guint)vb_json_get_uint(slot, "vcpus-count", 1) : 0;
        if (!path) {
            free_slot = slot;
            free_index = index;
        } else if (!removable && g_str_has_prefix(path, PERIPHERAL)) {
            removable = path + strlen(PERIPHERAL);
        }
    }
    if (n_plugged == resize->n_wanted || (n_plugged < resize->n_wanted && !free_slot))
        ask(resize, "query-cpus-fast", NULL, on_threads);
    else if (n_plugged < resize->n_wanted)
        plug(resize, free_slot, free_index);
    else
        unplug(resize, removable, n_plugged);
}

static void
look(Resize *resize)
{
    ask(resize, "query-hotpluggable-cpus", NULL, on_slots);
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
    Resize *resize = g_new0(Resize, 1);
    resize->domain = qemu_domain_ref(domain);
    resize->n_wanted = n;
    resize->done = done;
    resize->data = data;
    look(resize);
}
