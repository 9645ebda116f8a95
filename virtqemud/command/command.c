/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line as a whole: which part follows which, the environment, the text for people. */
#include "command/build.h"
#include <string.h>

void
qemu_command_free(QemuCommand *command)
{
    if (!command)
        return;
    g_ptr_array_unref(command->argv);
    g_ptr_array_unref(command->env);
    g_free(command);
}

/* ---- parts without a file of their own ---- */

static gboolean
build_name(QemuBuild *build, GError **error)
{
    GString *name = g_string_new("guest=");

    qemu_build_append_escaped(name, build->def->name);
    g_string_append(name, ",debug-threads=on");
    qemu_build_take_option(build, "-name", g_string_free(name, FALSE));
    qemu_build_option(build, "-S", NULL); /* the daemon starts the CPUs when all is set up */
    return TRUE;
}

static gboolean
build_master_key(QemuBuild *build, GError **error)
{
    g_autofree char *path = g_build_filename(build->options->domain_dir, "master-key.aes", NULL);

    if (!build->options->has_master_key)
        return TRUE;
    VbJsonWriter *json = qemu_build_object_new("secret", "masterKey0");
    vb_json_add_string(json, "format", "raw");
    vb_json_add_string(json, "file", path);
    qemu_build_take_json(build, "-object", json);
    return TRUE;
}

static gboolean
build_uuid(QemuBuild *build, GError **error)
{
    char text[37];

    vb_uuid_format(&build->def->uuid, text);
    qemu_build_option(build, "-uuid", text);
    return TRUE;
}

static gboolean
build_genid(QemuBuild *build, GError **error)
{
    VbJsonWriter *json;

    if (!build->def->has_genid || !build->def->genid)
        return TRUE;
    if (!qemu_build_need_device(build, "vmgenid", error))
        return FALSE;
    json = qemu_build_device_new("vmgenid");
    vb_json_add_string(json, "guid", build->def->genid);
    vb_json_add_string(json, "id", "vmgenid0");
    qemu_build_take_json(build, "-device", json);
    return TRUE;
}

static gboolean
build_monitor(QemuBuild *build, GError **error)
{
    const QemuCommandOptions *options = build->options;
    GString *text = g_string_new("socket,id=charmonitor");

    qemu_build_graphics_none(build);
    qemu_build_option(build, "-no-user-config", NULL);
    qemu_build_option(build, "-nodefaults", NULL);
    if (options->monitor_fd >= 0) {
        g_string_append_printf(text, ",fd=%d", options->monitor_fd);
    } else {
        g_autofree char *path = g_build_filename(options->domain_dir, "monitor.sock", NULL);

        qemu_build_append(text, "path", path);
    }
    g_string_append(text, ",server=on,wait=off");
    qemu_build_take_option(build, "-chardev", g_string_free(text, FALSE));
    qemu_build_option(build, "-mon", "chardev=charmonitor,id=monitor,mode=control");
    return TRUE;
}

static gboolean
build_incoming(QemuBuild *build, GError **error)
{
    if (build->options->incoming)
        qemu_build_option(build, "-incoming", build->options->incoming);
    return TRUE;
}

static gboolean
build_vmcoreinfo(QemuBuild *build, GError **error)
{
    const VbDomainFeatures *features = &build->def->features;

    if (features->vmcoreinfo == VB_TRISTATE_YES ||
        (features->vmcoreinfo == VB_TRISTATE_ABSENT && features->has_vmcoreinfo))
        qemu_build_take_json(build, "-device", qemu_build_device_new("vmcoreinfo"));
    return TRUE;
}

static gboolean
build_passthrough(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainCommandEnv, arg, build->def->qemu_args)
    g_ptr_array_add(build->argv, g_strdup(arg->value ? arg->value : ""));
    return TRUE;
}

/* what an emulator is to do with what its next version will not know; Source: libvirt's words for QEMU's -compat */
static gboolean
build_deprecation(QemuBuild *build, GError **error)
{
    static const struct {
        const char *word, *options;
    } rows[] = {
        {"allow", NULL},
        {"none", NULL},
        {"omit", "deprecated-output=hide"},
        {"reject", "deprecated-input=reject,deprecated-output=hide"},
        {"crash", "deprecated-input=crash,deprecated-output=hide"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        if (g_strcmp0(build->def->qemu_deprecation, rows[i].word) == 0 && rows[i].options)
            qemu_build_option(build, "-compat", rows[i].options);
    return TRUE;
}

static gboolean
build_sandbox(QemuBuild *build, GError **error)
{
    if (build->options->has_sandbox && qemu_caps_has_option(build->caps, "sandbox", NULL))
        qemu_build_option(
            build, "-sandbox",
            "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    return TRUE;
}

static gboolean
build_tail(QemuBuild *build, GError **error)
{
    qemu_build_option(build, "-msg", "timestamp=on");
    return TRUE;
}

/* ---- order ---- */

/* The order is libvirt's: devices without an address get theirs from QEMU by order of appearance. */
static gboolean (*const parts[])(QemuBuild *build, GError **error) = {
    qemu_build_refused,
    build_name,
    build_deprecation,
    build_master_key,
    qemu_build_firmware_nodes,
    qemu_build_machine,
    qemu_build_cpu,
    qemu_build_loader,
    qemu_build_memory,
    qemu_build_smp,
    qemu_build_throttle_groups,
    qemu_build_numa,
    build_uuid,
    qemu_build_sysinfo,
    build_genid,
    build_monitor,
    qemu_build_clock,
    qemu_build_power,
    qemu_build_boot,
    qemu_build_iommu,
    qemu_build_controllers,
    qemu_build_memory_devices,
    qemu_build_hubs,
    qemu_build_disks,
    qemu_build_filesystems,
    qemu_build_nets,
    qemu_build_smartcards,
    qemu_build_serials,
    qemu_build_parallels,
    qemu_build_channels,
    qemu_build_consoles,
    qemu_build_tpms,
    qemu_build_inputs,
    qemu_build_audios,
    qemu_build_graphics,
    qemu_build_videos,
    qemu_build_sounds,
    qemu_build_watchdogs,
    qemu_build_redirdevs,
    qemu_build_hostdevs,
    build_incoming,
    qemu_build_memballoon,
    qemu_build_rngs,
    build_vmcoreinfo,
    build_passthrough,
    build_sandbox,
    qemu_build_panics,
    qemu_build_shmems,
    qemu_build_vsock,
    qemu_build_cryptos,
    qemu_build_pstore,
    build_tail,
};

/* Without <boot order=> on devices, <os><boot dev=> names kinds of devices: the first of each kind gets the index. */
static const VbDomainDeviceInfo *
find_boot_device(const VbDomainDef *def, int boot)
{
    static const int disk_devices[VB_DOMAIN_BOOT_LAST] = {
        [VB_DOMAIN_BOOT_FLOPPY] = VB_DOMAIN_DISK_DEVICE_FLOPPY,
        [VB_DOMAIN_BOOT_CDROM] = VB_DOMAIN_DISK_DEVICE_CDROM,
        [VB_DOMAIN_BOOT_DISK] = VB_DOMAIN_DISK_DEVICE_DISK,
    };

    if (boot == VB_DOMAIN_BOOT_NET) {
        VB_DOMAIN_EACH(VbDomainNet, net, def->nets)
        return &net->info;
        return NULL;
    }
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        int device =
            disk->device == VB_DOMAIN_DISK_DEVICE_LUN ? VB_DOMAIN_DISK_DEVICE_DISK : disk->device;

        if (device == disk_devices[boot])
            return &disk->info;
    }
    return NULL;
}

static void
add_boot_index(QemuBuild *build, const VbDomainDeviceInfo *info, guint index)
{
    if (info && index)
        g_hash_table_insert(build->boot_index, (gpointer)info, GUINT_TO_POINTER(index));
}

static void
collect_boot_indices(QemuBuild *build)
{
    const VbDomainDef *def = build->def;
    guint index = 1;

    if (VB_DOMAIN_COUNT(def->os.boot) > 0) {
        VB_DOMAIN_EACH(VbDomainBoot, boot, def->os.boot)
        add_boot_index(build, find_boot_device(def, boot->dev), index++);
        return;
    }
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    add_boot_index(build, &disk->info, disk->info.boot_order);
    VB_DOMAIN_EACH(VbDomainNet, net, def->nets)
    add_boot_index(build, &net->info, net->info.boot_order);
    VB_DOMAIN_EACH(VbDomainHostdev, hostdev, def->hostdevs)
    add_boot_index(build, &hostdev->info, hostdev->info.boot_order);
    VB_DOMAIN_EACH(VbDomainFilesystem, fs, def->filesystems)
    add_boot_index(build, &fs->info, fs->info.boot_order);
    VB_DOMAIN_EACH(VbDomainRedirdev, redirdev, def->redirdevs)
    add_boot_index(build, &redirdev->info, redirdev->info.boot_order);
}

static GPtrArray *
make_environment(const VbDomainDef *def, const QemuCommandOptions *options)
{
    const char *path = g_getenv("PATH");
    GPtrArray *env = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(env, g_strdup("LC_ALL=C"));
    g_ptr_array_add(env, g_strdup_printf("PATH=%s", path ? path : "/usr/sbin:/usr/bin:/sbin:/bin"));
    g_ptr_array_add(env, g_strdup_printf("HOME=%s", options->domain_dir));
    g_ptr_array_add(env, g_strdup_printf("XDG_DATA_HOME=%s/.local/share", options->domain_dir));
    g_ptr_array_add(env, g_strdup_printf("XDG_CACHE_HOME=%s/.cache", options->domain_dir));
    g_ptr_array_add(env, g_strdup_printf("XDG_CONFIG_HOME=%s/.config", options->domain_dir));
    VB_DOMAIN_EACH(VbDomainAudio, audio, def->audios)
    if (audio->type == VB_DOMAIN_AUDIO_SDL && audio->driver) /* SDL asks for it there alone */
        g_ptr_array_add(env, g_strdup_printf("SDL_AUDIODRIVER=%s", audio->driver));
    VB_DOMAIN_EACH(VbDomainCommandEnv, variable, def->qemu_env)
    g_ptr_array_add(env, g_strdup_printf("%s=%s", variable->name,
                                         variable->value ? variable->value : ""));
    return env;
}

/**
 * qemu_command_build:
 * @def: a guest with defaults, addresses and aliases (vb_domain_prepare(), vb_domain_assign_aliases())
 * @caps: what its emulator can do
 * @options: what the caller has set up for this start
 *
 * Builds the emulator's arguments and environment. Touches neither files nor processes.
 *
 * Returns: (transfer full): the command, or NULL with @error set
 * Errors: CONFIG_UNSUPPORTED the emulator lacks what the definition asks for
 * Source: the effect of libvirt 9.0's command line for QEMU 7.2, part by part
 */
QemuCommand *
qemu_command_build(const VbDomainDef *def, const QemuCaps *caps, const QemuCommandOptions *options,
                   GError **error)
{
    g_autoptr(QemuCommand) command = g_new0(QemuCommand, 1);
    g_autoptr(GHashTable) boot_index = g_hash_table_new(NULL, NULL);
    QemuBuild build = {.def = def, .caps = caps, .options = options, .boot_index = boot_index};

    command->argv = build.argv = g_ptr_array_new_with_free_func(g_free);
    command->env = make_environment(def, options);
    build.machine = qemu_caps_find_machine(caps, def->os.machine);
    g_ptr_array_add(build.argv, g_strdup(def->emulator ? def->emulator : qemu_caps_get_path(caps)));
    collect_boot_indices(&build);
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
        if (!parts[i](&build, error))
            return NULL;
    if (!qemu_build_override(&build, error))
        return NULL;
    g_ptr_array_add(command->argv, NULL);
    g_ptr_array_add(command->env, NULL);
    return g_steal_pointer(&command);
}

/* ---- text ---- */

static void
append_quoted(GString *text, const char *word)
{
    if (*word && !strpbrk(word, "\r\t\n !\"#$&'()*;<>?[\\]^`{|}~")) {
        g_string_append(text, word);
        return;
    }
    g_string_append_c(text, '\'');
    for (const char *at = word; *at; at++) {
        if (*at == '\'')
            g_string_append(text, "'\\''");
        else
            g_string_append_c(text, *at);
    }
    g_string_append_c(text, '\'');
}

static char *
command_to_text(const QemuCommand *command, const char *separator)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i + 1 < command->env->len; i++) {
        const char *variable = command->env->pdata[i];
        const char *value = strchr(variable, '=') + 1;

        g_string_append_len(text, variable, value - variable);
        append_quoted(text, value);
        g_string_append(text, separator);
    }
    for (guint i = 0; i + 1 < command->argv->len; i++) {
        const char *word = command->argv->pdata[i];

        if (i > 0)
            g_string_append(text, word[0] == '-' ? separator : " ");
        append_quoted(text, word);
    }
    return g_string_free(text, FALSE);
}

/**
 * qemu_command_to_shell:
 * @command: a built command
 *
 * Returns: (transfer full): environment and arguments in one line, quoted for a shell, as domxml-to-native prints them
 */
char *
qemu_command_to_shell(const QemuCommand *command)
{
    return command_to_text(command, " ");
}

/**
 * qemu_command_to_log:
 * @command: a built command
 *
 * Returns: (transfer full): the same with one variable or option per line, as the guest's log file has it
 */
char *
qemu_command_to_log(const QemuCommand *command)
{
    return command_to_text(command, " \\\n");
}
