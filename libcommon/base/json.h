/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON, bounded: a reader into a tree of nodes, and a writer. Reading limits: 64 MiB of text, depth 128, 4 million
 * nodes; whatever breaks them is an error, never a crash. Strings are UTF-8; U+0000 in a string is refused. */
#pragma once
#include <glib.h>

typedef enum {
    VB_JSON_NULL,
    VB_JSON_BOOL,
    VB_JSON_INT,
    VB_JSON_UINT,
    VB_JSON_DOUBLE,
    VB_JSON_STRING,
    VB_JSON_ARRAY,
    VB_JSON_OBJECT,
} VbJsonKind; /* INT: fits gint64; UINT: only guint64 holds it */

typedef struct _VbJson VbJson;

/* reading */
VbJson *vb_json_parse(const char *text, gssize length, GError **error); /* free with vb_json_free */
void vb_json_free(VbJson *root); /* the whole tree; NULL is fine */
VbJson *vb_json_copy(const VbJson *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbJson, vb_json_free)

VbJsonKind vb_json_get_kind(const VbJson *node); /* NULL node: VB_JSON_NULL */
const char *vb_json_get_key(const VbJson *node); /* in an object; else NULL */
guint vb_json_get_length(const VbJson *node); /* members; 0 for anything but arrays and objects */
/* for (const VbJson *it = vb_json_first(array); it; it = vb_json_next(it)) */
const VbJson *vb_json_first(const VbJson *node);
const VbJson *vb_json_next(const VbJson *node);
const VbJson *vb_json_get(const VbJson *object,
                          const char *key); /* NULL: absent or not an object */
const VbJson *vb_json_get_path(const VbJson *object,
                               const char *path); /* "inserted/file": keys joined by '/' */

/* members of an object, by key; the fallback when absent or of another kind. @object may be NULL */
const char *vb_json_get_string(const VbJson *object, const char *key); /* NULL: absent */
gboolean vb_json_get_bool(const VbJson *object, const char *key, gboolean fallback);
gint64 vb_json_get_int(const VbJson *object, const char *key, gint64 fallback);
guint64 vb_json_get_uint(const VbJson *object, const char *key, guint64 fallback);
double vb_json_get_double(const VbJson *object, const char *key, double fallback);

/* the node itself */
const char *vb_json_as_string(const VbJson *node);
gboolean vb_json_as_bool(const VbJson *node, gboolean fallback);
gint64 vb_json_as_int(const VbJson *node, gint64 fallback);
guint64 vb_json_as_uint(const VbJson *node, guint64 fallback);
double vb_json_as_double(const VbJson *node, double fallback);

/* writing: compact, members in the order of the calls; @key is NULL inside arrays and at the top */
typedef struct _VbJsonWriter VbJsonWriter;
VbJsonWriter *vb_json_writer_new(void);
void vb_json_writer_free(VbJsonWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbJsonWriter, vb_json_writer_free)
void vb_json_begin_object(VbJsonWriter *writer, const char *key);
void vb_json_begin_array(VbJsonWriter *writer, const char *key);
void vb_json_end(VbJsonWriter *writer);
void vb_json_add_string(VbJsonWriter *writer, const char *key,
                        const char *value); /* NULL value: left out */
void vb_json_add_bool(VbJsonWriter *writer, const char *key, gboolean value);
void vb_json_add_int(VbJsonWriter *writer, const char *key, gint64 value);
void vb_json_add_uint(VbJsonWriter *writer, const char *key, guint64 value);
void vb_json_add_double(VbJsonWriter *writer, const char *key, double value);
void vb_json_add_raw(VbJsonWriter *writer, const char *key,
                     const char *json); /* text that is JSON already */
void vb_json_add_node(VbJsonWriter *writer, const char *key, const VbJson *node);
char *
vb_json_writer_finish(VbJsonWriter *writer); /* (transfer full); the writer is empty afterwards */

/* One flat object: kind:key, value pairs, NULL at the end: vb_json_object("s:id", "vda", "i:n", (gint64)1,
 * "u:n", (guint64)2, "b:on", TRUE, "j:arg", "{}", NULL); an "s:" or "j:" whose value is NULL is left out. */
char *vb_json_object(const char *first_key, ...) G_GNUC_NULL_TERMINATED;
char *vb_json_to_string(const VbJson *node);
