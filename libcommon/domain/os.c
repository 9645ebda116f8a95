/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of <os>, <clock> and <sysinfo>. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(timer_name_words, "timer name", "platform", "pit", "rtc", "hpet", "tsc", "kvmclock",
      "hypervclock", "armvtimer");
WORDS(tickpolicy_words, "tick policy", "delay", "catchup", "merge", "discard");
WORDS(timer_track_words, "timer track", "boot", "guest", "wall", "realtime");
WORDS(timer_mode_words, "timer mode", "auto", "native", "emulate", "paravirt", "smpsafe");
WORDS(clock_basis_words, "clock basis", "utc", "localtime");
WORDS(firmware_feature_words, "firmware feature", "enrolled-keys", "secure-boot");
WORDS(sysinfo_kind_words, "sysinfo type", "smbios", "fwcfg");
WORDS(smbios_mode_words, "smbios mode", "emulate", "host", "sysinfo");

VB_ENUM(vb_domain_boot_device_enum, "boot device", "fd", "cdrom", "hd", "network");
VB_ENUM(vb_domain_loader_type_enum, "loader type", NULL, "rom", "pflash");
VB_ENUM(vb_domain_clock_offset_enum, "clock offset", "utc", "localtime", "variable", "timezone",
        "absolute");

#define ZERO .flags = VB_XML_ZERO_IS_VALUE

/* os */
static const VbXmlField firmware_feature_fields[] = {
    VB_XML_BOOL(VbDomainFirmwareFeature, enabled, "@enabled", .flags = VB_XML_REQUIRED),
    VB_XML_STR(VbDomainFirmwareFeature, name, "@name", .flags = VB_XML_REQUIRED,
               .enumeration = &firmware_feature_words),
};
static VB_XML_TYPE(firmware_feature_type, VbDomainFirmwareFeature, "feature",
                   firmware_feature_fields);

#define L VbDomainLoader
static const VbXmlField loader_fields[] = {
    VB_XML_BOOL(L, readonly, "@readonly"),
    VB_XML_BOOL(L, secure, "@secure"),
    VB_XML_ENUMV(L, type, "@type", vb_domain_loader_type_enum),
    VB_XML_BOOL(L, stateless, "@stateless"),
    VB_XML_STR(L, format, "@format"),
    VB_XML_STR(L, path, "."),
};
static VB_XML_TYPE(loader_type, L, "loader", loader_fields);

#define N VbDomainNvram
static const VbXmlField nvram_fields[] = {
    VB_XML_ENUMV(N, source.type, "@type", vb_domain_storage_type_enum),
    VB_XML_STR(N, template_path, "@template"),
    VB_XML_STR(N, template_format, "@templateFormat"),
    VB_XML_STR(N, format, "@format"),
    VB_XML_STR(N, path, "."),
    VB_XML_EMBED(N, source, ".", vb_domain_disk_source_type),
};
static VB_XML_TYPE(nvram_type, N, "nvram", nvram_fields);

static const VbXmlField boot_fields[] = {
    VB_XML_ENUMV(VbDomainBoot, dev, "@dev", vb_domain_boot_device_enum,
                 .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED),
};
static VB_XML_TYPE(boot_type, VbDomainBoot, "boot", boot_fields);

static const VbXmlField text_fields[] = {VB_XML_STR(VbDomainInitArg, text, ".")};
static VB_XML_TYPE(text_type, VbDomainInitArg, "initarg", text_fields);

static const VbXmlField init_env_fields[] = {
    VB_XML_STR(VbDomainInitEnv, name, "@name"),
    VB_XML_STR(VbDomainInitEnv, value, "."),
};
static VB_XML_TYPE(init_env_type, VbDomainInitEnv, "initenv", init_env_fields);

static const VbXmlField acpi_table_fields[] = {
    VB_XML_STR(VbDomainAcpiTable, type, "@type"),
    VB_XML_STR(VbDomainAcpiTable, path, "."),
};
static VB_XML_TYPE(acpi_table_type, VbDomainAcpiTable, "table", acpi_table_fields);

#define O VbDomainOs
static const VbXmlField os_fields[] = {
    VB_XML_STR(O, firmware, "@firmware"),
    VB_XML_STR(O, type, "type", .doc = "\"hvm\": a full machine.", .abi = "domain OS type"),
    VB_XML_STR(O, arch, "type/@arch", .abi = "domain architecture"),
    VB_XML_STR(O, machine, "type/@machine", .abi = "domain machine type"),
    VB_XML_LIST(O, firmware_features, "firmware/feature", firmware_feature_type),
    VB_XML_STR(O, init, "init"),
    VB_XML_LIST(O, init_args, "initarg", text_type),
    VB_XML_LIST(O, init_env, "initenv", init_env_type),
    VB_XML_STR(O, init_dir, "initdir"),
    VB_XML_STR(O, init_user, "inituser"),
    VB_XML_STR(O, init_group, "initgroup"),
    VB_XML_STRUCT(O, loader, "loader", loader_type),
    VB_XML_STRUCT(O, nvram, "nvram", nvram_type),
    VB_XML_STR(O, kernel, "kernel"),
    VB_XML_STR(O, initrd, "initrd"),
    VB_XML_STR(O, cmdline, "cmdline"),
    VB_XML_STR(O, dtb, "dtb"),
    VB_XML_STR(O, shim, "shim"),
    VB_XML_STR(O, root, "root"),
    VB_XML_LIST(O, acpi_tables, "acpi/table", acpi_table_type),
    VB_XML_LIST(O, boot, "boot", boot_type),
    VB_XML_BOOL(O, bootmenu, "bootmenu/@enable"),
    VB_XML_UINT(O, bootmenu_timeout_ms, "bootmenu/@timeout", VB_XML_HAS(O, has_bootmenu_timeout),
                ZERO),
    VB_XML_BOOL(O, bios_useserial, "bios/@useserial"),
    VB_XML_INT(O, bios_reboot_timeout_ms, "bios/@rebootTimeout",
               VB_XML_HAS(O, has_bios_reboot_timeout), ZERO),
    VB_XML_STR(O, smbios_mode, "smbios/@mode", .enumeration = &smbios_mode_words,
               .flags = VB_XML_UNSUPPORTED, .abi = "domain SMBIOS mode"),
};
VB_XML_TYPE(vb_domain_os_type, O, "os", os_fields,
            .doc = "What kind of machine it is and how it boots.");

/* clock */
#define T VbDomainTimer
static const VbXmlField timer_fields[] = {
    VB_XML_STR(T, name, "@name", .flags = VB_XML_REQUIRED, .enumeration = &timer_name_words,
               .abi = "timer"),
    VB_XML_BOOL(T, present, "@present", .abi = "timer presence"),
    VB_XML_STR(T, tickpolicy, "@tickpolicy", .enumeration = &tickpolicy_words),
    VB_XML_STR(T, track, "@track", .enumeration = &timer_track_words),
    VB_XML_UINT64(T, frequency_hz, "@frequency", .abi = "TSC frequency"),
    VB_XML_STR(T, mode, "@mode", .enumeration = &timer_mode_words),
    VB_XML_UINT64(T, catchup_threshold, "catchup/@threshold"),
    VB_XML_UINT64(T, catchup_slew, "catchup/@slew"),
    VB_XML_UINT64(T, catchup_limit, "catchup/@limit"),
};
static VB_XML_TYPE(timer_type, T, "timer", timer_fields);

#define C VbDomainClock
#define OFFSET(kind) VB_XML_BIT(VB_DOMAIN_CLOCK_##kind)
#define WHEN(mask) VB_XML_WHEN(VbDomainClock, offset, (mask))
static const VbXmlField clock_fields[] = {
    VB_XML_ENUMV(C, offset, "@offset", vb_domain_clock_offset_enum,
                 .flags = VB_XML_ZERO_IS_VALUE | VB_XML_UNSUPPORTED),
    VB_XML_STR(C, adjustment, "@adjustment",
               WHEN(OFFSET(UTC) | OFFSET(LOCALTIME) | OFFSET(VARIABLE))),
    VB_XML_STR(C, basis, "@basis", WHEN(OFFSET(VARIABLE)), .enumeration = &clock_basis_words,
               .flags = VB_XML_UNSUPPORTED),
    VB_XML_STR(C, timezone, "@timezone", WHEN(OFFSET(TIMEZONE))),
    VB_XML_INT64(C, start, "@start", VB_XML_HAS(C, has_start), WHEN(OFFSET(ABSOLUTE)), ZERO),
    VB_XML_LIST(C, timers, "timer", timer_type, .abi = "domain timer"),
};
VB_XML_TYPE(vb_domain_clock_type, C, "clock", clock_fields,
            .doc = "What the guest's clocks show and how they tick.");

/* sysinfo */
#define E VbDomainSysinfoEntry
static const VbXmlField entry_fields[] = {
    VB_XML_STR(E, name, "@name"),
    VB_XML_STR(E, file, "@file"),
    VB_XML_STR(E, text, "."),
};
static VB_XML_TYPE(entry_type, E, "entry", entry_fields);

static const VbXmlField board_fields[] = {
    VB_XML_LIST(VbDomainSysinfoBoard, entries, "entry", entry_type)};
static VB_XML_TYPE(board_type, VbDomainSysinfoBoard, "baseBoard", board_fields);

#define S VbDomainSysinfo
static const VbXmlField sysinfo_fields[] = {
    VB_XML_STR(S, type, "@type", .flags = VB_XML_REQUIRED, .enumeration = &sysinfo_kind_words),
    VB_XML_LIST(S, bios, "bios/entry", entry_type),
    VB_XML_LIST(S, system, "system/entry", entry_type),
    VB_XML_LIST(S, boards, "baseBoard", board_type),
    VB_XML_LIST(S, chassis, "chassis/entry", entry_type),
    VB_XML_LIST(S, oem, "oemStrings/entry", entry_type),
    VB_XML_LIST(S, entries, "entry", entry_type),
};
VB_XML_TYPE(vb_domain_sysinfo_type, S, "sysinfo", sysinfo_fields,
            .doc = "What SMBIOS says about the machine.");
