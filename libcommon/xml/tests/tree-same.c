/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether tree-scan.c and libxml2 see the same document. */
#include "xml/raw.h"
#include "xml/tree.h"
#include "tree-same.h"

static void
compare_raw(const VbXmlElement *plain, const VbXmlElement *full)
{
    g_autofree char *left = vb_xml_raw_inside(plain->raw, 1);
    g_autofree char *right = vb_xml_raw_inside(full->raw, 1);

    if (g_strcmp0(left, right) != 0)
        g_error("'%s' is not '%s'", left, right);
}

static void
compare(const VbXmlElement *plain, const VbXmlElement *full)
{
    const VbXmlAttribute *left = plain->attributes, *right = full->attributes;
    const VbXmlElement *below = full->children;

    if (g_strcmp0(plain->name, full->name) != 0 || full->uri || plain->line != full->line)
        g_error("<%s> in line %u is not <%s> in line %u", plain->name, plain->line, full->name,
                full->line);
    for (; left && right; left = left->next, right = right->next) {
        if (g_strcmp0(left->name, right->name) != 0 || g_strcmp0(left->value, right->value) != 0)
            g_error("%s='%s' is not %s='%s'", left->name, left->value, right->name, right->value);
    }
    if (left || right)
        g_error("<%s> has more attributes than the other", plain->name);
    if (plain->raw) {
        compare_raw(plain, full);
        return;
    }
    if (g_strcmp0(plain->text, full->text) != 0)
        g_error("'%s' is not '%s'", plain->text, full->text);
    for (const VbXmlElement *child = plain->children; child; child = child->next) {
        if (!below)
            g_error("<%s> has children that libxml2 does not see", plain->name);
        compare(child, below);
        below = below->next;
    }
    if (below)
        g_error("<%s> lacks <%s>", plain->name, below->name);
}

gboolean
tree_same(const char *text, gsize length, const char *raw)
{
    g_autoptr(VbXmlTree) plain = vb_xml_tree_scan(text, length, raw);
    g_autoptr(VbXmlTree) full = NULL;
    g_autoptr(GError) error = NULL;

    if (!plain)
        return FALSE;
    full = vb_xml_tree_read(text, length, "test", &error);
    if (!full)
        g_error("taken, but libxml2 says: %s", error->message);
    compare(plain->root, full->root);
    return TRUE;
}
