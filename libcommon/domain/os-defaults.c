/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill-ins of <os>, <features> and <cpu>. */
#include <string.h>
#include "base/error.h"
#include "domain/defaults.h"
#include "domain/devices.h"

static gboolean
is_bootable(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    return device->info->boot_order == 0;
}

static gboolean
net_is_bootable(const VbDomainDef *def)
{
    return !vb_domain_each_device((VbDomainDef *)def, is_bootable, NULL);
}

static void
fill_boot(VbDomainDef *def)
{
    VbDomainBoot *boot;

    if (VB_DOMAIN_COUNT(def->os.boot) || net_is_bootable(def))
        return;
    boot = g_new0(VbDomainBoot, 1);
    boot->dev = VB_DOMAIN_BOOT_DISK;
    vb_domain_list_add(&def->os.boot, boot);
}

static gboolean
is_empty(const VbDomainNvram *nvram)
{
    return !nvram->path && !nvram->template_path && !nvram->template_format && !nvram->format &&
           !nvram->source.type && vb_domain_source_is_empty(&nvram->source);
}

/* Source: libvirt keeps a guest's variables at NVRAM_DIR/NAME_VARS.fd */
static void
fill_nvram(const VbDomainFill *fill)
{
    VbDomainOs *os = &fill->def->os;
    const VbDomainLoader *loader = os->loader;
    const gboolean is_manual = loader && loader->type == VB_DOMAIN_LOADER_PFLASH &&
                               loader->readonly == VB_TRISTATE_YES &&
                               loader->stateless != VB_TRISTATE_YES;

    if (os->nvram && (os->nvram->source.type || (os->nvram->path && !*os->nvram->path)))
        g_clear_pointer(&os->nvram->path, g_free);
    if (os->firmware && os->nvram && is_empty(os->nvram))
        g_clear_pointer(&os->nvram, g_free);
    if (!is_manual || !fill->hints || !fill->hints->nvram_dir)
        return;
    if (!os->nvram)
        os->nvram = g_new0(VbDomainNvram, 1);
    if (!os->nvram->path && !os->nvram->source.type)
        os->nvram->path = g_strdup_printf("%s/%s_VARS.fd", fill->hints->nvram_dir, fill->def->name);
}

static void
fill_loader(VbDomainOs *os)
{
    if (!os->loader || os->firmware)
        return;
    if (os->loader->path && os->loader->type == VB_DOMAIN_LOADER_DEFAULT)
        os->loader->type = VB_DOMAIN_LOADER_ROM;
}

/* libvirt's order, which is that of the names */
static int
compare_features(gconstpointer a, gconstpointer b)
{
    const VbDomainFirmwareFeature *left = *(VbDomainFirmwareFeature *const *)a,
                                  *right = *(VbDomainFirmwareFeature *const *)b;

    return g_strcmp0(left->name, right->name);
}

/* keys without Secure Boot would mean nothing */
static void
fill_firmware_features(VbDomainOs *os)
{
    VbDomainFirmwareFeature *keys = NULL, *secure_boot = NULL;

    VB_DOMAIN_EACH(VbDomainFirmwareFeature, feature, os->firmware_features)
    {
        if (g_strcmp0(feature->name, "enrolled-keys") == 0)
            keys = feature;
        if (g_strcmp0(feature->name, "secure-boot") == 0)
            secure_boot = feature;
    }
    if (os->firmware && keys && keys->enabled == VB_TRISTATE_YES && !secure_boot) {
        secure_boot =
            vb_domain_list_add(&os->firmware_features, g_new0(VbDomainFirmwareFeature, 1));
        secure_boot->enabled = VB_TRISTATE_YES;
        secure_boot->name = g_strdup("secure-boot");
    }
    if (os->firmware_features)
        g_ptr_array_sort(os->firmware_features, compare_features);
}

/* the element alone means "on" */
static void
fill_switch(gboolean is_there, VbTristate *state)
{
    if (is_there && *state == VB_TRISTATE_ABSENT)
        *state = VB_TRISTATE_YES;
}

static void
fill_features(VbDomainFeatures *features)
{
    fill_switch(features->has_pvspinlock, &features->pvspinlock);
    fill_switch(features->has_pmu, &features->pmu);
    fill_switch(features->has_vmport, &features->vmport);
    fill_switch(features->has_smm || features->tseg_size, &features->smm);
    fill_switch(features->has_vmcoreinfo, &features->vmcoreinfo);
    if (features->hyperv && !features->hyperv->mode)
        features->hyperv->mode = g_strdup("custom");
    if (features->tseg_size && !features->tseg_unit)
        features->tseg_unit = g_strdup("MiB");
}

gboolean
vb_domain_fill_os(const VbDomainFill *fill, GError **error)
{
    if (fill->def->os.bootmenu != VB_TRISTATE_YES)
        fill->def->os.has_bootmenu_timeout = FALSE;
    if (fill->def->os.nvram)
        vb_domain_fill_source(&fill->def->os.nvram->source);
    g_clear_pointer(&fill->def->os.init, g_free); /* what containers run */
    fill_firmware_features(&fill->def->os);
    fill_loader(&fill->def->os);
    fill_nvram(fill);
    fill_boot(fill->def);
    fill_features(&fill->def->features);
    return TRUE;
}

static void
fill_default_model(const VbDomainFill *fill, VbDomainCpu *cpu)
{
    const VbDomainDef *def = fill->def;
    const VbDomainCapsHints *hints = fill->hints;
    g_autofree char *model = NULL;

    if (!hints || !hints->default_cpu)
        return;
    model = hints->default_cpu(def->emulator, def->os.machine, def->virt_type, hints->data);
    if (!model)
        return;
    cpu->mode = VB_DOMAIN_CPU_MODE_CUSTOM;
    cpu->match = VB_DOMAIN_CPU_MATCH_EXACT;
    cpu->check = VB_DOMAIN_CPU_CHECK_NONE;
    cpu->model = g_steal_pointer(&model);
    g_free(cpu->fallback);
    cpu->fallback = g_strdup("forbid");
}

static void
fill_check(const VbDomainDef *def, VbDomainCpu *cpu)
{
    if (cpu->check != VB_DOMAIN_CPU_CHECK_DEFAULT)
        return;
    if (cpu->mode == VB_DOMAIN_CPU_MODE_HOST_PASSTHROUGH || cpu->mode == VB_DOMAIN_CPU_MODE_MAXIMUM)
        cpu->check = VB_DOMAIN_CPU_CHECK_NONE;
    else if (cpu->mode == VB_DOMAIN_CPU_MODE_CUSTOM && def->virt_type == VB_DOMAIN_VIRT_QEMU &&
             cpu->model)
        cpu->check = VB_DOMAIN_CPU_CHECK_NONE; /* an emulated CPU is not compared with the host's */
    else if (cpu->model || cpu->mode == VB_DOMAIN_CPU_MODE_HOST_MODEL)
        cpu->check = VB_DOMAIN_CPU_CHECK_PARTIAL;
}

static VbDomainNumaDistance *
find_distance(const VbDomainNumaCell *cell, guint id)
{
    VB_DOMAIN_EACH(VbDomainNumaDistance, distance, cell->distances)
    {
        if (distance->id == id)
            return distance;
    }
    return NULL;
}

static int
compare_distances(gconstpointer a, gconstpointer b)
{
    const VbDomainNumaDistance *left = *(VbDomainNumaDistance *const *)a,
                               *right = *(VbDomainNumaDistance *const *)b;

    return left->id < right->id ? -1 : left->id > right->id;
}

static int
compare_cells(gconstpointer a, gconstpointer b)
{
    const VbDomainNumaCell *left = *(VbDomainNumaCell *const *)a,
                           *right = *(VbDomainNumaCell *const *)b;

    return left->id < right->id ? -1 : left->id > right->id;
}

static void
add_distance(VbDomainNumaCell *cell, guint id, guint value)
{
    VbDomainNumaDistance *distance;

    if (find_distance(cell, id))
        return;
    distance = g_new0(VbDomainNumaDistance, 1);
    distance->id = id;
    distance->has_id = TRUE;
    distance->value = value;
    vb_domain_list_add(&cell->distances, distance);
}

/* a distance that is given counts both ways; to itself a cell has 10 (Source: ACPI SLIT) */
static void
fill_distances(VbDomainCpu *cpu)
{
    gboolean has_any = FALSE;

    VB_DOMAIN_EACH(VbDomainNumaCell, cell, cpu->numa)
    {
        VB_DOMAIN_EACH(VbDomainNumaCell, other, cpu->numa)
        {
            const VbDomainNumaDistance *given = find_distance(cell, other->id);

            has_any |= given != NULL;
            if (given && other != cell)
                add_distance(other, cell->id, given->value);
        }
    }
    VB_DOMAIN_EACH(VbDomainNumaCell, cell, cpu->numa)
    {
        if (has_any)
            add_distance(cell, cell->id, 10);
        if (cell->distances)
            g_ptr_array_sort(cell->distances, compare_distances);
    }
}

static void
fill_numa(VbDomainCpu *cpu)
{
    guint next = 0;

    VB_DOMAIN_EACH(VbDomainNumaCell, cell, cpu->numa)
    {
        if (!cell->has_id)
            cell->id = next;
        cell->has_id = TRUE;
        next = cell->id + 1;
    }
    if (cpu->numa)
        g_ptr_array_sort(cpu->numa, compare_cells);
    fill_distances(cpu);
}

void
vb_domain_fill_cpu(const VbDomainFill *fill)
{
    VbDomainDef *def = fill->def;
    VbDomainCpu *cpu = def->cpu;

    if (!cpu)
        cpu = def->cpu = g_new0(VbDomainCpu, 1);
    fill_numa(cpu);
    if (cpu->sockets && !cpu->dies)
        cpu->dies = 1;
    if (cpu->clusters == 1)
        cpu->clusters = 0; /* says nothing; versions of libvirt differ in whether they write it */
    VB_DOMAIN_EACH(VbDomainCpuFeature, feature, cpu->features)
    {
        if (!feature->policy)
            feature->policy = VB_DOMAIN_CPU_POLICY_REQUIRE;
    }
    if (cpu->mode == VB_DOMAIN_CPU_MODE_DEFAULT && cpu->model)
        cpu->mode = VB_DOMAIN_CPU_MODE_CUSTOM;
    if (cpu->mode == VB_DOMAIN_CPU_MODE_CUSTOM && cpu->model) {
        if (!cpu->match)
            cpu->match = VB_DOMAIN_CPU_MATCH_EXACT;
        vb_domain_fill_string(&cpu->fallback, "allow");
    }
    if (cpu->mode == VB_DOMAIN_CPU_MODE_HOST_PASSTHROUGH && !cpu->migratable)
        cpu->migratable = VB_TRISTATE_YES;
    if (!cpu->model)
        g_clear_pointer(&cpu->fallback, g_free);
    fill_check(def, cpu);
    if (!cpu->mode || (cpu->mode == VB_DOMAIN_CPU_MODE_CUSTOM && !cpu->model))
        fill_default_model(fill, cpu);
}
