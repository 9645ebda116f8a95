/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads domain definitions and writes what becomes of them, for comparison with other implementations. Not installed.
 *   vb-domain-tool [--parse-only] FILE...           to standard output, or, with --out, to DIR/NAME.out.xml or .out.err
 */
#include <stdio.h>
#include <string.h>
#include "base/error.h"
#include "domain/domain.h"
#include "domain/tests/hints.h"

static gboolean parse_only, live, aliases;
static char *out_dir;

static char *
process(const char *text, GError **error)
{
    const guint parse_flags = live ? 0 : VB_DOMAIN_PARSE_INACTIVE;
    const guint format_flags = VB_DOMAIN_FORMAT_SECURE | (live ? VB_DOMAIN_FORMAT_LIVE : 0u);
    g_autoptr(VbDomainDef) def =
        parse_only ? vb_domain_parse(text, parse_flags, error)
                   : vb_domain_prepare(text, parse_flags, vb_domain_test_hints(), error);

    if (!def)
        return NULL;
    if (aliases)
        vb_domain_assign_aliases(def);
    return vb_domain_format(def, format_flags);
}

static gboolean
write_result(const char *file, const char *result, const GError *error)
{
    g_autofree char *base = g_path_get_basename(file);
    g_autofree char *name = NULL;
    g_autofree char *message =
        error ? g_strdup_printf("%d %s\n", error->code, error->message) : NULL;

    if (!out_dir) {
        fputs(result ? result : message, result ? stdout : stderr);
        return result != NULL;
    }
    if (g_str_has_suffix(base, ".in.xml"))
        base[strlen(base) - strlen(".in.xml")] = '\0';
    name = g_strdup_printf("%s/%s.out.%s", out_dir, base, result ? "xml" : "err");
    return g_file_set_contents(name, result ? result : message, -1, NULL);
}

int
main(int argc, char **argv)
{
    const GOptionEntry entries[] = {
        {"parse-only", 0, 0, G_OPTION_ARG_NONE, &parse_only,
         "neither fill in nor address nor refuse", NULL},
        {"live", 0, 0, G_OPTION_ARG_NONE, &live, "keep what a running guest has", NULL},
        {"aliases", 0, 0, G_OPTION_ARG_NONE, &aliases, "give the devices their names", NULL},
        {"out", 0, 0, G_OPTION_ARG_FILENAME, &out_dir, "write files into DIR", "DIR"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("FILE...");
    gboolean is_ok = TRUE;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, NULL))
        return 2;
    for (int i = 1; i < argc; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = NULL;
        g_autofree char *result = NULL;

        if (g_file_get_contents(argv[i], &text, NULL, &error))
            result = process(text, &error);
        is_ok &= write_result(argv[i], result, error);
    }
    return is_ok ? 0 : 1;
}
