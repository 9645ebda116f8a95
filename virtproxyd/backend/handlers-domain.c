/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain procedures that are answered by hand: looked up and listed in the mirror, or of a shape that no route has. */
#include "backend/handlers.h"
#include <string.h>
#include "base/error.h"
#include "codec/xdr.h"

#define DOMAIN_INTERFACE "org.virtbus.Domain1"

static void
reply_with_domain(ProxyCall *call, const ProxyMirrorDomain *domain)
{
    /* what the mirror does not know, the daemon may know already: another client's change can be under way */
    if (domain)
        proxy_call_reply(call, g_variant_new("(@(sayi))", domain->wire));
    else
        proxy_route_run(call);
}

void
proxy_answer_lookup_by_name(ProxyCall *call)
{
    const char *name;

    g_variant_get(proxy_call_args(call), "(&s)", &name);
    reply_with_domain(call, proxy_mirror_by_name(proxy_call_mirror(call), name));
}

void
proxy_answer_lookup_by_uuid(ProxyCall *call)
{
    g_autoptr(GVariant) args = g_variant_ref(proxy_call_args(call));
    g_autoptr(GVariant) bytes = g_variant_get_child_value(args, 0);
    g_autoptr(GVariant) domain = NULL;
    g_autofree char *path = NULL;

    domain = g_variant_ref_sink(g_variant_new("(s@ayi)", "", bytes, -1));
    path = proxy_convert_domain_path(&call->session->backend->names, domain);
    reply_with_domain(call, proxy_mirror_by_path(proxy_call_mirror(call), path));
}

void
proxy_answer_lookup_by_id(ProxyCall *call)
{
    gint32 id;

    g_variant_get(proxy_call_args(call), "(i)", &id);
    reply_with_domain(call, proxy_mirror_by_id(proxy_call_mirror(call), id));
}

/* ---- lists ---- */

static gboolean
is_active(const ProxyMirrorDomain *d)
{
    return d->is_active;
}
static gboolean
is_inactive(const ProxyMirrorDomain *d)
{
    return !is_active(d);
}
static gboolean
is_persistent(const ProxyMirrorDomain *d)
{
    return d->is_persistent;
}
static gboolean
is_transient(const ProxyMirrorDomain *d)
{
    return !is_persistent(d);
}
static gboolean
has_save(const ProxyMirrorDomain *d)
{
    return d->has_save;
}
static gboolean
has_no_save(const ProxyMirrorDomain *d)
{
    return !has_save(d);
}
static gboolean
is_autostart(const ProxyMirrorDomain *d)
{
    return d->is_autostart;
}
static gboolean
is_no_autostart(const ProxyMirrorDomain *d)
{
    return !is_autostart(d);
}

static gboolean
is_running(const ProxyMirrorDomain *d)
{
    return d->state == VIR_DOMAIN_RUNNING;
}

static gboolean
is_paused(const ProxyMirrorDomain *d)
{
    return d->state == VIR_DOMAIN_PAUSED;
}

static gboolean
is_shutoff(const ProxyMirrorDomain *d)
{
    return d->state == VIR_DOMAIN_SHUTOFF;
}

static gboolean
is_other(const ProxyMirrorDomain *d)
{
    return !is_running(d) && !is_paused(d) && !is_shutoff(d);
}

/* virConnectListAllDomainsFlags: groups; within a group one match is enough, every group used must match */
static const struct {
    guint flag;
    guint group;
    gboolean (*matches)(const ProxyMirrorDomain *domain);
} filters[] = {
    {VIR_CONNECT_LIST_DOMAINS_ACTIVE, 0, is_active},
    {VIR_CONNECT_LIST_DOMAINS_INACTIVE, 0, is_inactive},
    {VIR_CONNECT_LIST_DOMAINS_PERSISTENT, 1, is_persistent},
    {VIR_CONNECT_LIST_DOMAINS_TRANSIENT, 1, is_transient},
    {VIR_CONNECT_LIST_DOMAINS_RUNNING, 2, is_running},
    {VIR_CONNECT_LIST_DOMAINS_PAUSED, 2, is_paused},
    {VIR_CONNECT_LIST_DOMAINS_SHUTOFF, 2, is_shutoff},
    {VIR_CONNECT_LIST_DOMAINS_OTHER, 2, is_other},
    {VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE, 3, has_save},
    {VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE, 3, has_no_save},
    {VIR_CONNECT_LIST_DOMAINS_AUTOSTART, 4, is_autostart},
    {VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART, 4, is_no_autostart},
};

#define N_GROUPS 5
#define FILTERS_KNOWN                                                                              \
    (VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE |                         \
     VIR_CONNECT_LIST_DOMAINS_PERSISTENT | VIR_CONNECT_LIST_DOMAINS_TRANSIENT |                    \
     VIR_CONNECT_LIST_DOMAINS_RUNNING | VIR_CONNECT_LIST_DOMAINS_PAUSED |                          \
     VIR_CONNECT_LIST_DOMAINS_SHUTOFF | VIR_CONNECT_LIST_DOMAINS_OTHER |                           \
     VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE | VIR_CONNECT_LIST_DOMAINS_NO_MANAGEDSAVE |              \
     VIR_CONNECT_LIST_DOMAINS_AUTOSTART | VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART)

static gboolean
passes(const ProxyMirrorDomain *domain, guint flags)
{
    gboolean is_used[N_GROUPS] = {FALSE}, is_matched[N_GROUPS] = {FALSE};

    for (guint i = 0; i < G_N_ELEMENTS(filters); i++) {
        if (!(flags & filters[i].flag))
            continue;
        is_used[filters[i].group] = TRUE;
        if (filters[i].matches(domain))
            is_matched[filters[i].group] = TRUE;
    }
    for (guint group = 0; group < N_GROUPS; group++)
        if (is_used[group] && !is_matched[group])
            return FALSE;
    return TRUE;
}

void
proxy_answer_list_all_domains(ProxyCall *call)
{
    const GPtrArray *domains = proxy_mirror_domains(proxy_call_mirror(call));
    GVariantBuilder builder;
    gint32 need_results;
    guint flags, n = 0;

    g_variant_get(proxy_call_args(call), "(iu)", &need_results, &flags);
    if (flags & ~(guint)FILTERS_KNOWN) {
        proxy_route_run(
            call); /* snapshots and checkpoints: the mirror does not know; unknown flags: refused there */
        return;
    }
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(sayi)"));
    for (guint i = 0; i < domains->len; i++) {
        const ProxyMirrorDomain *domain = domains->pdata[i];

        if (flags && !passes(domain, flags))
            continue;
        n++;
        if (need_results)
            g_variant_builder_add_value(&builder, domain->wire);
    }
    proxy_call_reply(call, g_variant_new("(@a(sayi)u)", g_variant_builder_end(&builder), n));
}

static guint
count_domains(ProxyCall *call, guint flags)
{
    const GPtrArray *domains = proxy_mirror_domains(proxy_call_mirror(call));
    guint n = 0;

    for (guint i = 0; i < domains->len; i++)
        n += passes(domains->pdata[i], flags) ? 1 : 0;
    return n;
}

void
proxy_answer_num_of_domains(ProxyCall *call)
{
    proxy_call_reply(call,
                     g_variant_new("(i)",
                                   (gint32)count_domains(call, VIR_CONNECT_LIST_DOMAINS_ACTIVE)));
}

void
proxy_answer_num_of_defined_domains(ProxyCall *call)
{
    proxy_call_reply(call,
                     g_variant_new("(i)",
                                   (gint32)count_domains(call, VIR_CONNECT_LIST_DOMAINS_INACTIVE)));
}

/* the old lists: ids of the active ones, names of the others; at most as many as the client has room for */
static void
list_old(ProxyCall *call, guint flags, const char *type)
{
    const GPtrArray *domains = proxy_mirror_domains(proxy_call_mirror(call));
    GVariantBuilder builder;
    gint32 room;

    g_variant_get(proxy_call_args(call), "(i)", &room);
    g_variant_builder_init(&builder, G_VARIANT_TYPE(type));
    for (guint i = 0; i < domains->len && room > 0; i++) {
        const ProxyMirrorDomain *domain = domains->pdata[i];

        if (!passes(domain, flags))
            continue;
        room--;
        if (type[1] == 'i')
            g_variant_builder_add(&builder, "i", domain->id);
        else
            g_variant_builder_add(&builder, "s", domain->name);
    }
    proxy_call_reply(call, g_variant_new("(@*)", g_variant_builder_end(&builder)));
}

void
proxy_answer_list_domains(ProxyCall *call)
{
    list_old(call, VIR_CONNECT_LIST_DOMAINS_ACTIVE, "ai");
}

void
proxy_answer_list_defined_domains(ProxyCall *call)
{
    list_old(call, VIR_CONNECT_LIST_DOMAINS_INACTIVE, "as");
}

/* ---- single domains ---- */

/* Source: remote_domain_get_info_ret: unsigned char, two unsigned hyper, unsigned short, unsigned hyper */
static gboolean
encode_info(const ProxyProcedure *procedure, gpointer data, GByteArray *out, GError **error)
{
    const ProxyMirrorDomain *domain = data;

    proxy_xdr_put_word(out, (guint8)domain->state);
    proxy_xdr_put_double_word(out, (guint64)domain->max_memory_kib);
    proxy_xdr_put_double_word(out, (guint64)domain->memory_kib);
    proxy_xdr_put_word(out, (guint16)domain->vcpus);
    proxy_xdr_put_double_word(out, 0); /* processor time: it does not run */
    return TRUE;
}

/* All that is known of a domain that does not run is in the mirror. */
void
proxy_answer_get_info(ProxyCall *call)
{
    const ProxyMirrorDomain *domain = proxy_call_domain(call);

    if (!domain || domain->is_active)
        proxy_route_run(call);
    else
        proxy_call_reply_encoded(call, encode_info, (gpointer)domain);
}

/* cpumaps on the wire: @n maps of @length bytes each, one behind the other */
static GVariant *
join_maps(GVariant *maps, gsize n, gsize length)
{
    g_autofree guint8 *joined = g_malloc0(MAX(n * length, 1));
    gsize n_maps = g_variant_n_children(maps);

    for (gsize i = 0; i < MIN(n, n_maps); i++) {
        g_autoptr(GVariant) map = g_variant_get_child_value(maps, i);
        gsize size;
        const guint8 *bytes = g_variant_get_fixed_array(map, &size, 1);

        if (size)
            memcpy(joined + i * length, bytes, MIN(size, length));
    }
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, joined, n * length, 1);
}

static void
on_vcpus(ProxyCall *call, GVariant *reply, GUnixFDList *fds, GError *error)
{
    g_autoptr(GVariant) vcpus = NULL;
    g_autoptr(GVariant) maps = NULL;
    GVariantBuilder builder;
    gint32 max_info, map_length;
    gsize n;

    if (error) {
        proxy_call_fail(call, error);
        return;
    }
    if (!g_variant_is_of_type(reply, G_VARIANT_TYPE("(a(uiti)aay)"))) {
        proxy_call_fail_code(call, VIR_ERR_RPC, "%s", "unexpected reply from GetVcpus");
        return;
    }
    g_variant_get(reply, "(@a(uiti)@aay)", &vcpus, &maps);
    g_variant_get(proxy_call_args(call), "(@(sayi)ii)", NULL, &max_info, &map_length);
    n = MIN(g_variant_n_children(vcpus), (gsize)max_info);
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(uiti)"));
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) row = g_variant_get_child_value(vcpus, i);

        g_variant_builder_add_value(&builder, row);
    }
    proxy_call_reply(call, g_variant_new("(@a(uiti)@ay)", g_variant_builder_end(&builder),
                                         join_maps(maps, n, (gsize)map_length)));
}

/* limits of the protocol: REMOTE_VCPUINFO_MAX, REMOTE_CPUMAPS_MAX */
#define MAX_VCPU_INFO 16384
#define MAX_CPU_MAPS 8388608

void
proxy_answer_get_vcpus(ProxyCall *call)
{
    g_autofree char *path = proxy_call_domain_path(call);
    gint32 max_info, map_length;

    g_variant_get(proxy_call_args(call), "(@(sayi)ii)", NULL, &max_info, &map_length);
    if (max_info < 0 || max_info > MAX_VCPU_INFO) {
        proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR, "%s", "maxinfo > REMOTE_VCPUINFO_MAX");
        return;
    }
    if (map_length < 0 || (gint64)max_info * map_length > MAX_CPU_MAPS) {
        proxy_call_fail_code(call, VIR_ERR_INTERNAL_ERROR, "%s",
                             "maxinfo * maplen > REMOTE_CPUMAPS_MAX");
        return;
    }
    proxy_call_dbus(call, path, DOMAIN_INTERFACE, "GetVcpus", NULL, on_vcpus);
}

/* ---- virDomainGetCPUStats: rows of equal length, flattened ---- */

typedef struct {
    guint32 n_params;
    gint32 start_cpu;
    guint32 n_cpus;
    guint32 flags;
} CpuStatsArgs;

static CpuStatsArgs
cpu_stats_args(ProxyCall *call)
{
    CpuStatsArgs args;

    g_variant_get(proxy_call_args(call), "(@(sayi)uiuu)", NULL, &args.n_params, &args.start_cpu,
                  &args.n_cpus, &args.flags);
    args.flags &= ~(guint32)VIR_TYPED_PARAM_STRING_OKAY; /* what the client can decode */
    return args;
}

static void
on_cpu_stats(ProxyCall *call, GVariant *reply, GUnixFDList *fds, GError *error)
{
    CpuStatsArgs args = cpu_stats_args(call);
    g_autoptr(GVariant) rows = NULL;
    GVariantBuilder builder;
    gsize n_rows, per_row = 0;

    if (error) {
        proxy_call_fail(call, error);
        return;
    }
    if (!g_variant_is_of_type(reply, G_VARIANT_TYPE("(aa{sv})"))) {
        proxy_call_fail_code(call, VIR_ERR_RPC, "%s", "unexpected reply from GetCpuStats");
        return;
    }
    rows = g_variant_get_child_value(reply, 0);
    n_rows = g_variant_n_children(rows);
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    for (gsize i = 0; i < n_rows; i++) {
        g_autoptr(GVariant) params = g_variant_get_child_value(rows, i);

        per_row = i == 0 ? g_variant_n_children(params) : per_row;
        for (gsize k = 0; k < MIN(per_row, (gsize)args.n_params) && i < args.n_cpus; k++) {
            g_autoptr(GVariant) param = g_variant_get_child_value(params, k);

            g_variant_builder_add_value(&builder, param);
        }
    }
    if (args.n_params > 0)
        per_row = MIN(per_row, (gsize)args.n_params);
    else if (args.n_cpus == 0)
        per_row = n_rows; /* "how many CPUs are there?" */
    proxy_call_reply(call,
                     g_variant_new("(@a{sv}i)", g_variant_builder_end(&builder), (gint32)per_row));
}

void
proxy_answer_get_cpu_stats(ProxyCall *call)
{
    g_autofree char *path = proxy_call_domain_path(call);
    CpuStatsArgs args = cpu_stats_args(call);

    proxy_call_dbus(call, path, DOMAIN_INTERFACE, "GetCpuStats",
                    g_variant_new("(iuu)", args.start_cpu, args.n_cpus, args.flags), on_cpu_stats);
}

/* ---- addresses: the wire has a hardware address that may be absent ---- */

static void
on_addresses(ProxyCall *call, GVariant *reply, GUnixFDList *fds, GError *error)
{
    g_autoptr(GVariant) rows = NULL;
    GVariantBuilder builder;

    if (error) {
        proxy_call_fail(call, error);
        return;
    }
    if (!g_variant_is_of_type(reply, G_VARIANT_TYPE("(a(ssa(isu)))"))) {
        proxy_call_fail_code(call, VIR_ERR_RPC, "%s", "unexpected reply from GetAddresses");
        return;
    }
    rows = g_variant_get_child_value(reply, 0);
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(smsa(isu))"));
    for (gsize i = 0; i < g_variant_n_children(rows); i++) {
        const char *name, *mac;
        g_autoptr(GVariant) addresses = NULL;

        g_variant_get_child(rows, i, "(&s&s@a(isu))", &name, &mac, &addresses);
        g_variant_builder_add(&builder, "(sms@a(isu))", name, *mac ? mac : NULL, addresses);
    }
    proxy_call_reply(call, g_variant_new("(a(smsa(isu)))", &builder));
}

void
proxy_answer_interface_addresses(ProxyCall *call)
{
    g_autofree char *path = proxy_call_domain_path(call);
    guint32 source, flags;

    g_variant_get(proxy_call_args(call), "(@(sayi)uu)", NULL, &source, &flags);
    proxy_call_dbus(call, path, DOMAIN_INTERFACE, "GetAddresses",
                    g_variant_new("(uu)", source, flags), on_addresses);
}
