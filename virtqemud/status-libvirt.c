/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a status file holds for libvirt alone, so that it takes the guest over: the abilities of the emulator in its words,
 * the names of the block nodes. virtqemud keeps what libvirt wrote there, and has no use for it itself.
 * Source: status files of libvirt 9.0 beside the command lines that it ran */
#include "base/text.h"
#include "domain-private.h"
#include "status.h"

#include <string.h>
#include <unistd.h>

/* ---- <qemuCaps> and the like ---- */

/**
 * qemu_status_for_libvirt:
 * @domain: runs, or is about to
 *
 * Returns: (transfer full) (nullable): elements of the status file of a guest that virtqemud started; NULL while it is not
 * known what its emulator can do
 */
char *
qemu_status_for_libvirt(QemuDomain *domain)
{
    const char *emulator = domain->live->emulator;
    g_autoptr(QemuCaps) caps =
        emulator ? qemu_caps_cache_peek(domain->manager->caps, emulator) : NULL;
    if (!caps)
        return NULL;
    g_autoptr(GPtrArray) flags = qemu_caps_libvirt_flags(caps);
    GString *text = g_string_new("<qemuCaps>\n");
    for (guint i = 0; i < flags->len; i++)
        vb_text_line(text, 2, "<flag name='%s'/>", (const char *)flags->pdata[i]);
    vb_text_line(text, 1, "</qemuCaps>");
    g_string_append(text, "  <blockjobs active='no'/>"); /* else libvirt asks QEMU for each image */
    return g_string_free(text, FALSE);
}

/* ---- disks ---- */

/* Nodes of another number are of an image that was there before. Returns the highest number. */
static guint
name_nodes(VbDomainDiskSource *source)
{
    VbDomainBackingStore *data = vb_domain_source_more(source)->data_store;
    const guint highest = data ? name_nodes(&data->source) : 0;
    g_autofree char *storage = g_strdup_printf("libvirt-%u-storage", source->index);
    if (source->index == 0 || vb_domain_source_is_empty(source)) {
        source->index = 0; /* libvirt numbers the empty drive too, and does not show it */
        g_clear_pointer(&source->private_data, g_free);
        return highest;
    }
    if (source->private_data && strstr(source->private_data, storage))
        return MAX(highest, source->index);
    g_free(source->private_data);
    source->private_data =
        g_strdup_printf("<nodenames><nodename type='storage' name='%s'/>"
                        "<nodename type='format' name='libvirt-%u-format'/></nodenames>",
                        storage, source->index);
    return MAX(highest, source->index);
}

/* By which name QEMU speaks of the drive: that of the device, or of the part of it that has the medium. */
static char *
drive_name(const VbDomainDisk *disk)
{
    const char *alias = disk->info.alias;
    if (disk->bus == VB_DOMAIN_DISK_BUS_VIRTIO)
        return g_strdup_printf("/machine/peripheral/%s/virtio-backend", alias);
    if (disk->bus == VB_DOMAIN_DISK_BUS_USB)
        return g_strdup_printf("/machine/peripheral/%s/%s.0/legacy[0]", alias, alias);
    return g_strdup(alias);
}

static void
name_drive(VbDomainDisk *disk)
{
    if (disk->private_data || !disk->info.alias)
        return;
    g_autofree char *name = drive_name(disk);
    GString *text = g_string_new(NULL);
    vb_text_line(text, 0, "<qom name='%s'/>", name);
    if (disk->copy_on_read == VB_TRISTATE_YES)
        vb_text_line(text, 0,
                     "<nodenames><nodename type='copyOnRead' name='libvirt-CoR-%s'/></nodenames>",
                     disk->dst);
    g_string_truncate(text, text->len - 1); /* the last newline */
    disk->private_data = g_string_free(text, FALSE);
}

/**
 * qemu_status_name_images:
 * @live: of a running guest; changed
 *
 * Returns: the highest number of an image
 */
guint
qemu_status_name_images(VbDomainDef *live)
{
    guint highest = 0;
    VB_DOMAIN_EACH(VbDomainDisk, disk, live->disks)
    {
        name_drive(disk);
        highest = MAX(highest, name_nodes(&disk->source));
        for (VbDomainBackingStore *at = disk->backing; at; at = at->backing) {
            if (at->source.index == 0)
                at->source.index = at->index; /* where libvirt writes it */
            highest = MAX(highest, MAX(name_nodes(&at->source), at->index));
        }
    }
    return highest;
}

/* ---- files' owners ---- */

/**
 * qemu_status_unlabel:
 * @live: of a running guest; changed
 *
 * Says that nobody has changed owners of the guest's files for it: libvirt gives them to root at the guest's end otherwise.
 * Only the system's libvirt changes owners.
 *
 * Returns: whether that was to be said; qemu_status_relabel() takes it back
 */
gboolean
qemu_status_unlabel(VbDomainDef *live)
{
    if (VB_DOMAIN_COUNT(live->seclabels) > 0 || geteuid() != 0)
        return FALSE;
    VbDomainSeclabel *label =
        vb_domain_list_add(&live->seclabels, vb_xml_new(&vb_domain_seclabel_type));
    label->type = g_strdup("none");
    label->model = g_strdup("dac");
    return TRUE;
}

void
qemu_status_relabel(VbDomainDef *live)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(live->seclabels); i++)
        vb_xml_free(&vb_domain_seclabel_type, live->seclabels->pdata[i]);
    g_clear_pointer(&live->seclabels, g_ptr_array_unref);
}
