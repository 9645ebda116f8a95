/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts by guest. Owns them; bounded, and dropped when nobody reads any more. */
#include "backend/texts.h"
#include <malloc.h>

typedef struct {
    guint8 uuid[16];
    guint64 version; /* of the mirror's guest */
    GBytes *bytes;
} Text;

struct _ProxyTexts {
    GHashTable *by_uuid; /* of Text */
    gsize size;          /* bytes of all texts */
    gint64 used_us;
    guint timer;
};

static void
text_free(gpointer data)
{
    Text *text = data;

    g_bytes_unref(text->bytes);
    g_free(text);
}

ProxyTexts *
proxy_texts_new(void)
{
    ProxyTexts *texts = g_new0(ProxyTexts, 1);

    texts->by_uuid =
        g_hash_table_new_full(proxy_mirror_uuid_hash, proxy_mirror_uuid_equal, NULL, text_free);
    return texts;
}

void
proxy_texts_free(ProxyTexts *texts)
{
    if (!texts)
        return;
    g_clear_handle_id(&texts->timer, g_source_remove);
    g_hash_table_unref(texts->by_uuid);
    g_free(texts);
}

/* Thousands of small blocks lie between others: without being told, the allocator keeps their pages. */
void
proxy_texts_drop(ProxyTexts *texts)
{
    g_clear_handle_id(&texts->timer, g_source_remove);
    if (texts->size == 0)
        return;
    g_hash_table_remove_all(texts->by_uuid);
    texts->size = 0;
    malloc_trim(0);
}

static gboolean
look_for_idleness(gpointer data)
{
    ProxyTexts *texts = data;

    if (g_get_monotonic_time() - texts->used_us < PROXY_TEXTS_IDLE_S * G_USEC_PER_SEC)
        return G_SOURCE_CONTINUE;
    texts->timer = 0;
    proxy_texts_drop(texts);
    return G_SOURCE_REMOVE;
}

static void
forget(ProxyTexts *texts, Text *text)
{
    texts->size -= g_bytes_get_size(text->bytes);
    g_hash_table_remove(texts->by_uuid, text->uuid);
}

GBytes *
proxy_texts_find(ProxyTexts *texts, const ProxyMirrorDomain *domain)
{
    Text *text = g_hash_table_lookup(texts->by_uuid, domain->uuid);

    if (!text)
        return NULL;
    texts->used_us = g_get_monotonic_time();
    if (text->version == domain->version)
        return text->bytes;
    forget(texts, text);
    return NULL;
}

void
proxy_texts_keep(ProxyTexts *texts, const ProxyMirrorDomain *domain, const char *text, gsize length)
{
    Text *known = g_hash_table_lookup(texts->by_uuid, domain->uuid);
    Text *kept;

    if (known)
        forget(texts, known);
    if (texts->size + length > PROXY_TEXTS_MAX_SIZE)
        return;
    kept = g_new(Text, 1);
    memcpy(kept->uuid, domain->uuid, sizeof(kept->uuid));
    kept->version = domain->version;
    kept->bytes = g_bytes_new(text, length);
    g_hash_table_replace(texts->by_uuid, kept->uuid, kept);
    texts->size += length;
    texts->used_us = g_get_monotonic_time();
    if (!texts->timer)
        texts->timer = g_timeout_add_seconds(PROXY_TEXTS_IDLE_S, look_for_idleness, texts);
}
