/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes the <host> section of the capabilities document: elements, their order and their units are libvirt's. What the
 * host does not say is left out. */
#include "host/capabilities.h"

#include <unistd.h>

#include "base/text.h"
#include "host/host-private.h"
#include "host/pages.h"

/* ---- <cpu> ---- */

static void
write_page_sizes(GString *text, const VbHost *host)
{
    g_autoptr(GArray) pages = vb_host_read_pages(host, -1);

    VB_HOST_EACH(VbHostPages, row, pages)
    {
        vb_text_line(text, 3, "<pages unit='KiB' size='%" G_GUINT64_FORMAT "'/>", row->size_kib);
    }
}

static void
write_cpu(GString *text, VbHost *host, const char *arch)
{
    VbHostInfo info;

    if (!host->processor)
        host->processor = vb_host_processor_read(host);
    vb_host_read_info(host, &info);
    vb_text_line(text, 2, "<cpu>");
    vb_text_line(text, 3, "<arch>%s</arch>", arch);
    vb_host_write_identity(text, 3, host->processor);
    if (info.cpus > 0)
        vb_text_line(text, 3,
                     "<topology sockets='%u' dies='1' clusters='1' cores='%u' threads='%u'/>",
                     info.sockets, info.cores, info.threads);
    vb_host_write_features(text, 3, host->processor);
    write_page_sizes(text, host);
    vb_text_line(text, 2, "</cpu>");
}

/* ---- small elements ---- */

static void
write_power(GString *text, const VbHost *host)
{
    static const char *const words[] = {"suspend_mem", "suspend_disk", "suspend_hybrid"};
    const guint targets = vb_host_read_suspend_targets(host);

    if (targets == 0) {
        vb_text_line(text, 2, "<power_management/>");
        return;
    }
    vb_text_line(text, 2, "<power_management>");
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (targets & (1u << i))
            vb_text_line(text, 3, "<%s/>", words[i]);
    }
    vb_text_line(text, 2, "</power_management>");
}

static void
write_migration(GString *text, const char *const *transports)
{
    vb_text_line(text, 2, "<migration_features>");
    vb_text_line(text, 3, "<live/>");
    if (transports && *transports) {
        vb_text_line(text, 3, "<uri_transports>");
        for (; *transports; transports++)
            vb_text_line(text, 4, "<uri_transport>%s</uri_transport>", *transports);
        vb_text_line(text, 3, "</uri_transports>");
    }
    vb_text_line(text, 2, "</migration_features>");
}

/* ---- <topology> ---- */

static void
write_distances(GString *text, const VbHostCell *cell)
{
    if (cell->distances->len == 0)
        return;
    vb_text_line(text, 5, "<distances>");
    VB_HOST_EACH(VbHostDistance, row, cell->distances)
    {
        vb_text_line(text, 6, "<sibling id='%u' value='%u'/>", row->cell, row->value);
    }
    vb_text_line(text, 5, "</distances>");
}

static void
write_memory_caches(GString *text, const VbHostCell *cell)
{
    VB_HOST_EACH(VbHostMemoryCache, cache, cell->caches)
    {
        g_string_append_printf(text, "          <cache level='%u'", cache->level);
        if (cache->associativity != VB_HOST_CACHE_ASSOCIATIVITY_NONE)
            g_string_append_printf(text, " associativity='%s'",
                                   vb_host_associativity_words[cache->associativity]);
        if (cache->policy != VB_HOST_CACHE_POLICY_NONE)
            g_string_append_printf(text, " policy='%s'", vb_host_policy_words[cache->policy]);
        g_string_append(text, ">\n");
        vb_text_line(text, 6, "<size value='%" G_GUINT64_FORMAT "' unit='KiB'/>",
                     cache->size_b / 1024);
        vb_text_line(text, 6, "<line value='%u' unit='B'/>", cache->line_b);
        vb_text_line(text, 5, "</cache>");
    }
}

/* Hosts have thousands of these lines, and nothing in them needs to be escaped. */
static void
write_cpus(GString *text, const VbHostTopology *topology, const VbHostCell *cell)
{
    const guint n = vb_bitset_count(cell->cpus);

    if (n == 0) {
        vb_text_line(text, 5, "<cpus num='0'/>");
        return;
    }
    vb_text_line(text, 5, "<cpus num='%u'>", n);
    VB_BITSET_EACH(id, cell->cpus)
    {
        const VbHostCpu *cpu = vb_host_topology_find_cpu(topology, (guint)id);
        g_autofree char *siblings = cpu ? vb_bitset_format(cpu->siblings) : NULL;

        if (!cpu || !cpu->is_online)
            g_string_append_printf(text, "            <cpu id='%d'/>\n", id);
        else
            g_string_append_printf(text,
                                   "            <cpu id='%d' socket_id='%d' die_id='%d' "
                                   "cluster_id='%d' core_id='%d' siblings='%s'/>\n",
                                   id, cpu->socket_id, cpu->die_id, cpu->cluster_id, cpu->core_id,
                                   siblings);
    }
    vb_text_line(text, 5, "</cpus>");
}

static void
write_cell(GString *text, const VbHost *host, const VbHostTopology *topology,
           const VbHostCell *cell)
{
    const int node = topology->has_nodes ? (int)cell->id : -1;
    g_autoptr(GArray) pages = vb_host_read_pages(host, node);
    guint64 memory_kib = 0;

    vb_text_line(text, 4, "<cell id='%u'>", cell->id);
    if (vb_host_read_memory_kib(host, node, "MemTotal", &memory_kib) && memory_kib > 0)
        vb_text_line(text, 5, "<memory unit='KiB'>%" G_GUINT64_FORMAT "</memory>", memory_kib);
    VB_HOST_EACH(VbHostPages, row, pages)
    {
        vb_text_line(text, 5,
                     "<pages unit='KiB' size='%" G_GUINT64_FORMAT "'>%" G_GUINT64_FORMAT "</pages>",
                     row->size_kib, row->total);
    }
    write_distances(text, cell);
    write_memory_caches(text, cell);
    write_cpus(text, topology, cell);
    vb_text_line(text, 4, "</cell>");
}

static void
write_interconnects(GString *text, const VbHostTopology *topology)
{
    if (topology->interconnects->len == 0)
        return;
    vb_text_line(text, 3, "<interconnects>");
    VB_HOST_EACH(VbHostInterconnect, row, topology->interconnects)
    {
        g_string_append_printf(text, "        <%s initiator='%u' target='%u'",
                               vb_host_interconnect_words[row->type], row->initiator, row->target);
        if (row->cache > 0)
            g_string_append_printf(text, " cache='%u'", row->cache);
        g_string_append_printf(text, " type='%s' value='%" G_GUINT64_FORMAT "'%s/>\n",
                               vb_host_access_words[row->access], row->value,
                               row->type == VB_HOST_INTERCONNECT_BANDWIDTH ? " unit='KiB'" : "");
    }
    vb_text_line(text, 3, "</interconnects>");
}

static void
write_topology(GString *text, const VbHost *host, const VbHostTopology *topology)
{
    vb_text_line(text, 2, "<topology>");
    vb_text_line(text, 3, "<cells num='%u'>", topology->cells->len);
    VB_HOST_EACH(VbHostCell, cell, topology->cells) write_cell(text, host, topology, cell);
    vb_text_line(text, 3, "</cells>");
    write_interconnects(text, topology);
    vb_text_line(text, 2, "</topology>");
}

/* ---- <cache> ---- */

/* the biggest unit in which @bytes is a whole number */
static guint64
scale(guint64 bytes, const char **ret_unit)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    guint i = 0;

    for (; bytes > 0 && bytes % 1024 == 0 && i + 1 < G_N_ELEMENTS(units); i++)
        bytes /= 1024;
    *ret_unit = units[i];
    return bytes;
}

static void
write_bank(GString *text, const VbHostCacheBank *bank, const VbHostControl *control)
{
    g_autofree char *cpus = vb_bitset_format(bank->cpus);
    gsize at;
    const char *unit;
    const guint64 size = scale(bank->size_b, &unit);

    g_string_append_printf(text,
                           "      <bank id='%u' level='%u' type='%s' size='%" G_GUINT64_FORMAT
                           "' unit='%s' cpus='%s'",
                           bank->id, bank->level, vb_host_bank_words[bank->type], size, unit, cpus);
    at = text->len;
    if (control && control->write_bank)
        control->write_bank(text, 4, bank, control->data);
    if (text->len == at) {
        g_string_append(text, "/>\n");
        return;
    }
    g_string_insert(text, (gssize)at, ">\n");
    vb_text_line(text, 3, "</bank>");
}

static void
write_caches(GString *text, const VbHostTopology *topology, const VbHostControl *control)
{
    const gsize before = text->len;
    gsize empty;

    vb_text_line(text, 2, "<cache>");
    empty = text->len;
    VB_HOST_EACH(VbHostCacheBank, bank, topology->banks) write_bank(text, bank, control);
    if (control && control->write_cache_monitor)
        control->write_cache_monitor(text, 3, control->data);
    if (text->len == empty)
        g_string_truncate(text, before);
    else
        vb_text_line(text, 2, "</cache>");
    if (control && control->write_memory_bandwidth)
        control->write_memory_bandwidth(text, 2, topology, control->data);
}

void
vb_host_format_capabilities(VbHost *host, const VbHostCapabilities *how, GString *text)
{
    const VbHostTopology *topology = vb_host_get_topology(host);
    g_autofree char *uuid = vb_host_read_uuid(host);

    vb_text_line(text, 1, "<host>");
    vb_text_line(text, 2, "<uuid>%s</uuid>", uuid);
    write_cpu(text, host, how->arch);
    write_power(text, host);
    vb_text_line(text, 2, "<iommu support='%s'/>", vb_host_has_iommu(host) ? "yes" : "no");
    write_migration(text, how->transports);
    write_topology(text, host, topology);
    write_caches(text, topology, how->control);
    vb_text_line(text, 2, "<secmodel>");
    vb_text_line(text, 3, "<model>none</model>");
    vb_text_line(text, 3, "<doi>0</doi>");
    vb_text_line(text, 2, "</secmodel>");
    vb_text_line(text, 1, "</host>");
}
