/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill-ins of input devices, memory balloon, watchdog, panic device, tpm, smartcards, host devices. */
#include <string.h>
#include "domain/defaults.h"

/* input */
static void
fill_input_bus(const VbDomainFill *fill, VbDomainInput *input)
{
    static const VbDomainInputBus buses[VB_DOMAIN_INPUT_LAST] = {
        [VB_DOMAIN_INPUT_MOUSE] = VB_DOMAIN_INPUT_BUS_PS2,
        [VB_DOMAIN_INPUT_KEYBOARD] = VB_DOMAIN_INPUT_BUS_PS2,
        [VB_DOMAIN_INPUT_TABLET] = VB_DOMAIN_INPUT_BUS_USB,
        [VB_DOMAIN_INPUT_PASSTHROUGH] = VB_DOMAIN_INPUT_BUS_VIRTIO,
        [VB_DOMAIN_INPUT_EVDEV] = VB_DOMAIN_INPUT_BUS_NONE,
    };

    if (input->bus)
        return;
    input->bus = (int)buses[input->type];
    if (!fill->is_x86 && input->bus == VB_DOMAIN_INPUT_BUS_PS2)
        input->bus = VB_DOMAIN_INPUT_BUS_USB;
}

static void
need_input(VbDomainDef *def, VbDomainInputType type)
{
    VbDomainInput *added;

    VB_DOMAIN_EACH(VbDomainInput, input, def->inputs)
    {
        if (input->type == (int)type && input->bus == VB_DOMAIN_INPUT_BUS_PS2)
            return;
    }
    added = vb_domain_list_add(&def->inputs, vb_xml_new(&vb_domain_input_type));
    added->type = (int)type;
    added->bus = VB_DOMAIN_INPUT_BUS_PS2;
}

/* every PC has a PS/2 mouse and keyboard, and the definition says so */
void
vb_domain_fill_inputs(const VbDomainFill *fill)
{
    VB_DOMAIN_EACH(VbDomainInput, input, fill->def->inputs)
    fill_input_bus(fill, input);
    if (!fill->is_x86)
        return;
    need_input(fill->def, VB_DOMAIN_INPUT_MOUSE);
    need_input(fill->def, VB_DOMAIN_INPUT_KEYBOARD);
}

/* the rest */
static void
fill_tpm(VbDomainTpm *tpm)
{
    if (!tpm->model)
        tpm->model = VB_DOMAIN_TPM_MODEL_TIS;
    if (tpm->backend == VB_DOMAIN_TPM_BACKEND_EMULATOR && !tpm->version)
        tpm->version = g_strdup(tpm->model == VB_DOMAIN_TPM_MODEL_TIS ? "1.2" : "2.0");
    if (tpm->backend == VB_DOMAIN_TPM_BACKEND_PASSTHROUGH)
        vb_domain_fill_string(&tpm->device, "/dev/tpm0");
}

static void
fill_smartcard(VbDomainSmartcard *card)
{
    if (card->info.address.type != VB_DOMAIN_ADDRESS_NONE)
        return;
    vb_domain_address_become(&card->info.address, VB_DOMAIN_ADDRESS_CCID);
    card->info.address.ccid.has_value = TRUE;
}

static void
fill_hostdev(VbDomainHostdev *hostdev)
{
    vb_domain_fill_string(&hostdev->mode, "subsystem");
    if (!hostdev->managed)
        hostdev->managed = VB_TRISTATE_NO;
    if (hostdev->type == VB_DOMAIN_HOSTDEV_MDEV &&
        g_strcmp0(hostdev->mdev_model, "vfio-pci") == 0 && !hostdev->display)
        hostdev->display = VB_TRISTATE_NO;
    if (hostdev->iscsi_name && !strchr(hostdev->iscsi_name, '/')) {
        char *with_lun = g_strconcat(hostdev->iscsi_name, "/0", NULL);

        g_free(hostdev->iscsi_name);
        hostdev->iscsi_name = with_lun;
    }
}

/* file modes are octal, whatever their spelling */
static void
fill_mode(char **mode)
{
    guint64 value;
    char *padded;

    if (!*mode || !g_ascii_string_to_unsigned(*mode, 8, 0, 07777, &value, NULL))
        return;
    padded = g_strdup_printf("%04o", (guint)value);
    g_free(*mode);
    *mode = padded;
}

static void
fill_filesystem(VbDomainFilesystem *filesystem)
{
    vb_domain_fill_string(&filesystem->type, "mount");
    if (!filesystem->source_socket)
        vb_domain_fill_string(&filesystem->accessmode, "passthrough");
    fill_mode(&filesystem->fmode);
    fill_mode(&filesystem->dmode);
}

/* -1 is how "any" may be written */
static void
drop_any(char **member)
{
    if (*member && strcmp(*member, "-1") == 0)
        g_clear_pointer(member, g_free);
}

static void
fill_redir_filter(VbDomainRedirFilter *redir_filter)
{
    VB_DOMAIN_EACH(VbDomainUsbFilter, filter, redir_filter->filters)
    {
        drop_any(&filter->class_id);
        drop_any(&filter->vendor_id);
        drop_any(&filter->product_id);
        drop_any(&filter->version);
    }
}

/* Source: libvirt; a power of two, 4 MiB where nothing is said */
#define DEFAULT_SHMEM_MIB 4

static void
fill_shmem(VbDomainShmem *shmem)
{
    if (!shmem->model)
        shmem->model = g_strdup("ivshmem");
    if (strcmp(shmem->model, "ivshmem-doorbell") != 0 && shmem->size_mib == 0)
        shmem->size_mib = DEFAULT_SHMEM_MIB;
}

void
vb_domain_fill_platform(const VbDomainFill *fill)
{
    VbDomainDef *def = fill->def;

    if (!def->memballoon && (vb_domain_has_pci(def) || fill->is_x86)) {
        def->memballoon = vb_xml_new(&vb_domain_memballoon_type);
        def->memballoon->model = VB_DOMAIN_MEMBALLOON_VIRTIO;
    }
    VB_DOMAIN_EACH(VbDomainWatchdog, watchdog, def->watchdogs)
    {
        if (!watchdog->action)
            watchdog->action = VB_DOMAIN_WATCHDOG_ACTION_RESET;
    }
    VB_DOMAIN_EACH(VbDomainPanic, panic, def->panics)
    {
        if (!panic->model && fill->is_x86)
            panic->model = VB_DOMAIN_PANIC_ISA;
    }
    VB_DOMAIN_EACH(VbDomainFilesystem, filesystem, def->filesystems)
    fill_filesystem(filesystem);
    VB_DOMAIN_EACH(VbDomainRng, rng, def->rngs)
    {
        if (rng->backend == VB_DOMAIN_RNG_BACKEND_RANDOM && (!rng->device || !*rng->device)) {
            g_free(rng->device);
            rng->device = g_strdup("/dev/random");
        }
    }
    if (def->redir_filter)
        fill_redir_filter(def->redir_filter);
    VB_DOMAIN_EACH(VbDomainTpm, tpm, def->tpms)
    fill_tpm(tpm);
    VB_DOMAIN_EACH(VbDomainSmartcard, card, def->smartcards)
    fill_smartcard(card);
    VB_DOMAIN_EACH(VbDomainHostdev, hostdev, def->hostdevs)
    fill_hostdev(hostdev);
    VB_DOMAIN_EACH(VbDomainShmem, shmem, def->shmems)
    fill_shmem(shmem);
    if (def->pstore && !def->pstore->path && fill->hints && fill->hints->nvram_dir)
        def->pstore->path = g_strdup_printf("%s/%s_PSTORE.raw", fill->hints->nvram_dir, def->name);
    if (def->vsock && def->vsock->cid && !def->vsock->cid_auto)
        def->vsock->cid_auto = VB_TRISTATE_NO;
}
