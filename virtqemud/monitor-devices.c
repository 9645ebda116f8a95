/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events of the emulator that are about devices: translated field by field into libvirt's events. The names of the fields
 * are those of libvirt's wire structs. */
#include "monitor.h"

#include "agent.h"
#include "domain-private.h"
#include "hotplug.h"
#include "vcpus.h"

#include <string.h>

#define VCPU_PATH "/machine/peripheral/vcpu"

typedef void (*DeviceFunc)(QemuDomain *domain, const VbJson *details);

static const char *
text(const VbJson *details, const char *key)
{
    const char *value = vb_json_get_string(details, key);
    return value ? value : "";
}

static void
handle_rtc(QemuDomain *domain, const VbJson *details)
{
    gint64 offset = vb_json_get_int(details, "offset", 0);
    qemu_domain_emit(domain, "rtc-change", g_variant_new_parsed("{'offset': <%x>}", offset));
}

/* Source: virDomainEventWatchdogAction */
static void
handle_watchdog(QemuDomain *domain, const VbJson *details)
{
    static const struct {
        const char *word;
        int action;
    } map[] = {
        {"none", VIR_DOMAIN_EVENT_WATCHDOG_NONE},
        {"pause", VIR_DOMAIN_EVENT_WATCHDOG_PAUSE},
        {"reset", VIR_DOMAIN_EVENT_WATCHDOG_RESET},
        {"poweroff", VIR_DOMAIN_EVENT_WATCHDOG_POWEROFF},
        {"shutdown", VIR_DOMAIN_EVENT_WATCHDOG_SHUTDOWN},
        {"debug", VIR_DOMAIN_EVENT_WATCHDOG_DEBUG},
        {"inject-nmi", VIR_DOMAIN_EVENT_WATCHDOG_INJECTNMI},
    };
    int action = VIR_DOMAIN_EVENT_WATCHDOG_NONE;
    for (guint i = 0; i < G_N_ELEMENTS(map); i++) {
        if (strcmp(map[i].word, text(details, "action")) == 0)
            action = map[i].action;
    }
    if (action == VIR_DOMAIN_EVENT_WATCHDOG_PAUSE)
        qemu_monitor_set_pause_reason(domain, VIR_DOMAIN_PAUSED_WATCHDOG);
    qemu_domain_emit(domain, "watchdog", g_variant_new_parsed("{'action': <%i>}", action));
}

/* "virtio-disk0" of drive "drive-virtio-disk0" or of a device's QOM path "/machine/peripheral/virtio-disk0/virtio-backend" */
static char *
alias_of(const char *name)
{
    if (g_str_has_prefix(name, "drive-"))
        return g_strdup(name + strlen("drive-"));
    if (!g_str_has_prefix(name, "/machine/peripheral/"))
        return g_strdup(name);
    g_auto(GStrv) parts = g_strsplit(name + strlen("/machine/peripheral/"), "/", 2);
    return g_strdup(parts[0]);
}

static VbDomainDisk *
find_disk(QemuDomain *domain, const char *alias)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, domain->live->disks)
    {
        if (g_strcmp0(disk->info.alias, alias) == 0)
            return disk;
    }
    return NULL;
}

/* Source: QEMU BlockErrorAction; virDomainEventIOErrorAction */
static void
handle_io_error(QemuDomain *domain, const VbJson *details)
{
    const char *device = text(details, "qom-path");
    g_autofree char *alias = alias_of(*device ? device : text(details, "device"));
    VbDomainDisk *disk = find_disk(domain, alias);
    const char *source = disk && disk->source.file  ? disk->source.file
                         : disk && disk->source.dev ? disk->source.dev
                                                    : "";
    int action = VIR_DOMAIN_EVENT_IO_ERROR_NONE;
    if (strcmp(text(details, "action"), "stop") == 0)
        action = VIR_DOMAIN_EVENT_IO_ERROR_PAUSE;
    else if (strcmp(text(details, "action"), "report") == 0)
        action = VIR_DOMAIN_EVENT_IO_ERROR_REPORT;
    const char *reason = vb_json_get_bool(details, "nospace", FALSE) ? "enospc" : "";
    if (action == VIR_DOMAIN_EVENT_IO_ERROR_PAUSE)
        qemu_monitor_set_pause_reason(domain, VIR_DOMAIN_PAUSED_IOERROR);
    qemu_domain_emit(
        domain, "io-error",
        g_variant_new_parsed("{'srcPath': <%s>, 'devAlias': <%s>, 'action': <%i>, 'reason': <%s>}",
                             source, alias, action, reason));
}

static void
handle_tray(QemuDomain *domain, const VbJson *details)
{
    gboolean is_open = vb_json_get_bool(details, "tray-open", FALSE);
    const char *id = text(details, "id");
    g_autofree char *alias = alias_of(*id ? id : text(details, "device"));
    VbDomainDisk *disk = find_disk(domain, alias);
    int reason = is_open ? VIR_DOMAIN_EVENT_TRAY_CHANGE_OPEN : VIR_DOMAIN_EVENT_TRAY_CHANGE_CLOSE;
    if (disk) {
        g_free(disk->tray);
        disk->tray = is_open ? g_strdup("open") : NULL;
    }
    qemu_domain_emit(domain, "tray-change",
                     g_variant_new_parsed("{'devAlias': <%s>, 'reason': <%i>}", alias, reason));
    qemu_domain_save(domain);
}

static void
handle_balloon(QemuDomain *domain, const VbJson *details)
{
    guint64 kib = vb_json_get_uint(details, "actual", 0) / 1024;
    domain->facts->balloon_kib = kib;
    domain->facts->updated_us[0] = g_get_monotonic_time();
    domain->live->current_memory_kib = kib;
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_MEMORY);
    qemu_domain_emit(domain, "balloon-change", g_variant_new_parsed("{'actual': <%t>}", kib));
    qemu_domain_save(domain);
}

/* A vCPU may be told by a part of it alone: "/machine/peripheral/vcpu1/lapic" */
static gboolean
is_vcpu(const char *path)
{
    return g_str_has_prefix(path, VCPU_PATH) && g_ascii_isdigit(path[strlen(VCPU_PATH)]);
}

static void
handle_device_deleted(QemuDomain *domain, const VbJson *details)
{
    const char *alias = vb_json_get_string(details, "device");
    if (is_vcpu(text(details, "path")))
        qemu_vcpus_deleted(domain);
    else if (alias)
        qemu_hotplug_deleted(domain, alias);
}

static void
handle_unplug_error(QemuDomain *domain, const VbJson *details)
{
    const char *alias = vb_json_get_string(details, "device");
    if (alias)
        qemu_hotplug_rejected(domain, alias);
}

/* What the guest says of a request to let go. Source: ACPI, _OST: events 3 and 0x103 are ejections; status 0 is success,
 * 0x84 "in progress" */
static void
handle_acpi_ost(QemuDomain *domain, const VbJson *details)
{
    const VbJson *info = vb_json_get(details, "info");
    const char *alias = vb_json_get_string(info, "device");
    const guint64 source = vb_json_get_uint(info, "source", 0);
    const guint64 status = vb_json_get_uint(info, "status", 0);
    if (!alias || (source != 3 && source != 0x103) || status == 0 || status == 0x84)
        return;
    qemu_vcpus_rejected(domain, alias);
    qemu_hotplug_rejected(domain, alias);
}

/* ---- block jobs. Source: QEMU JobType; virDomainBlockJobType, virConnectDomainEventBlockJobStatus ---- */

static void
emit_block_job(QemuDomain *domain, const VbJson *details, int status)
{
    static const struct {
        const char *word;
        int type;
    } map[] = {
        {"stream", VIR_DOMAIN_BLOCK_JOB_TYPE_PULL},
        {"mirror", VIR_DOMAIN_BLOCK_JOB_TYPE_COPY},
        {"commit", VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT},
        {"backup", VIR_DOMAIN_BLOCK_JOB_TYPE_BACKUP},
    };
    int type = VIR_DOMAIN_BLOCK_JOB_TYPE_UNKNOWN;
    g_autofree char *alias = alias_of(text(details, "device"));
    VbDomainDisk *disk = find_disk(domain, alias);
    for (guint i = 0; i < G_N_ELEMENTS(map); i++) {
        if (strcmp(map[i].word, text(details, "type")) == 0)
            type = map[i].type;
    }
    qemu_domain_emit(domain, "block-job",
                     g_variant_new_parsed("{'path': <%s>, 'type': <%i>, 'status': <%i>}",
                                          disk && disk->dst ? disk->dst : alias, type, status));
}

static void
handle_job_completed(QemuDomain *domain, const VbJson *details)
{
    gboolean has_failed = vb_json_get_string(details, "error") != NULL;
    emit_block_job(domain, details,
                   has_failed ? VIR_DOMAIN_BLOCK_JOB_FAILED : VIR_DOMAIN_BLOCK_JOB_COMPLETED);
}

static void
handle_job_cancelled(QemuDomain *domain, const VbJson *details)
{
    emit_block_job(domain, details, VIR_DOMAIN_BLOCK_JOB_CANCELED);
}

static void
handle_job_ready(QemuDomain *domain, const VbJson *details)
{
    emit_block_job(domain, details, VIR_DOMAIN_BLOCK_JOB_READY);
}

/* ---- graphics clients ---- */

static GVariant *
graphics_address(const VbJson *side)
{
    static const char *const families[] = {"ipv4", "ipv6", "unix"};
    int family = 0;
    for (guint i = 0; i < G_N_ELEMENTS(families); i++) {
        if (strcmp(families[i], text(side, "family")) == 0)
            family = (int)i;
    }
    return g_variant_new("(iss)", family, text(side, "host"), text(side, "service"));
}

/* remote_domain_event_graphics_msg: local and remote are (family i, node s, service s); subject: type, name pairs */
static void
emit_graphics(QemuDomain *domain, const VbJson *details, int phase)
{
    const VbJson *server = vb_json_get(details, "server"), *client = vb_json_get(details, "client");
    const char *scheme = text(server, "auth");
    GVariantBuilder subject, fields;
    g_variant_builder_init(&subject, G_VARIANT_TYPE("a(ss)"));
    if (vb_json_get_string(client, "x509_dname"))
        g_variant_builder_add(&subject, "(ss)", "x509dname", text(client, "x509_dname"));
    if (vb_json_get_string(client, "sasl_username"))
        g_variant_builder_add(&subject, "(ss)", "saslUsername", text(client, "sasl_username"));
    g_variant_builder_init(&fields, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&fields, "{sv}", "phase", g_variant_new_int32(phase));
    g_variant_builder_add(&fields, "{sv}", "local", graphics_address(server));
    g_variant_builder_add(&fields, "{sv}", "remote", graphics_address(client));
    g_variant_builder_add(&fields, "{sv}", "authScheme", g_variant_new_string(scheme));
    g_variant_builder_add(&fields, "{sv}", "subject", g_variant_builder_end(&subject));
    qemu_domain_emit(domain, "graphics", g_variant_builder_end(&fields));
}

static void
handle_client_connected(QemuDomain *domain, const VbJson *details)
{
    emit_graphics(domain, details, VIR_DOMAIN_EVENT_GRAPHICS_CONNECT);
}

static void
handle_client_initialized(QemuDomain *domain, const VbJson *details)
{
    emit_graphics(domain, details, VIR_DOMAIN_EVENT_GRAPHICS_INITIALIZE);
}

static void
handle_client_disconnected(QemuDomain *domain, const VbJson *details)
{
    emit_graphics(domain, details, VIR_DOMAIN_EVENT_GRAPHICS_DISCONNECT);
}

/* ---- channels ---- */

#define AGENT_CHANNEL "org.qemu.guest_agent.0"

void
qemu_monitor_agent_state(QemuDomain *domain, const char *alias, gboolean is_open, int reason)
{
    int state = is_open ? VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
                        : VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_DISCONNECTED;
    VB_DOMAIN_EACH(VbDomainChr, channel, domain->live->channels)
    {
        gboolean is_virtio = channel->channel_target == VB_DOMAIN_CHANNEL_TARGET_VIRTIO;
        if (!is_virtio || (alias && g_strcmp0(channel->info.alias, alias) != 0))
            continue;
        g_free(channel->target_state);
        channel->target_state = g_strdup(is_open ? "connected" : "disconnected");
        if (g_strcmp0(channel->target_name, AGENT_CHANNEL) == 0)
            qemu_domain_emit(domain, "agent-lifecycle",
                             g_variant_new_parsed("{'state': <%i>, 'reason': <%i>}", state,
                                                  reason));
        if (g_strcmp0(channel->target_name, AGENT_CHANNEL) != 0)
            continue;
        if (is_open)
            qemu_agent_connected(domain);
        else
            qemu_agent_disconnected(domain);
    }
}

static void
handle_port(QemuDomain *domain, const VbJson *details)
{
    qemu_monitor_agent_state(domain, text(details, "id"), vb_json_get_bool(details, "open", FALSE),
                             VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_REASON_CHANNEL);
    qemu_domain_save(domain);
}

static const struct {
    const char *name;
    DeviceFunc func;
} device_rows[] = {
    {"RTC_CHANGE", handle_rtc},
    {"WATCHDOG", handle_watchdog},
    {"BLOCK_IO_ERROR", handle_io_error},
    {"DEVICE_TRAY_MOVED", handle_tray},
    {"BALLOON_CHANGE", handle_balloon},
    {"DEVICE_DELETED", handle_device_deleted},
    {"DEVICE_UNPLUG_GUEST_ERROR", handle_unplug_error},
    {"ACPI_DEVICE_OST", handle_acpi_ost},
    {"BLOCK_JOB_COMPLETED", handle_job_completed},
    {"BLOCK_JOB_CANCELLED", handle_job_cancelled},
    {"BLOCK_JOB_READY", handle_job_ready},
    {"VNC_CONNECTED", handle_client_connected},
    {"VNC_INITIALIZED", handle_client_initialized},
    {"VNC_DISCONNECTED", handle_client_disconnected},
    {"SPICE_CONNECTED", handle_client_connected},
    {"SPICE_INITIALIZED", handle_client_initialized},
    {"SPICE_DISCONNECTED", handle_client_disconnected},
    {"VSERPORT_CHANGE", handle_port},
};

void
qemu_monitor_device_event(QemuDomain *domain, const char *name, const VbJson *details)
{
    for (guint i = 0; i < G_N_ELEMENTS(device_rows); i++) {
        if (strcmp(device_rows[i].name, name) == 0)
            device_rows[i].func(domain, details);
    }
}
