/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of saved guests: written under a temporary name and marked as partial, made whole and renamed when all of it is on
 * the disk. A killed daemon leaves no file that looks whole. */
#include "save-image.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION 2
#define MAX_XML (16 * 1024 * 1024)
#define IMAGE_MODE 0600
#define ROOM 2048 /* at least, behind the XML: another definition may be longer */
#define BLOCK 4096

/* Source: libvirt's save image, version 2; numbers in the host's byte order. The XML follows with its NUL, and from
 * cookie_offset on, when that is not 0, what libvirt noted for itself; all of it is data_len bytes. */
typedef struct {
    char magic[16];
    guint32 version;
    guint32 data_len;
    guint32 was_running;
    guint32 compressed;
    guint32 cookie_offset;
    guint32 unused[14];
} Header;

static const char magic_whole[] = "LibvirtQemudSave";
static const char magic_partial[] = "LibvirtQemudPart";

static gboolean
write_all(int fd, const char *bytes, gsize length)
{
    while (length > 0) {
        gssize n = write(fd, bytes, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        bytes += n;
        length -= (gsize)n;
    }
    return TRUE;
}

/**
 * qemu_save_image_create:
 *
 * Returns: the new file, where the emulator's part begins; -1
 * Errors: SYSTEM_ERROR; nothing is left then
 */
int
qemu_save_image_create(const QemuSaveHead *head, GError **error)
{
    const gsize length =
        (strlen(head->xml) + 1 + ROOM + sizeof(Header) + BLOCK - 1) / BLOCK * BLOCK -
        sizeof(Header);
    g_autofree char *padded = g_malloc0(length);
    Header header = {.version = VERSION,
                     .data_len = (guint32)length,
                     .was_running = head->was_running ? 1 : 0};
    int fd = open(head->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, IMAGE_MODE);
    memcpy(header.magic, magic_partial, sizeof header.magic);
    if (fd >= 0 && write_all(fd, (const char *)&header, sizeof header) &&
        write_all(fd, memcpy(padded, head->xml, strlen(head->xml)), length))
        return fd;
    vb_error_set_errno(error, errno, "Failed to create file '%s'", head->temporary);
    if (fd >= 0) {
        close(fd);
        (void)g_unlink(head->temporary);
    }
    return -1;
}

static gboolean
sync_folder(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean is_done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return is_done;
}

/**
 * qemu_save_image_finish:
 * @fd: as from qemu_save_image_create(); the emulator has written its part
 *
 * The content is on the disk before the header says that it is whole, and that before the file has its name.
 *
 * Returns: TRUE once @path survives a power cut
 * Errors: SYSTEM_ERROR
 */
gboolean
qemu_save_image_finish(int fd, const char *temporary, const char *path, GError **error)
{
    if (fsync(fd) < 0 ||
        pwrite(fd, magic_whole, strlen(magic_whole), 0) != (gssize)strlen(magic_whole) ||
        fsync(fd) < 0)
        return vb_error_set_errno(error, errno, "unable to write file '%s'", temporary);
    if (g_rename(temporary, path) < 0 || !sync_folder(path))
        return vb_error_set_errno(error, errno, "unable to rename file '%s' as '%s'", temporary,
                                  path);
    return TRUE;
}

/* ---- reading ---- */

static gboolean
read_all(int fd, char *bytes, gsize length)
{
    while (length > 0) {
        gssize n = read(fd, bytes, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        bytes += n;
        length -= (gsize)n;
    }
    return TRUE;
}

/* Source: libvirt's refusals of save images */
static gboolean
check_header(const Header *header, GError **error)
{
    if (memcmp(header->magic, magic_partial, sizeof header->magic) == 0)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "save image is incomplete");
    if (memcmp(header->magic, magic_whole, sizeof header->magic) != 0)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "image magic is incorrect");
    if (header->version > VERSION)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "image version is not supported (%u > %d)", header->version, VERSION);
    if (header->data_len == 0 || header->data_len > MAX_XML)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "invalid header data length: %u",
                            header->data_len);
    if (header->cookie_offset > header->data_len)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "invalid header cookie offset: %u",
                            header->cookie_offset);
    if (header->compressed != 0)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "compressed save images (format %u) are not supported",
                            header->compressed);
    return TRUE;
}

static gboolean
read_head(QemuSaveImage *image, gboolean *ret_is_incomplete, GError **error)
{
    Header header;
    struct stat info;
    if (fstat(image->fd, &info) < 0)
        return vb_error_set_errno(error, errno, "cannot stat file '%s'", image->path);
    if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' is no regular file", image->path);
    if (!read_all(image->fd, (char *)&header, sizeof header)) {
        *ret_is_incomplete = TRUE;
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "failed to read qemu header");
    }
    *ret_is_incomplete = memcmp(header.magic, magic_partial, sizeof header.magic) == 0;
    if (!check_header(&header, error))
        return FALSE;
    image->was_running = header.was_running != 0;
    image->xml = g_malloc0((gsize)header.data_len + 1);
    if (read_all(image->fd, image->xml, header.data_len))
        return TRUE;
    *ret_is_incomplete = TRUE;
    return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "failed to read domain XML");
}

/**
 * qemu_save_image_open:
 *
 * Reads the head of the file, which is short.
 *
 * Returns: (transfer full)
 * Errors: SYSTEM_ERROR; OPERATION_FAILED no whole save image; OPERATION_UNSUPPORTED compressed
 */
QemuSaveImage *
qemu_save_image_open(const char *path, gboolean *ret_is_incomplete, GError **error)
{
    g_autoptr(QemuSaveImage) image = g_new0(QemuSaveImage, 1);
    image->path = g_strdup(path);
    image->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *ret_is_incomplete = FALSE;
    if (image->fd < 0) {
        vb_error_set_errno(error, errno, "Failed to open file '%s'", path);
        return NULL;
    }
    return read_head(image, ret_is_incomplete, error) ? g_steal_pointer(&image) : NULL;
}

/* @fd: to read and write */
static gboolean
replace_head(int fd, const char *xml, gboolean was_running, GError **error)
{
    const gsize length = strlen(xml) + 1;
    Header header;

    if (!read_all(fd, (char *)&header, sizeof header))
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "failed to read qemu header");
    if (!check_header(&header, error))
        return FALSE;
    const gsize room = header.cookie_offset ? header.cookie_offset : header.data_len;
    if (length > room)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED, "new xml too large to fit in file");
    header.was_running = was_running ? 1 : 0;
    g_autofree char *head = g_malloc0(sizeof header + room);
    memcpy(head, &header, sizeof header);
    memcpy(head + sizeof header, xml, length);
    if (pwrite(fd, head, sizeof header + room, 0) != (gssize)(sizeof header + room) ||
        fsync(fd) < 0)
        return vb_error_set_errno(error, errno, "failed to write header to domain save file");
    return TRUE;
}

/**
 * qemu_save_image_replace:
 * @xml: the definition that the image has from now on
 * @was_running: what a restore makes of the guest
 *
 * In place, with one write: the emulator's part, which may be large, stays where it is.
 *
 * Errors: SYSTEM_ERROR; OPERATION_FAILED no whole save image, or no room for @xml
 */
gboolean
qemu_save_image_replace(const char *path, const char *xml, gboolean was_running, GError **error)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return vb_error_set_errno(error, errno, "Failed to open file '%s'", path);
    const gboolean is_done = replace_head(fd, xml, was_running, error);
    close(fd);
    return is_done;
}

void
qemu_save_image_free(QemuSaveImage *image)
{
    if (!image)
        return;
    if (image->fd >= 0)
        close(image->fd);
    g_free(image->path);
    g_free(image->xml);
    g_free(image);
}
