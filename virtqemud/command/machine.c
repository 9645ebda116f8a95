/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -machine, -accel, firmware images, and what of a definition this code refuses as a whole. */
#include "command/build.h"

static const char *
firmware_type(const VbDomainDef *def)
{
    return def->os.loader && def->os.loader->type == VB_DOMAIN_LOADER_PFLASH ? "pflash" : "rom";
}

static gboolean
has_pflash(const VbDomainDef *def)
{
    return def->os.loader && def->os.loader->path &&
           def->os.loader->type == VB_DOMAIN_LOADER_PFLASH;
}

/* where the variables of this guest's UEFI firmware live; NULL: nowhere */
static gboolean
nvram_source(const VbDomainDef *def, VbDomainDiskSource *ret_source)
{
    if (!def->os.nvram)
        return FALSE;
    if (def->os.nvram->source.type != VB_DOMAIN_STORAGE_NONE) {
        *ret_source = def->os.nvram->source;
        return TRUE;
    }
    if (!def->os.nvram->path)
        return FALSE;
    *ret_source = (VbDomainDiskSource){.type = VB_DOMAIN_STORAGE_FILE, .file = def->os.nvram->path};
    return TRUE;
}

gboolean
qemu_build_firmware_nodes(QemuBuild *build, GError **error)
{
    const VbDomainLoader *loader = build->def->os.loader;
    VbDomainDiskSource source = {.type = VB_DOMAIN_STORAGE_FILE};
    QemuImage image = {.node = "libvirt-pflash0", .backing = NULL};

    if (!has_pflash(build->def))
        return TRUE;
    source.file = loader->path;
    image.is_readonly = loader->readonly == VB_TRISTATE_YES;
    image.format =
        g_strcmp0(loader->format, "qcow2") == 0 ? VB_DOMAIN_FORMAT_QCOW2 : VB_DOMAIN_FORMAT_RAW;
    if (!qemu_build_image(build, &source, &image, error))
        return FALSE;
    if (!nvram_source(build->def, &source))
        return TRUE;
    image.node = "libvirt-pflash1";
    image.is_readonly = FALSE;
    image.format = g_strcmp0(build->def->os.nvram->format, "qcow2") == 0 ? VB_DOMAIN_FORMAT_QCOW2
                                                                         : VB_DOMAIN_FORMAT_RAW;
    return qemu_build_image(build, &source, &image, error);
}

static gboolean
has_numa(const VbDomainDef *def)
{
    return def->cpu && VB_DOMAIN_COUNT(def->cpu->numa) > 0;
}

static void
append_speaker(GString *text, const VbDomainDef *def)
{
    const VbDomainAudio *first = VB_DOMAIN_COUNT(def->audios) > 0 ? def->audios->pdata[0] : NULL;

    VB_DOMAIN_EACH(VbDomainSound, sound, def->sounds)
    {
        guint id = sound->audio_id ? sound->audio_id : first ? first->id : 0;

        if (sound->model == VB_DOMAIN_SOUND_PCSPK && id)
            g_string_append_printf(text, ",pcspk-audiodev=audio%u", id);
    }
}

static void
append_irqchip(GString *text, const VbDomainFeatures *features)
{
    if (g_strcmp0(features->ioapic_driver, "qemu") == 0)
        g_string_append(text, ",kernel_irqchip=split");
    else if (g_strcmp0(features->ioapic_driver, "kvm") == 0)
        g_string_append(text, ",kernel_irqchip=on");
}

static void
take_accel(QemuBuild *build)
{
    const VbDomainFeatures *features = &build->def->features;
    GString *text = g_string_new(build->def->virt_type == VB_DOMAIN_VIRT_KVM ? "kvm" : "tcg");

    if (build->def->virt_type == VB_DOMAIN_VIRT_KVM) {
        if (features->kvm && features->kvm->dirty_ring == VB_TRISTATE_YES)
            g_string_append_printf(text, ",dirty-ring-size=%u", features->kvm->dirty_ring_size);
    } else if (features->tcg_tb_cache_kib) {
        g_string_append_printf(text, ",tb-size=%" G_GUINT64_FORMAT,
                               features->tcg_tb_cache_kib / 1024);
    }
    qemu_build_take_option(build, "-accel", g_string_free(text, FALSE));
}

/* an element without state= means "on" */
static const char *
feature_state(VbTristate state, gboolean is_there)
{
    return state == VB_TRISTATE_ABSENT && is_there ? "on" : qemu_build_on_off(state);
}

gboolean
qemu_build_machine(QemuBuild *build, GError **error)
{
    const VbDomainDef *def = build->def;
    const VbDomainFeatures *features = &def->features;
    GString *text = g_string_new(def->os.machine);
    VbDomainDiskSource nvram;

    g_string_append(text, ",usb=off");
    qemu_build_append(text, "vmport", feature_state(features->vmport, features->has_vmport));
    if (features->smm != VB_TRISTATE_ABSENT || features->has_smm)
        qemu_build_append(text, "smm", feature_state(features->smm, features->has_smm));
    else if (def->os.loader && def->os.loader->secure == VB_TRISTATE_YES)
        g_string_append(text, ",smm=on");
    append_irqchip(text, features);
    qemu_build_append(text, "dump-guest-core", def->dump_core == VB_TRISTATE_YES ? "on" : "off");
    if (def->memory_backing && def->memory_backing->nosharepages)
        g_string_append(text, ",mem-merge=off");
    append_speaker(text, def);
    if (qemu_build_has_nvdimm(def))
        g_string_append(text, ",nvdimm=on");
    if (qemu_build_has_hmat(def))
        g_string_append(text, ",hmat=on");
    if (build->machine && build->machine->default_ram_id && !has_numa(def))
        qemu_build_append(text, "memory-backend", build->machine->default_ram_id);
    if (has_pflash(def)) {
        g_string_append(text, ",pflash0=libvirt-pflash0-format");
        if (nvram_source(def, &nvram))
            g_string_append(text, ",pflash1=libvirt-pflash1-format");
    }
    qemu_build_take_option(build, "-machine", g_string_free(text, FALSE));
    take_accel(build);
    return TRUE;
}

gboolean
qemu_build_loader(QemuBuild *build, GError **error)
{
    const VbDomainLoader *loader = build->def->os.loader;

    if (loader && loader->path && g_str_equal(firmware_type(build->def), "rom"))
        qemu_build_option(build, "-bios", loader->path);
    if (loader && loader->secure == VB_TRISTATE_YES)
        qemu_build_option(build, "-global", "driver=cfi.pflash01,property=secure,value=on");
    if (build->def->features.tseg_size) {
        guint64 bytes = qemu_build_scale(build->def->features.tseg_size,
                                         build->def->features.tseg_unit, 1 << 20);
        g_autofree char *text = NULL;

        text = g_strdup_printf("mch.extended-tseg-mbytes=%" G_GUINT64_FORMAT, bytes >> 20);
        qemu_build_option(build, "-global", text);
    }
    return TRUE;
}

gboolean
qemu_build_refused(QemuBuild *build, GError **error)
{
    const VbDomainDef *def = build->def;

    if (build->options->monitor_fd >= 0 && def->virt_type == VB_DOMAIN_VIRT_KVM &&
        !qemu_caps_has_accel(build->caps, QEMU_ACCEL_KVM))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Emulator '%s' does not support virt type 'kvm'",
                            qemu_caps_get_path(build->caps));
    if (g_strcmp0(def->os.firmware, "efi") == 0 && !(def->os.loader && def->os.loader->path))
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "Unable to find any firmware to satisfy 'efi'");
    if (!build->machine)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Emulator '%s' does not support machine type '%s'",
                            qemu_caps_get_path(build->caps),
                            def->os.machine ? def->os.machine : "");
    if (def->vcpus > build->machine->max_cpus)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Maximum CPUs greater than specified machine type limit %u",
                            build->machine->max_cpus);
    return TRUE;
}
