/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a guest's definition, its host and its users did to it that may surprise whoever looks after it. */
#include "taint.h"

#include "base/log.h"
#include "domain-private.h"
#include "domain/disk.h"
#include "domain/interface.h"

#include <string.h>
#include <unistd.h>

/* ---- what a definition brings along ---- */

static gboolean
has_custom_argv(const VbDomainDef *def)
{
    return VB_DOMAIN_COUNT(def->qemu_args) > 0 || VB_DOMAIN_COUNT(def->qemu_env) > 0;
}

/* an emulator that breaks out is whoever it runs as */
static gboolean
has_high_privileges(const VbDomainDef *def)
{
    return geteuid() == 0;
}

static gboolean
has_host_cpu(const VbDomainDef *def)
{
    return def->cpu && def->cpu->mode == VB_DOMAIN_CPU_MODE_HOST_PASSTHROUGH;
}

static gboolean
has_custom_dtb(const VbDomainDef *def)
{
    return def->os.dtb != NULL;
}

static gboolean
has_custom_device(const VbDomainDef *def)
{
    return VB_DOMAIN_COUNT(def->qemu_overrides) > 0;
}

static gboolean
has_scripts(const VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainNet, net, def->nets)
    {
        if (vb_domain_net_more(net)->script)
            return TRUE;
    }
    return FALSE;
}

/* the guest gets the host's drive, tray and commands included */
static gboolean
has_host_cdrom(const VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        if (disk->device == VB_DOMAIN_DISK_DEVICE_CDROM &&
            disk->source.type == VB_DOMAIN_STORAGE_BLOCK &&
            !vb_domain_source_is_empty(&disk->source))
            return TRUE;
    }
    return FALSE;
}

/* Source: libvirt's words, in its order (virDomainTaintFlags, virDomainGetMessages) */
static const struct {
    const char *word;
    const char *text;
    gboolean (*is_started_with)(const VbDomainDef *def); /* NULL: comes about later, or not here */
} taints[] = {
    {"custom-argv", "custom configuration parameters specified", has_custom_argv},
    {"custom-monitor", "custom monitor control commands issued", NULL},
    {"high-privileges", "running with undesirable elevated privileges", has_high_privileges},
    {"shell-scripts", "network configuration using opaque shell scripts", has_scripts},
    {"disk-probing", "potentially unsafe disk format probing", NULL},
    {"external-launch", "managing externally launched configuration", NULL},
    {"host-cpu", "potentially unsafe use of host CPU passthrough", has_host_cpu},
    {"hook-script", "configuration potentially modified by hook script", NULL},
    {"cdrom-passthrough", "use of host cdrom passthrough", has_host_cdrom},
    {"custom-dtb", "custom device tree blob used", has_custom_dtb},
    {"custom-ga-command", "custom guest agent control commands issued", NULL},
    {"custom-hypervisor-feature", "custom hypervisor feature specified", NULL},
    {"deprecated-config", "use of deprecated configuration settings", NULL},
    {"custom-device", "custom device configuration", has_custom_device},
};

const char *
qemu_taint_text(const char *word)
{
    for (guint i = 0; i < G_N_ELEMENTS(taints); i++) {
        if (strcmp(taints[i].word, word) == 0)
            return taints[i].text;
    }
    return word;
}

/* ---- marking ---- */

static gboolean
mark(QemuDomain *domain, const char *word)
{
    for (guint i = 0; i < domain->taint->len; i++) {
        if (strcmp(domain->taint->pdata[i], word) == 0)
            return FALSE;
    }
    g_ptr_array_add(domain->taint, g_strdup(word));
    vb_log_guest(G_LOG_LEVEL_INFO, domain->name, domain->uuid_text,
                 "Domain id=%d name='%s' uuid=%s is tainted: %s", domain->id, domain->name,
                 domain->uuid_text, word);
    return TRUE;
}

void
qemu_taint_started(QemuDomain *domain)
{
    for (guint i = 0; i < G_N_ELEMENTS(taints); i++) {
        if (taints[i].is_started_with && taints[i].is_started_with(domain->live))
            (void)mark(domain, taints[i].word);
    }
}

void
qemu_domain_taint(QemuDomain *domain, const char *word)
{
    if (mark(domain, word))
        qemu_domain_save(domain);
}
