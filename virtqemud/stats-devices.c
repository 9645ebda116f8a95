/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers about a guest's disks and network interfaces. Disks: from the monitor's last answer, of guests that do not run
 * from the images. Interfaces: from the host's counters, turned round: what the host sends to a tap the guest receives. */
#include <string.h>
#include "base/error.h"
#include "define.h"
#include "image.h"
#include "procfs.h"
#include "stats-private.h"

#define NET_TABLE_AGE_US (50 * 1000) /* one reading serves all guests of one call */
#define READ_AHEAD_WINDOW_US (200 * 1000)
#define READ_AHEAD_AFTER 4

/* ---- interfaces ---- */

/* on these the host's own view is the guest's */
static gboolean
shares_host_view(const VbDomainNet *net)
{
    return net->type == VB_DOMAIN_NET_DIRECT;
}

static void
turn_round(QemuNetStat *stat)
{
    const QemuNetStat host = *stat;

    *stat = (QemuNetStat){host.tx_bytes, host.tx_packets, host.tx_errs, host.tx_drop,
                          host.rx_bytes, host.rx_packets, host.rx_errs, host.rx_drop};
}

static gboolean
find_net_stat(GHashTable *table, const VbDomainNet *net, QemuNetStat *ret_stat)
{
    const QemuNetStat *found = g_hash_table_lookup(table, net->target_dev);

    if (!found)
        return FALSE;
    *ret_stat = *found;
    if (!shares_host_view(net))
        turn_round(ret_stat);
    return TRUE;
}

static GHashTable *
recent_net_table(const char *procfs)
{
    static GHashTable *table;
    static char *table_procfs;
    static gint64 read_us;
    const gint64 now = g_get_monotonic_time();

    if (table && now - read_us < NET_TABLE_AGE_US && strcmp(table_procfs, procfs) == 0)
        return table;
    g_clear_pointer(&table, g_hash_table_unref);
    g_free(table_procfs);
    table_procfs = g_strdup(procfs);
    table = qemu_procfs_read_net(procfs);
    read_us = now;
    return table;
}

void
qemu_stats_add_interfaces(QemuDomain *domain, GVariantBuilder *values, guint flags)
{
    guint i = 0;

    if (!domain->live)
        return;
    qemu_stats_add(values, g_variant_new_uint32(VB_DOMAIN_COUNT(domain->live->nets)), "net.count");
    VB_DOMAIN_EACH(VbDomainNet, net, domain->live->nets)
    {
        const guint n = i++;
        QemuNetStat stat;

        if (!net->target_dev)
            continue;
        qemu_stats_add(values, g_variant_new_string(net->target_dev), "net.%u.name", n);
        if (!find_net_stat(recent_net_table(domain->manager->procfs), net, &stat))
            continue;
        qemu_stats_add(values, g_variant_new_uint64((guint64)stat.rx_bytes), "net.%u.rx.bytes", n);
        qemu_stats_add(values, g_variant_new_uint64((guint64)stat.rx_packets), "net.%u.rx.pkts", n);
        qemu_stats_add(values, g_variant_new_uint64((guint64)stat.rx_errs), "net.%u.rx.errs", n);
        qemu_stats_add(values, g_variant_new_uint64((guint64)stat.rx_drop), "net.%u.rx.drop", n);
        qemu_stats_add(values, g_variant_new_uint64((guint64)stat.tx_bytes), "net.%u.tx.bytes", n);
        qemu_stats_add(values, g_variant_new_uint64((guint64)stat.tx_packets), "net.%u.tx.pkts", n);
        qemu_stats_add(values, g_variant_new_uint64((guint64)stat.tx_errs), "net.%u.tx.errs", n);
        qemu_stats_add(values, g_variant_new_uint64((guint64)stat.tx_drop), "net.%u.tx.drop", n);
    }
}

/**
 * qemu_domain_get_interface_stats:
 * @domain: the guest
 * @device: target device or MAC address
 *
 * Shape: (xxxxxxxx): bytes, packets, errors, drops received, then sent, as the guest sees it
 * Returns: (transfer floating)
 * Errors: OPERATION_INVALID not running; INVALID_ARG no such interface; OPERATION_FAILED the host does not count it
 */
GVariant *
qemu_domain_get_interface_stats(QemuDomain *domain, const char *device, GError **error)
{
    g_autoptr(GHashTable) table = NULL;
    const VbDomainNet *net;
    QemuNetStat stat;

    if (!qemu_domain_check_active(domain, error))
        return NULL;
    net = vb_domain_find_net(domain->live, device);
    if (!net) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' is not a known interface", device);
        return NULL;
    }
    if (!net->target_dev) {
        vb_error_set(error, VIR_ERR_OPERATION_INVALID, "interface '%s' has no device on the host",
                     device);
        return NULL;
    }
    table = qemu_procfs_read_net(domain->manager->procfs);
    if (!find_net_stat(table, net, &stat)) {
        vb_error_set(error, VIR_ERR_OPERATION_FAILED, "/proc/net/dev: Interface not found");
        return NULL;
    }
    return g_variant_new("(xxxxxxxx)", stat.rx_bytes, stat.rx_packets, stat.rx_errs, stat.rx_drop,
                         stat.tx_bytes, stat.tx_packets, stat.tx_errs, stat.tx_drop);
}

/* ---- disks ---- */

static const QemuBlockFacts *
find_block_facts(const QemuDomain *domain, const VbDomainDisk *disk)
{
    for (guint i = 0; disk->info.alias && i < domain->facts->blocks->len; i++) {
        const QemuBlockFacts *block = g_ptr_array_index(domain->facts->blocks, i);

        if (g_strcmp0(block->alias, disk->info.alias) == 0)
            return block;
    }
    return NULL;
}

static const char *
local_path(const VbDomainDisk *disk)
{
    return disk->source.type == VB_DOMAIN_STORAGE_DIR ? NULL : vb_domain_source_path(&disk->source);
}

static gboolean
is_raw(const VbDomainDisk *disk)
{
    return disk->format == VB_DOMAIN_FORMAT_RAW || disk->format == VB_DOMAIN_FORMAT_NONE;
}

/* guest that runs */
static void
add_block_facts(const QemuDomain *domain, const VbDomainDisk *disk, guint n,
                GVariantBuilder *values)
{
    const QemuBlockFacts *block = find_block_facts(domain, disk);
    QemuImageSizes sizes = {0};

    if (!block)
        return;
    qemu_stats_add(values, g_variant_new_uint64(block->rd_operations), "block.%u.rd.reqs", n);
    qemu_stats_add(values, g_variant_new_uint64(block->rd_bytes), "block.%u.rd.bytes", n);
    qemu_stats_add(values, g_variant_new_uint64(block->rd_total_ns), "block.%u.rd.times", n);
    qemu_stats_add(values, g_variant_new_uint64(block->wr_operations), "block.%u.wr.reqs", n);
    qemu_stats_add(values, g_variant_new_uint64(block->wr_bytes), "block.%u.wr.bytes", n);
    qemu_stats_add(values, g_variant_new_uint64(block->wr_total_ns), "block.%u.wr.times", n);
    qemu_stats_add(values, g_variant_new_uint64(block->flush_operations), "block.%u.fl.reqs", n);
    qemu_stats_add(values, g_variant_new_uint64(block->flush_total_ns), "block.%u.fl.times", n);
    if (vb_domain_source_is_empty(&disk->source))
        return;
    qemu_stats_add(values, g_variant_new_uint64(block->wr_highest_offset), "block.%u.allocation",
                   n);
    if (block->has_capacity) {
        sizes.capacity = block->capacity;
        sizes.allocation = block->physical;
    } else if (!local_path(disk) ||
               !qemu_image_read_sizes(local_path(disk), is_raw(disk), &sizes, NULL)) {
        return;
    }
    if (sizes.capacity)
        qemu_stats_add(values, g_variant_new_uint64(sizes.capacity), "block.%u.capacity", n);
    qemu_stats_add(values, g_variant_new_uint64(sizes.allocation), "block.%u.physical", n);
}

/* of a guest that does not run */
static void
collect_images(const QemuDomain *domain, GArray *images)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk,
                   domain->live || !domain->config ? NULL : domain->config->disks)
    {
        const QemuImage image = {local_path(disk), is_raw(disk)};

        if (image.path)
            g_array_append_val(images, image);
    }
}

void
qemu_stats_read_images_ahead(GPtrArray *domains)
{
    g_autoptr(GArray) images = g_array_new(FALSE, FALSE, sizeof(QemuImage));

    for (guint i = 0; i < domains->len; i++)
        collect_images(g_ptr_array_index(domains, i), images);
    if (images->len > READ_AHEAD_AFTER)
        qemu_image_read_ahead((const QemuImage *)(gpointer)images->data, images->len);
}

/* The answer and the error are inputs alike: an image may come back. */
void
qemu_stats_append_image_sizes(QemuDomain *domain, GByteArray *inputs)
{
    g_autoptr(GArray) images = g_array_new(FALSE, FALSE, sizeof(QemuImage));

    collect_images(domain, images);
    for (guint i = 0; i < images->len; i++) {
        const QemuImage *image = &g_array_index(images, QemuImage, i);
        QemuImageSizes sizes = {0};
        const guint64 errsv = (guint64)qemu_image_look(image->path, image->is_raw, &sizes);

        g_byte_array_append(inputs, (const guint8 *)&errsv, sizeof(errsv));
        g_byte_array_append(inputs, (const guint8 *)&sizes, sizeof(sizes));
    }
}

/* Whoever asks for a few guests in a row asks for all of them: their images are read in one go then. */
static void
expect_more(QemuManager *manager)
{
    static gint64 first_us;
    static guint n_asked;
    const gint64 now = g_get_monotonic_time();

    if (now - first_us > READ_AHEAD_WINDOW_US) {
        first_us = now;
        n_asked = 0;
    }
    if (++n_asked == READ_AHEAD_AFTER) {
        g_autoptr(GPtrArray) domains = qemu_manager_list(manager, 0);

        qemu_stats_read_images_ahead(domains);
    }
}

/* guest that does not run */
static void
add_block_sizes(const VbDomainDisk *disk, guint n, GVariantBuilder *values)
{
    const char *path = local_path(disk);
    QemuImageSizes sizes;

    if (!path || !qemu_image_read_sizes(path, is_raw(disk), &sizes, NULL))
        return;
    qemu_stats_add(values, g_variant_new_uint64(sizes.allocation), "block.%u.allocation", n);
    if (sizes.capacity)
        qemu_stats_add(values, g_variant_new_uint64(sizes.capacity), "block.%u.capacity", n);
    qemu_stats_add(values, g_variant_new_uint64(sizes.physical), "block.%u.physical", n);
}

void
qemu_stats_add_blocks(QemuDomain *domain, GVariantBuilder *values, guint flags)
{
    const VbDomainDef *def = qemu_domain_get_def(domain);
    guint i = 0;

    if (!domain->live)
        expect_more(domain->manager);
    qemu_stats_add(values, g_variant_new_uint32(VB_DOMAIN_COUNT(def->disks)), "block.count");
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        const guint n = i++;
        const char *path = local_path(disk);

        qemu_stats_add(values, g_variant_new_string(disk->dst ? disk->dst : ""), "block.%u.name",
                       n);
        if (path)
            qemu_stats_add(values, g_variant_new_string(path), "block.%u.path", n);
        if (domain->live && disk->source.index && !vb_domain_source_is_empty(&disk->source))
            qemu_stats_add(values, g_variant_new_uint32(disk->source.index),
                           "block.%u.backingIndex", n);
        if (domain->live)
            add_block_facts(domain, disk, n, values);
        else
            add_block_sizes(disk, n, values);
    }
}

static void
add_up(QemuBlockFacts *sum, const QemuBlockFacts *block)
{
    sum->rd_operations += block->rd_operations;
    sum->rd_bytes += block->rd_bytes;
    sum->rd_total_ns += block->rd_total_ns;
    sum->wr_operations += block->wr_operations;
    sum->wr_bytes += block->wr_bytes;
    sum->wr_total_ns += block->wr_total_ns;
    sum->flush_operations += block->flush_operations;
    sum->flush_total_ns += block->flush_total_ns;
}

/* one disk's numbers, or with an empty @path all disks' */
static gboolean
sum_blocks(QemuDomain *domain, const char *path, QemuBlockFacts *ret_sum, GError **error)
{
    const VbDomainDisk *wanted = NULL;

    memset(ret_sum, 0, sizeof(*ret_sum));
    if (!qemu_domain_check_active(domain, error))
        return FALSE;
    if (path && *path && !(wanted = vb_domain_find_disk(domain->live, path)))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "invalid path: %s", path);
    VB_DOMAIN_EACH(VbDomainDisk, disk, domain->live->disks)
    {
        const QemuBlockFacts *block =
            !wanted || wanted == disk ? find_block_facts(domain, disk) : NULL;

        if (block)
            add_up(ret_sum, block);
        else if (wanted == disk)
            return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                                "statistics of disk '%s' are not known yet", disk->dst);
    }
    return TRUE;
}

/**
 * qemu_domain_get_block_stats:
 * @domain: the guest
 * @path: target or source of a disk; "": all disks together
 *
 * Shape: (xxxxx): read requests and bytes, write requests and bytes, errors (-1: not counted)
 * Returns: (transfer floating)
 * Errors: OPERATION_INVALID not running; INVALID_ARG no such disk
 */
GVariant *
qemu_domain_get_block_stats(QemuDomain *domain, const char *path, GError **error)
{
    QemuBlockFacts sum;

    if (!sum_blocks(domain, path, &sum, error))
        return NULL;
    return g_variant_new("(xxxxx)", (gint64)sum.rd_operations, (gint64)sum.rd_bytes,
                         (gint64)sum.wr_operations, (gint64)sum.wr_bytes, (gint64)-1);
}

/**
 * qemu_domain_get_block_stats_flags:
 * @domain: the guest
 * @path: as qemu_domain_get_block_stats()
 * @flags: 0
 *
 * Shape: a{sv}: wr_bytes, wr_operations, rd_bytes, rd_operations, flush_operations, wr_total_times, rd_total_times,
 *   flush_total_times, all x, times in ns
 * Returns: (transfer floating)
 * Errors: as qemu_domain_get_block_stats()
 */
GVariant *
qemu_domain_get_block_stats_flags(QemuDomain *domain, const char *path, guint flags, GError **error)
{
    GVariantBuilder values;
    QemuBlockFacts sum;

    if (!qemu_check_flags(flags, 0, "qemuDomainBlockStatsFlags", error) ||
        !sum_blocks(domain, path, &sum, error))
        return NULL;
    g_variant_builder_init(&values, G_VARIANT_TYPE_VARDICT);
    qemu_stats_add(&values, g_variant_new_int64((gint64)sum.wr_bytes), "wr_bytes");
    qemu_stats_add(&values, g_variant_new_int64((gint64)sum.wr_operations), "wr_operations");
    qemu_stats_add(&values, g_variant_new_int64((gint64)sum.rd_bytes), "rd_bytes");
    qemu_stats_add(&values, g_variant_new_int64((gint64)sum.rd_operations), "rd_operations");
    qemu_stats_add(&values, g_variant_new_int64((gint64)sum.flush_operations), "flush_operations");
    qemu_stats_add(&values, g_variant_new_int64((gint64)sum.wr_total_ns), "wr_total_times");
    qemu_stats_add(&values, g_variant_new_int64((gint64)sum.rd_total_ns), "rd_total_times");
    qemu_stats_add(&values, g_variant_new_int64((gint64)sum.flush_total_ns), "flush_total_times");
    return g_variant_builder_end(&values);
}

/**
 * qemu_domain_get_block_info:
 * @domain: the guest
 * @path: target or source of a disk
 * @flags: 0
 *
 * Shape: (ttt): bytes allocated on the host, seen by the guest, length on the host
 * Returns: (transfer floating)
 * Errors: INVALID_ARG no such disk, or it is empty and the guest does not run; SYSTEM_ERROR the image cannot be opened
 */
GVariant *
qemu_domain_get_block_info(QemuDomain *domain, const char *path, guint flags, GError **error)
{
    const VbDomainDef *def = qemu_domain_get_def(domain);
    const QemuBlockFacts *block;
    const VbDomainDisk *disk;
    QemuImageSizes sizes = {0};
    const guint64 nothing = 0;

    if (!qemu_check_flags(flags, 0, "qemuDomainGetBlockInfo", error))
        return NULL;
    disk = path && *path ? vb_domain_find_disk(def, path) : NULL;
    if (!disk) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "invalid path %s not assigned to domain",
                     path ? path : "");
        return NULL;
    }
    if (vb_domain_source_is_empty(&disk->source) && domain->live)
        return g_variant_new("(ttt)", nothing, nothing, nothing); /* an empty drive */
    if (vb_domain_source_is_empty(&disk->source)) {
        vb_error_set(error, VIR_ERR_INVALID_ARG,
                     "disk '%s' does not currently have a source assigned", path);
        return NULL;
    }
    block = domain->live ? find_block_facts(domain, disk) : NULL;
    if (local_path(disk) && !qemu_image_read_sizes(local_path(disk), is_raw(disk), &sizes, error))
        return NULL;
    if (block && block->has_capacity) {
        sizes.capacity = block->capacity;
        sizes.physical = local_path(disk) ? sizes.physical : block->physical;
        sizes.allocation = local_path(disk) ? sizes.allocation : block->wr_highest_offset;
    }
    return g_variant_new("(ttt)", sizes.allocation, sizes.capacity, sizes.physical);
}
