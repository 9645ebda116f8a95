/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A new emulator waits between fork and exec until systemd has made its scope and it is in the group of its own there. */
#include "confine.h"

#include "base/error.h"
#include "cgroup.h"
#include "domain-start.h"

#include <gio/gio.h>

typedef struct {
    QemuDomain *domain; /* a reference */
    pid_t pid;
    char *procfs;
} Confinement;

/* The start that this belongs to may be over, and another one under way. */
static gboolean
is_current(const Confinement *confinement)
{
    const QemuDomain *domain = confinement->domain;
    return domain->starting && domain->process && !domain->is_exited &&
           qemu_process_get_pid(domain->process) == confinement->pid;
}

static void
finish(Confinement *confinement)
{
    GError *error = NULL;
    if (is_current(confinement) && !qemu_process_release(confinement->domain->process, &error))
        qemu_start_fail(confinement->domain->starting, error);
    qemu_domain_unref(confinement->domain);
    g_free(confinement->procfs);
    g_free(confinement);
}

static void
run_join(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    const Confinement *confinement = data;
    g_autoptr(QemuCgroup) cgroup = qemu_cgroup_find(confinement->procfs, confinement->pid, "");
    GError *error = NULL;
    if (!cgroup->unit || qemu_cgroup_is_made(cgroup) ||
        qemu_cgroup_join(cgroup, confinement->pid, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
}

/* Without its group the guest runs as well; limits that need it are refused then. */
static void
on_joined(GObject *source, GAsyncResult *result, gpointer data)
{
    Confinement *confinement = data;
    g_autoptr(GError) error = NULL;
    if (!g_task_propagate_boolean(G_TASK(result), &error) && is_current(confinement))
        g_warning("control group of domain '%s': %s", confinement->domain->name, error->message);
    finish(confinement);
}

static void
on_confined(gpointer data)
{
    Confinement *confinement = data;
    g_autoptr(GTask) task = NULL;
    if (!is_current(confinement)) {
        finish(confinement);
        return;
    }
    task = g_task_new(NULL, NULL, on_joined, confinement);
    g_task_set_task_data(task, confinement, NULL);
    g_task_run_in_thread(task, run_join);
}

void
qemu_confine_and_release(QemuDomain *domain)
{
    const QemuManagerListener *listener = &domain->manager->listener;
    Confinement *confinement = g_new0(Confinement, 1);
    confinement->domain = qemu_domain_ref(domain);
    confinement->pid = qemu_process_get_pid(domain->process);
    confinement->procfs = g_strdup(domain->manager->procfs);
    if (listener->confine)
        listener->confine(domain, confinement->pid, on_confined, confinement,
                          domain->manager->listener_data);
    else
        finish(confinement);
}

void
qemu_confine_set_weights(QemuDomain *domain, const char *unit, guint64 cpu, guint64 io,
                         QemuDone done, gpointer data)
{
    const QemuManagerListener *listener = domain->manager ? &domain->manager->listener : NULL;
    const QemuWeights weights = {.unit = unit, .cpu = cpu, .io = io};
    if (unit && (cpu || io) && listener && listener->set_weights)
        listener->set_weights(domain, &weights, done, data, domain->manager->listener_data);
    else
        done(domain, NULL, data);
}
