/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtbusctl resctrl: the monitoring of a guest's caches and memory bandwidth, shown and switched. */
#include <stdio.h>
#include <string.h>

#include "ctl.h"

#define DOMAIN "org.virtbus.Domain1"

static CtlStatus
show(Ctl *ctl, const char *path, GError **error)
{
    static const struct {
        const char *state, *text;
    } rows[] = {{"enabled", "Enabled"},
                {"disabled", "Disabled"},
                {"forced", "Enabled (forced by cachetune)"}};
    g_autoptr(GVariant) properties = ctl_get_all(ctl, path, DOMAIN, error);
    const char *state = "";
    if (!properties)
        return CTL_FAILED;
    (void)g_variant_lookup(properties, "ResctrlMonitoring", "&s", &state);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].state, state) == 0)
            state = rows[i].text;
    }
    printf("RDT Monitoring Status: %s\n", state);
    return CTL_OK;
}

/* 1: on, 0: off, -1: as it is, -2: no such option */
static int
parse_option(const char *option)
{
    if (!option)
        return -1;
    if (strcmp(option, "--enable") == 0)
        return 1;
    return strcmp(option, "--disable") == 0 ? 0 : -2;
}

static CtlStatus
run(Ctl *ctl, char **argv, GError **error)
{
    const guint n = g_strv_length(argv);
    const int wanted = n == 2 ? parse_option(argv[1]) : -1;
    g_autoptr(GVariant) found = NULL;
    g_autoptr(GVariant) switched = NULL;
    const char *path;
    if (n < 1 || n > 2 || wanted == -2 || *argv[0] == '-')
        return CTL_USAGE;
    found = ctl_call(ctl, ctl->root, "org.virtbus.Hypervisor1.LookupDomainByName",
                     g_variant_new("(s)", argv[0]), "(o)", error);
    if (!found)
        return CTL_FAILED;
    g_variant_get(found, "(&o)", &path);
    if (wanted >= 0) {
        switched = ctl_call(ctl, path, DOMAIN ".SetResctrlMonitoring",
                            g_variant_new("(b)", wanted == 1), "()", error);
        if (!switched)
            return CTL_FAILED;
    }
    return show(ctl, path, error);
}

const CtlCommand ctl_command_resctrl = {
    .name = "resctrl",
    .arguments = "DOMAIN [--enable|--disable]",
    .summary = "Whether a guest's caches and memory bandwidth are counted; switches it",
    .run = run,
};
