/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scalar kinds: how each is read from a text and written as one, and how a wrong one is reported. */
#include <errno.h>
#include <string.h>
#include "base/error.h"
#include "xml/value.h"

gboolean
vb_xml_fail(GError **error, int code, const VbXmlElement *element, const char *reason,
            const char *format, ...)
{
    g_autofree char *detail = NULL;
    g_autofree char *path = vb_xml_element_path(element);
    g_autofree char *object = g_strdup_printf("%s, line %u", path, element->line);
    va_list args;

    va_start(args, format);
    detail = g_strdup_vprintf(format, args);
    va_end(args);
    vb_error_set(error, code, "%s (%s)", detail, object);
    if (error)
        vb_error_set_reason(*error, reason, object);
    return FALSE;
}

/* libvirt's words: "Invalid value for attribute 'x' in element 'y': 'z'. Expected integer value" */
static gboolean
invalid(GError **error, const VbXmlSpot *spot, const char *expected)
{
    const char *name = spot->element->name;

    if (spot->attribute)
        return vb_xml_fail(error, VIR_ERR_XML_ERROR, spot->element, "XmlInvalidValue",
                           "Invalid value for attribute '%s' in element '%s': '%s'.%s",
                           spot->attribute, name, spot->text, expected);
    return vb_xml_fail(error, VIR_ERR_XML_ERROR, spot->element, "XmlInvalidValue",
                       "Invalid value for element '%s': '%s'.%s", name, spot->text, expected);
}

static gboolean
out_of_range(GError **error, const VbXmlSlot *slot, const VbXmlSpot *spot)
{
    g_autofree char *range =
        g_strdup_printf(" Expected a value between %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT,
                        slot->f.min, slot->f.max);

    return invalid(error, spot, range);
}

/* 16 with "0x"; else 10, and 8 with a leading zero where numbers are usually hexadecimal, as strtol has it */
static guint
number_base(const VbXmlSlot *slot, const char *digits)
{
    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
        return 16;
    return (slot->f.flags & VB_XML_HEX) && digits[0] == '0' ? 8 : 10;
}

static gboolean
read_signed(const VbXmlSlot *slot, const char *text, gint64 *ret)
{
    char *end;
    gint64 value;

    while (g_ascii_isspace(*text))
        text++;
    if (!g_ascii_isdigit(*text) && !((*text == '-' || *text == '+') && g_ascii_isdigit(text[1])))
        return FALSE;
    errno = 0;
    value = g_ascii_strtoll(text, &end, number_base(slot, text));
    while (g_ascii_isspace(*end))
        end++;
    if (errno || *end)
        return FALSE;
    *ret = value;
    return TRUE;
}

/* as strtoull() does, which is a tenth of what reading a document costs otherwise */
static gboolean
read_digits(const char **text, guint base, guint64 *ret)
{
    const char *at = *text;
    guint64 value = 0;

    if (base == 16)
        at += 2;
    if (!g_ascii_isxdigit(*at))
        return FALSE;
    for (; g_ascii_isxdigit(*at); at++) {
        const guint digit = (guint)g_ascii_xdigit_value(*at);

        if (digit >= base)
            break;
        if (value > (G_MAXUINT64 - digit) / base)
            return FALSE;
        value = value * base + digit;
    }
    *text = at;
    *ret = value;
    return TRUE;
}

static gboolean
read_unsigned(const VbXmlSlot *slot, const char *text, guint64 *ret)
{
    while (g_ascii_isspace(*text))
        text++;
    if (*text == '+')
        text++;
    if (!g_ascii_isdigit(*text) || !read_digits(&text, number_base(slot, text), ret))
        return FALSE;
    while (g_ascii_isspace(*text))
        text++;
    return *text == '\0';
}

static gboolean
signed_in_range(const VbXmlSlot *slot, gint64 value)
{
    return (slot->f.min == 0 && slot->f.max == 0) || (value >= slot->f.min && value <= slot->f.max);
}

static gboolean
unsigned_in_range(const VbXmlSlot *slot, guint64 value)
{
    return (slot->f.min == 0 && slot->f.max == 0) ||
           (value >= (guint64)slot->f.min && value <= (guint64)slot->f.max);
}

static gboolean
unknown_word(const VbXmlSlot *slot, const VbXmlSpot *spot, GError **error)
{
    if (slot->f.flags & VB_XML_UNSUPPORTED)
        return vb_xml_fail(error, VIR_ERR_CONFIG_UNSUPPORTED, spot->element, "XmlUnknownValue",
                           "unknown %s '%s'", slot->f.enumeration->name, spot->text);
    return invalid(error, spot, "");
}

static gboolean
parse_string(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    char **string = value;

    if (slot->f.enumeration && vb_enum_from_nick(slot->f.enumeration, spot->text) < 0)
        return unknown_word(slot, spot, error);
    g_free(*string);
    *string = *spot->text || (slot->f.flags & VB_XML_EMIT_EMPTY) ? g_strdup(spot->text) : NULL;
    return TRUE;
}

static gboolean
string_is_set(const VbXmlSlot *slot, gconstpointer value)
{
    const char *string = *(char *const *)value;

    return string && (*string || (slot->f.flags & VB_XML_EMIT_EMPTY));
}

static void
append_string(const VbXmlSlot *slot, gconstpointer value, GString *out)
{
    g_string_append(out, *(char *const *)value);
}

static gboolean
parse_int(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    gint64 number;

    if (!read_signed(slot, spot->text, &number) || number < G_MININT || number > G_MAXINT)
        return invalid(error, spot, " Expected integer value");
    if (!signed_in_range(slot, number))
        return number < 0 && slot->f.min == 0 ? invalid(error, spot, " Expected non-negative value")
                                              : out_of_range(error, slot, spot);
    *(int *)value = (int)number;
    return TRUE;
}

static gboolean
int_is_set(const VbXmlSlot *slot, gconstpointer value)
{
    return *(const int *)value != 0;
}

/* printf is a fifth of what formatting a document costs otherwise */
static void
append_decimal(GString *out, guint64 number, gboolean is_negative)
{
    char digits[21];
    gsize at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    if (is_negative)
        digits[--at] = '-';
    vb_xml_put(out, digits + at, sizeof(digits) - at);
}

/* at least @width digits, as for "%0*x" */
static void
append_hex(GString *out, guint64 number, guint width)
{
    char digits[2 + 16];
    gsize at = sizeof(digits);

    while (number > 0 || (sizeof(digits) - at < MAX(width, 1) && at > 2)) {
        digits[--at] = "0123456789abcdef"[number & 15];
        number >>= 4;
    }
    digits[--at] = 'x';
    digits[--at] = '0';
    vb_xml_put(out, digits + at, sizeof(digits) - at);
}

static void
append_signed(GString *out, gint64 number)
{
    append_decimal(out, number < 0 ? -(guint64)number : (guint64)number, number < 0);
}

static void
append_int(const VbXmlSlot *slot, gconstpointer value, GString *out)
{
    const int number = *(const int *)value;

    if ((slot->f.flags & VB_XML_HEX) && (number >= 0 || slot->f.kind == VB_XML_KIND_UINT))
        append_hex(out, (guint)number, slot->f.width);
    else
        append_signed(out, number);
}

static gboolean
parse_uint(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    guint64 number;

    if (!read_unsigned(slot, spot->text, &number) || number > G_MAXUINT)
        return invalid(error, spot, " Expected non-negative integer value");
    if (number == 0 && (slot->f.flags & VB_XML_NOT_ZERO))
        return invalid(error, spot, " Zero is not permitted");
    if (!unsigned_in_range(slot, number))
        return out_of_range(error, slot, spot);
    *(guint *)value = (guint)number;
    return TRUE;
}

static void
append_uint(const VbXmlSlot *slot, gconstpointer value, GString *out)
{
    if (slot->f.flags & VB_XML_HEX)
        append_int(slot, value, out);
    else
        append_decimal(out, *(const guint *)value, FALSE);
}

static gboolean
parse_int64(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    gint64 number;

    if (!read_signed(slot, spot->text, &number))
        return invalid(error, spot, " Expected integer value");
    if (!signed_in_range(slot, number))
        return out_of_range(error, slot, spot);
    *(gint64 *)value = number;
    return TRUE;
}

static gboolean
int64_is_set(const VbXmlSlot *slot, gconstpointer value)
{
    return *(const gint64 *)value != 0;
}

static void
append_int64(const VbXmlSlot *slot, gconstpointer value, GString *out)
{
    append_signed(out, *(const gint64 *)value);
}

static gboolean
parse_uint64(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    guint64 number;

    if (!read_unsigned(slot, spot->text, &number))
        return invalid(error, spot, " Expected non-negative integer value");
    if (!unsigned_in_range(slot, number))
        return out_of_range(error, slot, spot);
    *(guint64 *)value = number;
    return TRUE;
}

static void
append_uint64(const VbXmlSlot *slot, gconstpointer value, GString *out)
{
    const guint64 number = *(const guint64 *)value;

    if (slot->f.flags & VB_XML_HEX)
        append_hex(out, number, slot->f.width);
    else
        append_decimal(out, number, FALSE);
}

static int
read_small(const VbXmlSlot *slot, gconstpointer value)
{
    return (int)vb_xml_load(value, slot->f.size);
}

static gboolean
parse_enum(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    const int number = vb_enum_from_nick(slot->f.enumeration, spot->text);

    if (number < 0)
        return unknown_word(slot, spot, error);
    vb_xml_store(value, slot->f.size, (guint32)number);
    return TRUE;
}

static void
append_enum(const VbXmlSlot *slot, gconstpointer value, GString *out)
{
    const char *nick = vb_enum_to_nick(slot->f.enumeration, read_small(slot, value));

    if (nick)
        vb_xml_put(out, nick, strlen(nick));
}

static gboolean
enum_is_set(const VbXmlSlot *slot, gconstpointer value)
{
    const int number = read_small(slot, value);

    return number > 0 && vb_enum_to_nick(slot->f.enumeration, number);
}

static const char *const bool_words[] = {NULL, "yes", "no"};
static const char *const switch_words[] = {NULL, "on", "off"};

static gboolean
parse_tristate(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    const char *const *words = slot->f.kind == VB_XML_KIND_BOOL ? bool_words : switch_words;

    for (int i = VB_TRISTATE_YES; i <= VB_TRISTATE_NO; i++) {
        if (strcmp(words[i], spot->text) == 0) {
            vb_xml_store(value, slot->f.size, (guint32)i);
            return TRUE;
        }
    }
    return invalid(error, spot, "");
}

static gboolean
tristate_is_set(const VbXmlSlot *slot, gconstpointer value)
{
    const int state = read_small(slot, value);

    return state == VB_TRISTATE_YES || state == VB_TRISTATE_NO;
}

static void
append_tristate(const VbXmlSlot *slot, gconstpointer value, GString *out)
{
    const char *const *words = slot->f.kind == VB_XML_KIND_BOOL ? bool_words : switch_words;

    g_string_append(out, words[read_small(slot, value)]);
}

static const char *
find_attribute(const VbXmlElement *element, const char *name)
{
    for (const VbXmlAttribute *at = element->attributes; at; at = at->next) {
        if (vb_xml_is_name(at->name, name))
            return at->value;
    }
    return NULL;
}

static gboolean
parse_size(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    const char *unit = find_attribute(spot->element, "unit");
    guint64 number;
    guint64 bytes = 0;
    VbSizeResult result;

    if (!read_unsigned(slot, spot->text, &number))
        return vb_xml_fail(error, VIR_ERR_XML_ERROR, spot->element, "XmlInvalidValue",
                           "Invalid value '%s' for element or attribute './%s'", spot->text,
                           slot->path);
    result = vb_xml_size_scale(number, unit, slot->f.unit, &bytes);
    if (result == VB_SIZE_UNKNOWN_UNIT)
        return vb_xml_fail(error, VIR_ERR_INVALID_ARG, spot->element, "XmlUnknownUnit",
                           "unknown suffix '%s'", unit);
    if (result == VB_SIZE_OVERFLOW)
        return vb_xml_fail(error, VIR_ERR_OVERFLOW, spot->element, "XmlOverflow",
                           "value too large: %" G_GUINT64_FORMAT "%s", number, unit ? unit : "");
    bytes =
        bytes / slot->f.unit + (bytes % slot->f.unit != 0 && !(slot->f.flags & VB_XML_ROUND_DOWN));
    if (!unsigned_in_range(slot, bytes))
        return out_of_range(error, slot, spot);
    *(guint64 *)value = bytes;
    return TRUE;
}

static gboolean
parse_uuid(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    if (vb_uuid_parse(spot->text, value))
        return TRUE;
    return vb_xml_fail(error, VIR_ERR_XML_ERROR, spot->element, "XmlInvalidValue",
                       "malformed uuid %s", spot->attribute ? "attribute" : "element");
}

static gboolean
uuid_is_set(const VbXmlSlot *slot, gconstpointer value)
{
    return ((const VbUuid *)value)->is_set;
}

static void
append_uuid(const VbXmlSlot *slot, gconstpointer value, GString *out)
{
    char text[37];

    vb_uuid_format(value, text);
    g_string_append(out, text);
}

static gboolean
parse_mac(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    if (vb_mac_parse(spot->text, value))
        return TRUE;
    return vb_xml_fail(error, VIR_ERR_XML_ERROR, spot->element, "XmlInvalidValue",
                       "unable to parse mac address '%s'", spot->text);
}

static gboolean
mac_is_set(const VbXmlSlot *slot, gconstpointer value)
{
    return ((const VbMac *)value)->is_set;
}

static void
append_mac(const VbXmlSlot *slot, gconstpointer value, GString *out)
{
    char text[18];

    vb_mac_format(value, text);
    g_string_append(out, text);
}

static gboolean
parse_bitmap(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    char *text = vb_bitmap_normalise(spot->text, slot->f.max ? (guint)slot->f.max : 65535);

    if (!text)
        return vb_xml_fail(error, VIR_ERR_INVALID_ARG, spot->element, "XmlInvalidValue",
                           "Failed to parse bitmap '%s'", spot->text);
    g_free(*(char **)value);
    *(char **)value = text;
    return TRUE;
}

static gboolean
parse_custom(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    if (slot->f.custom->clear)
        slot->f.custom->clear(value);
    return slot->f.custom->parse(spot->text, value) || invalid(error, spot, "");
}

static gboolean
custom_is_set(const VbXmlSlot *slot, gconstpointer value)
{
    g_autofree char *text = slot->f.custom->format(value);

    return text != NULL;
}

static void
append_custom(const VbXmlSlot *slot, gconstpointer value, GString *out)
{
    g_autofree char *text = slot->f.custom->format(value);

    g_string_append(out, text);
}

static gboolean
parse_present(const VbXmlSlot *slot, gpointer value, const VbXmlSpot *spot, GError **error)
{
    vb_xml_store(value, slot->f.size, TRUE);
    return TRUE;
}

static gboolean
present_is_set(const VbXmlSlot *slot, gconstpointer value)
{
    return read_small(slot, value) != 0;
}

static const VbXmlValueOps ops[] = {
    [VB_XML_KIND_STRING] = {sizeof(char *), parse_string, string_is_set, append_string, FALSE},
    [VB_XML_KIND_INT] = {sizeof(int), parse_int, int_is_set, append_int, TRUE},
    [VB_XML_KIND_UINT] = {sizeof(guint), parse_uint, int_is_set, append_uint, TRUE},
    [VB_XML_KIND_INT64] = {sizeof(gint64), parse_int64, int64_is_set, append_int64, TRUE},
    [VB_XML_KIND_UINT64] = {sizeof(guint64), parse_uint64, int64_is_set, append_uint64, TRUE},
    [VB_XML_KIND_ENUM] = {sizeof(int), parse_enum, enum_is_set, append_enum, TRUE},
    [VB_XML_KIND_BOOL] = {sizeof(VbTristate), parse_tristate, tristate_is_set, append_tristate,
                          TRUE},
    [VB_XML_KIND_SWITCH] = {sizeof(VbTristate), parse_tristate, tristate_is_set, append_tristate,
                            TRUE},
    [VB_XML_KIND_PRESENT] = {sizeof(bool), parse_present, present_is_set, NULL, TRUE},
    [VB_XML_KIND_SIZE] = {sizeof(guint64), parse_size, int64_is_set, append_uint64, TRUE},
    [VB_XML_KIND_UUID] = {sizeof(VbUuid), parse_uuid, uuid_is_set, append_uuid, TRUE},
    [VB_XML_KIND_MAC] = {sizeof(VbMac), parse_mac, mac_is_set, append_mac, TRUE},
    [VB_XML_KIND_BITMAP] = {sizeof(char *), parse_bitmap, string_is_set, append_string, TRUE},
    [VB_XML_KIND_CUSTOM] = {0, parse_custom, custom_is_set, append_custom, FALSE},
};

const VbXmlValueOps *
vb_xml_value_ops(VbXmlKind kind)
{
    return kind < G_N_ELEMENTS(ops) && ops[kind].parse ? &ops[kind] : NULL;
}

/**
 * vb_xml_value_is_written:
 * @slot: a scalar field
 * @self: the struct
 *
 * Returns: whether @self has a value there: what "has" says; without it, whether the value is not 0 or may be 0
 */
gboolean
vb_xml_value_is_written(const VbXmlSlot *slot, gconstpointer self)
{
    /* nearly all fields of nearly all structs */
    if (vb_xml_slot_is_zero(slot, self))
        return FALSE;
    if (slot->f.has_at && slot->f.kind != VB_XML_KIND_STRING)
        return vb_xml_slot_has(slot, self);
    if (vb_xml_value_ops(slot->f.kind)->is_set(slot, vb_xml_slot_value(slot, self)))
        return TRUE;
    if (!(slot->f.flags & VB_XML_ZERO_IS_VALUE))
        return FALSE;
    return slot->f.kind != VB_XML_KIND_ENUM || vb_enum_to_nick(slot->f.enumeration, 0);
}

/**
 * vb_xml_unit_name:
 * @field: a SIZE field
 *
 * Returns: (transfer none): what its @unit says when it is written
 */
const char *
vb_xml_unit_name(const VbXmlField *field)
{
    static const char *const names[] = {"bytes", "KiB", "MiB", "GiB"};

    if (field->unit_name)
        return field->unit_name;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (field->unit == G_GUINT64_CONSTANT(1) << (10 * i))
            return names[i];
    }
    return names[0];
}
