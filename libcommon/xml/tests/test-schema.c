/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The schema made from a table is a valid one, takes what the table writes and refuses what it does not know. */
#include <string.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include "base/error.h"
#include "sample.h"

static void
quiet(void *data, const char *format, ...)
{
}

static xmlRelaxNG *
load_schema(void)
{
    g_autofree char *text = vb_xml_schema(&sample_type);
    xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewMemParserCtxt(text, (int)strlen(text));
    xmlRelaxNG *schema = xmlRelaxNGParse(parser);

    g_assert_nonnull(schema);
    xmlRelaxNGFreeParserCtxt(parser);
    return schema;
}

static int
validate(xmlRelaxNG *schema, const char *text)
{
    xmlDoc *doc = xmlReadMemory(text, (int)strlen(text), NULL, NULL, XML_PARSE_NONET);
    xmlRelaxNGValidCtxt *context = xmlRelaxNGNewValidCtxt(schema);
    int result;

    g_assert_nonnull(doc);
    xmlRelaxNGSetValidErrors(context, quiet, quiet, NULL);
    result = xmlRelaxNGValidateDoc(context, doc);
    xmlRelaxNGFreeValidCtxt(context);
    xmlFreeDoc(doc);
    return result;
}

static void
test_schema(void)
{
    static const char *const good[] = {
        "<sample><name>x</name></sample>",
        "<sample id='1'><vcpu cpuset='0-3,^2'> 4 </vcpu><memory unit='GiB'>1</memory><name>x</name>"
        "<metadata><a:b xmlns:a='urn:a' c='d'>e<f/></a:b></metadata></sample>",
        "<sample><devices><item kind='block'><target dev='a'/><address type='pci' "
        "slot='0x0a'/></item>"
        "<server port='1'/><item><backing><target dev='b'/></backing><target "
        "dev='a'/></item></devices></sample>",
        "<sample xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><features><acpi/><apic "
        "eoi='on'/></features>"
        "<qemu:commandline><qemu:arg value='x'/></qemu:commandline></sample>",
    };
    static const char *const bad[] = {
        "<other/>",
        "<sample><unknown/></sample>",
        "<sample foo='bar'/>",
        "<sample><vcpu>x</vcpu></sample>",
        "<sample><numbers mode='x'/></sample>",
        "<sample><numbers count='6'/></sample>",
        "<sample><net><mac address='1'/></net></sample>",
        "<sample><devices><item><address slot='1'/></item></devices></sample>",
    };
    xmlRelaxNG *schema = load_schema();

    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_test_message("%s", good[i]);
        g_assert_cmpint(validate(schema, good[i]), ==, 0);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("%s", bad[i]);
        g_assert_cmpint(validate(schema, bad[i]), >, 0);
    }
    xmlRelaxNGFree(schema);
}

static void
test_validate(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(vb_xml_validate(&sample_type, "<sample><name>x</name></sample>", -1, &error));
    g_assert_no_error(error);
    g_assert_false(
        vb_xml_validate(&sample_type, "<sample>\n<name>x</name>\n<foo/></sample>", -1, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_XML_INVALID_SCHEMA);
    g_assert_nonnull(strstr(error->message, "line "));
    g_assert_nonnull(strstr(error->message, "foo"));
}

static void
test_reference(void)
{
    g_autofree char *page = vb_xml_reference(&sample_type);

    g_assert_nonnull(strstr(page, "# The `sample` element"));
    g_assert_nonnull(
        strstr(page, "| `name` | text | Unique name \\| of the sample. Required. |\n"));
    g_assert_nonnull(strstr(page, "| `numbers/@count` | integer, -5 to 5 | |\n"));
    g_assert_nonnull(strstr(page, "| `numbers/@mode` | `fast`, `slow`, `idle` | |\n"));
    g_assert_nonnull(strstr(page, "| `devices/item` | any number of [item](#item) | |\n"));
    g_assert_nonnull(
        strstr(page, "| `address/@slot` | number, 0 to 31 | Only for some types. |\n"));
    g_assert_nonnull(strstr(page, "## item\n\nSomething that has a place.\n"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schema/validates", test_schema);
    g_test_add_func("/schema/validate", test_validate);
    g_test_add_func("/schema/reference", test_reference);
    return g_test_run();
}
