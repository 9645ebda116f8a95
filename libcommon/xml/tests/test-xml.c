/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The binding, on a made-up element with every kind of field: round trips, flags, errors with their place, bounds. */
#include <string.h>
#include "base/error.h"
#include "sample.h"

static const char full[] =
    "<sample id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
    "  <name>a&apos;b&quot;&lt;&gt;&amp;é</name>\n"
    "  <uuid>b7037e3a-b352-4000-8a70-8f98c18ea5ec</uuid>\n"
    "  <title>two\nlines\tand a tab</title>\n"
    "  <metadata>\n"
    "    <a:x xmlns:a=\"urn:a\" q=\"it's\">  mixed <a:y/>\n</a:x>\n"
    "    <!-- kept -->\n"
    "    <plain/>\n"
    "  </metadata>\n"
    "  <memory unit='KiB'>1048576</memory>\n"
    "  <vcpu cpuset='0-1,3'>4</vcpu>\n"
    "  <numbers count='-5' offset='-9000000000' mask='0xffffffffffffffff' mode='slow'/>\n"
    "  <features enabled='no'>\n"
    "    <acpi/>\n"
    "    <apic eoi='on'/>\n"
    "  </features>\n"
    "  <net letter='C'>\n"
    "    <mac address='52:54:00:00:0a:ff'/>\n"
    "    <label></label>\n"
    "  </net>\n"
    "  <devices>\n"
    "    <server port='0' passwd='pa&apos;ss'/>\n"
    "    <item kind='file'>\n"
    "      <source file='/a&#10;b'/>\n"
    "      <backing kind='block'>\n"
    "        <source dev='/dev/x'/>\n"
    "        <target dev='in'/>\n"
    "      </backing>\n"
    "      <target dev='vda'/>\n"
    "      <alias name='disk0'/>\n"
    "      <address type='pci' slot='0x0a'/>\n"
    "    </item>\n"
    "    <item kind='block'>\n"
    "      <source dev='/dev/y'/>\n"
    "      <target dev='vdb'/>\n"
    "      <readonly>yes</readonly>\n"
    "      <address type='drive' unit='0'/>\n"
    "    </item>\n"
    "  </devices>\n"
    "  <qemu:commandline>\n"
    "    <qemu:arg value='-x'/>\n"
    "    <qemu:arg value=''/>\n"
    "  </qemu:commandline>\n"
    "</sample>\n";

static Sample *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    Sample *sample = vb_xml_parse(&sample_type, text, -1, &error);

    g_assert_no_error(error);
    g_assert_nonnull(sample);
    return sample;
}

static void
test_round_trip(void)
{
    Sample *sample = parse(full);
    Sample *copy = vb_xml_copy(&sample_type, sample);
    g_autofree char *text =
        vb_xml_format(&sample_type, copy, VB_XML_FORMAT_LIVE | VB_XML_FORMAT_SECURE);
    const SampleItem *item = g_ptr_array_index(sample->items, 0);

    g_assert_cmpstr(text, ==, full);
    g_assert_true(vb_xml_equal(&sample_type, sample, copy));
    g_assert_cmpuint(sample->memory_kib, ==, 1048576);
    g_assert_cmpuint(sample->upper, ==, 3);
    g_assert_cmpstr(item->file, ==, "/a\nb");
    g_assert_null(item->dev);
    g_assert_cmpuint(item->address.slot, ==, 10);
    vb_xml_free(&sample_type, sample);
    vb_xml_free(&sample_type, copy);
    vb_xml_free(&sample_type, NULL);
}

static void
test_flags(void)
{
    Sample *sample = parse(full);
    g_autofree char *text = vb_xml_format(&sample_type, sample, 0);
    Sample *inactive = vb_xml_parse_full(&sample_type, full, -1, VB_XML_PARSE_INACTIVE, NULL);

    g_assert_null(strstr(text, "id='3'"));
    g_assert_null(strstr(text, "alias"));
    g_assert_null(strstr(text, "pa&apos;ss"));
    g_assert_nonnull(strstr(text, "<server port='0'/>"));
    g_assert_false(inactive->has_id);
    g_assert_true(sample->has_id);
    g_assert_true(
        vb_xml_equal(&sample_type, sample, inactive)); /* ids and aliases are NOT_COMPARED */
    inactive->memory_kib++;
    g_assert_false(vb_xml_equal(&sample_type, sample, inactive));
    vb_xml_free(&sample_type, sample);
    vb_xml_free(&sample_type, inactive);
}

static void
test_nested_difference(void)
{
    Sample *a = parse(full);
    Sample *b = parse(full);
    SampleItem *item = g_ptr_array_index(b->items, 1);
    SampleWord *word;

    item->address.has_unit = FALSE;
    g_assert_false(vb_xml_equal(&sample_type, a, b));
    item->address.has_unit = TRUE;
    g_assert_true(vb_xml_equal(&sample_type, a, b));
    word = g_ptr_array_steal_index(b->words, 1);
    g_assert_false(vb_xml_equal(&sample_type, a, b));
    g_ptr_array_add(b->words, word);
    vb_xml_free(&sample_type, a);
    vb_xml_free(&sample_type, b);
}

static void
assert_becomes(const char *from, const char *to)
{
    Sample *sample = parse(from);
    g_autofree char *text = vb_xml_format(&sample_type, sample, VB_XML_FORMAT_LIVE);

    g_assert_cmpstr(text, ==, to);
    vb_xml_free(&sample_type, sample);
}

static void
test_normalises(void)
{
    assert_becomes("<sample><name>x</name></sample>", "<sample>\n  <name>x</name>\n</sample>\n");
    assert_becomes("<sample><name><![CDATA[<&]]></name></sample>",
                   "<sample>\n  <name>&lt;&amp;</name>\n</sample>\n");
    /* units are rounded up; the first element of a name counts; foreign elements are not ours */
    assert_becomes("<sample xmlns:z='urn:z'><z:name>no</z:name><name>x</name><name>y</name>"
                   "<memory unit='b'>1025</memory></sample>",
                   "<sample>\n  <name>x</name>\n  <memory unit='KiB'>2</memory>\n</sample>\n");
    assert_becomes("<sample><name>x</name><memory unit='GB'>1</memory><vcpu cpuset=' 5-7,^6 , 1'> "
                   "2\n</vcpu></sample>",
                   "<sample>\n  <name>x</name>\n  <memory unit='KiB'>976563</memory>\n"
                   "  <vcpu cpuset='1,5,7'>2</vcpu>\n</sample>\n");
    /* blanks between elements are no text */
    assert_becomes("<sample><name>x</name><title>\n <b/>\n</title></sample>",
                   "<sample>\n  <name>x</name>\n</sample>\n");
    /* ignored: unknown names, values of the choice not taken; mode's first value means absent */
    assert_becomes("<sample><name>x</name><foo a='b'><bar/></foo><numbers mode='fast' foo=''/>"
                   "<devices><item kind='block' target='old'><source file='/f'/>"
                   "<target dev='t'/><address type='pci' unit='99'/></item></devices></sample>",
                   "<sample>\n  <name>x</name>\n  <devices>\n    <item kind='block'>\n"
                   "      <target dev='t'/>\n      <address type='pci'/>\n    </item>\n"
                   "  </devices>\n</sample>\n");
}

static void
test_old_spelling(void)
{
    assert_becomes("<sample><name>x</name><devices><item target='old'><target "
                   "dev='new'/></item></devices></sample>",
                   "<sample>\n  <name>x</name>\n  <devices>\n    <item kind='file'>\n"
                   "      <target dev='new'/>\n    </item>\n  </devices>\n</sample>\n");
}

static void
assert_fails(const char *text, int code, const char *message, const char *object)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vb_xml_parse(&sample_type, text, -1, &error));
    g_assert_error(error, VB_ERROR, code);
    g_assert_cmpstr(error->message, ==, message);
    if (object)
        g_assert_cmpstr(vb_error_get_object(error), ==, object);
    g_assert_nonnull(vb_error_get_reason(error));
}

#define SAMPLE(inside) "<sample>\n<name>x</name>\n" inside "</sample>"

static void
test_value_errors(void)
{
    assert_fails(SAMPLE("<numbers mode='x'/>"), VIR_ERR_CONFIG_UNSUPPORTED,
                 "unsupported configuration: unknown sample mode 'x' (/sample/numbers, line 3)",
                 "/sample/numbers, line 3");
    /* the line is the one where the tag ends: all that the XML library keeps */
    assert_fails(SAMPLE("<numbers\n count='6'/>"), VIR_ERR_XML_ERROR,
                 "XML error: Invalid value for attribute 'count' in element 'numbers': '6'. "
                 "Expected a value "
                 "between -5 and 5 (/sample/numbers, line 4)",
                 NULL);
    assert_fails(SAMPLE("<numbers count='1x'/>"), VIR_ERR_XML_ERROR,
                 "XML error: Invalid value for attribute 'count' in element 'numbers': '1x'. "
                 "Expected integer "
                 "value (/sample/numbers, line 3)",
                 NULL);
    assert_fails(SAMPLE("<numbers offset='9223372036854775808'/>"), VIR_ERR_XML_ERROR,
                 "XML error: Invalid value for attribute 'offset' in element 'numbers': "
                 "'9223372036854775808'. "
                 "Expected integer value (/sample/numbers, line 3)",
                 NULL);
    assert_fails(
        SAMPLE("<vcpu>-1</vcpu>"), VIR_ERR_XML_ERROR,
        "XML error: Invalid value for element 'vcpu': '-1'. Expected non-negative integer value "
        "(/sample/vcpu, line 3)",
        NULL);
    assert_fails(SAMPLE("<vcpu cpuset='3-1'>1</vcpu>"), VIR_ERR_INVALID_ARG,
                 "invalid argument: Failed to parse bitmap '3-1' (/sample/vcpu, line 3)", NULL);
    assert_fails(SAMPLE("<memory unit='foo'>1</memory>"), VIR_ERR_INVALID_ARG,
                 "invalid argument: unknown suffix 'foo' (/sample/memory, line 3)", NULL);
    assert_fails(SAMPLE("<memory unit='EiB'>1024</memory>"), VIR_ERR_OVERFLOW,
                 "numerical overflow: value too large: 1024EiB (/sample/memory, line 3)", NULL);
    assert_fails(SAMPLE("<memory>abc</memory>"), VIR_ERR_XML_ERROR,
                 "XML error: Invalid value 'abc' for element or attribute './memory' "
                 "(/sample/memory, line 3)",
                 NULL);
    assert_fails(SAMPLE("<uuid>zz</uuid>"), VIR_ERR_XML_ERROR,
                 "XML error: malformed uuid element (/sample/uuid, line 3)", NULL);
    assert_fails(SAMPLE("<net><mac address='1:2'/></net>"), VIR_ERR_XML_ERROR,
                 "XML error: unable to parse mac address '1:2' (/sample/net/mac, line 3)", NULL);
    assert_fails(SAMPLE("<net letter='cc'/>"), VIR_ERR_XML_ERROR,
                 "XML error: Invalid value for attribute 'letter' in element 'net': 'cc'. "
                 "(/sample/net, line 3)",
                 NULL);
    assert_fails(SAMPLE("<features><apic eoi='maybe'/></features>"), VIR_ERR_XML_ERROR,
                 "XML error: Invalid value for attribute 'eoi' in element 'apic': 'maybe'. "
                 "(/sample/features/apic, line 3)",
                 NULL);
}

static void
test_structure_errors(void)
{
    assert_fails("<other/>", VIR_ERR_XML_ERROR,
                 "XML error: expecting root element of 'sample', not 'other'", NULL);
    assert_fails("<sample/>", VIR_ERR_XML_ERROR,
                 "XML error: Missing required element 'name' in element 'sample' (/sample, line 1)",
                 NULL);
    assert_fails(SAMPLE("<devices>\n<item/>\n<item/></devices>"), VIR_ERR_XML_ERROR,
                 "XML error: Missing required element 'target' in element 'item' "
                 "(/sample/devices/item[1], line 4)",
                 "/sample/devices/item[1], line 4");
    assert_fails(SAMPLE("<devices><item>\n<target/></item></devices>"), VIR_ERR_XML_ERROR,
                 "XML error: Missing required attribute 'dev' in element 'target' "
                 "(/sample/devices/item/target, line 4)",
                 NULL);
    assert_fails(SAMPLE("<devices><item><target dev='a'/><address/></item></devices>"),
                 VIR_ERR_XML_ERROR,
                 "XML error: Missing required attribute 'type' in element 'address' "
                 "(/sample/devices/item/address, line 3)",
                 NULL);
    assert_fails(
        "<sample>\n<name>t&</name></sample>", VIR_ERR_XML_DETAIL,
        "(sample_definition):2: xmlParseEntityRef: no name\n<name>t&</name></sample>\n--------^",
        "line 2");
    assert_fails("", VIR_ERR_XML_DETAIL, "(sample_definition):1: Document is empty\n\n^", NULL);
}

static void
assert_refused(const char *text, gssize length, const char *reason)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(vb_xml_parse(&sample_type, text, length, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_XML_ERROR);
    g_assert_cmpstr(vb_error_get_reason(error), ==, reason);
}

static char *
repeated(const char *head, const char *part, guint n, const char *tail)
{
    GString *text = g_string_new(head);

    for (guint i = 0; i < n; i++)
        g_string_append(text, part);
    g_string_append(text, tail);
    return g_string_free(text, FALSE);
}

static void
test_bounds(void)
{
    g_autofree char *deep = repeated("<sample>", "<a>", 70, "");
    g_autofree char *deep_enough = repeated("<sample><name>x</name>", "<a>", 63, "");
    g_autofree char *closed = repeated(deep_enough, "</a>", 63, "</sample>");
    g_autofree char *many = repeated("<sample>", "<a b='c'/>", 50001, "</sample>");
    g_autofree char *large = g_strnfill(10 * 1024 * 1024 + 1, ' ');

    assert_refused(deep, -1, "XmlTooDeep");
    vb_xml_free(&sample_type, parse(closed));
    assert_refused(many, -1, "XmlTooManyNodes");
    assert_refused(large, -1, "XmlTooLarge");
    assert_refused(
        "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
        "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;&c;&c;'>]>"
        "<sample><name>&d;</name></sample>",
        -1, "XmlDoctype");
    assert_refused("<!DOCTYPE sample SYSTEM 'file:///etc/passwd'><sample/>", -1, "XmlDoctype");
}

static void
test_list_bound(void)
{
    g_autofree char *items = repeated("<sample><name>x</name><devices>",
                                      "<item><target dev='x'/></item>", 101, "</devices></sample>");

    assert_refused(items, -1, "XmlTooMany");
}

static void
test_not_terminated(void)
{
    g_autoptr(GError) error = NULL;
    Sample *sample =
        vb_xml_parse(&sample_type, "<sample><name>x</name></sample>garbage", 31, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(sample->name, ==, "x");
    vb_xml_free(&sample_type, sample);
}

static void
test_raw(void)
{
    g_autoptr(GError) error = NULL;
    char *inside = NULL;
    char *text;

    g_assert_null(vb_xml_raw_get(NULL, "urn:x"));
    g_assert_true(vb_xml_raw_set(&inside, "<z a=\"1\">\n<y/> </z>", "k", "urn:x", &error));
    g_assert_cmpstr(inside, ==, "<k:z xmlns:k=\"urn:x\" a=\"1\">\n      <k:y/>\n    </k:z>");
    g_assert_true(vb_xml_raw_set(&inside, "<other>  t </other>", "o", "urn:o", &error));
    text = vb_xml_raw_get(inside, "urn:x");
    g_assert_cmpstr(text, ==, "<z a=\"1\">\n  <y/>\n</z>"); /* laid out anew, as libvirt does */
    g_free(text);
    g_assert_true(vb_xml_raw_set(&inside, NULL, NULL, "urn:x", &error));
    g_assert_cmpstr(inside, ==, "<o:other xmlns:o=\"urn:o\">  t </o:other>");
    g_assert_false(vb_xml_raw_set(&inside, "<z>", "k", "urn:x", &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_XML_DETAIL);
    g_clear_error(&error);
    g_assert_false(vb_xml_raw_set(&inside, "<z/>", "k k", "urn:x", &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_INVALID_ARG);
    g_assert_cmpstr(inside, ==, "<o:other xmlns:o=\"urn:o\">  t </o:other>");
    g_assert_true(vb_xml_raw_set(&inside, NULL, NULL, "urn:o", NULL));
    g_assert_null(inside);
}

static void
test_values(void)
{
    VbUuid uuid;
    VbMac mac;
    char text[37];
    guint64 bytes = 7;
    char *list;

    g_assert_true(vb_uuid_parse(" B7037E3AB352-40008a708f98c18ea5ec ", &uuid));
    vb_uuid_format(&uuid, text);
    g_assert_cmpstr(text, ==, "b7037e3a-b352-4000-8a70-8f98c18ea5ec");
    g_assert_false(vb_uuid_parse("b7037e3a-b352-4000-8a70-8f98c18ea5", &uuid));
    g_assert_false(vb_uuid_parse("b7037e3a-b352-4000-8a70-8f98c18ea5ec0", &uuid));
    vb_uuid_generate(&uuid);
    vb_uuid_format(&uuid, text);
    g_assert_cmpint(text[14], ==, '4');
    g_assert_true(vb_mac_parse("52:54:0:AB:1:ff", &mac));
    vb_mac_format(&mac, text);
    g_assert_cmpstr(text, ==, "52:54:00:ab:01:ff");
    g_assert_false(vb_mac_parse("52:54:00:ab:01", &mac));
    g_assert_false(vb_mac_parse("52:54:00:ab:01:ff:", &mac));
    g_assert_true(vb_size_scale(3, "kb", 1, &bytes));
    g_assert_cmpuint(bytes, ==, 3000);
    g_assert_true(vb_size_scale(3, NULL, 1024, &bytes));
    g_assert_cmpuint(bytes, ==, 3072);
    g_assert_true(vb_size_scale(1, "E", 1, &bytes));
    g_assert_cmpuint(bytes, ==, G_GUINT64_CONSTANT(1) << 60);
    g_assert_false(vb_size_scale(16, "EiB", 1, &bytes));
    g_assert_false(vb_size_scale(1, "kx", 1, &bytes));
    g_assert_null(vb_bitmap_normalise("0-8", 7));
    g_assert_null(vb_bitmap_normalise("1,", 7));
    g_assert_null(vb_bitmap_normalise("1,^1", 7));
    list = vb_bitmap_normalise("7,0,1", 7);
    g_assert_cmpstr(list, ==, "0-1,7");
    g_free(list);
}

/* ---- status files ---- */

typedef struct {
    char *name, *inner, *rest;
} Status;

static const VbXmlField status_fields[] = {
    VB_XML_STR(Status, name, "name"),
    VB_XML_RAW(Status, inner, "inner", .flags = VB_XML_STATUS_ONLY),
    VB_XML_RAW(Status, rest, "*"),
};
static const VB_XML_TYPE(status_type, Status, "status", status_fields);

static const char status_text[] = "<status>\n"
                                  "  <name>n</name>\n"
                                  "  <inner>\n"
                                  "    <x a=\"1\"/>\n"
                                  "  </inner>\n"
                                  "  <one b=\"2\"/>\n"
                                  "  <two>\n"
                                  "    <three>it&apos;s</three>\n"
                                  "  </two>\n"
                                  "</status>\n";

static void
check_status(guint parse_flags, guint format_flags, const char *expected)
{
    g_autoptr(GError) error = NULL;
    Status *status = vb_xml_parse_full(&status_type, status_text, -1, parse_flags, &error);
    g_autofree char *text = NULL;
    Status *copy;

    g_assert_no_error(error);
    copy = vb_xml_copy(&status_type, status);
    g_assert_true(vb_xml_equal(&status_type, status, copy));
    text = vb_xml_format(&status_type, copy, format_flags);
    g_assert_cmpstr(text, ==, expected);
    vb_xml_free(&status_type, copy);
    vb_xml_free(&status_type, status);
}

/* what no field names is kept; what belongs to status files shows nowhere else */
static void
test_rest(void)
{
    static const char rest[] =
        "  <one b=\"2\"/>\n  <two>\n    <three>it's</three>\n  </two>\n</status>\n";
    g_autofree char *without = g_strconcat("<status>\n  <name>n</name>\n", rest, NULL);
    g_autofree char *all =
        g_strconcat("<status>\n  <name>n</name>\n  <inner>\n    <x a=\"1\"/>\n  </inner>\n", rest,
                    NULL);
    g_autofree char *schema = vb_xml_schema(&status_type);

    check_status(VB_XML_PARSE_STATUS, VB_XML_FORMAT_STATUS, all);
    check_status(VB_XML_PARSE_STATUS, 0, without);
    check_status(0, VB_XML_FORMAT_STATUS, without);
    g_assert_null(strstr(schema, "inner"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml/round-trip", test_round_trip);
    g_test_add_func("/xml/flags", test_flags);
    g_test_add_func("/xml/nested-difference", test_nested_difference);
    g_test_add_func("/xml/normalises", test_normalises);
    g_test_add_func("/xml/old-spelling", test_old_spelling);
    g_test_add_func("/xml/value-errors", test_value_errors);
    g_test_add_func("/xml/structure-errors", test_structure_errors);
    g_test_add_func("/xml/bounds", test_bounds);
    g_test_add_func("/xml/list-bound", test_list_bound);
    g_test_add_func("/xml/not-terminated", test_not_terminated);
    g_test_add_func("/xml/raw", test_raw);
    g_test_add_func("/xml/rest", test_rest);
    g_test_add_func("/xml/values", test_values);
    return g_test_run();
}
