/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bounded reads of sysfs. Owns nothing; safe in any thread. */
#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

char *
nodedev_sysfs_path(const NodedevHost *host, const char *path, const char *attribute)
{
    const char *below = g_str_has_prefix(path, "/sys") ? path + strlen("/sys") : path;
    return attribute ? g_strconcat(host->sysfs, below, "/", attribute, NULL)
                     : g_strconcat(host->sysfs, below, NULL);
}

GBytes *
nodedev_sysfs_read_bytes(const NodedevHost *host, const char *path, const char *attribute,
                         gsize max)
{
    g_autofree char *file = nodedev_sysfs_path(host, path, attribute);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    gsize length = 0;
    gssize n = 1;
    if (fd < 0)
        return NULL;
    char *bytes = g_malloc(max);
    while (n > 0 && length < max) {
        n = read(fd, bytes + length, max - length);
        if (n > 0)
            length += (gsize)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    close(fd);
    if (length == 0) {
        g_free(bytes);
        return NULL;
    }
    return g_bytes_new_take(g_realloc(bytes, length), length);
}

/**
 * nodedev_sysfs_clean:
 * @bytes: anything
 *
 * XML and D-Bus carry UTF-8 without control characters: they are left out, other bytes become U+FFFD. Blanks at the end
 * go, and at the first zero byte the text ends.
 *
 * Returns: (transfer full): NULL when nothing is left
 */
char *
nodedev_sysfs_clean(const char *bytes, gsize length)
{
    gsize end = strnlen(bytes, length);
    while (end > 0 && g_ascii_isspace(bytes[end - 1]))
        end--;
    g_autofree char *valid = g_utf8_make_valid(bytes, (gssize)end);
    GString *text = g_string_sized_new(end);
    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        gboolean is_noncharacter = (c & 0xfffe) == 0xfffe;
        if (!g_unichar_iscntrl(c) && !is_noncharacter)
            g_string_append_unichar(text, c);
    }
    return g_string_free(text, text->len == 0);
}

char *
nodedev_sysfs_read(const NodedevHost *host, const char *path, const char *attribute)
{
    char bytes[NODEDEV_SYSFS_MAX];
    g_autofree char *file = nodedev_sysfs_path(host, path, attribute);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return NULL;
    gssize length = read(fd, bytes, sizeof bytes);
    close(fd);
    return length > 0 ? nodedev_sysfs_clean(bytes, (gsize)length) : NULL;
}

gboolean
nodedev_sysfs_is_leaving(const NodedevHost *host, const char *path, const char *attribute)
{
    g_autofree char *folder = nodedev_sysfs_path(host, path, NULL);
    g_autofree char *file = nodedev_sysfs_path(host, path, attribute);
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char byte;
    if (fd < 0)
        return access(folder, F_OK) != 0;
    gboolean is_leaving = read(fd, &byte, 1) < 0 && (errno == EINVAL || errno == ENODEV);
    close(fd);
    return is_leaving;
}

gboolean
nodedev_parse_uint(const char *text, guint base, guint64 max, guint64 *ret_value)
{
    if (base == 16 && g_str_has_prefix(text, "0x"))
        text += 2;
    return g_ascii_string_to_unsigned(text, base, 0, max, ret_value, NULL);
}

gboolean
nodedev_sysfs_read_uint(const NodedevHost *host, const char *path, const char *attribute,
                        guint base, guint64 *ret_value)
{
    g_autofree char *text = nodedev_sysfs_read(host, path, attribute);
    return text && nodedev_parse_uint(text, base, G_MAXUINT64, ret_value);
}

gboolean
nodedev_sysfs_read_int(const NodedevHost *host, const char *path, const char *attribute,
                       gint64 *ret_value)
{
    g_autofree char *text = nodedev_sysfs_read(host, path, attribute);
    return text && g_ascii_string_to_signed(text, 10, G_MININT32, G_MAXUINT32, ret_value, NULL);
}

char *
nodedev_sysfs_link_name(const NodedevHost *host, const char *path, const char *attribute)
{
    char target[NODEDEV_SYSFS_MAX];
    g_autofree char *file = nodedev_sysfs_path(host, path, attribute);
    gssize length = readlink(file, target, sizeof target - 1);
    if (length <= 0)
        return NULL;
    target[length] = '\0';
    const char *slash = strrchr(target, '/');
    const char *name = slash ? slash + 1 : target;
    return nodedev_sysfs_clean(name, strlen(name));
}

gboolean
nodedev_sysfs_exists(const NodedevHost *host, const char *path, const char *attribute)
{
    g_autofree char *file = nodedev_sysfs_path(host, path, attribute);
    return access(file, F_OK) == 0;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
nodedev_sysfs_list(const NodedevHost *host, const char *path, const char *attribute, guint max)
{
    g_autofree char *folder = nodedev_sysfs_path(host, path, attribute);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    while (dir && names->len < max && (name = g_dir_read_name(dir)))
        if (g_utf8_validate(name, -1, NULL))
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    return names;
}

/* Source: the kernel's pci_name(): domain:bus:slot.function, hexadecimal, domain of 4 digits or more */
gboolean
nodedev_pci_parse(const char *text, NodedevPciAddress *ret_address)
{
    NodedevPciAddress address = {0};
    int length = 0;
    if (strlen(text) > 16 ||
        sscanf(text, "%8x:%2x:%2x.%1x%n", &address.domain, &address.bus, &address.slot,
               &address.function, &length) != 4 ||
        text[length] || address.slot > 31 || address.function > 7)
        return FALSE;
    *ret_address = address;
    return TRUE;
}

char *
nodedev_pci_format(const NodedevPciAddress *address)
{
    return g_strdup_printf("%04x:%02x:%02x.%x", address->domain, address->bus, address->slot,
                           address->function);
}
