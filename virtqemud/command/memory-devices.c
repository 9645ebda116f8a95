/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory modules: DIMMs, NVDIMMs, virtio-mem, virtio-pmem. */
#include "command/build.h"

typedef enum {
    MODULE_DIMM,
    MODULE_NVDIMM,
    MODULE_VIRTIO_MEM,
    MODULE_VIRTIO_PMEM,
    MODULE_SGX,
    N_MODULES
} ModuleKind;

static const struct {
    const char *model, *driver;
} modules[N_MODULES] = {
    [MODULE_DIMM] = {"dimm", "pc-dimm"},
    [MODULE_NVDIMM] = {"nvdimm", "nvdimm"},
    [MODULE_VIRTIO_MEM] = {"virtio-mem", "virtio-mem-pci"},
    [MODULE_VIRTIO_PMEM] = {"virtio-pmem", "virtio-pmem-pci"},
    [MODULE_SGX] = {"sgx-epc", NULL},
};

static ModuleKind
module_kind(const VbDomainMemoryDevice *memory)
{
    ModuleKind kind = MODULE_DIMM;

    while (kind + 1 < N_MODULES && g_strcmp0(modules[kind].model, memory->model) != 0)
        kind++;
    return kind;
}

gboolean
qemu_build_has_nvdimm(const VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainMemoryDevice, memory, def->memories)
    if (module_kind(memory) == MODULE_NVDIMM)
        return TRUE;
    return FALSE;
}

/* virtio-mem comes in blocks; the others in pieces that the largest pages fit. Source: libvirt, for x86 */
#define MODULE_ALIGN_KIB 2048
static guint64
module_size(const VbDomainMemoryDevice *memory)
{
    guint64 unit = module_kind(memory) == MODULE_VIRTIO_MEM && memory->block_kib ? memory->block_kib
                                                                                 : MODULE_ALIGN_KIB;

    return (memory->size_kib + unit - 1) / unit * unit;
}

static void
take_backend(QemuBuild *build, const VbDomainMemoryDevice *memory, const char *id)
{
    QemuMemoryBlock block = {
        .id = id,
        .name = memory->info.alias,
        .size_kib = module_size(memory),
        .access = memory->access,
        .discard = memory->discard,
        .cell = memory->has_node ? (int)memory->node : -1,
        .path = memory->source_path,
        .nodes = memory->source_nodes,
        .page_kib = memory->source_pagesize_kib,
        .align_kib = memory->source_alignsize_kib,
        .is_pmem = memory->source_pmem,
        .is_sparse = module_kind(memory) == MODULE_VIRTIO_MEM,
    };

    /* its contents are the file's own: nothing to make ready */
    if (module_kind(memory) == MODULE_VIRTIO_PMEM)
        block.is_unallocated = TRUE;
    qemu_build_take_memory(build, &block);
}

static gboolean
take_device(QemuBuild *build, const VbDomainMemoryDevice *memory, const char *backend,
            GError **error)
{
    ModuleKind kind = module_kind(memory);
    g_autoptr(VbJsonWriter) json = qemu_build_device_new(modules[kind].driver);

    if (kind != MODULE_VIRTIO_PMEM && memory->has_node)
        vb_json_add_uint(json, "node", memory->node);
    if (kind == MODULE_NVDIMM && memory->label_size_kib)
        vb_json_add_uint(json, "label-size", memory->label_size_kib * 1024);
    if (kind == MODULE_NVDIMM && memory->is_readonly)
        vb_json_add_bool(json, "unarmed", TRUE);
    if (kind == MODULE_VIRTIO_MEM) {
        vb_json_add_uint(json, "block-size", memory->block_kib * 1024);
        vb_json_add_uint(json, "requested-size", memory->requested_kib * 1024);
        qemu_build_add_tristate(json, "dynamic-memslots", memory->dynamic_memslots);
    }
    if (memory->has_target_base && (kind == MODULE_VIRTIO_MEM || kind == MODULE_VIRTIO_PMEM))
        vb_json_add_uint(json, "memaddr", memory->target_base);
    vb_json_add_string(json, "memdev", backend);
    vb_json_add_string(json, "id", memory->info.alias);
    if (!qemu_build_add_address(build, json, &memory->info, error))
        return FALSE;
    qemu_build_take_json(build, "-device", g_steal_pointer(&json));
    return TRUE;
}

gboolean
qemu_build_memory_devices(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainMemoryDevice, memory, build->def->memories)
    {
        ModuleKind kind = module_kind(memory);
        g_autofree char *backend = g_strdup_printf("mem%s", memory->info.alias);

        if (!modules[kind].driver)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "sgx epc isn't supported by this QEMU binary");
        if (!qemu_build_need_device(build, modules[kind].driver, error))
            return FALSE;
        if (memory->dynamic_memslots != VB_TRISTATE_ABSENT &&
            !qemu_caps_has_property(build->caps, modules[kind].driver, "dynamic-memslots"))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "virtio-mem does not support '%s' with this QEMU binary",
                                "dynamicMemslots");
        take_backend(build, memory, backend);
        if (!take_device(build, memory, backend, error))
            return FALSE;
    }
    return TRUE;
}
