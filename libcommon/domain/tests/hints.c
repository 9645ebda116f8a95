/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a host with QEMU 7.2 for x86 would say: fixed answers for tests. */
#include <string.h>
#include "domain/tests/hints.h"

static char *
find_emulator(const char *arch, int virt_type, gpointer data)
{
    return g_str_equal(arch, "x86_64") || g_str_equal(arch, "i686")
               ? g_strdup_printf("/usr/bin/qemu-system-%s",
                                 g_str_equal(arch, "i686") ? "i386" : arch)
               : NULL;
}

/* Source: qemu-system-x86_64 7.2 -M help */
static char *
expand_machine(const char *emulator, const char *arch, int virt_type, const char *machine,
               gpointer data)
{
    static const char *const known[] = {"pc-i440fx-", "pc-q35-", "isapc",
                                        "microvm",    "none",    "x-remote"};

    if (!machine || g_str_equal(machine, "pc"))
        return g_strdup("pc-i440fx-7.2");
    if (g_str_equal(machine, "q35"))
        return g_strdup("pc-q35-7.2");
    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        const char *dash = strrchr(machine, '-');

        if (!g_str_has_prefix(machine, known[i]))
            continue;
        return dash && g_ascii_isdigit(dash[1]) && g_ascii_strtod(dash + 1, NULL) > 7.25
                   ? NULL
                   : g_strdup(machine);
    }
    return NULL;
}

static char *
default_cpu(const char *emulator, const char *machine, int virt_type, gpointer data)
{
    if (machine && g_str_equal(machine, "isapc"))
        return g_strdup("486");
    return g_strdup(g_str_has_suffix(emulator, "i386") ? "qemu32" : "qemu64");
}

static gboolean
has_device(const char *emulator, const char *device, gpointer data)
{
    return TRUE;
}

const VbDomainCapsHints *
vb_domain_test_hints(void)
{
    static const VbDomainCapsHints hints = {
        .default_arch = "x86_64",
        .find_emulator = find_emulator,
        .expand_machine = expand_machine,
        .default_cpu = default_cpu,
        .has_device = has_device,
        .nvram_dir = "/var/lib/libvirt/qemu/nvram",
        .channel_dir = "/var/lib/libvirt/qemu/channel/target",
    };

    return &hints;
}
