/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Removing a folder with all that is in it. What lies there may be a stranger's work: links are removed, never followed,
 * also when they take a folder's place meanwhile. */
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"

#define MAX_DEPTH 64 /* a descriptor and a frame each */

static int remove_entry(int folder_fd, const char *name, guint depth);

static gboolean
is_self(const char *name)
{
    return g_str_equal(name, ".") || g_str_equal(name, "..");
}

/* takes @fd; goes on after what cannot be removed */
static int
empty_folder(int fd, guint depth)
{
    DIR *dir = fdopendir(fd);
    const struct dirent *entry;
    int first = 0;
    if (!dir) {
        int errsv = errno;
        close(fd);
        return errsv;
    }
    while ((entry = readdir(dir))) {
        int errsv = is_self(entry->d_name) ? 0 : remove_entry(fd, entry->d_name, depth);
        first = first ? first : errsv;
    }
    closedir(dir);
    return first;
}

/* Returns: 0, or what errno was */
static int
remove_entry(int folder_fd, const char *name, guint depth)
{
    int fd, errsv;
    if (unlinkat(folder_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM) /* EPERM: as POSIX has it */
        return errno;
    if (depth == MAX_DEPTH)
        return ELOOP;
    errsv = errno;
    fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOTDIR ? errsv : errno;
    errsv = empty_folder(fd, depth + 1);
    if (unlinkat(folder_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return errsv ? errsv : errno;
}

/**
 * vb_store_remove_tree:
 * @path: a folder, or a file; a missing one is fine
 *
 * Removes it and all that is in it, without waiting for the disk. What can be removed is, also on failure.
 *
 * Errors: SYSTEM_ERROR the first reason why something stays
 */
gboolean
vb_store_remove_tree(const char *path, GError **error)
{
    int errsv = remove_entry(AT_FDCWD, path, 0);
    return errsv == 0 || vb_error_set_errno(error, errsv, "cannot remove '%s'", path);
}
