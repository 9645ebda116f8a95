/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtbusctl domstats: what resource control counts of running guests, as virsh domstats writes numbers. */
#include <stdio.h>
#include <string.h>

#include "ctl.h"

#define CPU_TOTAL 2u /* Source: virDomainStatsTypes */
#define MEMORY 256u
#define ACTIVE 1u /* Source: virConnectGetAllDomainStatsFlags */

static gboolean
is_of_resctrl(const char *name)
{
    return g_str_has_prefix(name, "resctrl.") || g_str_has_prefix(name, "cpu.cache.monitor.") ||
           g_str_has_prefix(name, "memory.bandwidth.monitor.");
}

static gboolean
print_name(Ctl *ctl, const char *path, GError **error)
{
    g_autoptr(GVariant) properties = ctl_get_all(ctl, path, "org.virtbus.Domain1", error);
    const char *name = "";
    if (!properties)
        return FALSE;
    (void)g_variant_lookup(properties, "Name", "&s", &name);
    printf("Domain: '%s'\n", name);
    return TRUE;
}

static void
print_values(GVariant *values)
{
    GVariantIter iter;
    const char *name;
    GVariant *boxed;
    g_variant_iter_init(&iter, values);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &boxed)) {
        g_autoptr(GVariant) value = boxed;
        g_autofree char *text = g_variant_print(value, FALSE);
        if (!is_of_resctrl(name))
            continue;
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
            printf("  %s=%s\n", name, g_variant_get_string(value, NULL));
        else
            printf("  %s=%s\n", name, text);
    }
    puts("");
}

/* (transfer floating) the paths of the guests that are named; none: all. NULL with @error */
static GVariant *
find_domains(Ctl *ctl, char **names, GError **error)
{
    GVariantBuilder paths;
    g_variant_builder_init(&paths, G_VARIANT_TYPE_OBJECT_PATH_ARRAY);
    for (; *names; names++) {
        g_autoptr(GVariant) found =
            ctl_call(ctl, ctl->root, "org.virtbus.Hypervisor1.LookupDomainByName",
                     g_variant_new("(s)", *names), "(o)", error);
        const char *path;
        if (!found) {
            g_variant_builder_clear(&paths);
            return NULL;
        }
        g_variant_get(found, "(&o)", &path);
        g_variant_builder_add(&paths, "o", path);
    }
    return g_variant_builder_end(&paths);
}

static CtlStatus
run(Ctl *ctl, char **argv, GError **error)
{
    g_autoptr(GVariant) reply = NULL;
    g_autoptr(GVariant) records = NULL;
    GVariant *domains;
    GVariantIter iter;
    const char *path;
    GVariant *boxed;
    if (!argv[0] || strcmp(argv[0], "--resctrl") != 0)
        return CTL_USAGE;
    domains = find_domains(ctl, argv + 1, error);
    if (!domains)
        return CTL_FAILED;
    reply = ctl_call(ctl, ctl->root, "org.virtbus.Hypervisor1.GetAllDomainStats",
                     g_variant_new("(@aouu)", domains, CPU_TOTAL | MEMORY, argv[1] ? 0 : ACTIVE),
                     "(a(oa{sv}))", error);
    if (!reply)
        return CTL_FAILED;
    records = g_variant_get_child_value(reply, 0);
    g_variant_iter_init(&iter, records);
    while (g_variant_iter_next(&iter, "(&o@a{sv})", &path, &boxed)) {
        g_autoptr(GVariant) values = boxed;
        if (!print_name(ctl, path, error))
            return CTL_FAILED;
        print_values(values);
    }
    return CTL_OK;
}

const CtlCommand ctl_command_domstats = {
    .name = "domstats",
    .arguments = "--resctrl [DOMAIN...]",
    .summary = "What is counted of running guests' caches and memory bandwidth",
    .run = run,
};
