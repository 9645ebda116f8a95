/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Vital product data, PCI Local Bus Specification 2.2, appendix I: resources of a tag and a length, in two of them fields
 * of a two-letter keyword and a length. The bytes come from the device: everything is checked. */
#include "describe.h"

#include <string.h>

#define TAG_STRING 0x82   /* large resource: name */
#define TAG_READONLY 0x90 /* large resource: VPD-R */
#define TAG_READWRITE 0x91
#define TAG_END 0x78 /* small resource: end */

static char *
text_of(const guint8 *bytes, gsize length)
{
    for (gsize i = 0; i < length; i++)
        if (bytes[i] < 0x20 || bytes[i] > 0x7e)
            return NULL;
    g_autofree char *text = g_strndup((const char *)bytes, length);
    g_strstrip(text);
    return *text ? g_steal_pointer(&text) : NULL;
}

static void
add_indexed(GPtrArray **list, char index, char *text)
{
    NodedevVpdField *field = nodedev_list_add(list, &nodedev_vpd_field_type);
    field->index = g_strndup(&index, 1);
    field->text = text;
}

static void
set_text(char **member, char *text)
{
    g_free(*member);
    *member = text;
}

/* Keywords: I.3.1 of the appendix. Others, the checksum and the free space among them, are not shown. */
static void
take_field(NodedevVpdFields *fields, gboolean is_readonly, const char key[2], char *text)
{
    const struct {
        const char *key;
        gboolean is_readonly;
        char **member;
    } named[] = {
        {"EC", TRUE, &fields->change_level}, {"MN", TRUE, &fields->manufacture_id},
        {"PN", TRUE, &fields->part_number},  {"SN", TRUE, &fields->serial_number},
        {"YA", FALSE, &fields->asset_tag},
    };
    for (guint i = 0; i < G_N_ELEMENTS(named); i++)
        if (memcmp(named[i].key, key, 2) == 0 && named[i].is_readonly == is_readonly) {
            set_text(named[i].member, text);
            return;
        }
    if (key[0] == 'V' && g_ascii_isalnum(key[1]))
        add_indexed(&fields->vendor_fields, key[1], text);
    else if (!is_readonly && key[0] == 'Y' && g_ascii_isalnum(key[1]))
        add_indexed(&fields->system_fields, key[1], text);
    else
        g_free(text);
}

static gboolean
parse_fields(const guint8 *bytes, gsize length, gboolean is_readonly, NodedevSub *to)
{
    NodedevVpdFields *fields = nodedev_list_add(&to->vpd_fields, &nodedev_vpd_fields_type);
    fields->access = g_strdup(is_readonly ? "readonly" : "readwrite");
    gsize at = 0;
    while (at + 3 <= length) {
        const char *key = (const char *)bytes + at;
        gsize size = bytes[at + 2];
        at += 3;
        if (at + size > length)
            return FALSE;
        gboolean is_binary = memcmp(key, "RV", 2) == 0 || memcmp(key, "RW", 2) == 0;
        char *text = is_binary ? NULL : text_of(bytes + at, size);
        if (text)
            take_field(fields, is_readonly, key, text);
        at += size;
    }
    return TRUE;
}

/**
 * nodedev_vpd_parse:
 * @to: a sub-capability VPD, filled as far as it goes
 *
 * Returns: FALSE when the bytes are not in the shape of the specification
 */
gboolean
nodedev_vpd_parse(GBytes *data, NodedevSub *to)
{
    gsize length, at = 0;
    const guint8 *bytes = g_bytes_get_data(data, &length);
    while (at < length && bytes[at] != TAG_END) {
        gboolean is_large = (bytes[at] & 0x80) != 0;
        gsize head = is_large ? 3 : 1;
        if (at + head > length)
            return FALSE;
        gsize size = is_large ? (gsize)(bytes[at + 1] | bytes[at + 2] << 8) : bytes[at] & 7u;
        if (at + head + size > length)
            return FALSE;
        const guint8 *body = bytes + at + head;
        if (bytes[at] == TAG_STRING)
            set_text(&to->vpd_name, text_of(body, size));
        else if ((bytes[at] == TAG_READONLY || bytes[at] == TAG_READWRITE) &&
                 !parse_fields(body, size, bytes[at] == TAG_READONLY, to))
            return FALSE;
        at += head + size;
    }
    return to->vpd_name || to->vpd_fields;
}
