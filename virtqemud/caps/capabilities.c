/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <capabilities> document: the host, and a <guest> section per architecture that can be run. */
#include "caps/caps-private.h"
#include "caps/text.h"
#include "host/capabilities.h"
#include <string.h>

/* ---- guests ---- */

static void
write_machine(GString *text, const QemuMachine *machine)
{
    const char *deprecated = machine->is_deprecated ? " deprecated='yes'" : "";

    g_string_append_printf(text, "      <machine maxCpus='%u'%s>%s</machine>\n", machine->max_cpus,
                           deprecated, machine->name);
    if (machine->alias)
        g_string_append_printf(text, "      <machine canonical='%s' maxCpus='%u'%s>%s</machine>\n",
                               machine->name, machine->max_cpus, deprecated, machine->alias);
}

static gboolean
is_64_bit(const char *arch)
{
    return strstr(arch, "64") || g_str_equal(arch, "s390x") || g_str_equal(arch, "alpha");
}

static void
write_guest_features(GString *text, const char *arch)
{
    gboolean is_i686 = g_str_equal(arch, "i686");
    gboolean is_x86 = is_i686 || g_str_equal(arch, "x86_64");

    qemu_text_line(text, 2, "<features>");
    if (is_i686) {
        qemu_text_line(text, 3, "<pae/>");
        qemu_text_line(text, 3, "<nonpae/>");
    }
    if (is_x86 || g_str_equal(arch, "aarch64"))
        qemu_text_line(text, 3, "<acpi default='on' toggle='yes'/>");
    if (is_x86)
        qemu_text_line(text, 3, "<apic default='on' toggle='no'/>");
    qemu_text_line(text, 3, "<cpuselection/>");
    qemu_text_line(text, 3, "<deviceboot/>");
    qemu_text_line(text, 3, "<disksnapshot default='on' toggle='no'/>");
    qemu_text_line(text, 2, "</features>");
}

static void
write_guest(GString *text, const QemuCaps *caps, const char *arch)
{
    const GPtrArray *machines = qemu_caps_get_machines(caps);

    qemu_text_line(text, 1, "<guest>");
    qemu_text_line(text, 2, "<os_type>hvm</os_type>");
    qemu_text_line(text, 2, "<arch name='%s'>", arch);
    qemu_text_line(text, 3, "<wordsize>%d</wordsize>", is_64_bit(arch) ? 64 : 32);
    qemu_text_line(text, 3, "<emulator>%s</emulator>", qemu_caps_get_path(caps));
    for (guint i = 0; i < machines->len; i++)
        write_machine(text, machines->pdata[i]);
    qemu_text_line(text, 3, "<domain type='qemu'/>");
    if (qemu_caps_has_accel(caps, QEMU_ACCEL_KVM))
        qemu_text_line(text, 3, "<domain type='kvm'/>");
    qemu_text_line(text, 2, "</arch>");
    write_guest_features(text, arch);
    qemu_text_line(text, 1, "</guest>");
    g_string_append_c(text, '\n');
}

/* @caps_list: QemuCaps of all emulators that answered. Returns (transfer full) the document. */
char *
qemu_capabilities_format(const GPtrArray *caps_list, VbHost *host, const char *resctrl)
{
    static const char *const transports[] = {"tcp", "rdma", NULL};
    g_autoptr(VbResctrlInfo) info = vb_resctrl_info_read(resctrl);
    const VbHostControl control = qemu_capabilities_control(info);
    const VbHostCapabilities how = {.arch = qemu_caps_host_arch(),
                                    .transports = transports,
                                    .control = &control};
    GString *text = g_string_new("<capabilities>\n\n");
    const QemuCaps *x86_64 = NULL;
    gboolean has_i686 = FALSE;

    vb_host_format_capabilities(host, &how, text);
    g_string_append_c(text, '\n');
    for (guint i = 0; i < caps_list->len; i++) {
        has_i686 |= g_strcmp0(qemu_caps_get_arch(caps_list->pdata[i]), "i686") == 0;
        if (g_strcmp0(qemu_caps_get_arch(caps_list->pdata[i]), "x86_64") == 0)
            x86_64 = caps_list->pdata[i];
    }
    if (x86_64 && !has_i686) /* it runs 32-bit guests as well */
        write_guest(text, x86_64, "i686");
    for (guint i = 0; i < caps_list->len; i++)
        write_guest(text, caps_list->pdata[i], qemu_caps_get_arch(caps_list->pdata[i]));
    g_string_append(text, "</capabilities>\n");
    return g_string_free(text, FALSE);
}
