/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of the platform's small devices: watchdog, TPM, shared memory, panic, vsock, IOMMU, input. */
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

static gboolean
is_x86(const VbDomainDef *def)
{
    return g_strcmp0(def->os.arch, "x86_64") == 0 || g_strcmp0(def->os.arch, "i686") == 0;
}

static gboolean
unsupported(GError **error, const char *format, const char *word)
{
    g_auto(GStrv) parts = g_strsplit(format, "%s", 2);

    return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "%s%s%s", parts[0], word, parts[1]);
}

static gboolean
validate_watchdogs(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainWatchdog, watchdog, def->watchdogs)
    {
        if (watchdog->model == VB_DOMAIN_WATCHDOG_DIAG288 && is_x86(def))
            return unsupported(error, "%s model of watchdog is allowed for s390 and s390x only",
                               "diag288");
        if (watchdog->model == VB_DOMAIN_WATCHDOG_ITCO && !vb_domain_is_q35(def))
            return unsupported(error, "%s model of watchdog is only part of Q35 machine", "itco");
        if (watchdog->model == VB_DOMAIN_WATCHDOG_ITCO &&
            watchdog->info.address.type != VB_DOMAIN_ADDRESS_NONE)
            return unsupported(
                error,
                "%s model of watchdog is part of the machine and cannot have any address set.",
                "itco");
    }
    return TRUE;
}

static gboolean
validate_tpms(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainTpm, tpm, def->tpms)
    {
        if (is_x86(def) && tpm->model >= VB_DOMAIN_TPM_MODEL_SPAPR)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "The QEMU executable %s does not support TPM model %s",
                                def->emulator,
                                vb_enum_to_nick(&vb_domain_tpm_model_enum, tpm->model));
    }
    VB_DOMAIN_EACH(VbDomainTpm, tpm, def->tpms)
    {
        if (tpm->model == VB_DOMAIN_TPM_MODEL_CRB && g_strcmp0(tpm->version, "1.2") == 0)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "Unsupported interface '%s' for TPM 1.2", "tpm-crb");
    }
    if (VB_DOMAIN_COUNT(def->tpms) > 1)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "only a single TPM non-proxy device is supported");
    return TRUE;
}

static gboolean
validate_panics(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainPanic, panic, def->panics)
    {
        if (!is_x86(def))
            continue;
        if (panic->model == VB_DOMAIN_PANIC_S390)
            return unsupported(error, "only S390 guests support panic device of model '%s'",
                               "s390");
        if (panic->model == VB_DOMAIN_PANIC_PSERIES)
            return unsupported(error, "only pSeries guests support panic device of model '%s'",
                               "pseries");
        if (panic->model == VB_DOMAIN_PANIC_HYPERV &&
            panic->info.address.type != VB_DOMAIN_ADDRESS_NONE)
            return unsupported(error,
                               "setting the panic device address is not supported for model '%s'",
                               "hyperv");
        if (panic->model == VB_DOMAIN_PANIC_ISA &&
            panic->info.address.type != VB_DOMAIN_ADDRESS_NONE &&
            panic->info.address.type != VB_DOMAIN_ADDRESS_ISA)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "panic is supported only with ISA address type");
    }
    return TRUE;
}

static gboolean
validate_shmem(const VbDomainShmem *shmem, GError **error)
{
    const gboolean is_plain = g_strcmp0(shmem->model, "ivshmem-plain") == 0;
    const gboolean is_doorbell = g_strcmp0(shmem->model, "ivshmem-doorbell") == 0;

    if (strchr(shmem->name, '/'))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "shmem name cannot include '/' character");
    if (!is_plain && !is_doorbell)
        return unsupported(error, "%s device is not supported with this QEMU binary", shmem->model);
    if (is_plain && shmem->has_server)
        return unsupported(error, "shmem model '%s' is supported only with server option disabled",
                           shmem->model);
    if (is_doorbell && !shmem->has_server)
        return unsupported(error, "shmem model '%s' is supported only with server option enabled",
                           shmem->model);
    if (is_plain && shmem->has_msi)
        return unsupported(error, "shmem model '%s' doesn't support msi", shmem->model);
    return TRUE;
}

static gboolean
validate_iommu(const VbDomainDef *def, GError **error)
{
    const VbDomainIommu *iommu = def->iommu;

    if (!iommu)
        return TRUE;
    if (strcmp(iommu->model, "intel") == 0 && !vb_domain_is_q35(def))
        return unsupported(error, "IOMMU device: '%s' is only supported with Q35 machines",
                           "intel");
    if (strcmp(iommu->model, "virtio") == 0 && vb_domain_is_q35(def) && !def->features.acpi)
        return unsupported(error, "IOMMU device: '%s' requires ACPI", "virtio");
    if (strcmp(iommu->model, "smmuv3") == 0)
        return unsupported(error, "IOMMU device: '%s' is only supported with ARM Virt machines",
                           "smmuv3");
    if (strcmp(iommu->model, "virtio") == 0 && is_x86(def) && !vb_domain_is_q35(def))
        return unsupported(error,
                           "IOMMU device: '%s' is only supported with Q35 and ARM Virt machines",
                           "virtio");
    if (strcmp(iommu->model, "virtio") == 0 &&
        (iommu->intremap || iommu->caching_mode || iommu->eim || iommu->iotlb || iommu->aw_bits))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "iommu model '%s' doesn't support additional attributes", "virtio");
    if (iommu->intremap == VB_TRISTATE_YES && g_strcmp0(def->features.ioapic_driver, "qemu") != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "IOMMU interrupt remapping requires split I/O APIC (ioapic "
                            "driver='qemu')");
    if (iommu->eim == VB_TRISTATE_YES && iommu->intremap != VB_TRISTATE_YES)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "IOMMU eim requires interrupt remapping to be enabled");
    return TRUE;
}

static gboolean
has_usb_disabled(const VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        if (controller->type == VB_DOMAIN_CONTROLLER_USB &&
            controller->usb_model == VB_DOMAIN_USB_MODEL_NONE)
            return TRUE;
    }
    return FALSE;
}

static gboolean
validate_input(const VbDomainDef *def, const VbDomainInput *input, GError **error)
{
    const char *model = vb_enum_to_nick(&vb_domain_input_model_enum, input->model);

    if (input->bus == VB_DOMAIN_INPUT_BUS_XEN || input->bus == VB_DOMAIN_INPUT_BUS_PARALLELS)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "unsupported input bus %s",
                            vb_enum_to_nick(&vb_domain_input_bus_enum, input->bus));
    if (input->bus == VB_DOMAIN_INPUT_BUS_USB && has_usb_disabled(def))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Can't add USB input device. USB bus is disabled");
    if (input->bus == VB_DOMAIN_INPUT_BUS_PS2 &&
        (input->type == VB_DOMAIN_INPUT_TABLET || input->type == VB_DOMAIN_INPUT_EVDEV))
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                            "ps2 bus does not support %s input device",
                            vb_enum_to_nick(&vb_domain_input_type_enum, input->type));
    if (input->type == VB_DOMAIN_INPUT_EVDEV && input->bus)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "input evdev doesn't support bus element");
    if (input->type == VB_DOMAIN_INPUT_PASSTHROUGH && input->bus != VB_DOMAIN_INPUT_BUS_VIRTIO)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "only bus 'virtio' is supported for 'passthrough' input devices");
    if (input->model && input->bus != VB_DOMAIN_INPUT_BUS_VIRTIO)
        return unsupported(error, "only bus 'virtio' is supported for input model '%s'", model);
    if (input->model > VB_DOMAIN_INPUT_MODEL_VIRTIO && input->type != VB_DOMAIN_INPUT_PASSTHROUGH)
        return unsupported(error,
                           "virtio (non-)transitional models are not supported for input type=%s",
                           vb_enum_to_nick(&vb_domain_input_type_enum, input->type));
    return TRUE;
}

static gboolean
validate_smartcard(const VbDomainSmartcard *card, GError **error)
{
    if (g_strcmp0(card->mode, "host-certificates") == 0 && VB_DOMAIN_COUNT(card->certificates) != 3)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "host-certificates mode needs exactly three certificates");
    if (g_strcmp0(card->mode, "passthrough") == 0 && !card->source.type)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "passthrough mode requires a character device type attribute");
    if (card->database && *card->database != '/')
        return vb_error_set(error, VIR_ERR_XML_ERROR, "expecting absolute path: %s",
                            card->database);
    return TRUE;
}

static gboolean
validate_counts(const VbDomainDef *def, GError **error)
{
    const VbDomainRule rules[] = {
        {def->nvram && is_x86(def), VIR_ERR_CONFIG_UNSUPPORTED,
         "nvram device is only supported for PPC64"},
        {VB_DOMAIN_COUNT(def->smartcards) > 1, VIR_ERR_CONFIG_UNSUPPORTED,
         "this QEMU binary lacks multiple smartcard support"},
    };

    for (guint i = 0; i < VB_DOMAIN_COUNT(def->panics); i++) {
        const VbDomainPanic *panic = g_ptr_array_index(def->panics, i);

        for (guint j = 0; j < i; j++) {
            const VbDomainPanic *other = g_ptr_array_index(def->panics, j);

            if (other->model == panic->model)
                return vb_error_set(error, VIR_ERR_XML_ERROR,
                                    "Multiple panic devices with model '%s'",
                                    vb_enum_to_nick(&vb_domain_panic_model_enum, panic->model));
        }
    }
    for (guint i = 0; i < VB_DOMAIN_COUNT(def->audios); i++) {
        const VbDomainAudio *audio = g_ptr_array_index(def->audios, i);

        for (guint j = 0; j < i; j++) {
            if (((const VbDomainAudio *)g_ptr_array_index(def->audios, j))->id == audio->id)
                return vb_error_set(error, VIR_ERR_XML_ERROR, "audio ID %u is used multiple times",
                                    audio->id);
        }
    }
    return VB_DOMAIN_CHECK(rules, error);
}

static gboolean
audio_exists(const VbDomainDef *def, guint id)
{
    VB_DOMAIN_EACH(VbDomainAudio, audio, def->audios)
    {
        if (audio->id == id)
            return TRUE;
    }
    return id == 0;
}

static gboolean
has_spice(const VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainGraphics, graphics, def->graphics)
    {
        if (graphics->type == VB_DOMAIN_GRAPHICS_SPICE)
            return TRUE;
    }
    return FALSE;
}

static gboolean
validate_audio_users(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainAudio, audio, def->audios)
    {
        if (audio->type == VB_DOMAIN_AUDIO_SPICE && !has_spice(def))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "Spice audio is not supported without spice graphics");
    }
    VB_DOMAIN_EACH(VbDomainSound, sound, def->sounds)
    {
        if (sound->model == VB_DOMAIN_SOUND_ICH7)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "this QEMU has no sound card of model '%s'", "ich7");
        if (!audio_exists(def, sound->audio_id))
            return vb_error_set(error, VIR_ERR_XML_ERROR, "no audio device with ID %u",
                                sound->audio_id);
    }
    return TRUE;
}

gboolean
vb_domain_validate_platform(const VbDomainDef *def, GError **error)
{
    if (!validate_watchdogs(def, error) || !validate_tpms(def, error) ||
        !validate_panics(def, error) || !validate_iommu(def, error) ||
        !validate_counts(def, error) || !validate_audio_users(def, error))
        return FALSE;
    VB_DOMAIN_EACH(VbDomainShmem, shmem, def->shmems)
    {
        if (!validate_shmem(shmem, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainInput, input, def->inputs)
    {
        if (!validate_input(def, input, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainSmartcard, card, def->smartcards)
    {
        if (!validate_smartcard(card, error))
            return FALSE;
    }
    if (def->pstore && (!def->pstore->path || def->pstore->size_kib == 0))
        return vb_error_set(error, VIR_ERR_XML_ERROR, "pstore needs a %s",
                            def->pstore->path ? "size" : "path");
    if (def->vsock && def->vsock->cid_auto != VB_TRISTATE_YES && def->vsock->cid < 3 &&
        def->vsock->cid)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "guest CIDs must be >= 3");
    if (def->memballoon && def->memballoon->model == VB_DOMAIN_MEMBALLOON_XEN)
        return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                            "Cannot automatically add a new PCI bus for a device with connect "
                            "flags 00");
    return TRUE;
}
