/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which machine this is, and what it can do beside computing. */
#include <string.h>

#include "base/error.h"
#include "host/host-private.h"

static gboolean
is_plausible_uuid(const char *text)
{
    return text && g_uuid_string_is_valid(text) && !g_str_has_prefix(text, "00000000-0000-0000") &&
           !g_str_has_prefix(text, "ffffffff-ffff-ffff");
}

/**
 * vb_host_read_uuid:
 *
 * Returns: (transfer full): the machine's own UUID; where it has none, one made from the installation's identity.
 *   Stable either way.
 */
char *
vb_host_read_uuid(const VbHost *host)
{
    g_autofree char *product = vb_host_read_word(host->sysfs, "class/dmi/id/product_uuid");
    g_autofree char *machine = vb_host_read_word("/etc", "machine-id");
    g_autofree char *lower = product ? g_ascii_strdown(product, -1) : NULL;
    g_autofree char *sum = NULL;

    if (is_plausible_uuid(lower))
        return g_steal_pointer(&lower);
    /* hashed: the machine id itself is not for strangers (machine-id(5)) */
    sum = g_compute_hmac_for_string(G_CHECKSUM_SHA256, (const guchar *)"virtbus", 7,
                                    machine && *machine ? machine : g_get_host_name(), -1);
    return g_strdup_printf("%.8s-%.4s-4%.3s-8%.3s-%.12s", sum, sum + 8, sum + 13, sum + 17,
                           sum + 20);
}

gboolean
vb_host_has_iommu(const VbHost *host)
{
    g_autofree char *folder = g_build_filename(host->sysfs, "kernel/iommu_groups", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);

    return dir && g_dir_read_name(dir);
}

static gboolean
has_word(const char *text, const char *word)
{
    g_auto(GStrv) words = g_strsplit_set(text ? text : "", " []\t", -1);

    return g_strv_contains((const char *const *)words, word);
}

/* To sleep on disk there must be swap space: the first line of swaps is a heading. */
static gboolean
has_swap(const VbHost *host)
{
    g_autofree char *swaps = vb_host_read_word(host->procfs, "swaps");

    return swaps && strchr(swaps, '\n');
}

/**
 * vb_host_read_suspend_targets:
 *
 * Returns: a bit per virNodeSuspendTarget: memory, disk, both
 * Source: kernel, Documentation/admin-guide/pm/sleep-states.rst
 */
guint
vb_host_read_suspend_targets(const VbHost *host)
{
    g_autofree char *state = vb_host_read_word(host->sysfs, "power/state");
    g_autofree char *disk = vb_host_read_word(host->sysfs, "power/disk");
    const gboolean has_disk =
        has_word(state, "disk") && disk && !has_word(disk, "disabled") && has_swap(host);
    guint targets = 0;

    if (has_word(state, "mem"))
        targets |= 1u << VIR_NODE_SUSPEND_TARGET_MEM;
    if (has_disk)
        targets |= 1u << VIR_NODE_SUSPEND_TARGET_DISK;
    if (has_disk && has_word(disk, "suspend"))
        targets |= 1u << VIR_NODE_SUSPEND_TARGET_HYBRID;
    return targets;
}
