/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Chooses the firmware of a guest: the first descriptor that offers what its definition asks for. Asks nobody. */
#include "firmware/descriptor.h"

#include <fnmatch.h>
#include <string.h>

#include "base/error.h"

#define SEV_POLICY_ES 0x4 /* Source: AMD's SEV API, guest policy bit 2 */

/* ---- does it fit ---- */

static gboolean
fits_machine(const QemuFirmware *firmware, const char *arch, const char *machine)
{
    for (guint i = 0; i < firmware->targets->len; i++) {
        const QemuFirmwareTarget *target = firmware->targets->pdata[i];

        if (g_strcmp0(target->arch, arch) != 0)
            continue;
        for (guint j = 0; machine && j < target->machines->len; j++)
            if (fnmatch(target->machines->pdata[j], machine, 0) == 0)
                return TRUE;
    }
    return FALSE;
}

static gboolean
has(const QemuFirmware *firmware, QemuFirmwareFeature feature)
{
    return (firmware->features & feature) != 0;
}

/* asked for, or asked to be without */
static gboolean
fits_wish(const QemuFirmware *firmware, VbTristate wish, QemuFirmwareFeature feature)
{
    return wish == VB_TRISTATE_ABSENT || (wish == VB_TRISTATE_YES) == has(firmware, feature);
}

static VbTristate
get_wish(const VbDomainOs *os, const char *name)
{
    VB_DOMAIN_EACH(VbDomainFirmwareFeature, feature, os->firmware_features)
    {
        if (g_strcmp0(feature->name, name) == 0)
            return feature->enabled;
    }
    return VB_TRISTATE_ABSENT;
}

static gboolean
fits_features(const QemuFirmware *firmware, const VbDomainDef *def)
{
    const VbDomainOs *os = &def->os;

    if ((def->pm_suspend_to_mem == VB_TRISTATE_YES && !has(firmware, QEMU_FIRMWARE_ACPI_S3)) ||
        (def->pm_suspend_to_disk == VB_TRISTATE_YES && !has(firmware, QEMU_FIRMWARE_ACPI_S4)))
        return FALSE;
    if (os->loader && os->loader->secure == VB_TRISTATE_YES &&
        !has(firmware, QEMU_FIRMWARE_SECURE_BOOT))
        return FALSE;
    return fits_wish(firmware, get_wish(os, "secure-boot"), QEMU_FIRMWARE_SECURE_BOOT) &&
           fits_wish(firmware, get_wish(os, "enrolled-keys"), QEMU_FIRMWARE_ENROLLED_KEYS);
}

static gboolean
fits_security(const QemuFirmware *firmware, const VbDomainLaunchSecurity *security)
{
    if (!security || security->type != VB_DOMAIN_LAUNCH_SECURITY_SEV)
        return TRUE;
    return has(firmware, QEMU_FIRMWARE_AMD_SEV) &&
           (!(security->policy & SEV_POLICY_ES) || has(firmware, QEMU_FIRMWARE_AMD_SEV_ES));
}

/* A given image is raw when nothing is said; one that is chosen brings its format along. */
static gboolean
fits_format(const VbDomainOs *os, const char *format)
{
    const char *wanted = os->loader ? os->loader->format : NULL;

    if (!wanted && os->firmware)
        return g_str_equal(format, "raw") || g_str_equal(format, "qcow2");
    return g_str_equal(wanted ? wanted : "raw", format);
}

static gboolean
fits_flash(const QemuFirmware *firmware, const VbDomainOs *os)
{
    const gboolean is_stateless = os->loader && os->loader->stateless == VB_TRISTATE_YES;

    if (firmware->mode != (is_stateless ? QEMU_FIRMWARE_STATELESS : QEMU_FIRMWARE_SPLIT))
        return FALSE;
    return fits_format(os, firmware->format);
}

static gboolean
fits_image(const QemuFirmware *firmware, const VbDomainOs *os)
{
    const gboolean is_auto = os->firmware != NULL;

    if (!is_auto && (firmware->device != QEMU_FIRMWARE_FLASH ||
                     g_strcmp0(firmware->image, os->loader->path) != 0))
        return FALSE;
    if (g_strcmp0(os->firmware, "bios") == 0 ? !firmware->has_bios : !firmware->has_efi)
        return FALSE;
    if (firmware->device == QEMU_FIRMWARE_FLASH)
        return fits_flash(firmware, os);
    return firmware->device == QEMU_FIRMWARE_MEMORY &&
           !(os->loader && os->loader->stateless == VB_TRISTATE_NO);
}

static const QemuFirmware *
find(const VbDomainDef *def, const GPtrArray *all)
{
    for (guint i = 0; i < all->len; i++) {
        const QemuFirmware *firmware = all->pdata[i];

        if (fits_image(firmware, &def->os) &&
            fits_machine(firmware, def->os.arch, def->os.machine) && fits_features(firmware, def) &&
            fits_security(firmware, def->launch_security))
            return firmware;
    }
    return NULL;
}

/* ---- filling in ---- */

gboolean
qemu_firmware_is_open(const VbDomainDef *def)
{
    const VbDomainOs *os = &def->os;

    if (os->firmware)
        return TRUE;
    return os->loader && os->loader->path && os->loader->type == VB_DOMAIN_LOADER_PFLASH &&
           os->loader->readonly == VB_TRISTATE_YES && !(os->nvram && os->nvram->template_path);
}

/* raw is what is meant when nothing is said */
static char *
dup_format(const char *format)
{
    return g_strcmp0(format, "raw") == 0 ? NULL : g_strdup(format);
}

static void
take_variables(VbDomainDef *def, const QemuFirmware *firmware, const char *nvram_dir)
{
    VbDomainOs *os = &def->os;

    if (!os->nvram)
        os->nvram = g_new0(VbDomainNvram, 1);
    if (!os->nvram->template_path) {
        os->nvram->template_path = g_strdup(firmware->template_path);
        os->nvram->template_format = dup_format(firmware->template_format);
    }
    if (!os->nvram->format)
        os->nvram->format = g_strdup(os->nvram->template_format);
    if (!os->nvram->path && !os->nvram->source.type)
        os->nvram->path = g_strdup_printf("%s/%s_VARS.fd", nvram_dir, def->name);
}

static void
take_image(VbDomainDef *def, const QemuFirmware *firmware, const char *nvram_dir)
{
    VbDomainOs *os = &def->os;

    if (!os->loader)
        os->loader = g_new0(VbDomainLoader, 1);
    g_free(os->loader->path);
    os->loader->path = g_strdup(firmware->image);
    if (firmware->device == QEMU_FIRMWARE_MEMORY) {
        os->loader->type = VB_DOMAIN_LOADER_ROM;
        return;
    }
    os->loader->type = VB_DOMAIN_LOADER_PFLASH;
    os->loader->readonly = VB_TRISTATE_YES;
    g_free(os->loader->format);
    os->loader->format = dup_format(firmware->format);
    if (firmware->mode == QEMU_FIRMWARE_SPLIT)
        take_variables(def, firmware, nvram_dir);
}

static gboolean
take_features(VbDomainDef *def, const QemuFirmware *firmware, GError **error)
{
    if (has(firmware, QEMU_FIRMWARE_REQUIRES_SMM)) {
        if (def->features.smm == VB_TRISTATE_NO)
            return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                                "domain has SMM turned off but chosen firmware requires it");
        def->features.has_smm = TRUE;
        def->features.smm = VB_TRISTATE_YES;
    }
    if (has(firmware, QEMU_FIRMWARE_SECURE_BOOT))
        def->os.loader->secure = VB_TRISTATE_YES;
    return TRUE;
}

gboolean
qemu_firmware_fill(VbDomainDef *def, const GPtrArray *all, const char *nvram_dir, GError **error)
{
    const QemuFirmware *firmware;

    if (!qemu_firmware_is_open(def))
        return TRUE;
    firmware = find(def, all);
    if (!firmware && def->os.firmware)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "Unable to find any firmware to satisfy '%s'", def->os.firmware);
    if (!firmware)
        return TRUE; /* an image that nobody described */
    take_image(def, firmware, nvram_dir);
    g_clear_pointer(&def->os.firmware, g_free);
    return take_features(def, firmware, error);
}

/* ---- for capabilities ---- */

static gboolean
is_listed(const GPtrArray *images, const char *image)
{
    for (guint i = 0; i < images->len; i++)
        if (g_str_equal(images->pdata[i], image))
            return TRUE;
    return FALSE;
}

QemuFirmwareSummary
qemu_firmware_summarize(const GPtrArray *all, const char *arch, const char *machine)
{
    QemuFirmwareSummary summary = {.images = g_ptr_array_new()};

    for (guint i = 0; i < all->len; i++) {
        const QemuFirmware *firmware = all->pdata[i];

        if (firmware->device == QEMU_FIRMWARE_KERNEL || !fits_machine(firmware, arch, machine))
            continue;
        summary.has_bios |= firmware->has_bios;
        summary.has_efi |= firmware->has_efi;
        summary.has_secure |= has(firmware, QEMU_FIRMWARE_SECURE_BOOT);
        if (!is_listed(summary.images, firmware->image))
            g_ptr_array_add(summary.images, firmware->image);
    }
    return summary;
}
