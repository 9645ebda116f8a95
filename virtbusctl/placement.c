/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtbusctl placement: where a guest of some size would be placed. */
#include <stdio.h>
#include <string.h>

#include "ctl.h"

/* "4" (MiB), "2G", "512M", "4096K", with or without iB; FALSE: something else */
static gboolean
parse_memory(const char *text, guint64 *ret_kib)
{
    static const struct {
        const char *unit;
        guint64 kib;
    } units[] = {{"", 1024},     {"K", 1},         {"KiB", 1},     {"M", 1024},     {"MiB", 1024},
                 {"G", 1 << 20}, {"GiB", 1 << 20}, {"T", 1 << 30}, {"TiB", 1 << 30}};
    char *end;
    const guint64 n = g_ascii_strtoull(text, &end, 10);

    for (guint i = 0; end != text && i < G_N_ELEMENTS(units); i++) {
        if (g_ascii_strcasecmp(units[i].unit, end) != 0)
            continue;
        *ret_kib = n * units[i].kib;
        return n > 0 && *ret_kib / units[i].kib == n;
    }
    return FALSE;
}

static CtlStatus
run(Ctl *ctl, char **argv, GError **error)
{
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GVariant) cells = NULL;
    g_autoptr(GVariant) cpus = NULL;
    g_autofree char *cell_text = NULL;
    g_autofree char *cpu_text = NULL;
    const char *source, *explanation;
    gboolean is_enough;
    guint64 n_vcpus, memory_kib;

    if (g_strv_length(argv) != 2 ||
        !g_ascii_string_to_unsigned(argv[0], 10, 1, G_MAXUINT32, &n_vcpus, NULL) ||
        !parse_memory(argv[1], &memory_kib))
        return CTL_USAGE;
    reply = ctl_call(ctl, ctl->root, "org.virtbus.Host1.Advise",
                     g_variant_new("(ut)", (guint32)n_vcpus, memory_kib), "(auaubss)", error);
    if (!reply)
        return CTL_FAILED;
    g_variant_get(reply, "(@au@aub&s&s)", &cells, &cpus, &is_enough, &source, &explanation);
    cell_text = ctl_ranges(cells);
    cpu_text = ctl_ranges(cpus);
    printf("nodes: %s\ncpus: %s\nsource: %s\n%s\n", cell_text, cpu_text, source, explanation);
    return is_enough ? CTL_OK : CTL_NO;
}

const CtlCommand ctl_command_placement = {
    .name = "placement",
    .arguments = "VCPUS MEMORY",
    .summary = "Where a guest of that size would be placed; MEMORY in MiB, or with K, M, G, T",
    .run = run,
};
