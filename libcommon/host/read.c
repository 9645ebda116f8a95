/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small files of sysfs and procfs, read and written. Hosts have tens of thousands of them, so those that are read by the thousand are
 * opened relative to their folder and read into the caller's buffer. */
#include "host/host-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define CPUINFO_MAX 32768 /* s390 lists all CPUs, 80 bytes each, before it describes the first */

char *
vb_host_read_word(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    return g_strstrip(text);
}

VbBitset *
vb_host_read_set(const char *folder, const char *name)
{
    g_autofree char *text = vb_host_read_word(folder, name);

    return vb_bitset_parse(text);
}

/**
 * vb_host_open_folder:
 * @parent: descriptor of a folder, or AT_FDCWD
 *
 * Returns: a descriptor that only serves to open what is in it, -1: not there
 */
int
vb_host_open_folder(int parent, const char *path)
{
    return openat(parent, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/**
 * vb_host_read_at:
 * @folder: descriptor of a folder, or AT_FDCWD; -1 is allowed and has no files
 * @buffer: (out caller-allocates): text, with a 0 at the end, without blanks there
 *
 * Returns: @buffer, NULL: no such file
 */
char *
vb_host_read_at(int folder, const char *name, char *buffer, gsize size)
{
    const int fd = folder != -1 ? openat(folder, name, O_RDONLY | O_CLOEXEC) : -1;
    gssize n;

    if (fd < 0)
        return NULL;
    n = read(fd, buffer, size - 1);
    close(fd);
    if (n < 0)
        return NULL;
    while (n > 0 && g_ascii_isspace(buffer[n - 1]))
        n--;
    buffer[n] = '\0';
    return buffer;
}

gboolean
vb_host_read_number_at(int folder, const char *name, gint64 *ret_value)
{
    char buffer[64];
    char *end;

    if (!vb_host_read_at(folder, name, buffer, sizeof(buffer)))
        return FALSE;
    *ret_value = g_ascii_strtoll(buffer, &end, 10);
    return end != buffer;
}

static gboolean
parse_entry(const char *entry, const char *prefix, guint *ret_n)
{
    const gsize length = strlen(prefix);
    char *end;
    guint64 n;

    if (strncmp(entry, prefix, length) != 0 || !g_ascii_isdigit(entry[length]))
        return FALSE;
    n = g_ascii_strtoull(entry + length, &end, 10);
    *ret_n = (guint)MIN(n, VB_BITSET_MAX);
    return *end == '\0';
}

/**
 * vb_host_list_entries:
 * @prefix: "cpu", "node", "index"
 *
 * Returns: (transfer full): the numbers of the entries PREFIX + number; empty where there is no such folder
 */
VbBitset *
vb_host_list_entries(const char *folder, const char *prefix)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    VbBitset *set = vb_bitset_new();
    const char *entry;
    guint n;

    while (dir && (entry = g_dir_read_name(dir))) {
        if (parse_entry(entry, prefix, &n))
            vb_bitset_add(set, n);
    }
    return set;
}

/**
 * vb_host_read_cpuinfo:
 *
 * Returns: (transfer full): the start of cpuinfo, which tells of the first CPUs; NULL: none. The kernel makes it up as it is
 *   read, some 10 us a CPU.
 */
char *
vb_host_read_cpuinfo(const VbHost *host)
{
    g_autofree char *path = g_build_filename(host->procfs, "cpuinfo", NULL);
    g_autofree char *buffer = g_malloc(CPUINFO_MAX);

    return vb_host_read_at(AT_FDCWD, path, buffer, CPUINFO_MAX) ? g_steal_pointer(&buffer) : NULL;
}

int
vb_host_write_number(const char *path, guint64 value)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);
    const gssize length = (gssize)strlen(text);
    const int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    gssize n = -1;
    int errsv = errno;

    if (fd >= 0) {
        n = write(fd, text, (gsize)length);
        errsv = errno;
        close(fd);
    }
    return n == length ? 0 : n < 0 ? errsv : EIO;
}
