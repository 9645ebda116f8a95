/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every sample is read, written and read again; what is written is stable and says the same. */
#include <string.h>

#include "nodedev/nodedev.h"
#include "base/error.h"

static void
test_sample(gconstpointer data)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "samples", data, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, &error));
    NodedevDef *def = vb_xml_parse(&nodedev_def_type, text, -1, &error);
    g_assert_no_error(error);
    g_assert_true(nodedev_def_validate(def, &error));
    g_autofree char *written = vb_xml_format(&nodedev_def_type, def, VB_XML_FORMAT_LIVE);
    g_assert_cmpstr(written, ==, text);
    NodedevDef *copy = vb_xml_copy(&nodedev_def_type, def);
    g_assert_true(vb_xml_equal(&nodedev_def_type, def, copy));
    vb_xml_free(&nodedev_def_type, copy);
    vb_xml_free(&nodedev_def_type, def);
}

static void
expect_refusal(const char *text, int code, const char *words)
{
    g_autoptr(GError) error = NULL;
    NodedevDef *def = vb_xml_parse(&nodedev_def_type, text, -1, &error);
    g_assert_no_error(error);
    g_assert_false(nodedev_def_validate(def, &error));
    g_assert_error(error, VB_ERROR, code);
    g_assert_nonnull(strstr(error->message, words));
    vb_xml_free(&nodedev_def_type, def);
}

static void
test_refusals(void)
{
    expect_refusal("<device><parent>p</parent></device>", VIR_ERR_INTERNAL_ERROR,
                   "no device capabilities for 'new device'");
    expect_refusal("<device><capability type='mdev'/></device>", VIR_ERR_XML_ERROR,
                   "missing type id");
    expect_refusal(
        "<device><capability type='mdev'><type id='x'/><uuid>1</uuid></capability></device>",
        VIR_ERR_INTERNAL_ERROR, "Cannot parse uuid '1'");
    expect_refusal("<device><name>c</name><capability type='css'><cssid>0x0</cssid><ssid>0x0</ssid>"
                   "<devno>0x10000</devno></capability></device>",
                   VIR_ERR_INTERNAL_ERROR, "invalid devno value for 'c'");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autofree char *folder = g_test_build_filename(G_TEST_DIST, "samples", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *test = g_strconcat("/nodedev-xml/", name, NULL);
        g_ptr_array_add(names, g_strdup(name));
        g_test_add_data_func(test, names->pdata[names->len - 1], test_sample);
    }
    g_assert_cmpuint(names->len, >, 5);
    g_test_add_func("/nodedev-xml/refusals", test_refusals);
    return g_test_run();
}
