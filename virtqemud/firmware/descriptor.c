/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads firmware descriptors. Source: QEMU's docs/interop/firmware.json. Foreign files, but of the host's own. */
#include "firmware/descriptor.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "store/store.h"

#define MAX_DESCRIPTOR (1024 * 1024)

static void
target_free(gpointer data)
{
    QemuFirmwareTarget *target = data;

    g_free(target->arch);
    g_ptr_array_unref(target->machines);
    g_free(target);
}

void
qemu_firmware_free(QemuFirmware *firmware)
{
    if (!firmware)
        return;
    g_free(firmware->image);
    g_free(firmware->format);
    g_free(firmware->template_path);
    g_free(firmware->template_format);
    g_ptr_array_unref(firmware->targets);
    g_free(firmware);
}

/* the number of @word in @words; -1: it is none of them */
static int
find_word(const char *const *words, const char *word)
{
    for (int i = 0; words[i] && word; i++)
        if (g_str_equal(words[i], word))
            return i;
    return -1;
}

static gboolean
refuse(GError **error, const char *what, const char *value)
{
    return vb_error_set(error, VIR_ERR_CONF_SYNTAX, "unknown %s: '%s'", what, value ? value : "");
}

static gboolean
read_interfaces(QemuFirmware *firmware, const VbJson *list, GError **error)
{
    static const char *const words[] = {"bios", "uefi", "openfirmware", "uboot", NULL};

    for (const VbJson *it = vb_json_first(list); it; it = vb_json_next(it)) {
        int word = find_word(words, vb_json_as_string(it));

        if (word < 0)
            return refuse(error, "interface type", vb_json_as_string(it));
        firmware->has_bios |= word == 0;
        firmware->has_efi |= word == 1;
    }
    return TRUE;
}

static gboolean
read_flash(QemuFirmware *firmware, const VbJson *mapping, GError **error)
{
    static const char *const modes[] = {"split", "combined", "stateless", NULL};
    const char *mode = vb_json_get_string(mapping, "mode");
    const VbJson *executable = vb_json_get(mapping, "executable");
    const VbJson *variables = vb_json_get(mapping, "nvram-template");

    firmware->mode = mode ? find_word(modes, mode) : QEMU_FIRMWARE_SPLIT;
    if (firmware->mode < 0)
        return refuse(error, "flash mode", mode);
    firmware->image = g_strdup(vb_json_get_string(executable, "filename"));
    firmware->format = g_strdup(vb_json_get_string(executable, "format"));
    firmware->template_path = g_strdup(vb_json_get_string(variables, "filename"));
    firmware->template_format = g_strdup(vb_json_get_string(variables, "format"));
    if (!firmware->image || !firmware->format)
        return vb_error_set(error, VIR_ERR_CONF_SYNTAX, "missing 'filename' or 'format' of image");
    if (firmware->mode == QEMU_FIRMWARE_SPLIT &&
        (!firmware->template_path || !firmware->template_format))
        return vb_error_set(error, VIR_ERR_CONF_SYNTAX,
                            "missing 'filename' or 'format' of 'nvram-template'");
    return TRUE;
}

static gboolean
read_mapping(QemuFirmware *firmware, const VbJson *mapping, GError **error)
{
    static const char *const devices[] = {"flash", "memory", "kernel", NULL};
    const char *device = vb_json_get_string(mapping, "device");

    firmware->device = find_word(devices, device);
    if (firmware->device < 0)
        return refuse(error, "device type", device);
    if (firmware->device == QEMU_FIRMWARE_FLASH)
        return read_flash(firmware, mapping, error);
    firmware->image = g_strdup(vb_json_get_string(mapping, "filename"));
    return firmware->image ||
           vb_error_set(error, VIR_ERR_CONF_SYNTAX, "missing 'filename' of image");
}

static gboolean
read_targets(QemuFirmware *firmware, const VbJson *list, GError **error)
{
    for (const VbJson *it = vb_json_first(list); it; it = vb_json_next(it)) {
        const char *arch = vb_json_get_string(it, "architecture");
        QemuFirmwareTarget *target;

        if (!arch)
            return vb_error_set(error, VIR_ERR_CONF_SYNTAX, "missing 'architecture'");
        target = g_new0(QemuFirmwareTarget, 1);
        /* Source: QEMU's name for 32-bit x86, and libvirt's */
        target->arch = g_strdup(g_str_equal(arch, "i386") ? "i686" : arch);
        target->machines = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(firmware->targets, target);
        for (const VbJson *machine = vb_json_first(vb_json_get(it, "machines")); machine;
             machine = vb_json_next(machine))
            if (vb_json_as_string(machine))
                g_ptr_array_add(target->machines, g_strdup(vb_json_as_string(machine)));
    }
    return TRUE;
}

static void
read_features(QemuFirmware *firmware, const VbJson *list)
{
    static const char *const words[] = {"acpi-s3",       "acpi-s4",
                                        "amd-sev",       "amd-sev-es",
                                        "enrolled-keys", "requires-smm",
                                        "secure-boot",   NULL};

    for (const VbJson *it = vb_json_first(list); it; it = vb_json_next(it)) {
        int word = find_word(words, vb_json_as_string(it));

        if (word >= 0)
            firmware->features |= 1u << word;
    }
}

QemuFirmware *
qemu_firmware_parse(const char *text, gssize length, GError **error)
{
    g_autoptr(VbJson) root = vb_json_parse(text, length, error);
    g_autoptr(QemuFirmware) firmware = NULL;

    if (!root)
        return NULL;
    firmware = g_new0(QemuFirmware, 1);
    firmware->targets = g_ptr_array_new_with_free_func(target_free);
    if (!read_interfaces(firmware, vb_json_get(root, "interface-types"), error) ||
        !read_mapping(firmware, vb_json_get(root, "mapping"), error) ||
        !read_targets(firmware, vb_json_get(root, "targets"), error))
        return NULL;
    read_features(firmware, vb_json_get(root, "features"));
    return g_steal_pointer(&firmware);
}

GPtrArray *
qemu_firmware_read_all(const QemuInteropPlace *place)
{
    g_autoptr(GPtrArray) paths = qemu_interop_list(place, "firmware");
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)qemu_firmware_free);

    for (guint i = 0; i < paths->len; i++) {
        const char *path = paths->pdata[i];
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;
        gsize length = 0;
        QemuFirmware *firmware = NULL;

        if (vb_store_read(path, MAX_DESCRIPTOR, &text, &length, &error))
            firmware = qemu_firmware_parse(text, (gssize)length, &error);
        if (firmware)
            g_ptr_array_add(all, firmware);
        else
            vb_log_warning(NULL, "ignoring firmware descriptor '%s': %s", path, error->message);
    }
    return all;
}
