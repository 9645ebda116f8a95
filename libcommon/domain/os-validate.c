/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of <os> and <cpu>. */
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

static gboolean
validate_physical_bits(const VbDomainCpu *cpu, GError **error)
{
    if (!cpu->maxphysaddr_mode)
        return TRUE;
    if (strcmp(cpu->maxphysaddr_mode, "emulate") == 0 && !cpu->maxphysaddr_bits)
        return vb_error_set(
            error, VIR_ERR_CONFIG_UNSUPPORTED,
            "if using CPU maximum physical address mode='emulate', bits= must be specified too");
    if (strcmp(cpu->maxphysaddr_mode, "passthrough") == 0 && cpu->maxphysaddr_bits)
        return vb_error_set(
            error, VIR_ERR_CONFIG_UNSUPPORTED,
            "CPU maximum physical address bits number specification cannot be used with "
            "mode='passthrough'");
    return TRUE;
}

static gboolean
validate_distances(const VbDomainCpu *cpu, GError **error)
{
    const guint n = VB_DOMAIN_COUNT(cpu->numa);

    VB_DOMAIN_EACH(VbDomainNumaCell, cell, cpu->numa)
    {
        if (cell->id >= n)
            return vb_error_set(
                error, VIR_ERR_XML_ERROR,
                "Exactly one 'cell' element per guest NUMA cell allowed, non-contiguous ranges or "
                "ranges not starting from 0 are not allowed");
        VB_DOMAIN_EACH(VbDomainNumaDistance, distance, cell->distances)
        {
            if (distance->id >= n)
                return vb_error_set(
                    error, VIR_ERR_XML_ERROR,
                    "'sibling_id %u' does not refer to a valid cell within NUMA 'cell id %u'",
                    distance->id, cell->id);
        }
    }
    return TRUE;
}

static gboolean
validate_features(const VbDomainCpu *cpu, GError **error)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(cpu->features); i++) {
        const VbDomainCpuFeature *feature = g_ptr_array_index(cpu->features, i);

        for (guint j = 0; j < i; j++) {
            const VbDomainCpuFeature *other = g_ptr_array_index(cpu->features, j);

            if (strcmp(feature->name, other->name) == 0)
                return vb_error_set(error, VIR_ERR_XML_ERROR,
                                    "CPU feature '%s' specified more than once", feature->name);
        }
    }
    return TRUE;
}

gboolean
vb_domain_validate_cpu(const VbDomainDef *def, GError **error)
{
    const VbDomainCpu *cpu = def->cpu;

    if (!cpu)
        return TRUE;
    if (VB_DOMAIN_COUNT(cpu->features) > 0 && cpu->mode == VB_DOMAIN_CPU_MODE_CUSTOM && !cpu->model)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Non-empty feature list specified without CPU model");
    if (cpu->model_vendor_id && strlen(cpu->model_vendor_id) != 12)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "vendor_id must be exactly 12 characters long");
    if (g_strcmp0(cpu->cache_mode, "passthrough") == 0 &&
        cpu->mode != VB_DOMAIN_CPU_MODE_HOST_PASSTHROUGH && cpu->mode != VB_DOMAIN_CPU_MODE_MAXIMUM)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "CPU cache mode 'passthrough' can only be used with "
                            "'host-passthrough' / 'maximum' CPUs");
    if (cpu->migratable && cpu->mode != VB_DOMAIN_CPU_MODE_HOST_PASSTHROUGH &&
        cpu->mode != VB_DOMAIN_CPU_MODE_MAXIMUM)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Attribute migratable is only allowed for 'host-passthrough' / "
                            "'maximum' CPU mode");
    if (g_strcmp0(cpu->cache_mode, "emulate") == 0 && cpu->has_cache_level && cpu->cache_level != 3)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "CPU cache mode 'emulate' can only be used with level='3'");
    return validate_physical_bits(cpu, error) && validate_distances(cpu, error) &&
           validate_features(cpu, error);
}

static gboolean
validate_firmware_features(const VbDomainOs *os, GError **error)
{
    VbTristate secure_boot = VB_TRISTATE_ABSENT, keys = VB_TRISTATE_ABSENT;

    VB_DOMAIN_EACH(VbDomainFirmwareFeature, feature, os->firmware_features)
    {
        if (strcmp(feature->name, "secure-boot") == 0)
            secure_boot = feature->enabled;
        else if (strcmp(feature->name, "enrolled-keys") == 0)
            keys = feature->enabled;
        else
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "Invalid value for attribute 'name' in element 'feature': '%s'.",
                                feature->name);
    }
    if (keys == VB_TRISTATE_YES && secure_boot == VB_TRISTATE_NO)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "firmware feature 'enrolled-keys' cannot be enabled when firmware "
                            "feature 'secure-boot' is disabled");
    return TRUE;
}

static gboolean
validate_auto_firmware(const VbDomainOs *os, GError **error)
{
    const VbDomainLoader *loader = os->loader;

    if (os->nvram && strcmp(os->firmware, "bios") == 0)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "firmware type 'bios' does not support nvram");
    if (os->nvram && os->nvram->template_path)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "nvram attribute 'template' cannot be specified when firmware "
                            "autoselection is enabled");
    if (!loader)
        return TRUE;
    if (loader->readonly)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "loader attribute 'readonly' cannot be specified when firmware "
                            "autoselection is enabled");
    if (loader->type || loader->path)
        return vb_error_set(
            error, VIR_ERR_XML_DETAIL,
            "loader attribute 'type' cannot be specified when firmware autoselection is enabled");
    if (loader->secure == VB_TRISTATE_NO)
        return vb_error_set(
            error, VIR_ERR_XML_DETAIL,
            "loader attribute 'secure' cannot be specified when firmware autoselection is enabled");
    return TRUE;
}

static gboolean
validate_manual_firmware(const VbDomainOs *os, GError **error)
{
    const VbDomainLoader *loader = os->loader;

    if (VB_DOMAIN_COUNT(os->firmware_features) > 0)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "cannot use feature-based firmware autoselection when firmware "
                            "autoselection is disabled");
    if (!loader && os->nvram)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "no loader path specified and firmware auto selection disabled");
    if (!loader)
        return TRUE;
    if (!loader->path || !*loader->path)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "no loader path specified and firmware auto selection disabled");
    if ((os->nvram || loader->stateless) && loader->type != VB_DOMAIN_LOADER_PFLASH)
        return vb_error_set(error, VIR_ERR_XML_DETAIL, "Only pflash loader type permits NVRAM");
    return TRUE;
}

gboolean
vb_domain_validate_os(const VbDomainDef *def, GError **error)
{
    const VbDomainOs *os = &def->os;
    const gboolean is_efi = g_strcmp0(os->firmware, "efi") == 0 ||
                            (os->loader && os->loader->type == VB_DOMAIN_LOADER_PFLASH);
    const gboolean is_stateless = os->loader && os->loader->stateless == VB_TRISTATE_YES;

    if (os->firmware && strcmp(os->firmware, "bios") != 0 && strcmp(os->firmware, "efi") != 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "unknown firmware value %s", os->firmware);
    if (VB_DOMAIN_COUNT(os->acpi_tables) > 1)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Only one acpi table is supported");
    VB_DOMAIN_EACH(VbDomainAcpiTable, table, os->acpi_tables)
    {
        if (g_strcmp0(table->type, "slic") != 0)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "Unknown acpi table type: %s",
                                table->type ? table->type : "");
    }
    if (os->loader && os->loader->secure == VB_TRISTATE_YES) {
        if (!vb_domain_is_q35(def))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "Secure boot is supported with q35 machine types only");
        if (!os->firmware && def->features.smm != VB_TRISTATE_YES)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "Secure boot requires SMM feature enabled");
    }
    if (is_efi && !def->features.acpi)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "UEFI requires ACPI on this architecture");
    if (!validate_firmware_features(os, error) ||
        !(os->firmware ? validate_auto_firmware(os, error) : validate_manual_firmware(os, error)))
        return FALSE;
    if (is_stateless && os->nvram && os->nvram->template_path)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "NVRAM template is not permitted when loader is stateless");
    if (is_stateless && os->nvram)
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "NVRAM is not permitted when loader is stateless");
    return TRUE;
}
