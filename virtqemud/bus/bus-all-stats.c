/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hypervisor1.GetAllDomainStats. Thousands of guests that do not run are asked about every few seconds, and their numbers
 * hardly ever change: the record of each is kept as it leaves, together with what it was made of. It is looked at once,
 * before it is sent again: what has changed since is made anew. Nobody has to tell this file of changes. */
#include <string.h>

#include "bus/bus-private.h"
#include "wire/body.h"

typedef struct {
    VbCall *call;
    QemuBus *bus;
    GPtrArray *domains; /* of QemuDomain, with references */
    guint stats;
    guint flags;
} AllStats;

/* The low byte of virConnectGetAllDomainStatsFlags are the filters of virConnectListAllDomainsFlags. */
#define STATS_FILTERS 0xffu

/* (oa{sv}) of one guest, marshalled */
struct _QemuBusRecord {
    GByteArray *inputs; /* what it was made of */
    GByteArray *bytes;
};

void
qemu_bus_record_free(gpointer data)
{
    QemuBusRecord *record = data;
    g_byte_array_unref(record->inputs);
    g_byte_array_unref(record->bytes);
    g_free(record);
}

/* Returns: FALSE when it cannot be sent */
static gboolean
append_record(const AllStats *all, QemuDomain *domain, GByteArray *out)
{
    g_autofree char *path = qemu_bus_domain_path(domain->uuid_text);
    g_autoptr(GVariant) values =
        g_variant_ref_sink(qemu_domain_get_stats(domain, all->stats, all->flags));
    vb_body_align(out, 8);
    vb_body_put_string(out, path, strlen(path));
    return vb_body_put_value(out, values);
}

/* @scratch: gets what the record depends on now */
static void
append_inputs(const AllStats *all, QemuDomain *domain, GByteArray *scratch)
{
    const guint32 asked[] = {all->stats, all->flags & ~STATS_FILTERS};
    g_byte_array_set_size(scratch, 0);
    g_byte_array_append(scratch, (const guint8 *)asked, sizeof asked);
    qemu_domain_append_stats_inputs(domain, all->stats, scratch);
}

static gboolean
is_current(const QemuBusRecord *record, const GByteArray *inputs)
{
    return record && record->inputs->len == inputs->len &&
           memcmp(record->inputs->data, inputs->data, inputs->len) == 0;
}

static gboolean
append_kept_record(const AllStats *all, QemuDomain *domain, GByteArray *scratch, GByteArray *out)
{
    QemuBusRecord *record = g_hash_table_lookup(all->bus->records, domain);
    append_inputs(all, domain, scratch);
    if (!is_current(record, scratch)) {
        GByteArray *bytes = g_byte_array_new();
        if (!append_record(all, domain, bytes)) {
            g_byte_array_unref(bytes);
            return FALSE;
        }
        record = g_new(QemuBusRecord, 1);
        record->inputs =
            g_byte_array_append(g_byte_array_sized_new(scratch->len), scratch->data, scratch->len);
        record->bytes =
            g_byte_array_append(g_byte_array_sized_new(bytes->len), bytes->data, bytes->len);
        g_byte_array_unref(bytes);
        g_hash_table_replace(all->bus->records, domain, record);
    }
    vb_body_align(out, 8);
    g_byte_array_append(out, record->bytes->data, record->bytes->len);
    return TRUE;
}

static gboolean
append_all(const AllStats *all, GByteArray *out)
{
    g_autoptr(GByteArray) scratch = g_byte_array_new();
    gsize mark = vb_body_open_array(out, 8);
    gboolean is_fine = TRUE;
    for (guint i = 0; i < all->domains->len && is_fine; i++) {
        QemuDomain *domain = all->domains->pdata[i];
        if (!domain->manager)
            continue; /* went while we asked */
        is_fine = domain->live ? append_record(all, domain, out)
                               : append_kept_record(all, domain, scratch, out);
    }
    return is_fine && vb_body_close_array(out, mark, 8);
}

static void
reply_all_stats(gpointer data)
{
    g_autofree AllStats *all = data;
    g_autoptr(GPtrArray) domains = all->domains;
    g_autoptr(GByteArray) message = vb_call_new_body(all->call);
    qemu_stats_read_ahead(domains, all->stats);
    if (append_all(all, message))
        vb_call_return_body(all->call, g_steal_pointer(&message));
    else
        vb_call_fail(all->call,
                     g_error_new(VB_ERROR, VIR_ERR_OVERFLOW,
                                 "statistics of %u domains do not fit a message", domains->len));
}

/* Errors: NO_DOMAIN, INVALID_ARG for a path that is none */
static GPtrArray *
pick_domains(QemuBus *bus, GVariant *paths, guint flags, GError **error)
{
    g_autoptr(GPtrArray) domains =
        g_ptr_array_new_with_free_func((GDestroyNotify)qemu_domain_unref);
    g_autoptr(GPtrArray) matching = qemu_manager_list(bus->manager, flags & STATS_FILTERS);
    GVariantIter iter;
    const char *path;
    if (g_variant_n_children(paths) == 0) {
        for (guint i = 0; i < matching->len; i++)
            g_ptr_array_add(domains, qemu_domain_ref(matching->pdata[i]));
        return g_steal_pointer(&domains);
    }
    g_variant_iter_init(&iter, paths);
    while (g_variant_iter_next(&iter, "&o", &path)) {
        QemuDomain *domain = qemu_bus_find_domain(bus, path, error);
        if (!domain)
            return NULL;
        if (g_ptr_array_find(matching, domain, NULL))
            g_ptr_array_add(domains, qemu_domain_ref(domain));
    }
    return g_steal_pointer(&domains);
}

GVariant *
qemu_bus_method_get_all_stats(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint stats, flags;
    g_autoptr(GVariant) paths = NULL;
    g_variant_get(args, "(@aouu)", &paths, &stats, &flags);
    if (!qemu_stats_check(stats, flags, error))
        return NULL;
    GPtrArray *domains = pick_domains(data, paths, flags, error);
    if (!domains)
        return NULL;
    AllStats *all = g_new(AllStats, 1);
    *all = (AllStats){call, data, domains, stats, flags};
    vb_call_defer(call);
    qemu_facts_refresh(domains, qemu_stats_needs(stats), QEMU_FACTS_DEADLINE_MS, reply_all_stats,
                       all);
    return NULL;
}
