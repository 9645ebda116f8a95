/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/xml only: foreign XML that is kept as it came. */
#pragma once
#include <glib.h>
#include <libxml/tree.h>

/* @depth: how many elements are around @element. (transfer full) (nullable) */
char *vb_xml_raw_inside(xmlNode *element, guint depth);
/* One more element, as text, at the end of what is there */
void vb_xml_raw_add(char **text, xmlNode *element, guint depth);
