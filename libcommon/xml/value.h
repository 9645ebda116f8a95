/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside libcommon/xml only: how each kind of value is read, written, copied, compared. */
#pragma once
#include <string.h>
#include "xml/plan.h"
#include "xml/tree.h"

/* where a value was found */
typedef struct {
    const VbXmlElement *element;
    const char *attribute; /* NULL: the element's text */
    const char *text;
} VbXmlSpot;

typedef struct {
    gsize size; /* of the member */
    gboolean (*parse)(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error);
    gboolean (*is_set)(const VbXmlSlot *slot, gconstpointer value);
    void (*append)(const VbXmlSlot *slot, gconstpointer value, GString *out); /* not escaped */
    gboolean is_plain; /* the spelling needs no escaping */
} VbXmlValueOps;

/* NULL for kinds that are elements of their own */
const VbXmlValueOps *vb_xml_value_ops(VbXmlKind kind);
gboolean vb_xml_value_is_written(const VbXmlSlot *slot, gconstpointer self);
const char *vb_xml_unit_name(const VbXmlField *field);

/* Sets VB_ERROR @code with the place added to message and object. Returns FALSE. */
gboolean vb_xml_fail(GError **error, int code, const VbXmlElement *element, const char *reason,
                     const char *format, ...) G_GNUC_PRINTF(5, 6);

/* value-text.c */
char *vb_bitmap_normalise(const char *text, guint max);
typedef enum { VB_SIZE_OK, VB_SIZE_UNKNOWN_UNIT, VB_SIZE_OVERFLOW } VbSizeResult;
VbSizeResult vb_xml_size_scale(guint64 number, const char *unit, guint64 default_unit,
                               guint64 *ret_bytes);

/* g_string_append_len() for pieces of a few bytes, of which a document has thousands */
static inline void
vb_xml_put(GString *out, const char *text, gsize length)
{
    if (out->len + length >= out->allocated_len) {
        g_string_append_len(out, text, (gssize)length);
        return;
    }
    memcpy(out->str + out->len, text, length);
    out->len += length;
    out->str[out->len] = '\0';
}
