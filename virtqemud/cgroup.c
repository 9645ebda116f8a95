/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control groups in both versions: where a guest's are, making them, writing values. */
#include "cgroup-private.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SCOPE_PREFIX "machine-qemu"
#define SCOPE_SUFFIX ".scope"
#define NESTED "libvirt" /* Source: libvirt's group within a scope */
#define REMOVE_TRIES 50
#define REMOVE_PAUSE_MS 100

static const struct {
    const char *v1, *v2;
    const char *absent; /* libvirt's words */
} controllers[QEMU_CGROUP_N_CONTROLLERS] = {
    {"cpu", "cpu", "cgroup CPU controller is not mounted"},
    {"memory", "memory", "cgroup memory controller is not mounted"},
    {"blkio", "io", "blkio cgroup isn't mounted"},
    {"cpuset", "cpuset", "cgroup cpuset controller is not mounted"},
};

/* ---- where ---- */

/* a mounted hierarchy: mount point, type, options; FALSE: the line is none */
static gboolean
parse_mount(char *line, char **ret_point, char **ret_type, char **ret_options)
{
    char *tail = strstr(line, " - ");
    g_auto(GStrv) head = NULL;
    g_auto(GStrv) rest = NULL;
    if (!tail)
        return FALSE;
    *tail = '\0';
    head = g_strsplit(line, " ", -1);
    rest = g_strsplit(tail + 3, " ", -1);
    if (g_strv_length(head) < 5 || g_strv_length(rest) < 3 || !g_str_has_prefix(rest[0], "cgroup"))
        return FALSE;
    *ret_point = g_strcompress(head[4]);
    *ret_type = g_strdup(rest[0]);
    *ret_options = g_strdup(rest[2]);
    return TRUE;
}

static gboolean
has_word(const char *list, const char *separators, const char *word)
{
    g_auto(GStrv) words = g_strsplit_set(list, separators, -1);
    return g_strv_contains((const char *const *)words, word);
}

static void
take_mount(QemuCgroup *cgroup, const char *point, gboolean is_v2, const char *offered)
{
    for (guint i = 0; i < QEMU_CGROUP_N_CONTROLLERS; i++) {
        QemuCgroupPlace *place = &cgroup->places[i];
        const char *word = is_v2 ? controllers[i].v2 : controllers[i].v1;
        if (!has_word(offered, is_v2 ? " \n" : ",", word) || place->is_v2)
            continue;
        g_free(place->mount);
        place->mount = g_strdup(point);
        place->is_v2 = is_v2;
    }
}

static void
find_mounts(QemuCgroup *cgroup, const char *procfs)
{
    g_autofree char *path = g_build_filename(procfs, "self/mountinfo", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_autofree char *point = NULL;
        g_autofree char *type = NULL;
        g_autofree char *options = NULL;
        if (!parse_mount(lines[i], &point, &type, &options))
            continue;
        if (strcmp(type, "cgroup2") == 0) {
            g_autofree char *file = g_build_filename(point, "cgroup.controllers", NULL);
            g_autofree char *offered = NULL;
            if (g_file_get_contents(file, &offered, NULL, NULL))
                take_mount(cgroup, point, TRUE, offered);
        } else {
            take_mount(cgroup, point, FALSE, options);
        }
    }
}

/* (transfer full) the group of a process in one hierarchy: "/machine.slice/x.scope"; NULL: unknown */
static char *
find_group(const char *text, const QemuCgroupPlace *place, const char *controller)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], ":", 3);
        if (g_strv_length(parts) == 3 &&
            (place->is_v2 ? *parts[1] == '\0' : has_word(parts[1], ",", controller)))
            return g_strdup(parts[2]);
    }
    return NULL;
}

/* (transfer full): of "/machine.slice/machine-qemu-x.scope/libvirt/emulator" the part up to the scope; NULL: it is in none */
static char *
find_scope(const char *group)
{
    const char *name = group ? strstr(group, "/" SCOPE_PREFIX) : NULL;
    const char *end = name ? strchrnul(name + 1, '/') : NULL;
    g_autofree char *scope = end ? g_strndup(group, (gsize)(end - group)) : NULL;
    return scope && g_str_has_suffix(scope, SCOPE_SUFFIX) ? g_steal_pointer(&scope) : NULL;
}

QemuCgroup *
qemu_cgroup_find(const char *procfs, pid_t pid, const char *name)
{
    QemuCgroup *cgroup = g_new0(QemuCgroup, 1);
    g_autofree char *path = g_strdup_printf("%s/%d/cgroup", procfs, (int)pid);
    g_autofree char *text = NULL;
    find_mounts(cgroup, procfs);
    if (!g_file_get_contents(path, &text, NULL, NULL))
        text = g_strdup("");
    for (guint i = 0; i < QEMU_CGROUP_N_CONTROLLERS; i++) {
        QemuCgroupPlace *place = &cgroup->places[i];
        g_autofree char *group = NULL;
        g_autofree char *scope = NULL;
        if (!place->mount)
            continue;
        group = find_group(text, place, controllers[i].v1);
        scope = find_scope(group);
        place->in_scope = scope != NULL;
        place->is_inside = scope || (group && strstr(group, name));
        place->folder = g_build_filename(place->mount, scope ? scope : "machine",
                                         !scope ? name : (place->is_v2 ? NESTED : NULL), NULL);
        if (scope && place->is_v2 && !cgroup->unit)
            cgroup->unit = g_path_get_basename(scope);
    }
    return cgroup;
}

void
qemu_cgroup_free(QemuCgroup *cgroup)
{
    for (guint i = 0; cgroup && i < QEMU_CGROUP_N_CONTROLLERS; i++) {
        g_free(cgroup->places[i].folder);
        g_free(cgroup->places[i].mount);
    }
    if (cgroup)
        g_free(cgroup->unit);
    g_free(cgroup);
}

gboolean
qemu_cgroup_check(const QemuCgroup *cgroup, QemuCgroupController controller, GError **error)
{
    return cgroup->places[controller].folder ||
           vb_error_set(error, VIR_ERR_OPERATION_INVALID, "%s", controllers[controller].absent);
}

/* ---- writing ---- */

gboolean
qemu_cgroup_write(const char *folder, const char *name, const char *value, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const gsize length = strlen(value);
    const ssize_t n = fd < 0 ? -1 : write(fd, value, length);
    const int errsv = errno;
    if (fd >= 0)
        close(fd);
    return n == (ssize_t)length ||
           vb_error_set_errno(error, errsv, "Unable to write '%s' to '%s'", value, path);
}

static gboolean
write_number(const char *folder, const char *name, guint64 value, GError **error)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    return qemu_cgroup_write(folder, name, text, error);
}

static gboolean
has_file(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static gboolean
make_folder(const char *path, GError **error)
{
    return g_mkdir(path, 0755) == 0 || errno == EEXIST ||
           vb_error_set_errno(error, errno, "Failed to create cgroup '%s'", path);
}

/* a group gives its children only what it was told to */
static void
offer_controllers(const char *folder)
{
    for (guint i = 0; i < QEMU_CGROUP_N_CONTROLLERS; i++) {
        g_autofree char *word = g_strconcat("+", controllers[i].v2, NULL);
        g_autoptr(GError) error = NULL;
        if (!qemu_cgroup_write(folder, "cgroup.subtree_control", word, &error))
            g_debug("%s", error->message); /* the value that needs it tells */
    }
}

gboolean
qemu_cgroup_make(const QemuCgroupPlace *place, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(place->folder);
    if (g_file_test(place->folder, G_FILE_TEST_IS_DIR))
        return TRUE;
    if (place->is_v2)
        offer_controllers(place->mount);
    if (!make_folder(parent, error))
        return FALSE;
    if (place->is_v2)
        offer_controllers(parent);
    return make_folder(place->folder, error);
}

enum { MOVE_ROUNDS = 20 };

/* What is in the guest's scope besides the emulator, as swtpm and virtiofsd are: one that ends meanwhile is no error, one
 * that begins is seen in the next round. */
static void
move_rest(const char *from, const char *to)
{
    for (guint i = 0; i < MOVE_ROUNDS; i++) {
        g_autofree char *path = g_build_filename(from, "cgroup.procs", NULL);
        g_autofree char *text = NULL;
        g_auto(GStrv) pids = NULL;
        if (!g_file_get_contents(path, &text, NULL, NULL) || !*text)
            return;
        pids = g_strsplit(text, "\n", -1);
        for (char **pid = pids; *pid; pid++) {
            g_autoptr(GError) error = NULL;
            if (**pid && !g_str_equal(*pid, "0") && /* 0: of a namespace that is not ours */
                !qemu_cgroup_write(to, "cgroup.procs", *pid, &error))
                g_debug("%s", error->message); /* what the group cannot give then tells */
        }
    }
}

/* A group gives controllers to its children only while no process is in it: they move first. */
static gboolean
nest(const QemuCgroupPlace *place, pid_t pid, GError **error)
{
    g_autofree char *scope = g_path_get_dirname(place->folder);
    if (g_file_test(place->folder, G_FILE_TEST_IS_DIR))
        return TRUE;
    if (!make_folder(place->folder, error))
        return FALSE;
    if (!write_number(place->folder, "cgroup.procs", (guint64)pid, error)) {
        (void)g_rmdir(place->folder);
        return FALSE;
    }
    move_rest(scope, place->folder);
    offer_controllers(scope);
    return TRUE;
}

gboolean
qemu_cgroup_is_made(const QemuCgroup *cgroup)
{
    for (guint i = 0; i < QEMU_CGROUP_N_CONTROLLERS; i++) {
        const QemuCgroupPlace *place = &cgroup->places[i];
        if (place->in_scope && place->is_v2 && !g_file_test(place->folder, G_FILE_TEST_IS_DIR))
            return FALSE;
    }
    return TRUE;
}

gboolean
qemu_cgroup_join(const QemuCgroup *cgroup, pid_t pid, GError **error)
{
    for (guint i = 0; i < QEMU_CGROUP_N_CONTROLLERS; i++) {
        const QemuCgroupPlace *place = &cgroup->places[i];
        if (!place->folder || (place->in_scope && !place->is_v2) ||
            (!place->in_scope && i == QEMU_CGROUP_CPUSET))
            continue;
        if (place->in_scope ? !nest(place, pid, error)
                            : !qemu_cgroup_make(place, error) ||
                                  !write_number(place->folder, "cgroup.procs", (guint64)pid, error))
            return FALSE;
    }
    return TRUE;
}

GPtrArray *
qemu_cgroup_owned(const QemuCgroup *cgroup)
{
    GPtrArray *folders = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < QEMU_CGROUP_N_CONTROLLERS; i++) {
        const QemuCgroupPlace *place = &cgroup->places[i];
        if (place->folder && !place->in_scope &&
            !g_ptr_array_find_with_equal_func(folders, place->folder, g_str_equal, NULL))
            g_ptr_array_add(folders, g_strdup(place->folder));
    }
    return folders;
}

/* ---- removing ---- */

typedef struct {
    char *folder;
    guint tries;
} Removal;

/* children first; TRUE: it is gone */
static gboolean
remove_tree(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(folder, name, NULL);
        if (g_file_test(child, G_FILE_TEST_IS_DIR))
            (void)g_rmdir(child);
    }
    return g_rmdir(folder) == 0 || errno == ENOENT;
}

static gboolean
on_remove(gpointer data)
{
    Removal *removal = data;
    if (!remove_tree(removal->folder) && ++removal->tries < REMOVE_TRIES)
        return G_SOURCE_CONTINUE;
    if (removal->tries == REMOVE_TRIES)
        g_warning("cannot remove cgroup %s: %s", removal->folder, g_strerror(errno));
    g_free(removal->folder);
    g_free(removal);
    return G_SOURCE_REMOVE;
}

/* The kernel counts the emulator as there for a moment after its end. */
void
qemu_cgroup_remove(const char *folder)
{
    Removal *removal;
    if (remove_tree(folder))
        return;
    removal = g_new0(Removal, 1);
    removal->folder = g_strdup(folder);
    g_timeout_add(REMOVE_PAUSE_MS, on_remove, removal);
}

/* ---- processor ---- */

static gboolean
check_range(const char *name, guint64 value, guint64 min, guint64 max, GError **error)
{
    return (value >= min && value <= max) ||
           vb_error_set(error, VIR_ERR_INVALID_ARG,
                        "%s '%" G_GUINT64_FORMAT "' must be in range [%" G_GUINT64_FORMAT
                        ", %" G_GUINT64_FORMAT "]",
                        name, value, min, max);
}

gboolean
qemu_cgroup_set_shares(const QemuCgroup *cgroup, guint64 shares, GError **error)
{
    const QemuCgroupPlace *place = &cgroup->places[QEMU_CGROUP_CPU];
    if (!qemu_cgroup_check(cgroup, QEMU_CGROUP_CPU, error))
        return FALSE;
    if (place->is_v2)
        return check_range("shares", shares, 1, 10000, error) &&
               (place->in_scope || write_number(place->folder, "cpu.weight", shares, error));
    return check_range("shares", shares, 2, 262144, error) &&
           write_number(place->folder, "cpu.shares", shares, error);
}

static gboolean
set_v2_bandwidth(const char *folder, guint64 period, gint64 quota, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "cpu.max", NULL);
    g_autofree char *old = NULL;
    g_autofree char *text = NULL;
    g_auto(GStrv) parts = NULL;
    if (!g_file_get_contents(path, &old, NULL, NULL))
        old = g_strdup("max 100000");
    parts = g_strsplit(g_strstrip(old), " ", 2);
    text = quota > 0 ? g_strdup_printf("%" G_GINT64_FORMAT, quota)
                     : g_strdup(quota < 0 || !parts[0] ? "max" : parts[0]);
    if (period) {
        g_autofree char *both = g_strdup_printf("%s %" G_GUINT64_FORMAT, text, period);
        return qemu_cgroup_write(folder, "cpu.max", both, error);
    }
    return qemu_cgroup_write(folder, "cpu.max", text, error);
}

gboolean
qemu_cgroup_set_bandwidth(const QemuCgroup *cgroup, const char *child, guint64 period, gint64 quota,
                          GError **error)
{
    const QemuCgroupPlace *place = &cgroup->places[QEMU_CGROUP_CPU];
    g_autofree char *folder = NULL;
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, quota);
    if (!qemu_cgroup_check(cgroup, QEMU_CGROUP_CPU, error))
        return FALSE;
    folder = child ? g_build_filename(place->folder, child, NULL) : g_strdup(place->folder);
    if (place->is_v2)
        return set_v2_bandwidth(folder, period, quota, error);
    return (!period || write_number(folder, "cpu.cfs_period_us", period, error)) &&
           (!quota || qemu_cgroup_write(folder, "cpu.cfs_quota_us", text, error));
}

gboolean
qemu_cgroup_add_thread(const QemuCgroup *cgroup, const char *child, pid_t tid, GError **error)
{
    const QemuCgroupPlace *place = &cgroup->places[QEMU_CGROUP_CPU];
    g_autofree char *folder = NULL;
    if (!qemu_cgroup_check(cgroup, QEMU_CGROUP_CPU, error))
        return FALSE;
    folder = g_build_filename(place->folder, child, NULL);
    if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
        if (!make_folder(folder, error) ||
            (place->is_v2 &&
             (!qemu_cgroup_write(folder, "cgroup.type", "threaded", error) ||
              !qemu_cgroup_write(place->folder, "cgroup.subtree_control", "+cpu", error))))
            return FALSE;
    }
    return write_number(folder, place->is_v2 ? "cgroup.threads" : "tasks", (guint64)tid, error);
}

void
qemu_cgroup_drop_vcpus(const QemuCgroup *cgroup, const GArray *threads)
{
    const char *folder = cgroup->places[QEMU_CGROUP_CPU].folder;
    g_autoptr(GDir) dir = folder ? g_dir_open(folder, 0, NULL) : NULL;
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(folder, name, NULL);
        guint64 vcpu;
        if (!g_str_has_prefix(name, "vcpu") ||
            !g_ascii_string_to_unsigned(name + strlen("vcpu"), 10, 0, G_MAXUINT, &vcpu, NULL) ||
            (vcpu < threads->len && g_array_index(threads, pid_t, vcpu) > 0))
            continue;
        qemu_cgroup_remove(child);
    }
}

/* ---- memory ---- */

static gboolean
set_limit(const QemuCgroupPlace *place, const char *v1, const char *v2, guint64 bytes,
          GError **error)
{
    const char *name = place->is_v2 ? v2 : v1;
    if (bytes == QEMU_CGROUP_UNLIMITED)
        return qemu_cgroup_write(place->folder, name, place->is_v2 ? "max" : "-1", error);
    return write_number(place->folder, name, bytes, error);
}

/* Version 1 limits memory and swap together, version 2 swap alone. */
static gboolean
set_swap(const QemuCgroupPlace *place, const QemuCgroupMemory *memory, GError **error)
{
    guint64 swap = memory->swap_hard;
    if (place->is_v2 && swap != QEMU_CGROUP_UNLIMITED && memory->has_hard)
        swap -= MIN(memory->hard, swap);
    return set_limit(place, "memory.memsw.limit_in_bytes", "memory.swap.max", swap, error);
}

static gboolean
set_hard(const QemuCgroupPlace *place, const QemuCgroupMemory *memory, GError **error)
{
    return set_limit(place, "memory.limit_in_bytes", "memory.max", memory->hard, error);
}

gboolean
qemu_cgroup_set_memory(const QemuCgroup *cgroup, const QemuCgroupMemory *memory, GError **error)
{
    const QemuCgroupPlace *place = &cgroup->places[QEMU_CGROUP_MEMORY];
    if (!qemu_cgroup_check(cgroup, QEMU_CGROUP_MEMORY, error))
        return FALSE;
    if (memory->has_soft &&
        !set_limit(place, "memory.soft_limit_in_bytes", "memory.high", memory->soft, error))
        return FALSE;
    /* the sum may never be below its part: when both grow the sum is first */
    if (memory->has_hard && memory->has_swap_hard && set_swap(place, memory, NULL))
        return set_hard(place, memory, error) && set_swap(place, memory, error);
    return (!memory->has_hard || set_hard(place, memory, error)) &&
           (!memory->has_swap_hard || set_swap(place, memory, error));
}

/* ---- block devices ---- */

gboolean
qemu_cgroup_set_io_weight(const QemuCgroup *cgroup, guint weight, GError **error)
{
    static const char *const names[2][2] = {{"blkio.bfq.weight", "blkio.weight"},
                                            {"io.bfq.weight", "io.weight"}};
    const QemuCgroupPlace *place = &cgroup->places[QEMU_CGROUP_IO];
    if (!qemu_cgroup_check(cgroup, QEMU_CGROUP_IO, error))
        return FALSE;
    if (place->is_v2 && place->in_scope)
        return check_range("weight", weight, 1, 10000, error);
    for (guint i = 0; i < 2; i++) {
        if (has_file(place->folder, names[place->is_v2][i]))
            return write_number(place->folder, names[place->is_v2][i], weight, error);
    }
    return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                        "blkio weight is valid only for bfq or cfq scheduler");
}

/* "major:minor" of a block device */
static char *
device_number(const char *device, GError **error)
{
    struct stat info;
    if (stat(device, &info) < 0)
        vb_error_set_errno(error, errno, "Path '%s' is not accessible", device);
    else if (!S_ISBLK(info.st_mode))
        vb_error_set(error, VIR_ERR_INVALID_ARG, "Path '%s' must be a block device", device);
    else
        return g_strdup_printf("%u:%u", major(info.st_rdev), minor(info.st_rdev));
    return NULL;
}

/* A guest in a scope has its weight among other guests, which is the scope's own file. */
gboolean
qemu_cgroup_set_device_weight(const QemuCgroup *cgroup, const char *device, guint weight,
                              GError **error)
{
    static const struct {
        const char *name;
        const char *none; /* what takes the device's weight away */
    } files[2][2] = {{{"blkio.bfq.weight_device", "0"}, {"blkio.weight_device", "0"}},
                     {{"io.bfq.weight", "default"}, {"io.weight", "default"}}};
    const QemuCgroupPlace *place = &cgroup->places[QEMU_CGROUP_IO];
    g_autofree char *number = NULL;
    g_autofree char *folder = NULL;
    if (!qemu_cgroup_check(cgroup, QEMU_CGROUP_IO, error))
        return FALSE;
    folder = place->is_v2 && place->in_scope ? g_path_get_dirname(place->folder)
                                             : g_strdup(place->folder);
    for (guint i = 0; i < 2; i++) {
        const char *name = files[place->is_v2][i].name;
        g_autofree char *text = NULL;
        if (!has_file(folder, name))
            continue;
        if (weight && !check_range("device weight", weight, place->is_v2 ? 1 : 10,
                                   place->is_v2 ? 10000 : 1000, error))
            return FALSE;
        number = device_number(device, error);
        if (!number)
            return FALSE;
        text = weight ? g_strdup_printf("%s %u", number, weight)
                      : g_strconcat(number, " ", files[place->is_v2][i].none, NULL);
        return qemu_cgroup_write(folder, name, text, error);
    }
    return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                        "blkio device weight is valid only for bfq or cfq scheduler");
}

gboolean
qemu_cgroup_set_throttle(const QemuCgroup *cgroup, const char *device, QemuCgroupThrottle what,
                         guint64 value, GError **error)
{
    static const char *const v1[] = {"blkio.throttle.read_bps_device",
                                     "blkio.throttle.write_bps_device",
                                     "blkio.throttle.read_iops_device",
                                     "blkio.throttle.write_iops_device"};
    static const char *const v2[] = {"rbps", "wbps", "riops", "wiops"};
    const QemuCgroupPlace *place = &cgroup->places[QEMU_CGROUP_IO];
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    g_autofree char *text = NULL;
    g_autofree char *numbers = NULL;
    if (!qemu_cgroup_check(cgroup, QEMU_CGROUP_IO, error))
        return FALSE;
    numbers = device_number(device, error);
    if (!numbers)
        return FALSE;
    if (place->is_v2)
        text = g_strdup_printf("%s %s=%s", numbers, v2[what], value ? number : "max");
    else
        text = g_strdup_printf("%s %s", numbers, number);
    return qemu_cgroup_write(place->folder, place->is_v2 ? "io.max" : v1[what], text, error);
}
