/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt calls the abilities of an emulator, and which fact about QEMU decides each. libvirt keeps these words in the
 * status file of a running guest and does not take up a guest whose file lacks them. One table; several rows of one word are
 * alternatives. Words that only libvirts after 9.0 know are left out: 9.0 refuses a file with a word that is new to it.
 *
 * A fact is one of
 *   type:NAME            the emulator has this QOM type
 *   property:TYPE.NAME   and the type this property
 *   off:TYPE.NAME        a property that is off unless it is switched on
 *   command:NAME         a QMP command
 *   option:NAME[.KEY]    a command line option
 *   schema:PATH          what query-qmp-schema says, see schema.c
 *   since:VERSION        QEMU is that old at least
 *   arch:x86             the guest's architecture
 *   accel:kvm            KVM works here */
#include "caps/caps-private.h"
#include <string.h>

typedef struct {
    const char *flag, *fact, *and_fact;
} Row;

#define T(name)                                                                                    \
    {                                                                                              \
        name, "type:" name                                                                         \
    }

/* In libvirt's order, which is the order in which they came to it.
 * Source: libvirt 9.0's capabilities cache beside the answers of the same emulators (QEMU 7.2, x86_64 and i386) */
static const Row rows[] = {
    {"kvm", "accel:kvm"},
    {"sdl", "schema:query-display-options/ret-type/+sdl"},
    {"no-hpet", "arch:x86"},
    {"spice", "option:spice"},
    T("hda-duplex"),
    {"ccid-emulated", "type:ccid-card-emulated"},
    {"ccid-passthru", "type:ccid-card-passthru"},
    T("piix3-usb-uhci"),
    T("piix4-usb-uhci"),
    T("usb-ehci"),
    T("ich9-usb-ehci1"),
    T("vt82c686b-usb-uhci"),
    T("pci-ohci"),
    T("usb-redir"),
    T("usb-hub"),
    T("ich9-ahci"),
    {"no-acpi", "arch:x86"},
    {"virtio-blk-pci.scsi", "property:virtio-blk-pci.scsi"},
    {"scsi-disk.channel", "property:scsi-hd.channel"},
    T("scsi-block"),
    T("hda-micro"),
    T("nec-usb-xhci"),
    {"lsi", "type:lsi53c895a"},
    {"virtio-scsi-pci", "type:virtio-scsi-pci"},
    {"virtio-scsi-pci", "type:virtio-scsi-ccw"},
    {"virtio-scsi-pci", "type:virtio-scsi-device"},
    {"disable-s3", "property:PIIX4_PM.disable_s3"},
    {"disable-s4", "property:PIIX4_PM.disable_s4"},
    {"usb-redir.filter", "property:usb-redir.filter"},
    {"ide-drive.wwn", "property:ide-hd.wwn"},
    {"scsi-disk.wwn", "property:scsi-hd.wwn"},
    {"seccomp-sandbox", "option:sandbox"},
    {"vnc", "command:query-vnc"},
    T("qxl"),
    T("VGA"),
    T("cirrus-vga"),
    {"vmware-svga", "type:vmware-svga"},
    T("usb-serial"),
    {"virtio-rng", "type:virtio-rng-pci"},
    {"virtio-rng", "type:virtio-rng-ccw"},
    {"virtio-rng", "type:virtio-rng-device"},
    T("rng-random"),
    T("rng-egd"),
    {"virtio-ccw", "type:virtio-blk-ccw"},
    T("megasas"),
    T("tpm-passthrough"),
    T("tpm-tis"),
    {"tpm-tis", "type:tpm-tis-device"},
    T("pci-bridge"),
    T("vfio-pci"),
    {"dmi-to-pci-bridge", "type:i82801b11-bridge"},
    T("usb-storage"),
    {"usb-storage.removable", "property:usb-storage.removable"},
    T("virtio-mmio"),
    T("ich9-intel-hda"),
    {"kvm-pit-lost-tick-policy", "property:kvm-pit.lost_tick_policy"},
    T("pvpanic"),
    T("usb-kbd"),
    T("usb-audio"),
    {"rtc-reset-reinjection", "command:rtc-reset-reinjection"},
    T("spapr-pci-host-bridge"),
    T("iothread"),
    {"migrate-rdma",
     "schema:migrate-set-capabilities/arg-type/capabilities/capability/^rdma-pin-all"},
    T("ivshmem"),
    {"VGA.vgamem_mb", "property:VGA.vgamem_mb"},
    {"vmware-svga.vgamem_mb", "property:vmware-svga.vgamem_mb"},
    {"qxl.vgamem_mb", "property:qxl.vgamem_mb"},
    T("pc-dimm"),
    {"machine-vmport-opt", "type:vmport"},
    T("pci-serial"),
    {"aes-key-wrap", "option:machine.aes-key-wrap", "type:virtio-blk-ccw"},
    {"dea-key-wrap", "option:machine.dea-key-wrap", "type:virtio-blk-ccw"},
    T("gpex-pcihost"),
    T("ioh3420"),
    T("x3130-upstream"),
    T("xio3130-downstream"),
    T("rtl8139"),
    T("e1000"),
    {"virtio-net", "type:virtio-net-pci"},
    {"virtio-net", "type:virtio-net-ccw"},
    {"virtio-net", "type:virtio-net-device"},
    {"virtio-gpu", "type:virtio-gpu-pci"},
    {"virtio-gpu", "type:virtio-gpu-device"},
    {"virtio-keyboard", "type:virtio-keyboard-pci"},
    {"virtio-keyboard", "type:virtio-keyboard-device"},
    {"virtio-mouse", "type:virtio-mouse-pci"},
    {"virtio-mouse", "type:virtio-mouse-device"},
    {"virtio-tablet", "type:virtio-tablet-pci"},
    {"virtio-tablet", "type:virtio-tablet-device"},
    {"virtio-input-host", "type:virtio-input-host-pci"},
    {"virtio-input-host", "type:virtio-input-host-device"},
    {"ich9-disable-s3", "property:ICH9-LPC.disable_s3"},
    {"ich9-disable-s4", "property:ICH9-LPC.disable_s4"},
    {"virtio-balloon-pci.deflate-on-oom", "property:virtio-balloon-pci.deflate-on-oom"},
    T("mptsas1068"),
    {"spice-gl", "option:spice.gl"},
    {"qxl.vram64_size_mb", "property:qxl.vram64_size_mb"},
    T("pxb"),
    T("pxb-pcie"),
    T("intel-iommu"),
    {"query-hotpluggable-cpus", "command:query-hotpluggable-cpus"},
    T("virtio-vga"),
    T("ivshmem-plain"),
    T("ivshmem-doorbell"),
    T("vhost-scsi"),
    {"query-cpu-model-expansion", "command:query-cpu-model-expansion"},
    {"spice-rendernode", "option:spice.rendernode"},
    T("nvdimm"),
    T("pcie-root-port"),
    {"query-cpu-definitions", "command:query-cpu-definitions"},
    {"cpu-cache", "property:max-x86_64-cpu.l3-cache"},
    {"cpu-cache", "property:max-i386-cpu.l3-cache"},
    T("qemu-xhci"),
    {"intel-iommu.intremap", "property:intel-iommu.intremap"},
    {"intel-iommu.caching-mode", "property:intel-iommu.caching-mode"},
    {"intel-iommu.eim", "property:intel-iommu.eim"},
    {"intel-iommu.device-iotlb", "property:intel-iommu.device-iotlb"},
    {"loadparm", "option:machine.loadparm", "type:virtio-blk-ccw"},
    {"chardev-reconnect", "schema:chardev-add/arg-type/backend/+socket/data/reconnect"},
    T("vmcoreinfo"),
    T("spapr-vty"),
    T("sclplmconsole"),
    T("isa-serial"),
    T("pl011"),
    T("pcie-pci-bridge"),
    {"nbd-tls", "schema:nbd-server-start/arg-type/tls-creds"},
    T("tpm-crb"),
    T("pr-manager-helper"),
    {"screendump_device", "schema:screendump/arg-type/device"},
    T("hda-output"),
    T("vmgenid"),
    {"vhost-vsock", "type:vhost-vsock-device"},
    T("tpm-emulator"),
    T("mch"),
    {"mch.extended-tseg-mbytes", "property:mch.extended-tseg-mbytes"},
    {"egl-headless", "schema:query-display-options/ret-type/+egl-headless"},
    {"vfio-pci.display", "property:vfio-pci.display"},
    T("memory-backend-memfd"),
    {"memory-backend-memfd.hugetlb", "schema:object-add/arg-type/+memory-backend-memfd/hugetlb",
     "type:memory-backend-memfd"},
    {"iothread.poll-max-ns", "schema:query-iothreads/ret-type/poll-max-ns"},
    {"query-cpu-model-baseline", "command:query-cpu-model-baseline"},
    {"query-cpu-model-comparison", "command:query-cpu-model-comparison"},
    {"egl-headless.rendernode", "schema:query-display-options/ret-type/+egl-headless/rendernode"},
    {"memory-backend-file.pmem", "schema:object-add/arg-type/+memory-backend-file/pmem"},
    {"nvdimm.unarmed", "property:nvdimm.unarmed"},
    {"virtio-pci-non-transitional", "type:virtio-blk-pci-non-transitional"},
    T("vfio-ap"),
    T("zpci"),
    {"nbd-bitmap", "schema:nbd-server-add/arg-type/bitmap"},
    {"x86-max-cpu", "type:max-x86_64-cpu"}, /* libvirt does not ask i386's, here and below */
    {"cpu-unavailable-features", "property:max-x86_64-cpu.unavailable-features"},
    {"canonical-cpu-features", "property:max-x86_64-cpu.unavailable-features"},
    T("bochs-display"),
    {"migration-file-drop-cache", "schema:blockdev-add/arg-type/+file/drop-cache"},
    T("dbus-vmstate"),
    T("vhost-user-gpu"),
    T("vhost-user-vga"),
    {"incremental-backup", "command:blockdev-reopen",
     "schema:migrate-set-parameters/arg-type/block-bitmap-mapping/bitmaps/transform"},
    T("ramfb"),
    {"arm-max-cpu", "type:max-arm-cpu"},
    {"drive-nvme", "schema:blockdev-add/arg-type/+nvme"},
    {"smp-dies", "schema:query-hotpluggable-cpus/ret-type/props/die-id"},
    T("i8042"),
    T("rng-builtin"),
    {"vhost-user-fs", "type:vhost-user-fs-device"},
    {"query-named-block-nodes.flat", "schema:query-named-block-nodes/arg-type/flat"},
    {"blockdev-snapshot.allow-write-only-overlay",
     "schema:blockdev-snapshot/$allow-write-only-overlay"},
    {"blockdev-reopen", "command:blockdev-reopen"},
    T("tpm-spapr"),
    {"fsdev.multidevs", "option:fsdev.multidevs"},
    {"pcie-root-port.hotplug", "property:pcie-root-port.hotplug"},
    {"aio.io_uring", "schema:blockdev-add/arg-type/+file/aio/^io_uring"},
    {"tcg", "type:tcg-accel"},
    {"virtio-blk-pci.scsi.default.disabled", "off:virtio-blk-pci.scsi"},
    T("pvscsi"),
    {"cpu.migratable", "property:max-x86_64-cpu.migratable"},
    {"intel-iommu.aw-bits", "property:intel-iommu.aw-bits"},
    T("spapr-tpm-proxy"),
    {"numa.hmat", "schema:set-numa-node/arg-type/+hmat-lb"},
    {"usb-host.hostdevice", "property:usb-host.hostdevice"},
    {"virtio-balloon.free-page-reporting", "property:virtio-balloon-pci.free-page-reporting"},
    {"block-export-add", "command:block-export-add"},
    {"netdev.vhost-vdpa", "schema:netdev_add/arg-type/+vhost-vdpa"},
    T("dc390"),
    T("am53c974"),
    T("virtio-pmem-pci"),
    {"vhost-user-fs.bootindex", "property:vhost-user-fs-device.bootindex"},
    T("vhost-user-blk"),
    {"cpu-max", "type:max-x86_64-cpu"},
    {"cpu-max", "type:max-i386-cpu"},
    {"cpu-max", "type:max-arm-cpu"},
    {"memory-backend-file.x-use-canonical-path-for-ramblock-id",
     "schema:object-add/arg-type/+memory-backend-file/x-use-canonical-path-for-ramblock-id"},
    {"migration-param.block-bitmap-mapping",
     "schema:migrate-set-parameters/arg-type/block-bitmap-mapping/bitmaps/transform"},
    {"vnc-power-control", "option:vnc.power-control"},
    {"object.qapified", "schema:object-add/arg-type/qom-type/^secret"},
    {"rotation-rate", "property:scsi-hd.rotation_rate"},
    {"compat-deprecated", "since:6000000"}, /* -compat shows in no answer */
    {"acpi-index", "property:virtio-net-pci.acpi-index"},
    T("input-linux"),
    T("virtio-gpu-gl-pci"),
    T("virtio-vga-gl"),
    {"confidential-guest-support", "property:none-machine.confidential-guest-support"},
    {"set-action", "command:set-action"},
    {"virtio-blk.queue-size", "property:virtio-blk-pci.queue-size"},
    T("virtio-mem-pci"),
    {"memory-backend-file.reserve", "schema:object-add/arg-type/+memory-backend-file/reserve"},
    {"piix4.acpi-root-pci-hotplug", "property:PIIX4_PM.acpi-root-pci-hotplug"},
    {"netdev.json", "schema:netdev_add/arg-type/type/^dgram"},
    {"query-dirty-rate", "command:query-dirty-rate"},
    {"rbd-encryption", "schema:blockdev-add/arg-type/+rbd/encrypt"},
    {"sev-guest-kernel-hashes", "schema:object-add/arg-type/+sev-guest/kernel-hashes"},
    {"sev-inject-launch-secret", "command:sev-inject-launch-secret"},
    {"device.json+hotplug", "schema:device_add/$json-cli-hotplug"},
    {"virtio-mem-pci.prealloc", "property:virtio-mem-pci.prealloc"},
    {"calc-dirty-rate", "command:calc-dirty-rate"},
    {"dirtyrate-param.mode", "schema:calc-dirty-rate/arg-type/mode"},
    {"blockdev.nbd.tls-hostname", "schema:blockdev-add/arg-type/+nbd/tls-hostname"},
    {"memory-backend-file.prealloc-threads",
     "schema:object-add/arg-type/+memory-backend-file/prealloc-threads"},
    T("virtio-iommu-pci"),
    {"virtio-iommu.boot-bypass", "property:virtio-iommu-pci.boot-bypass"},
    {"virtio-net.rss", "property:virtio-net-pci.rss"},
    {"chardev.qemu-vdagent", "schema:chardev-add/arg-type/backend/+qemu-vdagent"},
    {"display-dbus", "schema:query-display-options/ret-type/+dbus"},
    {"iothread.thread-pool-max", "schema:object-add/arg-type/+iothread/thread-pool-max"},
    {"usb-host.guest-resets-all", "property:usb-host.guest-resets-all"},
    {"migration.blocked-reasons", "schema:query-migrate/ret-type/blocked-reasons"},
    {"query-stats", "command:query-stats"},
    {"query-stats-schemas", "command:query-stats-schemas"},
    T("thread-context"),
    {"screenshot-format-png", "schema:screendump/arg-type/format/^png"},
    {"machine-hpet", "option:machine.hpet"},
    {"netdev.stream", "schema:netdev_add/arg-type/+stream"},
};

typedef gboolean (*FactTest)(const QemuCaps *caps, const char *what);

static gboolean
has_type(const QemuCaps *caps, const char *what)
{
    return g_hash_table_contains(caps->types, what);
}

static gboolean
has_property(const QemuCaps *caps, const char *what)
{
    return g_hash_table_contains(caps->properties, what);
}

static gboolean
is_off(const QemuCaps *caps, const char *what)
{
    g_autofree char *fact = g_strconcat("off:", what, NULL);
    return g_hash_table_contains(caps->facts, fact);
}

static gboolean
has_command(const QemuCaps *caps, const char *what)
{
    return g_hash_table_contains(caps->commands, what);
}

static gboolean
has_option(const QemuCaps *caps, const char *what)
{
    return g_hash_table_contains(caps->options, what);
}

gboolean
qemu_caps_has_schema(const QemuCaps *caps, const char *path)
{
    g_autofree char *fact = g_strconcat("schema:", path, NULL);
    return g_hash_table_contains(caps->facts, fact);
}

static gboolean
is_since(const QemuCaps *caps, const char *what)
{
    return caps->version >= g_ascii_strtoull(what, NULL, 10);
}

static gboolean
is_arch(const QemuCaps *caps, const char *what)
{
    return strcmp(what, "x86") == 0 &&
           (g_strcmp0(caps->arch, "x86_64") == 0 || g_strcmp0(caps->arch, "i686") == 0);
}

static gboolean
has_accel(const QemuCaps *caps, const char *what)
{
    return strcmp(what, "kvm") == 0 && qemu_caps_has_accel(caps, QEMU_ACCEL_KVM);
}

static const struct {
    const char *prefix;
    FactTest test;
} kinds[] = {
    {"type:", has_type},       {"property:", has_property}, {"off:", is_off},
    {"command:", has_command}, {"option:", has_option},     {"schema:", qemu_caps_has_schema},
    {"since:", is_since},      {"arch:", is_arch},          {"accel:", has_accel},
};

static gboolean
holds(const QemuCaps *caps, const char *fact)
{
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_str_has_prefix(fact, kinds[i].prefix))
            return kinds[i].test(caps, fact + strlen(kinds[i].prefix));
    g_return_val_if_reached(FALSE);
}

/**
 * qemu_caps_libvirt_flags:
 *
 * Returns: (transfer full): libvirt 9.0's words for what the emulator can do, in its order, each once
 */
GPtrArray *
qemu_caps_libvirt_flags(const QemuCaps *caps)
{
    GPtrArray *flags = g_ptr_array_new();
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (flags->len > 0 && strcmp(flags->pdata[flags->len - 1], rows[i].flag) == 0)
            continue;
        if (holds(caps, rows[i].fact) && (!rows[i].and_fact || holds(caps, rows[i].and_fact)))
            g_ptr_array_add(flags, (gpointer)rows[i].flag);
    }
    return flags;
}

/* Calls @each with every fact of a kind that only a probe can look up: "schema:...", "off:..." */
void
qemu_caps_each_wanted_fact(const char *prefix, QemuCapsFactFunc each, gpointer data)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (g_str_has_prefix(rows[i].fact, prefix))
            each(rows[i].fact, data);
        if (rows[i].and_fact && g_str_has_prefix(rows[i].and_fact, prefix))
            each(rows[i].and_fact, data);
    }
}
