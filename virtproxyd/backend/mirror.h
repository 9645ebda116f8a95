/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the proxy knows of a daemon's objects: names, UUIDs, ids and every property that signals its changes. Fed by
 * link.c; knows no connection. Objects that have gone stay nameable for a while (the graveyard). */
#pragma once
#include <glib.h>

typedef struct _ProxyMirror ProxyMirror;

typedef struct {
    char *path;
    char *name;
    guint8 uuid[16];
    gint32 id;              /* -1: not running */
    GVariant *wire;         /* (sayi), kept ready */
    GHashTable *properties; /* name -> GVariant */
    /* what lists and virDomainGetInfo() ask for, kept ready; -1: not known */
    gint64 state, max_memory_kib, memory_kib, vcpus;
    gboolean is_active, is_persistent, is_autostart, has_save;
    gboolean has_revision; /* the daemon says when the definition changes */
    guint64 version;       /* another whenever anything is heard of it, and never the same again */
} ProxyMirrorDomain;

#define PROXY_GRAVEYARD_SIZE 256

/* for tables by UUID, 16 bytes */
guint proxy_mirror_uuid_hash(gconstpointer uuid);
gboolean proxy_mirror_uuid_equal(gconstpointer a, gconstpointer b);

ProxyMirror *proxy_mirror_new(const char *root_path);
void proxy_mirror_free(ProxyMirror *mirror);

/* feeding */
void proxy_mirror_replace_root(ProxyMirror *mirror, GVariant *properties); /* a{sv} */
void proxy_mirror_replace(ProxyMirror *mirror, GVariant *managed_objects); /* a{oa{sa{sv}}} */
void proxy_mirror_add(ProxyMirror *mirror, const char *path, GVariant *interfaces); /* a{sa{sv}} */
void proxy_mirror_remove(ProxyMirror *mirror, const char *path);
void proxy_mirror_change(ProxyMirror *mirror, const char *path, GVariant *changed,
                         const char *const *invalidated);

/* looking; what is returned stays valid until the next feeding */
const GPtrArray *proxy_mirror_domains(ProxyMirror *mirror); /* of ProxyMirrorDomain, oldest first */
const ProxyMirrorDomain *proxy_mirror_by_path(ProxyMirror *mirror, const char *path);
const ProxyMirrorDomain *proxy_mirror_by_uuid(ProxyMirror *mirror, const guint8 uuid[16]);
const ProxyMirrorDomain *proxy_mirror_by_name(ProxyMirror *mirror, const char *name);
const ProxyMirrorDomain *proxy_mirror_by_id(ProxyMirror *mirror, gint32 id);
GVariant *proxy_mirror_property(ProxyMirror *mirror, const char *path,
                                const char *name); /* path may be the root; NULL: not known */
GVariant *
proxy_mirror_wire(ProxyMirror *mirror,
                  const char *path); /* (transfer full) (sayi); NULL: neither here nor buried */
gboolean proxy_mirror_write(ProxyMirror *mirror, const char *path,
                            GByteArray *out); /* the same in wire form; FALSE: neither */
