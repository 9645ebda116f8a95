/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions to what query-qmp-schema answers. A path begins with a command or event and goes on, step by step, with
 *   arg-type, ret-type   what the command takes, or gives
 *   NAME                 a member of an object
 *   +NAME                the members that an object has in this case of its tag
 *   ^NAME                a value of an enumeration: the last step
 *   $NAME                a feature: the last step
 * Arrays are looked through. Source: QEMU, docs/devel/qapi-code-gen.rst, "Client JSON Protocol introspection" */
#include "caps/caps-private.h"
#include <string.h>

#define MAX_ARRAYS 8 /* of arrays of arrays */

struct _QemuSchema {
    GHashTable *entities; /* name -> VbJson, borrowed */
};

QemuSchema *
qemu_schema_new(const VbJson *query_qmp_schema)
{
    QemuSchema *schema = g_new0(QemuSchema, 1);
    schema->entities = g_hash_table_new(g_str_hash, g_str_equal);
    for (const VbJson *at = vb_json_first(query_qmp_schema); at; at = vb_json_next(at))
        if (vb_json_get_string(at, "name"))
            g_hash_table_insert(schema->entities, (gpointer)vb_json_get_string(at, "name"),
                                (gpointer)at);
    return schema;
}

void
qemu_schema_free(QemuSchema *schema)
{
    g_hash_table_unref(schema->entities);
    g_free(schema);
}

/* An entity by name; of an array that of its elements. */
static const VbJson *
find(const QemuSchema *schema, const char *name)
{
    const VbJson *entity = name ? g_hash_table_lookup(schema->entities, name) : NULL;
    for (guint i = 0; i < MAX_ARRAYS && entity &&
                      g_strcmp0(vb_json_get_string(entity, "meta-type"), "array") == 0;
         i++) {
        name = vb_json_get_string(entity, "element-type");
        entity = name ? g_hash_table_lookup(schema->entities, name) : NULL;
    }
    return entity;
}

/* The entry of a list of objects whose @key is @value. */
static const VbJson *
entry_with(const VbJson *list, const char *key, const char *value)
{
    for (const VbJson *at = vb_json_first(list); at; at = vb_json_next(at))
        if (g_strcmp0(vb_json_get_string(at, key), value) == 0)
            return at;
    return NULL;
}

static gboolean
lists_word(const VbJson *list, const char *word)
{
    for (const VbJson *at = vb_json_first(list); at; at = vb_json_next(at))
        if (g_strcmp0(vb_json_as_string(at), word) == 0)
            return TRUE;
    return FALSE;
}

static const VbJson *
step(const QemuSchema *schema, const VbJson *entity, const char *name)
{
    const VbJson *entry;
    if (strcmp(name, "arg-type") == 0 || strcmp(name, "ret-type") == 0)
        return find(schema, vb_json_get_string(entity, name));
    if (*name == '+')
        entry = entry_with(vb_json_get(entity, "variants"), "case", name + 1);
    else
        entry = entry_with(vb_json_get(entity, "members"), "name", name);
    return entry ? find(schema, vb_json_get_string(entry, "type")) : NULL;
}

/**
 * qemu_schema_has:
 * @path: see above
 *
 * Returns: whether all of it is there
 */
gboolean
qemu_schema_has(const QemuSchema *schema, const char *path)
{
    g_auto(GStrv) steps = g_strsplit(path, "/", -1);
    const VbJson *entity = find(schema, steps[0]);
    for (guint i = 1; entity && steps[i]; i++) {
        if (*steps[i] == '^')
            return !steps[i + 1] && lists_word(vb_json_get(entity, "values"), steps[i] + 1);
        if (*steps[i] == '$')
            return !steps[i + 1] && lists_word(vb_json_get(entity, "features"), steps[i] + 1);
        entity = step(schema, entity, steps[i]);
    }
    return entity != NULL;
}
