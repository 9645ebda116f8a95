/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/xml only: what schema and reference page have in common. */
#pragma once
#include "xml/plan.h"

/* (transfer container) @type and all types below it, each once, in the order of first mention */
GPtrArray *vb_xml_types_below(const VbXmlType *type);
/* (transfer full) unique name of a type among @types: "item", "item-2" */
char *vb_xml_type_label(const GPtrArray *types, const VbXmlType *type);
