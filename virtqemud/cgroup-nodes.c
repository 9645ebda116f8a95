/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control group that says on which NUMA nodes a guest's memory may be. Version 1 makes such groups empty: what they
 * may use comes from their parent first. Source: kernel Documentation/admin-guide/cgroup-v1/cpusets.rst, cgroup-v2.rst */
#include "cgroup-private.h"

#include "base/error.h"
#include "process.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>

/* (transfer full) "": none */
static char *
read_list(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? g_strstrip(text) : g_strdup("");
}

/* what a group of version 1 lacks, from the one above */
static gboolean
inherit(const char *folder, const char *name, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(folder);
    g_autofree char *own = read_list(folder, name);
    g_autofree char *above = read_list(parent, name);
    return *own != '\0' || *above == '\0' || qemu_cgroup_write(folder, name, above, error);
}

static gboolean
make_v1(const char *folder, GError **error)
{
    return (g_mkdir(folder, 0755) == 0 || errno == EEXIST ||
            vb_error_set_errno(error, errno, "Failed to create cgroup '%s'", folder)) &&
           inherit(folder, "cpuset.cpus", error) && inherit(folder, "cpuset.mems", error);
}

static gboolean
make_group(const QemuCgroupPlace *place, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(place->folder);
    if (place->is_v2)
        return qemu_cgroup_make(place, error);
    return make_v1(parent, error) && make_v1(place->folder, error) &&
           qemu_cgroup_write(place->folder, "cpuset.memory_migrate", "1", error);
}

/* ---- joining: kernels before 6.2 forget the affinity of threads that come ---- */

typedef struct {
    pid_t tid;
    cpu_set_t *set;
} Affinity;

static void
affinity_clear(gpointer data)
{
    g_free(((Affinity *)data)->set);
}

/* (transfer full) of each thread, Affinity */
static GArray *
read_affinities(const char *procfs, pid_t pid)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(Affinity));
    g_autofree char *path = g_strdup_printf("%s/%d/task", procfs, (int)pid);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;
    g_array_set_clear_func(all, affinity_clear);
    while (folder && (name = g_dir_read_name(folder))) {
        Affinity one = {.tid = (pid_t)g_ascii_strtoll(name, NULL, 10)};
        one.set = g_malloc0(QEMU_CPU_SET_SIZE);
        if (one.tid > 0 && sched_getaffinity(one.tid, QEMU_CPU_SET_SIZE, one.set) == 0)
            g_array_append_val(all, one);
        else
            g_free(one.set);
    }
    return all;
}

static gboolean
join(const QemuCgroupPlace *place, const char *procfs, pid_t pid, GError **error)
{
    g_autoptr(GArray) before = NULL;
    g_autofree char *number = g_strdup_printf("%d", (int)pid);
    if (place->is_inside)
        return TRUE;
    before = read_affinities(procfs, pid);
    if (!qemu_cgroup_write(place->folder, "cgroup.procs", number, error))
        return FALSE;
    for (guint i = 0; i < before->len; i++) {
        const Affinity *one = &g_array_index(before, Affinity, i);
        if (sched_setaffinity(one->tid, QEMU_CPU_SET_SIZE, one->set) < 0 && errno != ESRCH)
            return vb_error_set_errno(error, errno, "cannot set CPU affinity on process %d",
                                      (int)one->tid);
    }
    return TRUE;
}

gboolean
qemu_cgroup_set_nodes(const QemuCgroup *cgroup, const char *procfs, pid_t pid, const char *nodes,
                      GError **error)
{
    const QemuCgroupPlace *place = &cgroup->places[QEMU_CGROUP_CPUSET];
    g_autofree char *all = NULL;
    if (!qemu_cgroup_check(cgroup, QEMU_CGROUP_CPUSET, error) || !make_group(place, error))
        return FALSE;
    if (!nodes) {
        g_autofree char *parent = g_path_get_dirname(place->folder);
        all = read_list(parent, place->is_v2 ? "cpuset.mems.effective" : "cpuset.mems");
    }
    return qemu_cgroup_write(place->folder, "cpuset.mems", nodes ? nodes : all, error) &&
           join(place, procfs, pid, error);
}
