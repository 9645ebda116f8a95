/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Durable files: temporary file, fsync, rename, fsync of the folder. Owns nothing between calls. Runs on whichever
 * thread calls it; a write takes as long as the disk takes to commit. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

/* The temporary name does not carry the file's own, which may be as long as a name can be. */
#define TEMPORARY_MARK ".vbtmp-"
#define TEMPORARY_NAME TEMPORARY_MARK "XXXXXX"

static gboolean
write_all(int fd, const char *content, gsize length)
{
    while (length > 0) {
        ssize_t n = write(fd, content, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        content += n;
        length -= (gsize)n;
    }
    return TRUE;
}

static gboolean
sync_folder(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return vb_error_set_errno(error, errno, "cannot open folder '%s'", folder);
    int errsv = fsync(fd) < 0 ? errno : 0;
    close(fd);
    /* EINVAL: a file system without fsync of folders, where rename needs none */
    if (errsv && errsv != EINVAL)
        return vb_error_set_errno(error, errsv, "cannot commit folder '%s'", folder);
    return TRUE;
}

static int
fill_temporary(int fd, const char *content, gsize length, mode_t mode, gboolean is_durable)
{
    if (!write_all(fd, content, length) || fchmod(fd, mode) < 0)
        return errno;
    return is_durable && fsync(fd) < 0 ? errno : 0;
}

static gboolean
replace_file(const char *path, const char *content, gsize length, mode_t mode, gboolean is_durable,
             GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *temporary = g_build_filename(folder, TEMPORARY_NAME, NULL);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return vb_error_set_errno(error, errno, "cannot create file '%s'", path);
    int errsv = fill_temporary(fd, content, length, mode, is_durable);
    if (close(fd) < 0 && !errsv)
        errsv = errno;
    if (!errsv && rename(temporary, path) < 0)
        errsv = errno;
    if (errsv) {
        (void)unlink(temporary);
        return vb_error_set_errno(error, errsv, "cannot write file '%s'", path);
    }
    return is_durable ? sync_folder(path, error) : TRUE;
}

/**
 * vb_store_write:
 * @path: the file; its folder exists
 * @content: what it is to hold
 * @length: bytes
 * @mode: permission bits, whatever the umask
 *
 * Returns: TRUE once the content survives a power cut; FALSE with the old content in place
 * Errors: SYSTEM_ERROR with errno's text
 */
gboolean
vb_store_write(const char *path, const char *content, gsize length, mode_t mode, GError **error)
{
    return replace_file(path, content, length, mode, TRUE, error);
}

/**
 * vb_store_write_volatile:
 *
 * As vb_store_write() for files that no reboot survives: whole or not at all, but not waiting for a disk.
 */
gboolean
vb_store_write_volatile(const char *path, const char *content, gsize length, mode_t mode,
                        GError **error)
{
    return replace_file(path, content, length, mode, FALSE, error);
}

/**
 * vb_store_remove:
 * @path: a file or link; a missing one is fine
 *
 * Returns: TRUE once the file will not come back
 * Errors: SYSTEM_ERROR
 */
gboolean
vb_store_remove(const char *path, GError **error)
{
    if (unlink(path) < 0) {
        if (errno == ENOENT || errno == ENAMETOOLONG) /* a name that no file can have */
            return TRUE;
        return vb_error_set_errno(error, errno, "cannot remove file '%s'", path);
    }
    return sync_folder(path, error);
}

static char *
make_temporary_link(const char *target, const char *folder)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        g_autofree char *name = g_strdup_printf(TEMPORARY_MARK "%08x", g_random_int());
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (symlink(target, path) == 0)
            return g_steal_pointer(&path);
        if (errno != EEXIST)
            return NULL;
    }
    return NULL;
}

/**
 * vb_store_link:
 * @target: what the link says
 * @link_path: the link; one that is there is replaced
 *
 * Returns: TRUE once the link survives a power cut
 * Errors: SYSTEM_ERROR
 */
gboolean
vb_store_link(const char *target, const char *link_path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(link_path);
    g_autofree char *temporary = make_temporary_link(target, folder);
    if (!temporary)
        return vb_error_set_errno(error, errno, "cannot create link '%s'", link_path);
    if (rename(temporary, link_path) < 0) {
        int errsv = errno;
        (void)unlink(temporary);
        return vb_error_set_errno(error, errsv, "cannot create link '%s'", link_path);
    }
    return sync_folder(link_path, error);
}

/**
 * vb_store_mkdir:
 * @path: folder; parents are made with it, one that is there is left as it is
 * @mode: permission bits of what is made
 *
 * Returns: TRUE when @path is a folder
 * Errors: SYSTEM_ERROR
 */
gboolean
vb_store_mkdir(const char *path, mode_t mode, GError **error)
{
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return TRUE;
    if (g_mkdir_with_parents(path, (int)mode) < 0)
        return vb_error_set_errno(error, errno, "cannot create directory '%s'", path);
    return sync_folder(path, error);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/**
 * vb_store_list:
 * @folder: where; one that does not exist is empty
 * @suffix: ".xml"
 *
 * Returns: (transfer full): names with the suffix, without the folder, sorted
 * Errors: SYSTEM_ERROR
 */
GPtrArray *
vb_store_list(const char *folder, const char *suffix, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) local = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &local);
    if (!dir) {
        if (g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return g_steal_pointer(&names);
        vb_error_set(error, VIR_ERR_SYSTEM_ERROR, "%s", local->message);
        return NULL;
    }
    const char *name;
    while ((name = g_dir_read_name(dir))) {
        if (g_str_has_suffix(name, suffix) && !strstr(name, TEMPORARY_MARK))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

static int
read_all(int fd, gsize max_length, GByteArray *bytes)
{
    guint8 buffer[16384];
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0)
            g_byte_array_append(bytes, buffer, (guint)n);
        if (bytes->len > max_length)
            return EFBIG;
    }
}

static int
open_regular(const char *path, int *ret_fd)
{
    struct stat st;
    /* O_NONBLOCK: somebody's FIFO in the folder must not hold us */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno;
    int errsv = fstat(fd, &st) < 0 ? errno : 0;
    if (!errsv && !S_ISREG(st.st_mode))
        errsv = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    if (errsv) {
        close(fd);
        return errsv;
    }
    *ret_fd = fd;
    return 0;
}

/**
 * vb_store_read:
 * @path: a regular file
 * @max_length: bytes; a longer file is refused
 * @ret_content: (out) (transfer full): with a NUL after the last byte
 * @ret_length: (out) (optional): bytes without that NUL
 *
 * Errors: SYSTEM_ERROR; its reason is "FileMissing" when there is no such file
 */
gboolean
vb_store_read(const char *path, gsize max_length, char **ret_content, gsize *ret_length,
              GError **error)
{
    int fd = -1;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    int errsv = open_regular(path, &fd);
    if (!errsv) {
        errsv = read_all(fd, max_length, bytes);
        close(fd);
    }
    if (errsv) {
        vb_error_set_errno(error, errsv, "cannot read file '%s'", path);
        if (error && errsv == ENOENT)
            vb_error_set_reason(*error, "FileMissing", path);
        return FALSE;
    }
    if (ret_length)
        *ret_length = bytes->len;
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    *ret_content = (char *)g_byte_array_free(g_steal_pointer(&bytes), FALSE);
    return TRUE;
}

/**
 * vb_store_sweep:
 * @folder: where a killed daemon may have left temporary files; need not exist
 *
 * Removes them. Called at start, before anything writes.
 */
void
vb_store_sweep(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        if (!g_str_has_prefix(name, TEMPORARY_MARK))
            continue;
        g_autofree char *path = g_build_filename(folder, name, NULL);
        (void)unlink(path);
    }
}

/* A name that the user's shell and an XML comment take as it is; else the UUID stands in. */
static gboolean
is_plain_word(const char *text)
{
    return *text && !strstr(text, "--") &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") ==
               strlen(text);
}

/**
 * vb_store_header:
 * @command: "edit"
 * @name: of the object
 * @uuid: with dashes; used when @name cannot stand in a comment
 *
 * Returns: (transfer full): the comment that libvirt puts above a stored definition
 */
char *
vb_store_header(const char *command, const char *name, const char *uuid)
{
    return g_strdup_printf(
        "<!--\n"
        "WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\n"
        "OVERWRITTEN AND LOST. Changes to this xml configuration should be made using:\n"
        "  virsh %s %s\n"
        "or other application using the libvirt API.\n"
        "-->\n\n",
        command, is_plain_word(name) ? name : uuid);
}
