/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lifecycle events made from the difference between two states of the mirror. They are marked "late"; what happened in
 * between twice is lost, as the daemon said. */
#include "backend/resync.h"
#include "backend/convert.h"
#include "vb-constants.h"

typedef struct {
    gboolean is_active;
    gint64 state;
    GVariant *wire;
} Known;

typedef struct {
    const ProxyLinkHandler *handler;
    gpointer data;
} Teller;

static void
known_free(gpointer data)
{
    Known *known = data;

    g_variant_unref(known->wire);
    g_free(known);
}

GHashTable *
proxy_resync_remember(ProxyMirror *mirror)
{
    GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    const GPtrArray *domains = proxy_mirror_domains(mirror);

    for (guint i = 0; i < domains->len; i++) {
        const ProxyMirrorDomain *domain = domains->pdata[i];
        Known *known = g_new0(Known, 1);

        known->is_active = domain->is_active;
        known->state = domain->state;
        known->wire = g_variant_ref(domain->wire);
        g_hash_table_replace(table, g_strdup(domain->path), known);
    }
    return table;
}

static void
tell(const Teller *teller, const char *path, GVariant *wire, int event)
{
    g_autoptr(GVariant) bytes = g_variant_get_child_value(wire, 1);
    g_autoptr(GVariant) details = NULL;
    char uuid[37];
    const char *name;
    gint32 id;
    gsize length;
    GVariantDict dict;

    g_variant_get(wire, "(&s@ayi)", &name, NULL, &id);
    proxy_convert_uuid_text(g_variant_get_fixed_array(bytes, &length, 1), uuid);
    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "name", "s", name);
    g_variant_dict_insert(&dict, "uuid", "s", uuid);
    g_variant_dict_insert(&dict, "id", "i", id);
    g_variant_dict_insert(&dict, "event", "i", event);
    g_variant_dict_insert(&dict, "detail", "i", 0);
    g_variant_dict_insert(&dict, "late", "b", TRUE);
    details = g_variant_ref_sink(g_variant_dict_end(&dict));
    teller->handler->event(teller->data, "lifecycle", path, details);
}

static void
tell_domain(const Teller *teller, const ProxyMirrorDomain *domain, const Known *known)
{
    gboolean is_active = domain->is_active;
    gint64 state = domain->state;

    if (!known)
        tell(teller, domain->path, domain->wire, VIR_DOMAIN_EVENT_DEFINED);
    if (is_active && !(known && known->is_active))
        tell(teller, domain->path, domain->wire, VIR_DOMAIN_EVENT_STARTED);
    else if (!is_active && known && known->is_active)
        tell(teller, domain->path, domain->wire, VIR_DOMAIN_EVENT_STOPPED);
    else if (known && state != known->state && state == VIR_DOMAIN_PAUSED)
        tell(teller, domain->path, domain->wire, VIR_DOMAIN_EVENT_SUSPENDED);
    else if (known && state != known->state && known->state == VIR_DOMAIN_PAUSED && is_active)
        tell(teller, domain->path, domain->wire, VIR_DOMAIN_EVENT_RESUMED);
}

/**
 * proxy_resync_tell:
 * @before: from proxy_resync_remember(), before the mirror was replaced
 *
 * Hands on one lifecycle event per difference.
 */
void
proxy_resync_tell(GHashTable *before, ProxyMirror *mirror, const ProxyLinkHandler *handler,
                  gpointer data)
{
    const Teller teller = {handler, data};
    const GPtrArray *domains = proxy_mirror_domains(mirror);
    GHashTableIter iter;
    gpointer path, known;

    g_hash_table_iter_init(&iter, before);
    while (g_hash_table_iter_next(&iter, &path, &known)) {
        if (proxy_mirror_by_path(mirror, path))
            continue;
        if (((Known *)known)->is_active)
            tell(&teller, path, ((Known *)known)->wire, VIR_DOMAIN_EVENT_STOPPED);
        tell(&teller, path, ((Known *)known)->wire, VIR_DOMAIN_EVENT_UNDEFINED);
    }
    for (guint i = 0; i < domains->len; i++) {
        const ProxyMirrorDomain *domain = domains->pdata[i];

        tell_domain(&teller, domain, g_hash_table_lookup(before, domain->path));
    }
}
