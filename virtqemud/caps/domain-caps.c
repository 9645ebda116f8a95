/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <domainCapabilities> document: what a guest can have with one emulator, machine and accelerator. Says only what
 * this daemon can also put on a command line. */
#include "caps/caps-private.h"
#include "caps/text.h"
#include "domain/domain.h"
#include "firmware/firmware.h"
#include <string.h>

/* a value that the emulator has if it has the type; type NULL: always */
typedef struct {
    const char *value, *type;
} Choice;

static void
write_choices(GString *text, const QemuDomainCapsInput *input, const char *name,
              const Choice *choices)
{
    const char *values[32];
    guint n = 0;

    for (; choices->value && n + 1 < G_N_ELEMENTS(values); choices++)
        if (!choices->type || qemu_caps_has_device(input->caps, choices->type))
            values[n++] = choices->value;
    values[n] = NULL;
    qemu_text_enum(text, 3, name, values);
}

static gboolean
is_q35(const QemuDomainCapsInput *input)
{
    return strstr(input->machine->name, "q35") != NULL;
}

/* ---- firmware ---- */

static void
write_loader(GString *text, const QemuFirmwareSummary *summary)
{
    static const char *const types[] = {"rom", "pflash", NULL};
    static const char *const yes_no[] = {"yes", "no", NULL};
    static const char *const no[] = {"no", NULL};

    qemu_text_line(text, 2, "<loader supported='yes'>");
    for (guint i = 0; i < summary->images->len; i++) {
        const char *image = summary->images->pdata[i];

        if (g_file_test(image, G_FILE_TEST_EXISTS))
            qemu_text_line(text, 3, "<value>%s</value>", image);
    }
    qemu_text_enum(text, 3, "type", types);
    qemu_text_enum(text, 3, "readonly", yes_no);
    qemu_text_enum(text, 3, "secure", summary->has_secure ? yes_no : no);
    qemu_text_line(text, 2, "</loader>");
}

static void
write_os(GString *text, const QemuDomainCapsInput *input)
{
    g_autoptr(GPtrArray) all = qemu_firmware_read_all(&input->place);
    const QemuFirmwareSummary summary =
        qemu_firmware_summarize(all, qemu_caps_get_arch(input->caps), input->machine->name);
    g_autoptr(GPtrArray) images = summary.images;
    const char *values[3] = {NULL};
    guint n = 0;

    if (summary.has_bios)
        values[n++] = "bios";
    if (summary.has_efi)
        values[n++] = "efi";
    qemu_text_line(text, 1, "<os supported='yes'>");
    qemu_text_enum(text, 2, "firmware", values);
    write_loader(text, &summary);
    qemu_text_line(text, 1, "</os>");
}

/* ---- CPU ---- */

static const char *
model_vendor(const char *name)
{
    const VbCpuModel *model = vb_cpu_model_find(name);

    return model && model->vendor ? model->vendor : "unknown";
}

static void
write_models(GString *text, const QemuDomainCapsInput *input)
{
    const GPtrArray *models = qemu_caps_get_cpu_models(input->caps, input->accel);

    qemu_text_line(text, 2, "<mode name='custom' supported='yes'>");
    for (guint i = 0; models && i < models->len; i++) {
        const QemuCpuModel *model = models->pdata[i];
        const char *vendor = model_vendor(model->name);

        if (!qemu_cpu_model_is_listed(model->name))
            continue;
        if (model->is_deprecated)
            qemu_text_line(text, 3, "<model usable='%s' deprecated='yes' vendor='%s'>%s</model>",
                           model->unavailable[0] ? "no" : "yes", vendor, model->name);
        else
            qemu_text_line(text, 3, "<model usable='%s' vendor='%s'>%s</model>",
                           model->unavailable[0] ? "no" : "yes", vendor, model->name);
    }
    qemu_text_line(text, 2, "</mode>");
}

static void
write_policy(GString *text, VbCpuSet set, const char *policy)
{
    for (guint i = 0; i < vb_cpu_n_features(); i++)
        if (vb_cpu_set_has(&set, (int)i))
            qemu_text_line(text, 3, "<feature policy='%s' name='%s'/>", policy,
                           vb_cpu_feature(i)->name);
}

static void
write_host_model(GString *text, const QemuDomainCapsInput *input)
{
    VbCpuData cpu;
    VbCpuChoice choice;

    if (!qemu_caps_get_cpu(input->caps, input->accel, &cpu) ||
        !qemu_caps_get_host_model(input->caps, input->accel, &choice)) {
        qemu_text_line(text, 2, "<mode name='host-model' supported='no'/>");
        return;
    }
    qemu_text_line(text, 2, "<mode name='host-model' supported='yes'>");
    qemu_text_line(text, 3, "<model fallback='forbid'>%s</model>", choice.model->name);
    if (cpu.vendor)
        qemu_text_line(text, 3, "<vendor>%s</vendor>", cpu.vendor);
    write_policy(text, choice.require, "require");
    write_policy(text, choice.disable, "disable");
    write_policy(text, choice.removed, "disable");
    qemu_text_line(text, 2, "</mode>");
}

static void
write_cpu(GString *text, const QemuDomainCapsInput *input)
{
    static const char *const on_off[] = {"on", "off", NULL};
    gboolean is_kvm = input->accel == QEMU_ACCEL_KVM;

    qemu_text_line(text, 1, "<cpu>");
    if (is_kvm) {
        qemu_text_line(text, 2, "<mode name='host-passthrough' supported='yes'>");
        qemu_text_enum(text, 3, "hostPassthroughMigratable", on_off);
        qemu_text_line(text, 2, "</mode>");
    } else {
        qemu_text_line(text, 2, "<mode name='host-passthrough' supported='no'/>");
    }
    qemu_text_line(text, 2, "<mode name='maximum' supported='yes'>");
    qemu_text_enum(text, 3, "maximumMigratable", on_off);
    qemu_text_line(text, 2, "</mode>");
    write_host_model(text, input);
    write_models(text, input);
    qemu_text_line(text, 1, "</cpu>");
}

/* ---- devices ---- */

static void
write_disk(GString *text, const QemuDomainCapsInput *input)
{
    static const Choice devices[] = {
        {"disk", NULL}, {"cdrom", NULL}, {"floppy", NULL}, {"lun", NULL}, {NULL, NULL}};
    static const Choice q35_buses[] = {{"fdc", "isa-fdc"},           {"scsi", "scsi-hd"},
                                       {"virtio", "virtio-blk-pci"}, {"usb", "usb-storage"},
                                       {"sata", "ich9-ahci"},        {NULL, NULL}};
    static const Choice pc_buses[] = {{"ide", "ide-hd"},
                                      {"fdc", "isa-fdc"},
                                      {"scsi", "scsi-hd"},
                                      {"virtio", "virtio-blk-pci"},
                                      {"usb", "usb-storage"},
                                      {"sata", "ich9-ahci"},
                                      {NULL, NULL}};
    static const Choice models[] = {{"virtio", "virtio-blk-pci"},
                                    {"virtio-transitional", "virtio-blk-pci-transitional"},
                                    {"virtio-non-transitional", "virtio-blk-pci-non-transitional"},
                                    {NULL, NULL}};

    qemu_text_line(text, 2, "<disk supported='yes'>");
    write_choices(text, input, "diskDevice", devices);
    write_choices(text, input, "bus", is_q35(input) ? q35_buses : pc_buses);
    write_choices(text, input, "model", models);
    qemu_text_line(text, 2, "</disk>");
}

static void
write_graphics(GString *text, const QemuDomainCapsInput *input)
{
    const char *types[8];
    guint n = 0;

    types[n++] = "sdl";
    if (qemu_caps_has_option(input->caps, "vnc", NULL) ||
        qemu_caps_has_command(input->caps, "query-vnc"))
        types[n++] = "vnc";
    if (qemu_caps_has_option(input->caps, "spice", NULL))
        types[n++] = "spice";
    types[n++] = "egl-headless";
    types[n] = NULL;
    qemu_text_line(text, 2, "<graphics supported='yes'>");
    qemu_text_enum(text, 3, "type", types);
    qemu_text_line(text, 2, "</graphics>");
}

static void
write_video(GString *text, const QemuDomainCapsInput *input)
{
    static const Choice models[] = {{"vga", "VGA"},
                                    {"cirrus", "cirrus-vga"},
                                    {"vmvga", "vmware-svga"},
                                    {"qxl", "qxl-vga"},
                                    {"virtio", "virtio-gpu-pci"},
                                    {"none", NULL},
                                    {"bochs", "bochs-display"},
                                    {"ramfb", "ramfb"},
                                    {NULL, NULL}};

    qemu_text_line(text, 2, "<video supported='yes'>");
    write_choices(text, input, "modelType", models);
    qemu_text_line(text, 2, "</video>");
}

static void
write_rng(GString *text, const QemuDomainCapsInput *input)
{
    static const Choice models[] = {{"virtio", "virtio-rng-pci"},
                                    {"virtio-transitional", "virtio-rng-pci-transitional"},
                                    {"virtio-non-transitional", "virtio-rng-pci-non-transitional"},
                                    {NULL, NULL}};
    static const Choice backends[] = {{"random", "rng-random"},
                                      {"egd", "rng-egd"},
                                      {"builtin", "rng-builtin"},
                                      {NULL, NULL}};

    qemu_text_line(text, 2, "<rng supported='yes'>");
    write_choices(text, input, "model", models);
    write_choices(text, input, "backendModel", backends);
    qemu_text_line(text, 2, "</rng>");
}

/* Source: libvirt asks what swtpm says of itself; every one that Debian has knows both versions */
static void
write_tpm(GString *text, const QemuDomainCapsInput *input)
{
    static const Choice models[] = {{"tpm-tis", "tpm-tis"}, {"tpm-crb", "tpm-crb"}, {NULL, NULL}};
    static const char *const versions[] = {"1.2", "2.0", NULL};
    g_autofree char *program = g_find_program_in_path("swtpm");
    const char *backends[4] = {NULL};
    guint n = 0;

    if (qemu_caps_has_device(input->caps, "tpm-passthrough"))
        backends[n++] = "passthrough";
    if (program && qemu_caps_has_device(input->caps, "tpm-emulator"))
        backends[n++] = "emulator";
    if (qemu_caps_has_device(input->caps, "tpm-emulator"))
        backends[n++] = "external";
    if (n == 0 || !(qemu_caps_has_device(input->caps, "tpm-tis") ||
                    qemu_caps_has_device(input->caps, "tpm-crb"))) {
        qemu_text_line(text, 2, "<tpm supported='no'/>");
        return;
    }
    qemu_text_line(text, 2, "<tpm supported='yes'>");
    write_choices(text, input, "model", models);
    qemu_text_enum(text, 3, "backendModel", backends);
    if (program)
        qemu_text_enum(text, 3, "backendVersion", versions);
    qemu_text_line(text, 2, "</tpm>");
}

static void
write_others(GString *text, const QemuDomainCapsInput *input)
{
    static const Choice filesystems[] = {{"path", "virtio-9p-pci"},
                                         {"virtiofs", "vhost-user-fs-device"},
                                         {NULL, NULL}};
    static const Choice buses[] = {{"usb", NULL}, {NULL, NULL}};
    const char *channels[] = {"pty", "unix",
                              qemu_caps_has_option(input->caps, "spice", NULL) ? "spicevmc" : NULL,
                              NULL};
    gboolean has_9p = qemu_caps_has_device(input->caps, "virtio-9p-pci") ||
                      qemu_caps_has_device(input->caps, "vhost-user-fs-device");
    gboolean has_redir = qemu_caps_has_device(input->caps, "usb-redir");

    qemu_text_line(text, 2,
                   has_9p ? "<filesystem supported='yes'>" : "<filesystem supported='no'/>");
    if (has_9p) {
        write_choices(text, input, "driverType", filesystems);
        qemu_text_line(text, 2, "</filesystem>");
    }
    write_tpm(text, input);
    qemu_text_line(text, 2,
                   has_redir ? "<redirdev supported='yes'>" : "<redirdev supported='no'/>");
    if (has_redir) {
        write_choices(text, input, "bus", buses);
        qemu_text_line(text, 2, "</redirdev>");
    }
    qemu_text_line(text, 2, "<channel supported='yes'>");
    qemu_text_enum(text, 3, "type", channels);
    qemu_text_line(text, 2, "</channel>");
}

static void
write_devices(GString *text, const QemuDomainCapsInput *input)
{
    qemu_text_line(text, 1, "<devices>");
    write_disk(text, input);
    write_graphics(text, input);
    write_video(text, input);
    qemu_text_line(text, 2, "<hostdev supported='no'/>");
    write_rng(text, input);
    write_others(text, input);
    qemu_text_line(text, 1, "</devices>");
}

static void
write_features(GString *text, const QemuDomainCapsInput *input)
{
    gboolean has_genid = qemu_caps_has_device(input->caps, "vmgenid");
    gboolean has_vmcoreinfo = qemu_caps_has_device(input->caps, "vmcoreinfo");

    qemu_text_line(text, 1, "<features>");
    qemu_text_line(text, 2, "<gic supported='no'/>");
    qemu_text_line(text, 2, "<vmcoreinfo supported='%s'/>", has_vmcoreinfo ? "yes" : "no");
    qemu_text_line(text, 2, "<genid supported='%s'/>", has_genid ? "yes" : "no");
    qemu_text_line(text, 2, "<backingStoreInput supported='yes'/>");
    qemu_text_line(text, 2, "<backup supported='no'/>");
    qemu_text_line(text, 2, "<sev supported='no'/>");
    qemu_text_line(text, 1, "</features>");
}

static void
write_memory_backing(GString *text, const QemuDomainCapsInput *input)
{
    static const char *const with_memfd[] = {"file", "anonymous", "memfd", NULL};
    static const char *const without[] = {"file", "anonymous", NULL};

    qemu_text_line(text, 1, "<memoryBacking supported='yes'>");
    qemu_text_enum(text, 2, "sourceType",
                   qemu_caps_has_device(input->caps, "memory-backend-memfd") ? with_memfd
                                                                             : without);
    qemu_text_line(text, 1, "</memoryBacking>");
}

/* Returns (transfer full) the document. */
char *
qemu_domain_caps_format(const QemuDomainCapsInput *input)
{
    GString *text = g_string_new("<domainCapabilities>\n");

    qemu_text_line(text, 1, "<path>%s</path>", qemu_caps_get_path(input->caps));
    qemu_text_line(text, 1, "<domain>%s</domain>", input->accel == QEMU_ACCEL_KVM ? "kvm" : "qemu");
    qemu_text_line(text, 1, "<machine>%s</machine>", input->machine->name);
    qemu_text_line(text, 1, "<arch>%s</arch>", qemu_caps_get_arch(input->caps));
    qemu_text_line(text, 1, "<vcpu max='%u'/>", input->machine->max_cpus);
    qemu_text_line(text, 1, "<iothreads supported='yes'/>");
    write_os(text, input);
    write_cpu(text, input);
    write_memory_backing(text, input);
    write_devices(text, input);
    write_features(text, input);
    g_string_append(text, "</domainCapabilities>\n");
    return g_string_free(text, FALSE);
}
