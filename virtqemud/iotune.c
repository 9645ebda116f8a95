/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits of a disk change: the emulator first, then what is stored. Disks of one group share them. */
#include "iotune.h"

#include "base/error.h"
#include "base/json.h"
#include "command/plug.h"
#include "define.h"
#include "domain-private.h"
#include "iotune-private.h"

#include <string.h>

typedef struct {
    char *disk;
    GVariant *params;
    VbDomainDiskIotune tune; /* of the running guest */
    gboolean is_live, is_stored;
    QemuDone done;
    gpointer data;
} Set;

/* The disk, and all others of its group. */
static void
write_tune(VbDomainDef *def, const char *name, const VbDomainDiskIotune *tune)
{
    VbDomainDisk *chosen = vb_domain_find_disk(def, name);
    const char *group;
    if (!chosen)
        return;
    qemu_iotune_copy(VB_XML_NEED(chosen->iotune), tune);
    group = chosen->iotune->group_name;
    if (!group || !*group)
        return;
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        if (disk != chosen && g_strcmp0(vb_domain_disk_iotune(disk)->group_name, group) == 0)
            qemu_iotune_copy(VB_XML_NEED(disk->iotune), chosen->iotune);
    }
}

static gboolean
check_disk(const VbDomainDisk *disk, GError **error)
{
    if (disk->source.type == VB_DOMAIN_STORAGE_VHOST_USER)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "blkdeviotune is not supported for vhostuser disk '%s'", disk->dst);
    if (VB_DOMAIN_COUNT(vb_domain_disk_more(disk)->throttle_filters) > 0)
        return vb_error_set(
            error, VIR_ERR_OPERATION_UNSUPPORTED,
            "block 'throttlefilters' can't be used together with 'iotune' for disk '%s'",
            disk->dst);
    return TRUE;
}

/* What the disk of @def has then. @ret_tune: zeroed before; its name is its own */
static gboolean
work_out(const VbDomainDef *def, const QemuIotuneChange *change, gboolean is_live,
         VbDomainDiskIotune *ret_tune, GError **error)
{
    const VbDomainDisk *disk = vb_domain_find_disk(def, change->name);
    VbDomainDiskIotune tune;
    guint touched;
    if (!disk)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            is_live ? "disk '%s' not found in domain"
                                    : "missing persistent configuration for disk '%s'",
                            change->name);
    if (!check_disk(disk, error) || !qemu_iotune_read(change->params, &tune, &touched, error))
        return FALSE;
    qemu_iotune_fill(&tune, vb_domain_disk_iotune(disk), touched);
    if (is_live && !qemu_iotune_check(&tune, touched, error))
        return FALSE;
    qemu_iotune_copy(ret_tune, &tune);
    return TRUE;
}

static gboolean
write_config(VbDomainDef *next, gpointer data, GError **error)
{
    const Set *set = data;
    const QemuIotuneChange change = {.name = set->disk, .params = set->params};
    VbDomainDiskIotune tune = {0};
    const gboolean is_known = work_out(next, &change, FALSE, &tune, error);
    if (is_known)
        write_tune(next, set->disk, &tune);
    g_free(tune.group_name);
    return is_known;
}

/* Returns: (transfer full): what the emulator is told; NULL: nothing, as an empty drive gets its limits with its medium */
static char *
make_arguments(const VbDomainDef *live, const Set *set)
{
    g_autoptr(VbDomainDef) next = vb_domain_copy(live);
    write_tune(next, set->disk, &set->tune);
    return qemu_command_iotune_arguments(vb_domain_find_disk(next, set->disk), TRUE);
}

static void
tell(QemuDomain *domain, const char *target, GVariant *params)
{
    GVariantBuilder told;
    GVariantIter iter;
    const char *name;
    GVariant *boxed;
    g_variant_builder_init(&told, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&told, "{sv}", VIR_DOMAIN_TUNABLE_BLKDEV_DISK,
                          g_variant_new_string(target));
    g_variant_iter_init(&iter, params);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &boxed)) {
        g_autoptr(GVariant) value = boxed;
        g_autofree char *full = g_strconcat("blkdeviotune.", name, NULL);
        g_variant_builder_add(&told, "{sv}", full, value);
    }
    qemu_domain_emit(domain, "tunable",
                     g_variant_new_parsed("{'params': <%v>}", g_variant_builder_end(&told)));
}

static void
set_free(Set *set)
{
    g_free(set->disk);
    g_free(set->tune.group_name);
    g_variant_unref(set->params);
    g_free(set);
}

/* The running guest was first: what the emulator refused is not kept. */
static void
on_set(QemuDomain *domain, GError *refusal, gpointer data)
{
    Set *set = data;
    g_autoptr(GError) error = refusal ? g_error_copy(refusal) : NULL;
    if (!error && set->is_live && domain->live) {
        write_tune(domain->live, set->disk, &set->tune);
        qemu_domain_save(domain);
        tell(domain, set->disk, set->params);
    }
    if (!error && set->is_stored)
        (void)qemu_domain_change_config(domain, write_config, set, &error);
    set->done(domain, error, set->data);
    set_free(set);
}

void
qemu_iotune_set(QemuDomain *domain, const QemuIotuneChange *change, QemuDone done, gpointer data)
{
    VbDomainDef *live = NULL, *config = NULL;
    VbDomainDiskIotune stored = {0};
    g_autofree char *arguments = NULL;
    GError *error = NULL;
    Set *set = g_new0(Set, 1);
    set->disk = g_strdup(change->name);
    set->params = g_variant_ref(change->params);
    set->done = done;
    set->data = data;
    if (qemu_check_flags(change->flags, QEMU_IOTUNE_IMPACT, "qemuDomainSetBlockIoTune", &error) &&
        qemu_domain_pick_defs(domain, change->flags, &live, &config, &error) &&
        (!live || work_out(live, change, TRUE, &set->tune, &error)) &&
        (!config || work_out(config, change, FALSE, &stored, &error)) && live)
        arguments = make_arguments(live, set);
    g_free(stored.group_name);
    set->is_live = live != NULL;
    set->is_stored = config != NULL;
    if (error || !arguments) {
        qemu_domain_finish_later(domain, error, on_set, set);
        return;
    }
    qemu_domain_execute(domain, "block_set_io_throttle", arguments, on_set, set);
}
