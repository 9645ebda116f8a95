/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one emulator can do: the facts and questions about them. Filled by probe.c or from the cache file. */
#include "caps/caps-private.h"
#include <string.h>
#include <sys/utsname.h>

/* ---- life ---- */

static void
machine_free(gpointer data)
{
    QemuMachine *machine = data;

    g_free(machine->name);
    g_free(machine->alias);
    g_free(machine->default_cpu);
    g_free(machine->default_ram_id);
    g_free(machine);
}

static void
cpu_model_free(gpointer data)
{
    QemuCpuModel *model = data;

    g_free(model->name);
    g_free(model->type_name);
    g_strfreev(model->unavailable);
    g_free(model);
}

static GHashTable *
string_set_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

QemuCaps *
qemu_caps_new(const char *path)
{
    QemuCaps *caps = g_new0(QemuCaps, 1);

    g_atomic_ref_count_init(&caps->references);
    caps->path = g_strdup(path);
    caps->machines = g_ptr_array_new_with_free_func(machine_free);
    caps->types = string_set_new();
    caps->properties = string_set_new();
    caps->commands = string_set_new();
    caps->options = string_set_new();
    caps->facts = string_set_new();
    return caps;
}

QemuCaps *
qemu_caps_ref(QemuCaps *caps)
{
    g_atomic_ref_count_inc(&caps->references);
    return caps;
}

void
qemu_caps_unref(QemuCaps *caps)
{
    if (!caps || !g_atomic_ref_count_dec(&caps->references))
        return;
    g_free(caps->path);
    g_free(caps->arch);
    g_free(caps->package);
    g_ptr_array_unref(caps->machines);
    for (guint i = 0; i < QEMU_N_ACCELS; i++) {
        g_clear_pointer(&caps->cpu_models[i], g_ptr_array_unref);
        vb_json_free(caps->cpus[i]);
    }
    g_hash_table_unref(caps->types);
    g_hash_table_unref(caps->properties);
    g_hash_table_unref(caps->commands);
    g_hash_table_unref(caps->options);
    g_hash_table_unref(caps->facts);
    g_free(caps);
}

/* ---- filling ---- */

static QemuMachine *
machine_from_json(const VbJson *node)
{
    QemuMachine *machine = g_new0(QemuMachine, 1);

    machine->name = g_strdup(vb_json_get_string(node, "name"));
    machine->alias = g_strdup(vb_json_get_string(node, "alias"));
    machine->default_cpu = g_strdup(vb_json_get_string(node, "default-cpu-type"));
    machine->default_ram_id = g_strdup(vb_json_get_string(node, "default-ram-id"));
    machine->max_cpus = (guint)vb_json_get_uint(node, "cpu-max", 1);
    machine->is_default = vb_json_get_bool(node, "is-default", FALSE);
    machine->is_deprecated = vb_json_get_bool(node, "deprecated", FALSE);
    machine->has_cpu_hotplug = vb_json_get_bool(node, "hotpluggable-cpus", FALSE);
    machine->has_numa_mem = vb_json_get_bool(node, "numa-mem-supported", FALSE);
    return machine;
}

/* In QEMU's order, but the default first, as libvirt lists them; "none" is not a machine. */
void
qemu_caps_take_machines(QemuCaps *caps, const VbJson *query_machines)
{
    g_ptr_array_set_size(caps->machines, 0);
    for (const VbJson *at = vb_json_first(query_machines); at; at = vb_json_next(at)) {
        const char *name = vb_json_get_string(at, "name");

        if (!name || g_str_equal(name, "none"))
            continue;
        g_ptr_array_insert(caps->machines, vb_json_get_bool(at, "is-default", FALSE) ? 0 : -1,
                           machine_from_json(at));
    }
}

void
qemu_caps_take_cpu_models(QemuCaps *caps, QemuAccel accel, const VbJson *query_cpu_definitions)
{
    GPtrArray *models = g_ptr_array_new_with_free_func(cpu_model_free);

    for (const VbJson *at = vb_json_first(query_cpu_definitions); at; at = vb_json_next(at)) {
        QemuCpuModel *model;
        g_autoptr(GStrvBuilder) unavailable = g_strv_builder_new();

        if (!vb_json_get_string(at, "name"))
            continue;
        model = g_new0(QemuCpuModel, 1);
        model->name = g_strdup(vb_json_get_string(at, "name"));
        model->type_name = g_strdup(vb_json_get_string(at, "typename"));
        model->is_deprecated = vb_json_get_bool(at, "deprecated", FALSE);
        for (const VbJson *lack = vb_json_first(vb_json_get(at, "unavailable-features")); lack;
             lack = vb_json_next(lack))
            if (vb_json_as_string(lack))
                g_strv_builder_add(unavailable, vb_json_as_string(lack));
        model->unavailable = g_strv_builder_end(unavailable);
        g_ptr_array_add(models, model);
    }
    g_clear_pointer(&caps->cpu_models[accel], g_ptr_array_unref);
    caps->cpu_models[accel] = models;
}

/* Keeps what is on, and the words; some 400 of its properties say "off". */
void
qemu_caps_take_cpu(QemuCaps *caps, QemuAccel accel, const VbJson *query_cpu_model_expansion)
{
    const VbJson *properties = vb_json_get_path(query_cpu_model_expansion, "model/props");
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    g_autofree char *text = NULL;

    if (!properties)
        return;
    vb_json_begin_object(json, NULL);
    vb_json_begin_object(json, "model");
    vb_json_begin_object(json, "props");
    for (const VbJson *at = vb_json_first(properties); at; at = vb_json_next(at))
        if (vb_json_get_kind(at) != VB_JSON_BOOL || vb_json_as_bool(at, FALSE))
            vb_json_add_node(json, vb_json_get_key(at), at);
    vb_json_end(json);
    vb_json_end(json);
    vb_json_end(json);
    text = vb_json_writer_finish(json);
    vb_json_free(caps->cpus[accel]);
    caps->cpus[accel] = vb_json_parse(text, -1, NULL);
}

void
qemu_caps_add_type(QemuCaps *caps, const char *type)
{
    g_hash_table_add(caps->types, g_strdup(type));
}

/* ---- questions ---- */

const char *
qemu_caps_get_path(const QemuCaps *caps)
{
    return caps->path;
}

const char *
qemu_caps_get_arch(const QemuCaps *caps)
{
    return caps->arch;
}

guint
qemu_caps_get_version(const QemuCaps *caps)
{
    return caps->version;
}

const char *
qemu_caps_get_package(const QemuCaps *caps)
{
    return caps->package ? caps->package : "";
}

gboolean
qemu_caps_has_accel(const QemuCaps *caps, QemuAccel accel)
{
    return accel == QEMU_ACCEL_TCG || (caps->has_kvm_support && caps->is_kvm_working);
}

const GPtrArray *
qemu_caps_get_machines(const QemuCaps *caps)
{
    return caps->machines;
}

const QemuMachine *
qemu_caps_find_machine(const QemuCaps *caps, const char *name_or_alias)
{
    if (!name_or_alias)
        return NULL;
    for (guint i = 0; i < caps->machines->len; i++) {
        const QemuMachine *machine = caps->machines->pdata[i];

        if (g_str_equal(machine->name, name_or_alias) ||
            g_strcmp0(machine->alias, name_or_alias) == 0)
            return machine;
    }
    return NULL;
}

const QemuMachine *
qemu_caps_get_default_machine(const QemuCaps *caps)
{
    return caps->machines->len > 0 ? caps->machines->pdata[0] : NULL;
}

const GPtrArray *
qemu_caps_get_cpu_models(const QemuCaps *caps, QemuAccel accel)
{
    return caps->cpu_models[accel] ? caps->cpu_models[accel] : caps->cpu_models[QEMU_ACCEL_TCG];
}

const QemuCpuModel *
qemu_caps_find_cpu_model(const QemuCaps *caps, QemuAccel accel, const char *name)
{
    const GPtrArray *models = qemu_caps_get_cpu_models(caps, accel);

    for (guint i = 0; models && name && i < models->len; i++) {
        const QemuCpuModel *model = models->pdata[i];

        if (g_str_equal(model->name, name))
            return model;
    }
    return NULL;
}

gboolean
qemu_caps_has_device(const QemuCaps *caps, const char *type)
{
    return g_hash_table_contains(caps->types, type);
}

gboolean
qemu_caps_has_property(const QemuCaps *caps, const char *type, const char *property)
{
    g_autofree char *key = g_strdup_printf("%s.%s", type, property);

    return g_hash_table_contains(caps->properties, key);
}

gboolean
qemu_caps_has_command(const QemuCaps *caps, const char *qmp_command)
{
    return g_hash_table_contains(caps->commands, qmp_command);
}

gboolean
qemu_caps_has_option(const QemuCaps *caps, const char *option, const char *parameter)
{
    g_autofree char *key =
        parameter ? g_strdup_printf("%s.%s", option, parameter) : g_strdup(option);

    return g_hash_table_contains(caps->options, key);
}

/* ---- architectures ---- */

static const struct {
    const char *arch, *target; /* libvirt's and QEMU's names where they differ */
} arch_names[] = {
    {"i686", "i386"},
    {"armv7l", "arm"},
};

const char *
qemu_caps_arch_from_target(const char *target)
{
    for (guint i = 0; i < G_N_ELEMENTS(arch_names); i++)
        if (g_str_equal(arch_names[i].target, target))
            return arch_names[i].arch;
    return target;
}

const char *
qemu_caps_host_arch(void)
{
    static char arch[sizeof(((struct utsname *)0)->machine)];
    struct utsname name;

    if (!*arch)
        g_strlcpy(arch, uname(&name) == 0 ? name.machine : "x86_64", sizeof arch);
    return arch;
}
