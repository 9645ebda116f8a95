/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/xml only: text to tree, within bounds. */
#pragma once
#include <glib.h>
#include <libxml/tree.h>

/* @document: what messages call it: "(domain_definition):3: ..." */
xmlDoc *vb_xml_read(const char *text, gsize length, const char *document, GError **error);
/* the same without the blanks that only lay out elements */
xmlDoc *vb_xml_read_compact(const char *text, gsize length, const char *document, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)
