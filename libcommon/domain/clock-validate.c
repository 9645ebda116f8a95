/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of <clock>, the life cycle's actions, <idmap>, <sysinfo> and redirection filters. */
#include <string.h>
#include "base/error.h"
#include "domain/validate.h"

#define UNSUPPORTED VIR_ERR_CONFIG_UNSUPPORTED

static gboolean
validate_offset(const VbDomainClock *clock, GError **error)
{
    const VbDomainRule rules[] = {
        {clock->offset == VB_DOMAIN_CLOCK_TIMEZONE && !clock->timezone, VIR_ERR_INTERNAL_ERROR,
         "missing 'timezone' attribute for clock with offset='timezone'"},
        {clock->offset == VB_DOMAIN_CLOCK_ABSOLUTE && !clock->has_start, VIR_ERR_INTERNAL_ERROR,
         "missing 'start' attribute for clock with offset='absolute'"},
    };

    VB_DOMAIN_EACH(VbDomainTimer, timer, clock->timers)
    {
        if ((timer->catchup_threshold || timer->catchup_slew || timer->catchup_limit) &&
            g_strcmp0(timer->tickpolicy, "catchup") != 0)
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "setting of timer catchup policies is only supported with "
                                "tickpolicy='catchup'");
    }
    return VB_DOMAIN_CHECK(rules, error);
}

static gboolean
validate_actions(const VbDomainDef *def, GError **error)
{
    static const char *const lock_actions[] = {"poweroff", "restart", "pause",
                                               "ignore",   "default", NULL};
    const VbDomainRule rules[] = {
        {def->on_reboot == VB_DOMAIN_ACTION_PRESERVE ||
             def->on_poweroff == VB_DOMAIN_ACTION_PRESERVE,
         UNSUPPORTED,
         "qemu driver doesn't support the 'preserve' action for 'on_reboot'/'on_poweroff'"},
    };

    if (def->on_lockfailure && !g_strv_contains(lock_actions, def->on_lockfailure))
        return vb_error_set(error, UNSUPPORTED, "unknown on_lockfailure action: %s",
                            def->on_lockfailure);
    return VB_DOMAIN_CHECK(rules, error);
}

static gboolean
validate_firmware_entries(const VbDomainSysinfo *sysinfo, GError **error)
{
    VB_DOMAIN_EACH(VbDomainSysinfoEntry, entry, sysinfo->entries)
    {
        if (!entry->name)
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "Firmware entry is missing 'name' attribute");
        if (!*entry->name || !g_str_has_prefix(entry->name, "opt/"))
            return vb_error_set(error, UNSUPPORTED, "Invalid firmware name");
        if ((!entry->text || !*entry->text) && !entry->file)
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "Firmware entry must have either value or 'file' attribute");
    }
    return TRUE;
}

static gboolean
validate_redir_filter(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainUsbFilter, filter, def->redir_filter ? def->redir_filter->filters : NULL)
    {
        const char *version = filter->version;
        const gsize digits = version ? strspn(version, "0123456789") : 0;

        if (!filter->allow)
            return vb_error_set(error, VIR_ERR_XML_ERROR,
                                "Missing required attribute 'allow' in element 'usbdev'");
        if (version && strcmp(version, "-1") != 0 &&
            (digits == 0 || version[digits] != '.' || !g_ascii_isdigit(version[digits + 1])))
            return vb_error_set(error, VIR_ERR_XML_ERROR, "Cannot parse USB device version %s",
                                version);
    }
    return TRUE;
}

/**
 * vb_domain_validate_clock:
 * @def: a domain
 * @error: return location
 *
 * Returns: TRUE, or FALSE with @error set
 * Errors: CONFIG_UNSUPPORTED, XML_ERROR, INTERNAL_ERROR as libvirt has them
 */
gboolean
vb_domain_validate_clock(const VbDomainDef *def, GError **error)
{
    if (!validate_offset(&def->clock, error) || !validate_actions(def, error) ||
        !validate_redir_filter(def, error))
        return FALSE;
    VB_DOMAIN_EACH(VbDomainSysinfo, sysinfo, def->sysinfo)
    {
        if (g_strcmp0(sysinfo->type, "fwcfg") == 0 && !validate_firmware_entries(sysinfo, error))
            return FALSE;
    }
    return TRUE;
}
