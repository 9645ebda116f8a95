/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt fills in when a domain is defined: the steps and their order. Device classes have files of their own.
 * Order decides where implicit devices stand in the definition, and with that which address they get. */
#include <string.h>
#include "base/error.h"
#include "domain/defaults.h"

#define MAX_IOTHREADS 4096u

gboolean
vb_domain_fill_has_device(const VbDomainFill *fill, const char *device)
{
    const VbDomainCapsHints *hints = fill->hints;

    return !hints || !hints->has_device ||
           hints->has_device(fill->def->emulator, device, hints->data);
}

void
vb_domain_fill_string(char **member, const char *value)
{
    if (!*member)
        *member = g_strdup(value);
}

static void
fill_action(int *member, VbDomainAction action)
{
    if (*member == VB_DOMAIN_ACTION_NOT_GIVEN)
        *member = action;
}

static gboolean
fill_emulator(const VbDomainFill *fill, GError **error)
{
    const VbDomainCapsHints *hints = fill->hints;
    VbDomainDef *def = fill->def;

    if (def->emulator || !hints || !hints->find_emulator)
        return TRUE;
    def->emulator = hints->find_emulator(def->os.arch, def->virt_type, hints->data);
    return def->emulator || vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                         "No emulator found for arch '%s'", def->os.arch);
}

/* containers and other hypervisors have daemons of their own */
static gboolean
check_virt_type(const VbDomainDef *def, const VbDomainCapsHints *hints, GError **error)
{
    if (hints && hints->serves_arch && def->emulator &&
        !hints->serves_arch(def->emulator, def->os.arch, hints->data))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Emulator '%s' does not support arch '%s'", def->emulator,
                            def->os.arch);
    if (!hints || !hints->find_emulator || def->virt_type == VB_DOMAIN_VIRT_QEMU ||
        def->virt_type == VB_DOMAIN_VIRT_KVM)
        return TRUE;
    return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "Emulator '%s' does not support virt type '%s'",
                        def->emulator ? def->emulator : "",
                        vb_enum_to_nick(&vb_domain_virt_type_enum, def->virt_type));
}

static gboolean
fill_machine(const VbDomainFill *fill, GError **error)
{
    const VbDomainCapsHints *hints = fill->hints;
    VbDomainDef *def = fill->def;
    char *machine;

    if (!hints || !hints->expand_machine)
        return TRUE;
    machine = hints->expand_machine(def->emulator, def->os.arch, def->virt_type, def->os.machine,
                                    hints->data);
    if (!machine && def->os.machine)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Emulator '%s' does not support machine type '%s'", def->emulator,
                            def->os.machine);
    if (!machine)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Emulator '%s' does not support arch '%s'", def->emulator,
                            def->os.arch);
    g_free(def->os.machine);
    def->os.machine = machine;
    return TRUE;
}

/* memory of NUMA cells is the domain's, whatever <memory> says */
static guint64
cells_memory(const VbDomainDef *def)
{
    guint64 total = 0;

    if (def->cpu) {
        VB_DOMAIN_EACH(VbDomainNumaCell, cell, def->cpu->numa)
        total += cell->memory_kib;
    }
    return total;
}

static gboolean
fill_memory(VbDomainDef *def, GError **error)
{
    const guint64 cells = cells_memory(def);
    guint64 modules = 0;

    VB_DOMAIN_EACH(VbDomainMemoryDevice, module, def->memories)
    modules += module->size_kib;
    if (cells)
        def->memory_kib = cells + modules;
    else if (modules > def->memory_kib)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Total size of memory devices exceeds the total memory size");
    if (!def->memory_kib || (!cells && modules == def->memory_kib))
        return vb_error_set(
            error, VIR_ERR_XML_ERROR,
            "Memory size must be specified via <memory> or in the <numa> configuration");
    if (!def->current_memory_kib || def->current_memory_kib > def->memory_kib)
        def->current_memory_kib = def->memory_kib;
    if ((def->max_memory_kib != 0) != (def->memory_slots != 0))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "both maximum memory size and memory slot count must be specified");
    if (def->max_memory_kib && def->max_memory_kib < def->memory_kib)
        return vb_error_set(
            error, VIR_ERR_XML_ERROR,
            "maximum memory size must be equal or greater than the actual memory size");
    return TRUE;
}

static void
fill_vcpus(VbDomainDef *def)
{
    const gboolean is_auto_numa = def->numatune && g_strcmp0(def->numatune->placement, "auto") == 0;

    if (!def->has_vcpus) {
        def->vcpus = 1;
        def->has_vcpus = TRUE;
    }
    if (def->current_vcpus == def->vcpus)
        def->current_vcpus = 0;
    if (!def->vcpu_placement)
        def->vcpu_placement = g_strdup(!def->cpuset && is_auto_numa ? "auto" : "static");
    if (strcmp(def->vcpu_placement, "auto") == 0)
        g_clear_pointer(&def->cpuset, g_free);
}

static gboolean
has_iothread(const VbDomainDef *def, guint id)
{
    VB_DOMAIN_EACH(VbDomainIothread, iothread, def->iothread_ids)
    {
        if (iothread->id == id)
            return TRUE;
    }
    return FALSE;
}

/* <iothreads> is at least the number of ids; where some are given, the others get the lowest that are free */
static void
fill_iothreads(VbDomainDef *def)
{
    const guint given = VB_DOMAIN_COUNT(def->iothread_ids);
    guint id = 1;

    def->iothreads = MIN(MAX(def->iothreads, given), MAX_IOTHREADS);
    for (guint i = given; given > 0 && i < def->iothreads; i++) {
        VbDomainIothread *iothread = g_new0(VbDomainIothread, 1);

        while (has_iothread(def, id))
            id++;
        iothread->id = id;
        vb_domain_list_add(&def->iothread_ids, iothread);
    }
}

static void
fill_numatune(VbDomainDef *def)
{
    VbDomainNumatune *numatune = def->numatune;

    if (!numatune && g_strcmp0(def->vcpu_placement, "auto") == 0) {
        numatune = def->numatune = g_new0(VbDomainNumatune, 1);
        numatune->has_memory = TRUE;
        numatune->mode = g_strdup("strict");
        numatune->placement = g_strdup("auto");
    }
    if (numatune && g_strcmp0(numatune->placement, "auto") == 0)
        g_clear_pointer(&numatune->nodeset, g_free);
}

/* Source: VIR_DOMAIN_MEMORY_PARAM_UNLIMITED: as good as not given */
static void
fill_limit(guint64 *limit_kib, gboolean *has_limit)
{
    if (*limit_kib >= G_GUINT64_CONSTANT(9007199254740991))
        *has_limit = FALSE;
}

/* the generation of the guest's memory changes when it is copied; it begins anywhere */
static void
fill_genid(VbDomainDef *def)
{
    char text[37];
    VbUuid uuid;

    if (!def->has_genid || (def->genid && *def->genid))
        return;
    vb_uuid_generate(&uuid);
    vb_uuid_format(&uuid, text);
    g_free(def->genid);
    def->genid = g_strdup(text);
}

/* Nothing labels guests here: labels of no model say so. */
static void
fill_seclabels(VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainSeclabel, label, def->seclabels)
    {
        if (label->model && strcmp(label->model, "none") != 0)
            continue;
        vb_domain_fill_string(&label->model, "none");
        g_free(label->type);
        label->type = g_strdup("none");
        label->relabel = VB_TRISTATE_ABSENT;
    }
}

static void
fill_general(VbDomainDef *def)
{
    if (!def->uuid.is_set)
        vb_uuid_generate(&def->uuid);
    fill_genid(def);
    fill_seclabels(def);
    fill_vcpus(def);
    fill_numatune(def);
    vb_domain_fill_tuning(def);
    fill_iothreads(def);
    fill_limit(&def->memtune_hard_kib, &def->has_memtune_hard);
    fill_limit(&def->memtune_soft_kib, &def->has_memtune_soft);
    fill_limit(&def->memtune_swap_hard_kib, &def->has_memtune_swap_hard);
    fill_action(&def->on_poweroff, VB_DOMAIN_ACTION_DESTROY);
    fill_action(&def->on_reboot, VB_DOMAIN_ACTION_RESTART);
    fill_action(&def->on_crash, VB_DOMAIN_ACTION_DESTROY);
}

static gboolean
fill_devices(const VbDomainFill *fill, GError **error)
{
    return vb_domain_fill_disks(fill, error) && vb_domain_fill_nets(fill, error) &&
           vb_domain_fill_chardevs(fill, error);
}

/**
 * vb_domain_defaults:
 * @def: a domain as it was read
 * @hints: (nullable): what the hypervisor knows of its emulators; without it that part stays open
 * @error: return location
 *
 * Fills in what the definition leaves open, and adds the devices that every guest of its kind has, as libvirt does.
 *
 * Returns: TRUE, or FALSE with @error set and @def half filled
 * Errors: XML_ERROR, CONFIG_UNSUPPORTED what is given contradicts itself or the emulator
 * Source: virsh define; virsh dumpxml --inactive of libvirt 9.0
 */
gboolean
vb_domain_defaults(VbDomainDef *def, const VbDomainCapsHints *hints, GError **error)
{
    VbDomainFill fill = {def, hints, FALSE};

    if (!def->name)
        return vb_error_set(error, VIR_ERR_NO_NAME, NULL);
    if (!def->os.type)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "an os <type> must be specified");
    if (strcmp(def->os.type, "hvm") != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "unknown OS type '%s'",
                            def->os.type);
    if (def->cpu && !def->cpu->model && VB_DOMAIN_COUNT(def->cpu->features) > 0 &&
        def->cpu->mode <= VB_DOMAIN_CPU_MODE_CUSTOM)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Non-empty feature list specified without CPU model");
    if (!def->os.arch)
        def->os.arch = g_strdup(hints && hints->default_arch ? hints->default_arch : "x86_64");
    fill.is_x86 = strcmp(def->os.arch, "x86_64") == 0 || strcmp(def->os.arch, "i686") == 0;
    fill_general(def);
    if (!fill_memory(def, error) || !fill_emulator(&fill, error) ||
        !check_virt_type(def, hints, error) || !fill_machine(&fill, error) ||
        !vb_domain_fill_os(&fill, error) || !vb_domain_fill_consoles(&fill, error) ||
        !vb_domain_fill_graphics(&fill, error) || !vb_domain_fill_controllers(&fill, error))
        return FALSE;
    vb_domain_fill_cpu(&fill);
    vb_domain_fill_resctrl(def);
    vb_domain_fill_platform(&fill);
    vb_domain_fill_inputs(&fill);
    if (!fill_devices(&fill, error))
        return FALSE;
    vb_domain_fill_audio(&fill);
    vb_domain_fill_implicit_controllers(&fill);
    vb_domain_fill_videos(&fill);
    return TRUE;
}

static gboolean
check_max_vcpus(const VbDomainDef *def, const VbDomainCapsHints *hints, GError **error)
{
    const guint max = hints && hints->max_vcpus && def->os.machine
                          ? hints->max_vcpus(def->emulator, def->os.machine, hints->data)
                          : 0;
    return max == 0 || def->vcpus <= max ||
           vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "Maximum CPUs greater than specified machine type limit %u", max);
}

/* what the host lacks; programs are looked for only where a guest needs them */
static gboolean
validate_host(const VbDomainDef *def, const VbDomainCapsHints *hints, GError **error)
{
    VB_DOMAIN_EACH(VbDomainTpm, tpm, def->tpms)
    {
        if (tpm->backend == VB_DOMAIN_TPM_BACKEND_EMULATOR && hints && hints->has_program &&
            !hints->has_program("swtpm", hints->data))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "TPM version '%s' is not supported",
                                tpm->version ? tpm->version : "default");
    }
    return TRUE;
}

/**
 * vb_domain_complete:
 * @def: a domain as it was read
 * @hints: (nullable): what the hypervisor knows
 * @error: return location
 *
 * Fills in, addresses and checks.
 *
 * Returns: TRUE, or FALSE with @error set and @def half filled
 */
gboolean
vb_domain_complete(VbDomainDef *def, const VbDomainCapsHints *hints, GError **error)
{
    return vb_domain_defaults(def, hints, error) && vb_domain_assign_addresses(def, error) &&
           check_max_vcpus(def, hints, error) && vb_domain_validate(def, error) &&
           validate_host(def, hints, error);
}

/**
 * vb_domain_prepare:
 * @text: XML of a <domain>
 * @parse_flags: VB_DOMAIN_PARSE_*
 * @hints: (nullable): what the hypervisor knows
 * @error: return location
 *
 * Reads, fills in, addresses and checks: what a definition goes through before it is kept.
 *
 * Returns: (transfer full): the domain, or NULL with @error set
 */
VbDomainDef *
vb_domain_prepare(const char *text, guint parse_flags, const VbDomainCapsHints *hints,
                  GError **error)
{
    g_autoptr(VbDomainDef) def = vb_domain_parse(text, parse_flags, error);
    g_autoptr(GPtrArray) wishes = NULL;

    if (!def)
        return NULL;
    if ((parse_flags & VB_DOMAIN_PARSE_RAN) && !def->os.firmware)
        wishes = g_steal_pointer(&def->os.firmware_features); /* they led to the image */
    if (!vb_domain_complete(def, hints, error))
        return NULL;
    if (wishes)
        def->os.firmware_features = g_steal_pointer(&wishes);
    return g_steal_pointer(&def);
}
