/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Golden command lines: each samples/NAME.xml gives samples/NAME.args (one argument per line); what is in samples/shown/ needs
 * servers and devices that no test has, and is not started anywhere. The capabilities are those
 * of QEMU 7.2 in qemu-7.2.json; the lines were compared with what libvirt 9.0 makes of the same definitions.
 * VIRTBUS_TEST_UPDATE=1 writes the .args files anew: read the difference before committing it. */
#include "caps/caps-private.h"
#include "command/command.h"
#include "domain/tests/hints.h"
#include <string.h>

static const char *folder;

static QemuCaps *
load_caps(void)
{
    g_autofree char *path = g_build_filename(folder, "qemu-7.2.json", NULL);
    g_autofree char *text = NULL;
    gsize length;
    QemuCaps *caps;

    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    caps = qemu_caps_from_json(text, length, "/usr/bin/qemu-system-x86_64", "test");
    g_assert_nonnull(caps);
    return caps;
}

static VbDomainDef *
load_def(const char *text)
{
    GError *error = NULL;
    VbDomainDef *def =
        vb_domain_prepare(text, VB_DOMAIN_PARSE_INACTIVE, vb_domain_test_hints(), &error);

    g_assert_no_error(error);
    vb_domain_assign_aliases(def);
    qemu_command_number_images(def);
    return def;
}

static char *
find_secret(const QemuSecret *secret, gpointer data, GError **error)
{
    return g_build_filename("/lib/domain-1", secret->id, NULL);
}

static char *
find_scsi(const VbDomainHostdev *hostdev, gpointer data)
{
    return g_strdup("/dev/sg0");
}

static const QemuCommandOptions test_options = {.domain_dir = "/lib/domain-1",
                                                .channel_dir = "/run/channel-1",
                                                .monitor_fd = 10,
                                                .has_master_key = TRUE,
                                                .has_sandbox = TRUE,
                                                .find_secret = find_secret,
                                                .find_scsi = find_scsi};

static char *
build_text(const char *xml)
{
    g_autoptr(QemuCaps) caps = load_caps();
    g_autoptr(VbDomainDef) def = load_def(xml);
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuCommand) command = qemu_command_build(def, caps, &test_options, &error);
    g_autofree char *joined = NULL;

    g_assert_no_error(error);
    joined = g_strjoinv("\n", (char **)command->argv->pdata);
    return g_strconcat(joined, "\n", NULL);
}

static void
test_sample(gconstpointer data)
{
    const char *name = data; /* "samples/disks" */
    g_autofree char *xml_path = g_strdup_printf("%s/%s.xml", folder, name);
    g_autofree char *args_path = g_strdup_printf("%s/%s.args", folder, name);
    g_autofree char *xml = NULL;
    g_autofree char *wanted = NULL;
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(xml_path, &xml, NULL, NULL));
    text = build_text(xml);
    if (g_getenv("VIRTBUS_TEST_UPDATE"))
        g_assert_true(g_file_set_contents(args_path, text, -1, NULL));
    g_assert_true(g_file_get_contents(args_path, &wanted, NULL, NULL));
    g_assert_cmpstr(text, ==, wanted);
}

/* ---- refusals ---- */

#define HEAD                                                                                       \
    "<domain type='%s'><name>x</name><memory>65536</memory><vcpu>1</vcpu>"                         \
    "<os%s><type arch='x86_64' "                                                                   \
    "machine='%s'>hvm</type></os><features><acpi/></features>%s<devices>%s</devices>"              \
    "</domain>"

typedef struct {
    const char *type, *os, *machine, *cpu, *devices, *message;
} Refusal;

static const Refusal refusals[] = {
    {"kvm", "", "q35", "", "", "does not support virt type 'kvm'"},
    {"qemu", "", "pc-i440fx-3.1", "", "", "does not support machine type 'pc-i440fx-3.1'"},
    {"qemu", "", "q35", "<cpu mode='custom' match='exact'><model>Quantum</model></cpu>", "",
     "CPU model 'Quantum' is not supported by hypervisor"},
    {"qemu", " firmware='efi'", "q35", "", "", "Unable to find any firmware to satisfy 'efi'"},
    {"qemu", "", "q35", "",
     "<disk type='file' device='disk'><source file='/a'/><target dev='vda' "
     "bus='virtio'/><transient/></disk>",
     "transient disk 'vda' cannot be plugged into a running guest"},
    {"qemu", "", "q35",
     "<iothreads>1</iothreads><cpu><topology sockets='1' clusters='1' cores='1' "
     "threads='1'/></cpu>",
     "<disk type='file'><driver><iothreads><iothread id='1'/></iothreads></driver><source "
     "file='/a'/><target dev='vda' bus='virtio'/></disk>",
     "IOThread mapping for disk 'vda' is not available with this QEMU binary"},
    {"qemu", "", "q35", "", "<crypto model='virtio' type='qemu'><backend model='lkcf'/></crypto>",
     "this QEMU does not support the 'lkcf' crypto backend"},
};

static void
test_refusals(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
        const Refusal *refusal = &refusals[i];
        g_autofree char *xml = g_strdup_printf(HEAD, refusal->type, refusal->os, refusal->machine,
                                               refusal->cpu, refusal->devices);
        g_autoptr(QemuCaps) caps = load_caps();
        g_autoptr(VbDomainDef) def = load_def(xml);
        g_autoptr(GError) error = NULL;
        g_autoptr(QemuCommand) command = qemu_command_build(def, caps, &test_options, &error);

        g_assert_null(command);
        g_assert_nonnull(error);
        if (!strstr(error->message, refusal->message))
            g_error("wanted \"%s\", got \"%s\"", refusal->message, error->message);
    }
}

/* a shell that reads the text back sees the same words */
static void
test_shell(void)
{
    QemuCommand *command = g_new0(QemuCommand, 1);
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;

    command->argv = g_ptr_array_new_with_free_func(g_free);
    command->env = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(command->env, g_strdup("PATH=/bin:/usr/bin"));
    g_ptr_array_add(command->env, NULL);
    g_ptr_array_add(command->argv, g_strdup("/bin/qemu"));
    g_ptr_array_add(command->argv, g_strdup("-name"));
    g_ptr_array_add(command->argv, g_strdup("it's $HOME {\"a\":1}"));
    g_ptr_array_add(command->argv, g_strdup(""));
    g_ptr_array_add(command->argv, NULL);
    text = qemu_command_to_shell(command);
    g_assert_true(g_shell_parse_argv(text, NULL, &words, NULL));
    g_assert_cmpuint(g_strv_length(words), ==, 5);
    g_assert_cmpstr(words[0], ==, "PATH=/bin:/usr/bin");
    g_assert_cmpstr(words[3], ==, "it's $HOME {\"a\":1}");
    g_assert_cmpstr(words[4], ==, "");
    qemu_command_free(command);
}

/* numbers are given once: a guest that is found again keeps its node names */
static void
test_numbers(void)
{
    g_autofree char *path = g_build_filename(folder, "samples", "disks.xml", NULL);
    g_autofree char *xml = NULL;
    g_autoptr(VbDomainDef) def = NULL;
    g_autofree char *node = NULL;
    VbDomainDisk *disk;

    g_assert_true(g_file_get_contents(path, &xml, NULL, NULL));
    def = load_def(xml);
    disk = def->disks->pdata[0];
    node = qemu_command_image_node(&disk->source);
    g_assert_cmpstr(node, ==, "libvirt-6-format");
    disk->source.index = 9;
    qemu_command_number_images(def);
    g_assert_cmpuint(disk->source.index, ==, 9);
    g_assert_cmpuint(((VbDomainDisk *)def->disks->pdata[5])->source.index, ==, 1);
}

int
main(int argc, char **argv)
{
    static const char *const samples[] = {
        "samples/pc-minimal",     "samples/pc-old",
        "samples/q35-desktop",    "samples/disks",
        "samples/numa",           "samples/direct-kernel",
        "samples/smbios",         "samples/usb2-companions",
        "samples/memory-modules", "samples/shown/network-disks",
        "samples/shown/hostdevs", "samples/shown/external",
        "samples/shown/numa-old", "samples/newer",
        "samples/shown/newer",
    };

    g_test_init(&argc, &argv, NULL);
    folder = g_getenv("COMMAND_TEST_FOLDER");
    g_assert_nonnull(folder);
    for (guint i = 0; i < G_N_ELEMENTS(samples); i++) {
        g_autofree char *path = g_strdup_printf("/command/%s", samples[i]);

        g_test_add_data_func(path, samples[i], test_sample);
    }
    g_test_add_func("/command/refusals", test_refusals);
    g_test_add_func("/command/shell", test_shell);
    g_test_add_func("/command/numbers", test_numbers);
    return g_test_run();
}
