/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values that have a text form of their own: UUID, MAC address, size with unit, list of numbers. No XML here. */
#include <string.h>
#include <sys/random.h>
#include "xml/value.h"

/**
 * vb_uuid_parse:
 * @text: 32 hexadecimal digits; dashes between bytes and blanks around are skipped
 * @ret_uuid: (out): the UUID; untouched on failure
 *
 * Returns: FALSE when @text is no UUID
 */
gboolean
vb_uuid_parse(const char *text, VbUuid *ret_uuid)
{
    VbUuid uuid = {.is_set = TRUE};
    guint n = 0;

    while (g_ascii_isspace(*text))
        text++;
    while (n < sizeof(uuid.bytes)) {
        if (*text == '-') {
            text++;
            continue;
        }
        if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]))
            return FALSE;
        uuid.bytes[n++] =
            (guint8)(g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]));
        text += 2;
    }
    while (g_ascii_isspace(*text))
        text++;
    if (*text)
        return FALSE;
    *ret_uuid = uuid;
    return TRUE;
}

static char *
append_hex(char *to, const guint8 *bytes, guint n)
{
    static const char digits[] = "0123456789abcdef";

    for (guint i = 0; i < n; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    return to;
}

/**
 * vb_uuid_format:
 * @uuid: a UUID
 * @ret_text: (out): lower case, with dashes
 */
void
vb_uuid_format(const VbUuid *uuid, char ret_text[37])
{
    static const guint8 groups[] = {4, 2, 2, 2, 6};
    const guint8 *bytes = uuid->bytes;

    for (guint i = 0; i < G_N_ELEMENTS(groups); i++) {
        ret_text = append_hex(ret_text, bytes, groups[i]);
        bytes += groups[i];
        *ret_text++ = i + 1 < G_N_ELEMENTS(groups) ? '-' : '\0';
    }
}

/**
 * vb_uuid_generate:
 * @ret_uuid: (out): a new random UUID
 *
 * Source: RFC 4122 section 4.4, version 4
 */
void
vb_uuid_generate(VbUuid *ret_uuid)
{
    if (getrandom(ret_uuid->bytes, sizeof(ret_uuid->bytes), 0) != sizeof(ret_uuid->bytes))
        g_error("getrandom failed");
    ret_uuid->bytes[6] = (ret_uuid->bytes[6] & 0x0f) | 0x40;
    ret_uuid->bytes[8] = (ret_uuid->bytes[8] & 0x3f) | 0x80;
    ret_uuid->is_set = TRUE;
}

/**
 * vb_mac_parse:
 * @text: six groups of one or two hexadecimal digits with colons between
 * @ret_mac: (out): the address; untouched on failure
 *
 * Returns: FALSE when @text is no MAC address
 */
gboolean
vb_mac_parse(const char *text, VbMac *ret_mac)
{
    VbMac mac = {.is_set = TRUE};

    while (g_ascii_isspace(*text))
        text++;
    for (guint i = 0; i < sizeof(mac.bytes); i++) {
        if (i > 0 && *text++ != ':')
            return FALSE;
        if (!g_ascii_isxdigit(*text))
            return FALSE;
        mac.bytes[i] = (guint8)g_ascii_xdigit_value(*text++);
        if (g_ascii_isxdigit(*text))
            mac.bytes[i] = (guint8)(mac.bytes[i] << 4 | g_ascii_xdigit_value(*text++));
    }
    if (*text)
        return FALSE;
    *ret_mac = mac;
    return TRUE;
}

/**
 * vb_mac_format:
 * @mac: a MAC address
 * @ret_text: (out): lower case, with colons
 */
void
vb_mac_format(const VbMac *mac, char ret_text[18])
{
    for (guint i = 0; i < sizeof(mac->bytes); i++) {
        ret_text = append_hex(ret_text, &mac->bytes[i], 1);
        *ret_text++ = i + 1 < sizeof(mac->bytes) ? ':' : '\0';
    }
}

/* 0: unknown */
static guint64
unit_bytes(const char *unit)
{
    static const char letters[] = "kmgtpe";
    const char *letter;
    guint64 bytes = 1;
    guint base;

    if (g_ascii_strcasecmp(unit, "b") == 0 || g_ascii_strcasecmp(unit, "byte") == 0 ||
        g_ascii_strcasecmp(unit, "bytes") == 0)
        return 1;
    if (!*unit || !(letter = strchr(letters, g_ascii_tolower(*unit))))
        return 0;
    if (!unit[1] || g_ascii_strcasecmp(unit + 1, "ib") == 0)
        base = 1024;
    else if (g_ascii_strcasecmp(unit + 1, "b") == 0)
        base = 1000;
    else
        return 0;
    for (gssize i = 0; i <= letter - letters; i++)
        bytes *= base;
    return bytes;
}

VbSizeResult
vb_xml_size_scale(guint64 number, const char *unit, guint64 default_unit, guint64 *ret_bytes)
{
    const guint64 factor = unit && *unit ? unit_bytes(unit) : default_unit;
    guint64 bytes;

    if (factor == 0)
        return VB_SIZE_UNKNOWN_UNIT;
    if (__builtin_mul_overflow(number, factor, &bytes))
        return VB_SIZE_OVERFLOW;
    *ret_bytes = bytes;
    return VB_SIZE_OK;
}

/**
 * vb_size_scale:
 * @number: how many
 * @unit: (nullable): "b", "bytes", "KB" (1000), "k", "K", "KiB" (1024), up to E; case does not matter
 * @default_unit: bytes, when @unit is NULL or empty
 * @ret_bytes: (out): bytes; untouched on failure
 *
 * Returns: FALSE on an unknown unit, or when the result does not fit
 * Source: libvirt's formatdomain page, "memory": units
 */
gboolean
vb_size_scale(guint64 number, const char *unit, guint64 default_unit, guint64 *ret_bytes)
{
    return vb_xml_size_scale(number, unit, default_unit, ret_bytes) == VB_SIZE_OK;
}

static gboolean
read_number(const char **text, guint max, guint *ret_number)
{
    guint64 number = 0;

    if (!g_ascii_isdigit(**text))
        return FALSE;
    while (g_ascii_isdigit(**text)) {
        number = number * 10 + (guint64)(*(*text)++ - '0');
        if (number > max)
            return FALSE;
    }
    *ret_number = (guint)number;
    return TRUE;
}

/* one of "3", "0-3", "^2", applied to @bits */
static gboolean
read_range(const char **text, guint max, guint8 *bits)
{
    const gboolean is_removed = **text == '^';
    guint first;
    guint last;

    if (is_removed)
        (*text)++;
    if (!read_number(text, max, &first))
        return FALSE;
    last = first;
    if (**text == '-' && !is_removed) {
        (*text)++;
        if (!read_number(text, max, &last) || last < first)
            return FALSE;
    }
    for (guint i = first; i <= last; i++)
        bits[i] = !is_removed;
    return TRUE;
}

static char *
ranges_to_text(const guint8 *bits, guint max)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i <= max; i++) {
        const guint first = i;

        if (!bits[i])
            continue;
        while (i < max && bits[i + 1])
            i++;
        g_string_append_printf(out, out->len ? ",%u" : "%u", first);
        if (i > first)
            g_string_append_printf(out, "-%u", i);
    }
    return out->len ? g_strdup(out->str) : NULL;
}

/**
 * vb_bitmap_normalise:
 * @text: numbers, ranges and exclusions with commas between: "0-3,^2"
 * @max: highest number allowed, at most 65535
 *
 * Returns: (transfer full) (nullable): sorted ranges: "0-1,3"; NULL when @text is no list, names too high a number or
 *   leaves nothing
 */
char *
vb_bitmap_normalise(const char *text, guint max)
{
    g_autofree guint8 *bits = NULL;

    if (max > 65535)
        max = 65535;
    bits = g_malloc0(max + 1);
    for (;;) {
        while (g_ascii_isspace(*text))
            text++;
        if (!read_range(&text, max, bits))
            return NULL;
        while (g_ascii_isspace(*text))
            text++;
        if (!*text)
            return ranges_to_text(bits, max);
        if (*text++ != ',')
            return NULL;
    }
}
