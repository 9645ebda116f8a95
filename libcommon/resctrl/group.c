/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Groups in the file system: made under its lock, filled with threads, read, removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "resctrl.h"

enum { LOCK_TRIES = 100, LOCK_PAUSE_US = 50 * 1000 }; /* five seconds for another administrator */

VbResctrlGroup *
vb_resctrl_group_new(const char *name, const char *parent)
{
    VbResctrlGroup *group = g_new0(VbResctrlGroup, 1);
    group->name = g_strdup(name);
    group->parent = g_strdup(parent);
    group->wishes = g_array_new(FALSE, TRUE, sizeof(VbResctrlWish));
    group->tids = g_array_new(FALSE, TRUE, sizeof(pid_t));
    return group;
}

void
vb_resctrl_group_free(VbResctrlGroup *group)
{
    if (!group)
        return;
    g_free(group->name);
    g_free(group->parent);
    g_array_unref(group->wishes);
    g_array_unref(group->tids);
    g_free(group);
}

char *
vb_resctrl_path(const char *root, const char *parent, const char *name)
{
    return parent ? g_build_filename(root, parent, "mon_groups", name, NULL)
                  : g_build_filename(root, name, NULL);
}

/* Returns: a descriptor whose close unlocks; -1 with @error set */
static int
lock_root(const char *root, GError **error)
{
    const int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        vb_error_set_errno(error, errno, "Cannot open resctrl");
        return -1;
    }
    for (guint i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || i == LOCK_TRIES) {
            vb_error_set_errno(error, errno, "Cannot lock resctrl");
            close(fd);
            return -1;
        }
        g_usleep(LOCK_PAUSE_US);
    }
    return fd;
}

/* what the kernel says of the last failure; it keeps one text for all */
static char *
read_kernel_words(const char *root)
{
    g_autofree char *path = g_build_filename(root, "info", "last_cmd_status", NULL);
    char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return g_strdup("");
    g_strstrip(text);
    return text;
}

static gboolean
write_file(const char *path, const char *content, int *ret_errno)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const gsize length = strlen(content);
    ssize_t n = fd < 0 ? -1 : write(fd, content, length);
    *ret_errno = errno;
    if (fd >= 0)
        close(fd);
    return n == (ssize_t)length;
}

static VbResctrlSchemata *
read_schemata(const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "schemata", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) failure = NULL;
    if (!g_file_get_contents(path, &text, NULL, &failure)) {
        vb_error_set(error, VIR_ERR_OPERATION_FAILED, "cannot read '%s': %s", path,
                     failure->message);
        return NULL;
    }
    return vb_resctrl_schemata_parse(text, error);
}

static gboolean
is_group(const char *root, const char *name)
{
    g_autofree char *path = g_build_filename(root, name, "schemata", NULL);
    return name[0] != '.' && strcmp(name, "info") != 0 && strcmp(name, "mon_groups") != 0 &&
           strcmp(name, "mon_data") != 0 && g_file_test(path, G_FILE_TEST_EXISTS);
}

/* (transfer full) of VbResctrlSchemata: of every group but the default one and those in @except */
static GPtrArray *
read_groups(const char *root, const GPtrArray *except, GError **error)
{
    g_autoptr(GPtrArray) found =
        g_ptr_array_new_with_free_func((GDestroyNotify)vb_resctrl_schemata_free);
    g_autoptr(GDir) folder = g_dir_open(root, 0, NULL);
    const char *name;
    while (folder && (name = g_dir_read_name(folder))) {
        g_autofree char *path = g_build_filename(root, name, NULL);
        VbResctrlSchemata *schemata;
        gboolean is_ours = FALSE;
        for (guint i = 0; i < except->len; i++)
            is_ours |= strcmp(((const VbResctrlGroup *)except->pdata[i])->name, name) == 0;
        if (is_ours || !is_group(root, name))
            continue;
        schemata = read_schemata(path, error);
        if (!schemata)
            return NULL;
        g_ptr_array_add(found, schemata);
    }
    return g_steal_pointer(&found);
}

gboolean
vb_resctrl_add_thread(const char *group_path, pid_t tid, GError **error)
{
    g_autofree char *path = g_build_filename(group_path, "tasks", NULL);
    g_autofree char *text = g_strdup_printf("%d", (int)tid);
    int errsv;
    if (write_file(path, text, &errsv) || errsv == ESRCH)
        return TRUE;
    return vb_error_set_errno(error, errsv, "Cannot write pid in tasks file '%s'", path);
}

static gboolean
make_folder(const char *root, const char *path, gboolean *ret_is_new, GError **error)
{
    *ret_is_new = mkdir(path, 0755) == 0;
    if (*ret_is_new || errno == EEXIST)
        return TRUE;
    if (errno == ENOSPC) {
        g_autofree char *words = read_kernel_words(root);
        return vb_error_set(
            error, VIR_ERR_OPERATION_FAILED,
            "Cannot create resctrl directory '%s': no group is left on this host%s%s", path,
            *words ? ": " : "", words);
    }
    return vb_error_set_errno(error, errno, "Cannot create resctrl directory '%s'", path);
}

static gboolean
write_schemata(const char *root, const char *path, const VbResctrlSchemata *schemata,
               GError **error)
{
    g_autofree char *file = g_build_filename(path, "schemata", NULL);
    g_autofree char *text = vb_resctrl_schemata_format(schemata);
    g_autofree char *words = NULL;
    int errsv;
    if (write_file(file, text, &errsv))
        return TRUE;
    words = read_kernel_words(root);
    g_strdelimit(g_strchomp(text), "\n", ' ');
    return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                        "Cannot write into schemata file '%s': %s: %s", file,
                        *words ? words : g_strerror(errsv), text);
}

/* one group; @schemata NULL: a monitor */
static gboolean
make_group(const char *root, const VbResctrlGroup *group, const VbResctrlSchemata *schemata,
           gboolean *ret_is_new, GError **error)
{
    g_autofree char *path = vb_resctrl_path(root, group->parent, group->name);
    if (!make_folder(root, path, ret_is_new, error))
        return FALSE;
    if (schemata && !write_schemata(root, path, schemata, error))
        return FALSE;
    for (guint i = 0; i < group->tids->len; i++) {
        if (!vb_resctrl_add_thread(path, g_array_index(group->tids, pid_t, i), error))
            return FALSE;
    }
    return TRUE;
}

typedef struct {
    const char *root;
    const GArray *banks;
    VbResctrlInfo *info;
    VbResctrlSchemata *default_group, *unused;
} Room;

static gboolean
find_room(Room *room, const GPtrArray *groups, GError **error)
{
    g_autoptr(GPtrArray) others = NULL;
    room->info = vb_resctrl_info_read(room->root);
    room->default_group = read_schemata(room->root, error);
    others = room->default_group ? read_groups(room->root, groups, error) : NULL;
    if (!others)
        return FALSE;
    room->unused = vb_resctrl_unused(room->info, room->default_group, others);
    return TRUE;
}

static gboolean
make_one(Room *room, const VbResctrlGroup *group, gboolean *ret_is_new, GError **error)
{
    g_autoptr(VbResctrlSchemata) schemata = NULL;
    *ret_is_new = FALSE;
    if (!group->parent) {
        schemata = vb_resctrl_allocate(room->info, room->banks, room->unused, room->default_group,
                                       group->wishes, error);
        if (!schemata)
            return FALSE;
    }
    return make_group(room->root, group, schemata, ret_is_new, error);
}

/* under the lock */
static gboolean
remove_group(const char *root, const char *parent, const char *name, GError **error)
{
    g_autofree char *path = vb_resctrl_path(root, parent, name);
    return rmdir(path) == 0 || errno == ENOENT ||
           vb_error_set_errno(error, errno, "Unable to remove %s", path);
}

/* takes back what was made */
static void
unmake(const char *root, const GPtrArray *groups, const gboolean *is_new, guint n)
{
    while (n-- > 0) {
        const VbResctrlGroup *group = groups->pdata[n];
        g_autoptr(GError) error = NULL;
        if (is_new[n] && !remove_group(root, group->parent, group->name, &error))
            g_warning("%s", error->message);
    }
}

gboolean
vb_resctrl_create(const char *root, const GArray *banks, const GPtrArray *groups, GError **error)
{
    g_autofree gboolean *is_new = g_new0(gboolean, groups->len + 1);
    Room room = {.root = root, .banks = banks};
    const int lock = lock_root(root, error);
    gboolean is_made = lock >= 0 && find_room(&room, groups, error);
    for (guint i = 0; is_made && i < groups->len; i++) {
        is_made = make_one(&room, groups->pdata[i], &is_new[i], error);
        if (!is_made)
            unmake(root, groups, is_new, i + 1);
    }
    vb_resctrl_info_free(room.info);
    vb_resctrl_schemata_free(room.default_group);
    vb_resctrl_schemata_free(room.unused);
    if (lock >= 0)
        close(lock);
    return is_made;
}

gboolean
vb_resctrl_remove(const char *root, const char *parent, const char *name, GError **error)
{
    const int lock = lock_root(root, error);
    gboolean is_removed;
    if (lock < 0)
        return FALSE;
    is_removed = remove_group(root, parent, name, error);
    close(lock);
    return is_removed;
}

static void
list_into(GPtrArray *names, const char *root, const char *below, const char *prefix)
{
    g_autofree char *path = g_build_filename(root, below, NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;
    while (folder && (name = g_dir_read_name(folder))) {
        if (g_str_has_prefix(name, prefix))
            g_ptr_array_add(names, *below ? g_build_filename(below, name, NULL) : g_strdup(name));
    }
}

GPtrArray *
vb_resctrl_list(const char *root, const char *prefix)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    list_into(names, root, "", prefix);
    list_into(names, root, "mon_groups", prefix);
    return names;
}

static gboolean
read_counter(const char *folder, const char *name, guint64 *ret_value)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *text = NULL;
    /* "Unavailable" and "Error" stand there when the kernel could not read it */
    return g_file_get_contents(path, &text, NULL, NULL) &&
           g_ascii_string_to_unsigned(g_strstrip(text), 10, 0, G_MAXUINT64, ret_value, NULL);
}

static int
compare_readings(gconstpointer a, gconstpointer b)
{
    const VbResctrlReading *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

GArray *
vb_resctrl_read(const char *group_path)
{
    GArray *readings = g_array_new(FALSE, TRUE, sizeof(VbResctrlReading));
    g_autofree char *path = g_build_filename(group_path, "mon_data", NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;
    while (folder && (name = g_dir_read_name(folder))) {
        VbResctrlReading reading = {0};
        g_autofree char *domain = NULL;
        if (!g_str_has_prefix(name, "mon_L3_"))
            continue;
        domain = g_build_filename(path, name, NULL);
        reading.id = (guint)g_ascii_strtoull(name + strlen("mon_L3_"), NULL, 10);
        reading.has_occupancy = read_counter(domain, "llc_occupancy", &reading.occupancy);
        reading.has_total = read_counter(domain, "mbm_total_bytes", &reading.total);
        reading.has_local = read_counter(domain, "mbm_local_bytes", &reading.local);
        g_array_append_val(readings, reading);
    }
    g_array_sort(readings, compare_readings);
    return readings;
}
