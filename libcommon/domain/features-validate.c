/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of features, clocks, life cycle, launch security, what is handed to QEMU past the model. */
#include <stdio.h>
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

static gboolean
is_x86(const VbDomainDef *def)
{
    return g_strcmp0(def->os.arch, "x86_64") == 0 || g_strcmp0(def->os.arch, "i686") == 0;
}

/* what other machines have */
static gboolean
validate_foreign(const VbDomainDef *def, GError **error)
{
    const VbDomainFeatures *f = &def->features;
    const struct {
        gboolean is_there;
        const char *name;
    } rows[] = {
        {f->gic, "gic"},
        {f->hpt != NULL, "hpt"},
        {f->htm != 0, "htm"},
        {f->nested_hv, "nested-hv"},
        {f->ccf_assist, "ccf-assist"},
        {f->cfpc != NULL, "cfpc"},
        {f->sbbc != NULL, "sbbc"},
        {f->ibs != NULL, "ibs"},
        {f->ras != 0, "ras"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows) && is_x86(def); i++) {
        if (rows[i].is_there)
            return vb_error_set(
                error, VIR_ERR_CONFIG_UNSUPPORTED,
                "The '%s' feature is not supported for architecture '%s' or machine type '%s'",
                rows[i].name, def->os.arch, def->os.machine);
    }
    if (f->has_async_teardown && f->async_teardown != VB_TRISTATE_NO)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "asynchronous teardown is not available with this QEMU binary");
    if (f->ps2)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "ps2 feature state cannot be controlled in this QEMU binary");
    return TRUE;
}

static gboolean
validate_kvm(const VbDomainDef *def, GError **error)
{
    const VbDomainKvm *kvm = def->features.kvm;
    const guint size = kvm ? kvm->dirty_ring_size : 0;

    if (def->virt_type == VB_DOMAIN_VIRT_KVM && def->features.tcg_tb_cache_kib)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "TCG features are incompatible with domain type 'kvm'");
    if (!kvm || kvm->dirty_ring != VB_TRISTATE_YES)
        return TRUE;
    if (size == 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "Missing required attribute 'size' in element 'dirty-ring'");
    if (size < 1024 || size > 65536 || (size & (size - 1)))
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "dirty ring must be power of 2 and ranges [1024, 65536]");
    return TRUE;
}

static gboolean
validate_hyperv(const VbDomainHyperv *hyperv, GError **error)
{
    if (!hyperv)
        return TRUE;
    if (hyperv->spinlocks == VB_TRISTATE_YES && hyperv->spinlocks_retries < 4095)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "HyperV spinlock retry count must be at least 4095");
    if (hyperv->vendor_id_value && strlen(hyperv->vendor_id_value) > 12)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "HyperV vendor_id value must not be more than 12 characters.");
    return TRUE;
}

/* clock */
static gboolean
is_word(const char *word, const char *a, const char *b)
{
    return word && (strcmp(word, a) == 0 || strcmp(word, b) == 0);
}

static gboolean
validate_timer(const VbDomainDef *def, const VbDomainTimer *timer, GError **error)
{
    if (strcmp(timer->name, "armvtimer") == 0 && is_x86(def))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Configuring the 'armvtimer' timer is not supported for virtType=%s "
                            "arch=%s machine=%s guests",
                            vb_enum_to_nick(&vb_domain_virt_type_enum, def->virt_type),
                            def->os.arch, def->os.machine);
    if (strcmp(timer->name, "platform") == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "unsupported timer type (name) 'platform'");
    if (strcmp(timer->name, "pit") == 0 && g_strcmp0(timer->tickpolicy, "merge") == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "unsupported pit tickpolicy '%s'",
                            timer->tickpolicy);
    if (strcmp(timer->name, "rtc") != 0)
        return TRUE;
    if (is_word(timer->track, "boot", "boot"))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "unsupported rtc timer track '%s'",
                            timer->track);
    if (is_word(timer->tickpolicy, "merge", "discard"))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "unsupported rtc timer tickpolicy '%s'", timer->tickpolicy);
    return TRUE;
}

/* life cycle */
static gboolean
validate_actions(const VbDomainDef *def, GError **error)
{
    const int rename = VB_DOMAIN_ACTION_RENAME_RESTART;

    if (def->on_poweroff == rename || def->on_reboot == rename || def->on_crash == rename)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "qemu driver doesn't support the 'rename-restart' action for "
                            "'on_reboot'/'on_poweroff'/'on_crash'");
    if (def->on_poweroff == VB_DOMAIN_ACTION_RESTART && def->on_reboot == VB_DOMAIN_ACTION_DESTROY)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "qemu driver doesn't support 'onReboot' set to 'destroy and "
                            "'onPoweroff' set to 'reboot'");
    return TRUE;
}

static gboolean
validate_launch_security(const VbDomainDef *def, GError **error)
{
    if (!def->launch_security)
        return TRUE;
    return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "%s launch security is not supported with this QEMU binary",
                        def->launch_security->type == VB_DOMAIN_LAUNCH_SECURITY_PV ? "S390 PV"
                        : def->launch_security->type == VB_DOMAIN_LAUNCH_SECURITY_SEV_SNP
                            ? "SEV SNP"
                            : "SEV");
}

static gboolean
validate_seclabels(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainSeclabel, label, def->seclabels)
    {
        if (g_strcmp0(label->type, "static") == 0 && !label->label)
            return vb_error_set(error, VIR_ERR_XML_ERROR, "security label is missing");
    }
    return TRUE;
}

/* past the model */
static gboolean
validate_environment(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainCommandEnv, arg, def->qemu_args)
    {
        if (!arg->value)
            return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                                "No qemu command-line argument specified");
    }
    VB_DOMAIN_EACH(VbDomainCommandEnv, env, def->qemu_env)
    {
        if (!env->name || !*env->name)
            return vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                                "No qemu environment name specified");
        if (!g_ascii_isalpha(env->name[0]) && env->name[0] != '_')
            return vb_error_set(
                error, VIR_ERR_INTERNAL_ERROR,
                "Invalid environment name, it must begin with a letter or underscore");
        if (strspn(env->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
            strlen(env->name))
            return vb_error_set(
                error, VIR_ERR_INTERNAL_ERROR,
                "Invalid environment name, it must contain only alphanumerics and underscore");
    }
    return TRUE;
}

/* SMBIOS */
static gboolean
validate_entry(const VbDomainDef *def, const VbDomainSysinfoEntry *entry, GError **error)
{
    guint month, day, year;
    VbUuid uuid;

    if (g_strcmp0(entry->name, "uuid") == 0 && entry->text &&
        (!vb_uuid_parse(entry->text, &uuid) ||
         memcmp(uuid.bytes, def->uuid.bytes, sizeof(uuid.bytes)) != 0))
        return vb_error_set(error, VIR_ERR_XML_DETAIL,
                            "UUID mismatch between <uuid> and <sysinfo>");
    if (g_strcmp0(entry->name, "date") == 0 && entry->text &&
        (sscanf(entry->text, "%2u/%2u/%4u", &month, &day, &year) != 3 || month > 12 || day > 31))
        return vb_error_set(error, VIR_ERR_XML_DETAIL, "Invalid BIOS 'date' format");
    return TRUE;
}

static gboolean
validate_sysinfo(const VbDomainDef *def, const VbDomainSysinfo *info, GError **error)
{
    VB_DOMAIN_EACH(VbDomainSysinfoEntry, bios, info->bios)
    {
        if (!validate_entry(def, bios, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainSysinfoEntry, system, info->system)
    {
        if (!validate_entry(def, system, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainSysinfoEntry, entry, info->entries)
    {
        if (entry->name && !g_str_has_prefix(entry->name, "opt/"))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Invalid firmware name");
    }
    return TRUE;
}

gboolean
vb_domain_validate_features(const VbDomainDef *def, GError **error)
{
    if (def->features.tseg_size && !vb_domain_is_q35(def))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "SMM TSEG is only supported with q35 machine type");
    if (!validate_foreign(def, error) || !validate_kvm(def, error) ||
        !validate_hyperv(def->features.hyperv, error) || !validate_actions(def, error) ||
        !validate_launch_security(def, error) || !validate_seclabels(def, error) ||
        !validate_environment(def, error))
        return FALSE;
    VB_DOMAIN_EACH(VbDomainTimer, timer, def->clock.timers)
    {
        if (!validate_timer(def, timer, error))
            return FALSE;
    }
    VB_DOMAIN_EACH(VbDomainSysinfo, info, def->sysinfo)
    {
        if (!validate_sysinfo(def, info, error))
            return FALSE;
    }
    return TRUE;
}
