/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hot-plugging speaks the command line's language: the options of one device are built as at a start, and each becomes
 * the monitor command that does the same in a running emulator. */
#include "command/plug.h"
#include "command/build.h"
#include <string.h>

typedef gboolean (*ClassBuilder)(QemuBuild *build, GError **error);

static const ClassBuilder builders[VB_DOMAIN_CLASS_LAST] = {
    [VB_DOMAIN_CLASS_DISK] = qemu_build_disks,
    [VB_DOMAIN_CLASS_CONTROLLER] = qemu_build_controllers,
    [VB_DOMAIN_CLASS_NET] = qemu_build_nets,
    [VB_DOMAIN_CLASS_SERIAL] = qemu_build_serials,
    [VB_DOMAIN_CLASS_CHANNEL] = qemu_build_channels,
    [VB_DOMAIN_CLASS_INPUT] = qemu_build_inputs,
    [VB_DOMAIN_CLASS_WATCHDOG] = qemu_build_watchdogs,
    [VB_DOMAIN_CLASS_RNG] = qemu_build_rngs,
    [VB_DOMAIN_CLASS_REDIRDEV] = qemu_build_redirdevs,
    [VB_DOMAIN_CLASS_HOSTDEV] = qemu_build_hostdevs,
    [VB_DOMAIN_CLASS_VSOCK] = qemu_build_vsock,
    [VB_DOMAIN_CLASS_SHMEM] = qemu_build_shmems,
    [VB_DOMAIN_CLASS_MEMORY] = qemu_build_memory_devices,
};

gboolean
qemu_command_can_plug(int class)
{
    return builders[class] != NULL;
}

static void
step_free(gpointer data)
{
    QemuPlugStep *step = data;

    g_free(step->command);
    g_free(step->arguments);
    g_free(step->undo);
    g_free(step->undo_arguments);
    g_free(step);
}

GPtrArray *
qemu_command_plug_steps_new(void)
{
    return g_ptr_array_new_with_free_func(step_free);
}

/* @def with no other device of the class than @device; controllers stay, others sit on them */
static void
narrow(VbDomainDef *def, const VbDomainDevice *device, GPtrArray *alone)
{
    GPtrArray **lists[VB_DOMAIN_CLASS_LAST] = {
        [VB_DOMAIN_CLASS_DISK] = &def->disks,       [VB_DOMAIN_CLASS_NET] = &def->nets,
        [VB_DOMAIN_CLASS_SERIAL] = &def->serials,   [VB_DOMAIN_CLASS_CHANNEL] = &def->channels,
        [VB_DOMAIN_CLASS_INPUT] = &def->inputs,     [VB_DOMAIN_CLASS_WATCHDOG] = &def->watchdogs,
        [VB_DOMAIN_CLASS_RNG] = &def->rngs,         [VB_DOMAIN_CLASS_REDIRDEV] = &def->redirdevs,
        [VB_DOMAIN_CLASS_HOSTDEV] = &def->hostdevs, [VB_DOMAIN_CLASS_SHMEM] = &def->shmems,
        [VB_DOMAIN_CLASS_MEMORY] = &def->memories,
    };

    g_ptr_array_add(alone, device->device);
    if (lists[device->class])
        *lists[device->class] = alone;
    /* <boot dev=> speaks of devices that were there at the start */
    def->os.boot = NULL;
}

/* ---- character devices: the command line's words in QMP's structure ---- */

static char *
option_value(const char *text, const char *key)
{
    g_autofree char *mark = g_strdup_printf(",%s=", key);
    const char *at = strstr(text, mark);
    GString *value;

    if (!at)
        return NULL;
    value = g_string_new(NULL);
    for (at += strlen(mark); *at && (at[0] != ',' || at[1] == ','); at++) {
        if (*at == ',')
            at++;
        g_string_append_c(value, *at);
    }
    return g_string_free(value, FALSE);
}

static void
add_socket(VbJsonWriter *json, const char *text)
{
    g_autofree char *path = option_value(text, "path");
    g_autofree char *fd = option_value(text, "fd");
    g_autofree char *host = option_value(text, "host");
    g_autofree char *port = option_value(text, "port");
    g_autofree char *server = option_value(text, "server");

    vb_json_begin_object(json, "addr");
    vb_json_add_string(json, "type", fd ? "fd" : host ? "inet" : "unix");
    vb_json_begin_object(json, "data");
    vb_json_add_string(json, "str", fd);
    vb_json_add_string(json, "path", path);
    vb_json_add_string(json, "host", host);
    vb_json_add_string(json, "port", port);
    vb_json_end(json);
    vb_json_end(json);
    vb_json_add_bool(json, "server", server != NULL);
    if (server)
        vb_json_add_bool(json, "wait", FALSE);
    if (strstr(text, ",telnet=on"))
        vb_json_add_bool(json, "telnet", TRUE);
}

static void
add_file(VbJsonWriter *json, const char *text)
{
    g_autofree char *path = option_value(text, "path");
    g_autofree char *append = option_value(text, "append");

    vb_json_add_string(json, "out", path);
    if (append)
        vb_json_add_bool(json, "append", strcmp(append, "on") == 0);
}

static void
add_device(VbJsonWriter *json, const char *text)
{
    g_autofree char *path = option_value(text, "path");

    vb_json_add_string(json, "device", path);
}

static void
add_spicevmc(VbJsonWriter *json, const char *text)
{
    g_autofree char *name = option_value(text, "name");

    vb_json_add_string(json, "type", name);
}

static const struct {
    const char *word; /* of -chardev; also chardev-add's type */
    void (*add)(VbJsonWriter *json, const char *text);
} backends[] = {
    {"null", NULL},         {"vc", NULL},
    {"pty", NULL},          {"file", add_file},
    {"pipe", add_device},   {"serial", add_device},
    {"socket", add_socket}, {"spicevmc", add_spicevmc},
};

/* "pty,id=charserial0" -> {"id": "charserial0", "backend": {"type": "pty", "data": {}}} */
static char *
chardev_arguments(const char *text, GError **error)
{
    g_autofree char *word = g_strndup(text, strcspn(text, ","));
    g_autofree char *id = option_value(text, "id");
    g_autofree char *log = option_value(text, "logfile");
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();

    for (guint i = 0; i < G_N_ELEMENTS(backends); i++) {
        if (strcmp(backends[i].word, word) != 0)
            continue;
        vb_json_begin_object(json, NULL);
        vb_json_add_string(json, "id", id);
        vb_json_begin_object(json, "backend");
        vb_json_add_string(json, "type", word);
        vb_json_begin_object(json, "data");
        if (backends[i].add)
            backends[i].add(json, text);
        vb_json_add_string(json, "logfile", log);
        vb_json_end(json);
        vb_json_end(json);
        vb_json_end(json);
        return vb_json_writer_finish(json);
    }
    vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED, "unsupported chardev '%s'", word);
    return NULL;
}

/* ---- options to steps ---- */

static const struct {
    const char *option, *command, *undo;
    const char *key;      /* what names the thing, when added ... */
    const char *undo_key; /* ... and when taken away */
} rows[] = {
    {"-blockdev", "blockdev-add", "blockdev-del", "node-name", "node-name"},
    {"-netdev", "netdev_add", "netdev_del", "id", "id"},
    {"-object", "object-add", "object-del", "id", "id"},
    {"-chardev", "chardev-add", "chardev-remove", "id", "id"},
    {"-device", "device_add", "device_del", "id", "id"},
};

static gboolean
add_step(GPtrArray *steps, const char *option, const char *value, const char *only_id,
         GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *arguments = NULL;
        g_autoptr(VbJson) json = NULL;
        g_autofree char *member = NULL;
        const char *name;
        QemuPlugStep *step;

        if (strcmp(rows[i].option, option) != 0)
            continue;
        arguments = *value == '{' ? g_strdup(value) : chardev_arguments(value, error);
        json = arguments ? vb_json_parse(arguments, -1, error) : NULL;
        if (!json)
            return FALSE;
        name = vb_json_get_string(json, rows[i].key);
        if (only_id && g_strcmp0(name, only_id) != 0)
            return TRUE;
        member = g_strdup_printf("s:%s", rows[i].undo_key);
        step = g_new0(QemuPlugStep, 1);
        step->command = g_strdup(rows[i].command);
        step->arguments = g_steal_pointer(&arguments);
        step->undo = g_strdup(rows[i].undo);
        step->undo_arguments = vb_json_object(member, name, NULL);
        g_ptr_array_add(steps, step);
        return TRUE;
    }
    return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                        "option '%s' cannot be given to a running guest", option);
}

/* before the device, which may act as soon as it is there */
static void
add_watchdog_action(GPtrArray *steps, const char *action)
{
    QemuPlugStep *step = g_new0(QemuPlugStep, 1);

    step->command = g_strdup("watchdog-set-action");
    step->arguments = vb_json_object("s:action", action, NULL);
    g_ptr_array_insert(steps, 0, step);
}

static GPtrArray *
to_steps(const GPtrArray *argv, const char *only_id, GError **error)
{
    g_autoptr(GPtrArray) steps = qemu_command_plug_steps_new();

    for (guint i = 0; i + 1 < argv->len; i += 2) {
        if (strcmp(argv->pdata[i], "-watchdog-action") == 0)
            add_watchdog_action(steps, argv->pdata[i + 1]);
        else if (!add_step(steps, argv->pdata[i], argv->pdata[i + 1], only_id, error))
            return NULL;
    }
    return g_steal_pointer(&steps);
}

/**
 * qemu_command_plug_device:
 * @def: a guest that has @device, with alias and address
 * @caps: what its emulator can do
 * @options: as for a command line
 * @device: what is added, or taken away
 *
 * Returns: (transfer full): of QemuPlugStep; NULL with @error set
 * Errors: CONFIG_UNSUPPORTED, OPERATION_UNSUPPORTED what the emulator cannot do
 */
GPtrArray *
qemu_command_plug_device(const VbDomainDef *def, const QemuCaps *caps,
                         const QemuCommandOptions *options, const VbDomainDevice *device,
                         GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) alone = g_ptr_array_new();
    g_autoptr(GHashTable) boot_index = g_hash_table_new(NULL, NULL);
    VbDomainDef narrowed = *def;
    QemuBuild build = {.def = &narrowed,
                       .caps = caps,
                       .options = options,
                       .machine = qemu_caps_find_machine(caps, def->os.machine),
                       .argv = argv,
                       .boot_index = boot_index};

    narrow(&narrowed, device, alone);
    if (device->info->boot_order)
        g_hash_table_insert(boot_index, device->info, GUINT_TO_POINTER(device->info->boot_order));
    if (!builders[device->class](&build, error))
        return NULL;
    return to_steps(argv, device->class == VB_DOMAIN_CLASS_CONTROLLER ? device->info->alias : NULL,
                    error);
}

/**
 * qemu_command_plug_medium:
 * @def: the guest
 * @caps: what its emulator can do
 * @options: as for a command line
 * @disk: a drive with a numbered image
 *
 * Returns: (transfer full): of QemuPlugStep: the nodes of the image; NULL with @error set
 */
GPtrArray *
qemu_command_plug_medium(const VbDomainDef *def, const QemuCaps *caps,
                         const QemuCommandOptions *options, const VbDomainDisk *disk,
                         GError **error)
{
    const VbDomainDevice device = {VB_DOMAIN_CLASS_DISK, 0, (gpointer)disk,
                                   (VbDomainDeviceInfo *)&disk->info};
    g_autoptr(GPtrArray) steps = qemu_command_plug_device(def, caps, options, &device, error);

    if (steps && steps->len > 0) /* the drive itself is there */
        g_ptr_array_set_size(steps, (int)steps->len - 1);
    return g_steal_pointer(&steps);
}
