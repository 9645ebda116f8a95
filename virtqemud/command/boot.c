/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clock, power management, SMBIOS and how the guest boots. */
#include "command/build.h"
#include <stdlib.h>

/* ---- clock ---- */

static const VbDomainTimer *
find_timer(const VbDomainDef *def, const char *name)
{
    VB_DOMAIN_EACH(VbDomainTimer, timer, def->clock.timers)
    if (g_strcmp0(timer->name, name) == 0)
        return timer;
    return NULL;
}

static void
append_rtc_base(GString *text, const VbDomainClock *clock)
{
    g_autoptr(GDateTime) now = NULL;
    g_autoptr(GDateTime) when = NULL;
    g_autofree char *stamp = NULL;
    gint64 shift = clock->adjustment ? g_ascii_strtoll(clock->adjustment, NULL, 10) : 0;

    if (clock->offset == VB_DOMAIN_CLOCK_ABSOLUTE) {
        when = g_date_time_new_from_unix_utc(clock->start);
    } else if (clock->offset == VB_DOMAIN_CLOCK_VARIABLE) {
        now = g_strcmp0(clock->basis, "localtime") == 0 ? g_date_time_new_now_local()
                                                        : g_date_time_new_now_utc();
        when = g_date_time_add_seconds(now, (double)shift);
    } else {
        gboolean is_utc = clock->offset == VB_DOMAIN_CLOCK_UTC;

        g_string_append(text, is_utc ? "base=utc" : "base=localtime");
        return;
    }
    stamp = when ? g_date_time_format(when, "%Y-%m-%dT%H:%M:%S") : NULL;
    g_string_append_printf(text, "base=%s", stamp ? stamp : "utc");
}

static void
take_timer_globals(QemuBuild *build)
{
    const VbDomainTimer *pit = find_timer(build->def, "pit");
    const VbDomainTimer *hpet = find_timer(build->def, "hpet");

    if (pit && pit->tickpolicy &&
        qemu_caps_has_property(build->caps, "kvm-pit", "lost_tick_policy")) {
        if (g_str_equal(pit->tickpolicy, "delay"))
            qemu_build_option(build, "-global", "kvm-pit.lost_tick_policy=delay");
        else if (g_str_equal(pit->tickpolicy, "discard"))
            qemu_build_option(build, "-global", "kvm-pit.lost_tick_policy=discard");
    }
    if (hpet && hpet->present == VB_TRISTATE_NO)
        qemu_build_option(build, "-no-hpet", NULL);
}

gboolean
qemu_build_clock(QemuBuild *build, GError **error)
{
    const VbDomainTimer *rtc = find_timer(build->def, "rtc");
    GString *text = g_string_new(NULL);

    append_rtc_base(text, &build->def->clock);
    if (rtc && g_strcmp0(rtc->track, "guest") == 0)
        g_string_append(text, ",clock=vm");
    else if (rtc && g_strcmp0(rtc->track, "wall") == 0)
        g_string_append(text, ",clock=host");
    else if (rtc && g_strcmp0(rtc->track, "realtime") == 0)
        g_string_append(text, ",clock=rt");
    if (rtc && g_strcmp0(rtc->tickpolicy, "catchup") == 0)
        g_string_append(text, ",driftfix=slew");
    qemu_build_take_option(build, "-rtc", g_string_free(text, FALSE));
    take_timer_globals(build);
    return TRUE;
}

/* ---- power ---- */

static void
take_pm(QemuBuild *build, const char *property, VbTristate value)
{
    g_autofree char *text = NULL;

    if (value == VB_TRISTATE_ABSENT)
        return;
    text = g_strdup_printf("%s.%s=%d", vb_domain_is_q35(build->def) ? "ICH9-LPC" : "PIIX4_PM",
                           property, value == VB_TRISTATE_NO);
    qemu_build_option(build, "-global", text);
}

gboolean
qemu_build_power(QemuBuild *build, GError **error)
{
    /* a reset of the guest stays inside QEMU: the daemon decides from the events */
    qemu_build_option(build, "-no-shutdown", NULL);
    if (!build->def->features.acpi)
        qemu_build_option(build, "-no-acpi", NULL);
    take_pm(build, "disable_s3", build->def->pm_suspend_to_mem);
    take_pm(build, "disable_s4", build->def->pm_suspend_to_disk);
    return TRUE;
}

/* ---- boot ---- */

gboolean
qemu_build_boot(QemuBuild *build, GError **error)
{
    const VbDomainOs *os = &build->def->os;
    GString *text = g_string_new(NULL);

    if (os->bootmenu != VB_TRISTATE_ABSENT)
        g_string_append_printf(text, "menu=%s,", qemu_build_on_off(os->bootmenu));
    if (os->bootmenu == VB_TRISTATE_YES && os->has_bootmenu_timeout)
        g_string_append_printf(text, "splash-time=%u,", os->bootmenu_timeout_ms);
    if (os->has_bios_reboot_timeout)
        g_string_append_printf(text, "reboot-timeout=%d,", os->bios_reboot_timeout_ms);
    g_string_append(text, "strict=on");
    qemu_build_take_option(build, "-boot", g_string_free(text, FALSE));
    if (os->kernel)
        qemu_build_option(build, "-kernel", os->kernel);
    if (os->initrd)
        qemu_build_option(build, "-initrd", os->initrd);
    if (os->cmdline)
        qemu_build_option(build, "-append", os->cmdline);
    if (os->dtb)
        qemu_build_option(build, "-dtb", os->dtb);
    VB_DOMAIN_EACH(VbDomainAcpiTable, table, os->acpi_tables)
    {
        GString *acpi = g_string_new("sig=SLIC,file=");

        qemu_build_append_escaped(acpi, table->path);
        qemu_build_take_option(build, "-acpitable", g_string_free(acpi, FALSE));
    }
    return TRUE;
}

/* ---- SMBIOS ---- */

typedef struct {
    const char *name, *key; /* <entry name=>, QEMU's word */
} SmbiosKey;

static const SmbiosKey bios_keys[] = {
    {"vendor", "vendor"},   {"version", "version"}, {"date", "date"},
    {"release", "release"}, {NULL, NULL},
};
static const SmbiosKey system_keys[] = {
    {"manufacturer", "manufacturer"},
    {"product", "product"},
    {"version", "version"},
    {"serial", "serial"},
    {"uuid", "uuid"},
    {"sku", "sku"},
    {"family", "family"},
    {NULL, NULL},
};
static const SmbiosKey board_keys[] = {
    {"manufacturer", "manufacturer"},
    {"product", "product"},
    {"version", "version"},
    {"serial", "serial"},
    {"asset", "asset"},
    {"location", "location"},
    {NULL, NULL},
};
static const SmbiosKey chassis_keys[] = {
    {"manufacturer", "manufacturer"},
    {"version", "version"},
    {"serial", "serial"},
    {"asset", "asset"},
    {"sku", "sku"},
    {NULL, NULL},
};

static void
take_smbios(QemuBuild *build, guint type, const SmbiosKey *keys, const GPtrArray *entries)
{
    GString *text;

    if (VB_DOMAIN_COUNT(entries) == 0)
        return;
    text = g_string_new(NULL);
    g_string_append_printf(text, "type=%u", type);
    for (; keys->name; keys++)
        VB_DOMAIN_EACH(VbDomainSysinfoEntry, entry, entries)
    if (g_strcmp0(entry->name, keys->name) == 0)
        qemu_build_append(text, keys->key, entry->text);
    qemu_build_take_option(build, "-smbios", g_string_free(text, FALSE));
}

static void
take_oem_strings(QemuBuild *build, const GPtrArray *entries)
{
    GString *text;

    if (VB_DOMAIN_COUNT(entries) == 0)
        return;
    text = g_string_new("type=11");
    VB_DOMAIN_EACH(VbDomainSysinfoEntry, entry, entries)
    qemu_build_append(text, "value", entry->text);
    qemu_build_take_option(build, "-smbios", g_string_free(text, FALSE));
}

static void
take_fw_cfg(QemuBuild *build, const GPtrArray *entries)
{
    VB_DOMAIN_EACH(VbDomainSysinfoEntry, entry, entries)
    {
        GString *text = g_string_new("name=");

        qemu_build_append_escaped(text, entry->name);
        qemu_build_append(text, "string", entry->file ? NULL : entry->text);
        qemu_build_append(text, "file", entry->file);
        qemu_build_take_option(build, "-fw_cfg", g_string_free(text, FALSE));
    }
}

gboolean
qemu_build_sysinfo(QemuBuild *build, GError **error)
{
    gboolean has_smbios = g_strcmp0(build->def->os.smbios_mode, "sysinfo") == 0;

    VB_DOMAIN_EACH(VbDomainSysinfo, info, build->def->sysinfo)
    {
        if (g_strcmp0(info->type, "fwcfg") == 0 || !has_smbios)
            continue;
        take_smbios(build, 0, bios_keys, info->bios);
        take_smbios(build, 1, system_keys, info->system);
        VB_DOMAIN_EACH(VbDomainSysinfoBoard, board, info->boards)
        take_smbios(build, 2, board_keys, board->entries);
        take_smbios(build, 3, chassis_keys, info->chassis);
        take_oem_strings(build, info->oem);
    }
    VB_DOMAIN_EACH(VbDomainSysinfo, other, build->def->sysinfo)
    if (g_strcmp0(other->type, "fwcfg") == 0)
        take_fw_cfg(build, other->entries);
    return TRUE;
}
