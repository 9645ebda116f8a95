/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mdevctl's command lines and its JSON, both ways. Source: mdevctl(8). */
#include "mdev.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"

/**
 * nodedev_mdev_argv:
 * @verb: "start"
 * @parent: (nullable): "0000:00:02.0"
 * @uuid: (nullable)
 * @more: (nullable): further arguments
 *
 * Returns: (transfer full)
 */
GStrv
nodedev_mdev_argv(const char *verb, const char *parent, const char *uuid, gboolean has_json,
                  const char *const *more)
{
    GStrvBuilder *builder = g_strv_builder_new();
    g_autofree char *parent_word = g_strconcat("--parent=", parent, NULL);
    g_autofree char *uuid_word = g_strconcat("--uuid=", uuid, NULL);
    g_strv_builder_add(builder, "mdevctl");
    g_strv_builder_add(builder, verb);
    if (parent)
        g_strv_builder_add(builder, parent_word);
    if (has_json)
        g_strv_builder_add(builder, "--jsonfile=/dev/stdin");
    if (uuid)
        g_strv_builder_add(builder, uuid_word);
    for (guint i = 0; more && more[i]; i++)
        g_strv_builder_add(builder, more[i]);
    GStrv argv = g_strv_builder_end(builder);
    g_strv_builder_unref(builder);
    return argv;
}

char *
nodedev_mdev_json(const NodedevCapability *capability, gboolean is_autostart)
{
    g_autoptr(VbJsonWriter) writer = vb_json_writer_new();
    vb_json_begin_object(writer, NULL);
    vb_json_add_string(writer, "mdev_type", capability->mdev_type);
    vb_json_add_string(writer, "start", is_autostart ? "auto" : "manual");
    if (capability->attrs && capability->attrs->len > 0) {
        vb_json_begin_array(writer, "attrs");
        for (guint i = 0; i < capability->attrs->len; i++) {
            const NodedevAttr *attr = capability->attrs->pdata[i];
            vb_json_begin_object(writer, NULL);
            vb_json_add_string(writer, attr->name, attr->value);
            vb_json_end(writer);
        }
        vb_json_end(writer);
    }
    vb_json_end(writer);
    return vb_json_writer_finish(writer);
}

/* ---- the list ---- */

static void
add_attrs(NodedevMdev *mdev, const VbJson *attrs)
{
    for (const VbJson *it = vb_json_first(attrs); it; it = vb_json_next(it)) {
        const VbJson *member = vb_json_first(it);
        const char *name = member ? vb_json_get_key(member) : NULL;
        const char *value = member ? vb_json_as_string(member) : NULL;
        if (!name || !value)
            continue;
        NodedevAttr *attr = nodedev_list_add(&mdev->attrs, &nodedev_attr_type);
        attr->name = nodedev_sysfs_clean(name, strlen(name));
        attr->value = nodedev_sysfs_clean(value, strlen(value));
        if (!attr->name)
            attr->name = g_strdup("");
        if (!attr->value)
            attr->value = g_strdup("");
    }
}

static void
add_mdev(GPtrArray *list, const char *parent, const VbJson *node)
{
    const char *uuid = vb_json_get_key(node);
    const char *type = vb_json_get_string(node, "mdev_type");
    VbUuid parsed;
    if (!uuid || !type || !parent || !*parent || !vb_uuid_parse(uuid, &parsed))
        return;
    NodedevMdev *mdev = g_new0(NodedevMdev, 1);
    mdev->uuid = g_strdup(uuid);
    mdev->parent_addr = nodedev_sysfs_clean(parent, strlen(parent));
    mdev->type = nodedev_sysfs_clean(type, strlen(type));
    mdev->is_autostart = g_strcmp0(vb_json_get_string(node, "start"), "auto") == 0;
    add_attrs(mdev, vb_json_get(node, "attrs"));
    if (mdev->parent_addr && mdev->type)
        g_ptr_array_add(list, mdev);
    else
        nodedev_mdev_free(mdev);
}

/**
 * nodedev_mdev_parse_list:
 * @json: what "mdevctl list --dumpjson --defined" says; nothing at all is an empty list
 *
 * Shape: [ { PARENT: [ { UUID: { "mdev_type": s, "start": s, "attrs": [ { NAME: VALUE } ] } } ] } ]
 *
 * Returns: (transfer full): of NodedevMdev
 * Errors: those of the JSON reader
 */
GPtrArray *
nodedev_mdev_parse_list(const char *json, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)nodedev_mdev_free);
    g_autofree char *text = g_strstrip(g_strdup(json));
    if (!*text)
        return g_steal_pointer(&list);
    g_autoptr(VbJson) root = vb_json_parse(text, -1, error);
    if (!root)
        return NULL;
    for (const VbJson *top = vb_json_first(root); top; top = vb_json_next(top))
        for (const VbJson *parent = vb_json_first(top); parent; parent = vb_json_next(parent))
            for (const VbJson *one = vb_json_first(parent); one; one = vb_json_next(one))
                if (vb_json_first(one))
                    add_mdev(list, vb_json_get_key(parent), vb_json_first(one));
    return g_steal_pointer(&list);
}
