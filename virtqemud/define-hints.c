/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What filling in a definition must know of the emulators, from what is cached of them; asks nobody. */
#include "define.h"

static QemuCaps *
peek(gpointer data, const char *emulator)
{
    QemuManager *manager = data;

    return manager->caps && emulator ? qemu_caps_cache_peek(manager->caps, emulator) : NULL;
}

static char *
find_emulator(const char *arch, int virt_type, gpointer data)
{
    QemuManager *manager = data;

    return manager->caps ? g_strdup(qemu_caps_cache_get_default_emulator(manager->caps, arch))
                         : NULL;
}

static char *
expand_machine(const char *emulator, const char *arch, int virt_type, const char *machine,
               gpointer data)
{
    g_autoptr(QemuCaps) caps = peek(data, emulator);
    const QemuMachine *found;

    if (!caps)
        return g_strdup(
            machine); /* an emulator that nobody knows: taken at its word until it is started */
    found = machine ? qemu_caps_find_machine(caps, machine) : qemu_caps_get_default_machine(caps);
    return found ? g_strdup(found->name) : NULL;
}

static char *
default_cpu(const char *emulator, const char *machine, int virt_type, gpointer data)
{
    const QemuAccel accel = virt_type == VB_DOMAIN_VIRT_KVM ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG;
    g_autoptr(QemuCaps) caps = peek(data, emulator);
    const QemuMachine *found = caps && machine ? qemu_caps_find_machine(caps, machine) : NULL;
    const GPtrArray *models = found ? qemu_caps_get_cpu_models(caps, accel) : NULL;

    for (guint i = 0; models && i < models->len; i++) {
        const QemuCpuModel *model = g_ptr_array_index(models, i);

        if (g_strcmp0(model->type_name, found->default_cpu) == 0)
            return g_strdup(model->name);
    }
    return NULL;
}

static gboolean
has_device(const char *emulator, const char *device, gpointer data)
{
    g_autoptr(QemuCaps) caps = peek(data, emulator);

    return caps && qemu_caps_has_device(caps, device);
}

static gboolean
serves_arch(const char *emulator, const char *arch, gpointer data)
{
    g_autoptr(QemuCaps) caps = peek(data, emulator);

    return !caps || g_str_equal(qemu_caps_get_arch(caps), arch) ||
           (g_str_equal(arch, "i686") && g_str_equal(qemu_caps_get_arch(caps), "x86_64"));
}

static guint
max_vcpus(const char *emulator, const char *machine, gpointer data)
{
    g_autoptr(QemuCaps) caps = peek(data, emulator);
    const QemuMachine *found = caps ? qemu_caps_find_machine(caps, machine) : NULL;

    return found ? found->max_cpus : 0;
}

static gboolean
has_program(const char *name, gpointer data)
{
    g_autofree char *path = g_find_program_in_path(name);

    return path != NULL;
}

static gboolean
can_run_kvm(QemuManager *manager)
{
    g_autoptr(QemuCaps) caps =
        manager->caps ? peek(manager, qemu_caps_cache_get_default_emulator(manager->caps, NULL))
                      : NULL;

    return caps && qemu_caps_has_accel(caps, QEMU_ACCEL_KVM);
}

static const char *
host_arch(QemuManager *manager)
{
    g_autoptr(QemuCaps) caps =
        manager->caps ? peek(manager, qemu_caps_cache_get_default_emulator(manager->caps, NULL))
                      : NULL;

    return caps ? g_intern_string(qemu_caps_get_arch(caps)) : "x86_64";
}

/* one string per folder for the life of the process: hints only borrow */
static const char *
folder_below(const QemuManager *manager, const char *name)
{
    g_autofree char *path = g_strconcat(manager->lib_dir, name, NULL);

    return g_intern_string(path);
}

/**
 * qemu_manager_fill_hints:
 * @manager: the manager
 * @hints: (out): valid as long as @manager
 */
void
qemu_manager_fill_hints(QemuManager *manager, VbDomainCapsHints *hints)
{
    *hints = (VbDomainCapsHints){
        .default_arch = host_arch(manager),
        .find_emulator = find_emulator,
        .expand_machine = expand_machine,
        .default_cpu = default_cpu,
        .has_device = has_device,
        .serves_arch = serves_arch,
        .max_vcpus = max_vcpus,
        .has_program = has_program,
        .nvram_dir = folder_below(manager, "/nvram"),
        .channel_dir = folder_below(manager, "/channel/target"),
        .virt_kvm_ok = can_run_kvm(manager),
        .data = manager,
    };
}

typedef struct {
    QemuManagerRead done;
    gpointer data;
    VbDomainDef *def;
} Reading;

static void
on_caps(QemuCaps *caps, const GError *error, gpointer data)
{
    g_autofree Reading *reading = data;

    reading->done(reading->def,
                  reading->data); /* without capabilities completing finds what is wrong */
}

/**
 * qemu_manager_read:
 * @manager: the manager
 * @xml: a definition
 * @done: called once, with the definition as it is written (transfer full), or NULL when @xml is broken
 * @data: for @done
 *
 * Reads a definition and gets the capabilities of the emulator that it names, so that completing it has them.
 */
void
qemu_manager_read(QemuManager *manager, const char *xml, QemuManagerRead done, gpointer data)
{
    VbDomainDef *def = vb_domain_parse(xml, VB_DOMAIN_PARSE_INACTIVE, NULL);
    const char *emulator = def ? def->emulator : NULL;
    g_autoptr(QemuCaps) known = NULL;
    Reading *reading;

    if (def && !emulator && manager->caps)
        emulator = qemu_caps_cache_get_default_emulator(manager->caps, def->os.arch);
    known = peek(manager, emulator);
    if (known || !emulator || !manager->caps) {
        done(def, data);
        return;
    }
    reading = g_new(Reading, 1);
    *reading = (Reading){done, data, def};
    qemu_caps_cache_get(manager->caps, emulator,
                        def->virt_type == VB_DOMAIN_VIRT_KVM ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG,
                        on_caps, reading);
}

typedef struct {
    QemuManagerPrepared done;
    gpointer data;
} Preparation;

static void
on_read(VbDomainDef *def, gpointer data)
{
    g_autofree Preparation *preparation = data;

    vb_domain_free(def);
    preparation->done(preparation->data);
}

/**
 * qemu_manager_prepare:
 * @manager: the manager
 * @xml: a definition that is about to be parsed
 * @done: called once
 * @data: for @done
 *
 * Gets the capabilities of the emulator that @xml names, so that parsing has them.
 */
void
qemu_manager_prepare(QemuManager *manager, const char *xml, QemuManagerPrepared done, gpointer data)
{
    Preparation *preparation = g_new(Preparation, 1);

    *preparation = (Preparation){done, data};
    qemu_manager_read(manager, xml, on_read, preparation);
}
