/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The error table is complete, its names go both ways, its texts are libvirt's. */
#include "base/error.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>

static void
test_table(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_assert_cmpint(vb_error_code_max(), ==, VIR_ERR_AGENT_COMMAND_FAILED);
    for (int code = 1; code <= vb_error_code_max(); code++) {
        const char *name = vb_error_code_to_dbus(code);
        g_autoptr(GError) plain = NULL, detailed = NULL;
        g_assert_true(g_dbus_is_error_name(name));
        g_assert_true(g_hash_table_add(seen, (gpointer)name));
        g_assert_cmpint(vb_error_code_from_dbus(name), ==, code);
        vb_error_set_plain(&plain, code);
        vb_error_set(&detailed, code, "100%% of <%s>", "it");
        g_assert_null(strstr(plain->message, "%"));
        g_assert_nonnull(strstr(detailed->message, "100% of <it>"));
        g_assert_null(strstr(detailed->message, "%s"));
    }
    g_assert_cmpint(vb_error_code_from_dbus("org.virtbus.Error.Nonsense"), ==, -1);
    g_assert_cmpint(vb_error_code_from_dbus("org.example.NoDomain"), ==, -1);
}

static void
check_text(int code, const char *detail, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(vb_error_set(&error, code, "%s", detail));
    g_assert_true(vb_error_matches(error, code));
    g_assert_cmpstr(error->message, ==, expected);
}

static void
test_wording(void)
{
    check_text(VIR_ERR_OPERATION_INVALID, "domain is not running",
               "Requested operation is not valid: domain is not running");
    check_text(VIR_ERR_OPERATION_INVALID, "", "Requested operation is not valid");
    check_text(VIR_ERR_NO_DOMAIN, "no domain with matching name 'x'",
               "Domain not found: no domain with matching name 'x'");
    check_text(VIR_ERR_XML_ERROR, "missing name", "XML error: missing name");
    check_text(VIR_ERR_XML_DETAIL, "(domain):1: bad", "(domain):1: bad");
    check_text(VIR_ERR_DOM_EXIST, "vm", "domain vm exists already");
    check_text(VIR_ERR_DOM_EXIST, "", "this domain exists already");
    check_text(VIR_ERR_OPERATION_DENIED, "read only access prevents virDomainCreate",
               "operation forbidden: read only access prevents virDomainCreate");
    check_text(VIR_ERR_NO_SUPPORT, "virX",
               "this function is not supported by the connection driver: virX");
    check_text(VIR_ERR_INVALID_ARG, "\xff", "invalid argument: \xef\xbf\xbd");
}

static void
test_errno(void)
{
    g_autoptr(GError) error = NULL;
    vb_error_set_errno(&error, ENOENT, "cannot open file '%s'", "/x");
    g_assert_true(vb_error_matches(error, VIR_ERR_SYSTEM_ERROR));
    g_assert_cmpstr(error->message, ==, "cannot open file '/x': No such file or directory");
    g_assert_false(vb_error_set_errno(NULL, ENOENT, "nobody listens"));
}

static void
test_flags(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(vb_error_check_flags(&error, 3, 3, "virFoo"));
    g_assert_no_error(error);
    g_assert_false(vb_error_check_flags(&error, 7, 2, "virFoo"));
    g_assert_true(vb_error_matches(error, VIR_ERR_INVALID_ARG));
    g_assert_cmpstr(error->message, ==, "unsupported flags (0x5) in function virFoo");
}

static void
test_structure(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "start");
    g_assert_null(vb_error_get_reason(error));
    g_assert_null(vb_error_get_causes(error)[0]);
    vb_error_set_reason(error, "DiskNotReadable", "vda");
    vb_error_add_cause(error, "outer");
    vb_error_add_cause(error, "inner");
    g_autoptr(GError) copy = g_error_copy(error);
    vb_error_add_cause(error, "innermost");
    g_assert_cmpstr(vb_error_get_reason(copy), ==, "DiskNotReadable");
    g_assert_cmpstr(vb_error_get_object(copy), ==, "vda");
    g_assert_cmpuint(g_strv_length((char **)vb_error_get_causes(copy)), ==, 2);
    g_autoptr(GVariant) variant = g_variant_ref_sink(vb_error_to_variant(copy));
    text = g_variant_print(variant, FALSE);
    g_assert_cmpstr(text, ==,
                    "{'code': <9>, 'name': <'org.virtbus.Error.OperationFailed'>, "
                    "'message': <'operation failed: start'>, 'reason': <'DiskNotReadable'>, "
                    "'object': <'vda'>, 'causes': <['outer', 'inner']>}");
}

static void
test_foreign(void)
{
    g_autoptr(GError) error = g_error_new_literal(G_IO_ERROR, G_IO_ERROR_NO_SPACE, "full");
    vb_error_set_reason(error, "x", "y");
    vb_error_add_cause(error, "z");
    g_assert_null(vb_error_get_reason(error));
    g_assert_cmpint(vb_error_get_code(error), ==, VIR_ERR_SYSTEM_ERROR);
    g_clear_error(&error);
    error = g_error_new_literal(G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "late");
    g_assert_cmpint(vb_error_get_code(error), ==, VIR_ERR_OPERATION_TIMEOUT);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/table", test_table);
    g_test_add_func("/error/wording", test_wording);
    g_test_add_func("/error/errno", test_errno);
    g_test_add_func("/error/flags", test_flags);
    g_test_add_func("/error/structure", test_structure);
    g_test_add_func("/error/foreign", test_foreign);
    return g_test_run();
}
