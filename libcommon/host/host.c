/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The object that stands for a host: where its sysfs and procfs are. */
#include "host/host-private.h"

/**
 * vb_host_new:
 * @sysfs: (nullable): folder that stands for /sys; copied
 * @procfs: (nullable): folder that stands for /proc; copied
 *
 * Returns: (transfer full): free with vb_host_free(). Nothing has been read yet.
 */
VbHost *
vb_host_new(const char *sysfs, const char *procfs)
{
    VbHost *host = g_new0(VbHost, 1);

    host->sysfs = g_strdup(sysfs ? sysfs : "/sys");
    host->procfs = g_strdup(procfs ? procfs : "/proc");
    return host;
}

void
vb_host_free(VbHost *host)
{
    if (!host)
        return;
    vb_host_invalidate(host);
    vb_host_sample_free(host->sample);
    g_free(host->sysfs);
    g_free(host->procfs);
    g_free(host);
}

const char *
vb_host_get_sysfs(const VbHost *host)
{
    return host->sysfs;
}

const char *
vb_host_get_procfs(const VbHost *host)
{
    return host->procfs;
}

const VbHostTopology *
vb_host_get_topology(VbHost *host)
{
    if (!host->topology)
        host->topology = vb_host_topology_read(host);
    return host->topology;
}

void
vb_host_invalidate(VbHost *host)
{
    g_clear_pointer(&host->topology, vb_host_topology_unref);
    g_clear_pointer(&host->processor, g_free);
}
