/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cache file of one emulator: JSON with the shapes that QEMU itself uses, so that reading it back is reading QEMU's
 * answers again. Anything unexpected in it means "probe again". */
#include "caps/caps-private.h"
#include <string.h>

#define FILE_FORMAT 3

static void
write_machines(VbJsonWriter *json, const GPtrArray *machines)
{
    vb_json_begin_array(json, "machines");
    for (guint i = 0; i < machines->len; i++) {
        const QemuMachine *machine = machines->pdata[i];

        vb_json_begin_object(json, NULL);
        vb_json_add_string(json, "name", machine->name);
        vb_json_add_string(json, "alias", machine->alias);
        vb_json_add_string(json, "default-cpu-type", machine->default_cpu);
        vb_json_add_string(json, "default-ram-id", machine->default_ram_id);
        vb_json_add_uint(json, "cpu-max", machine->max_cpus);
        vb_json_add_bool(json, "is-default", machine->is_default);
        vb_json_add_bool(json, "deprecated", machine->is_deprecated);
        vb_json_add_bool(json, "hotpluggable-cpus", machine->has_cpu_hotplug);
        vb_json_add_bool(json, "numa-mem-supported", machine->has_numa_mem);
        vb_json_end(json);
    }
    vb_json_end(json);
}

static void
write_models(VbJsonWriter *json, const char *key, const GPtrArray *models)
{
    if (!models)
        return;
    vb_json_begin_array(json, key);
    for (guint i = 0; i < models->len; i++) {
        const QemuCpuModel *model = models->pdata[i];

        vb_json_begin_object(json, NULL);
        vb_json_add_string(json, "name", model->name);
        vb_json_add_string(json, "typename", model->type_name);
        vb_json_add_bool(json, "deprecated", model->is_deprecated);
        vb_json_begin_array(json, "unavailable-features");
        for (guint k = 0; model->unavailable[k]; k++)
            vb_json_add_string(json, NULL, model->unavailable[k]);
        vb_json_end(json);
        vb_json_end(json);
    }
    vb_json_end(json);
}

static void
write_set(VbJsonWriter *json, const char *key, GHashTable *set)
{
    GHashTableIter iter;
    gpointer word;

    vb_json_begin_array(json, key);
    g_hash_table_iter_init(&iter, set);
    while (g_hash_table_iter_next(&iter, &word, NULL))
        vb_json_add_string(json, NULL, word);
    vb_json_end(json);
}

char *
qemu_caps_to_json(const QemuCaps *caps, const char *identity)
{
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();

    vb_json_begin_object(json, NULL);
    vb_json_add_uint(json, "format", FILE_FORMAT);
    vb_json_add_string(json, "identity", identity);
    vb_json_add_string(json, "path", caps->path);
    vb_json_add_string(json, "arch", caps->arch);
    vb_json_add_string(json, "package", caps->package);
    vb_json_add_uint(json, "version", caps->version);
    vb_json_add_bool(json, "kvm", caps->has_kvm_support);
    write_machines(json, caps->machines);
    write_models(json, "cpus-tcg", caps->cpu_models[QEMU_ACCEL_TCG]);
    write_models(json, "cpus-kvm", caps->cpu_models[QEMU_ACCEL_KVM]);
    if (caps->cpus[QEMU_ACCEL_TCG])
        vb_json_add_node(json, "cpu-tcg", caps->cpus[QEMU_ACCEL_TCG]);
    if (caps->cpus[QEMU_ACCEL_KVM])
        vb_json_add_node(json, "cpu-kvm", caps->cpus[QEMU_ACCEL_KVM]);
    write_set(json, "types", caps->types);
    write_set(json, "properties", caps->properties);
    write_set(json, "commands", caps->commands);
    write_set(json, "options", caps->options);
    write_set(json, "facts", caps->facts);
    vb_json_add_bool(json, "complete", TRUE);
    vb_json_end(json);
    return vb_json_writer_finish(json);
}

static void
read_set(GHashTable *set, const VbJson *array)
{
    for (const VbJson *at = vb_json_first(array); at; at = vb_json_next(at))
        if (vb_json_as_string(at))
            g_hash_table_add(set, g_strdup(vb_json_as_string(at)));
}

QemuCaps *
qemu_caps_from_json(const char *text, gsize length, const char *path, const char *identity)
{
    g_autoptr(VbJson) json = vb_json_parse(text, (gssize)length, NULL);
    g_autoptr(QemuCaps) caps = NULL;

    if (vb_json_get_uint(json, "format", 0) != FILE_FORMAT ||
        !vb_json_get_bool(json, "complete", FALSE) ||
        g_strcmp0(vb_json_get_string(json, "identity"), identity) != 0 ||
        g_strcmp0(vb_json_get_string(json, "path"), path) != 0)
        return NULL;
    caps = qemu_caps_new(path);
    caps->arch = g_strdup(vb_json_get_string(json, "arch"));
    caps->package = g_strdup(vb_json_get_string(json, "package"));
    caps->version = (guint)vb_json_get_uint(json, "version", 0);
    caps->has_kvm_support = vb_json_get_bool(json, "kvm", FALSE);
    qemu_caps_take_machines(caps, vb_json_get(json, "machines"));
    if (vb_json_get(json, "cpus-tcg"))
        qemu_caps_take_cpu_models(caps, QEMU_ACCEL_TCG, vb_json_get(json, "cpus-tcg"));
    if (vb_json_get(json, "cpus-kvm"))
        qemu_caps_take_cpu_models(caps, QEMU_ACCEL_KVM, vb_json_get(json, "cpus-kvm"));
    qemu_caps_take_cpu(caps, QEMU_ACCEL_TCG, vb_json_get(json, "cpu-tcg"));
    qemu_caps_take_cpu(caps, QEMU_ACCEL_KVM, vb_json_get(json, "cpu-kvm"));
    read_set(caps->types, vb_json_get(json, "types"));
    read_set(caps->properties, vb_json_get(json, "properties"));
    read_set(caps->commands, vb_json_get(json, "commands"));
    read_set(caps->options, vb_json_get(json, "options"));
    read_set(caps->facts, vb_json_get(json, "facts"));
    if (!caps->arch || caps->machines->len == 0 || g_hash_table_size(caps->types) == 0)
        return NULL;
    return g_steal_pointer(&caps);
}
