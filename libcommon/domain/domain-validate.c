/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt refuses of a whole domain; device classes have files of their own. Never changes anything. */
#include <string.h>
#include "base/error.h"
#include "domain/devices.h"
#include "domain/validate.h"

/**
 * vb_domain_check_rules:
 * @rules: what may be wrong, in the order in which it counts
 * @n_rules: how many
 * @error: return location
 *
 * Returns: TRUE, or FALSE with the first rule that is broken in @error
 */
gboolean
vb_domain_check_rules(const VbDomainRule *rules, guint n_rules, GError **error)
{
    for (guint i = 0; i < n_rules; i++) {
        if (rules[i].is_wrong)
            return vb_error_set(error, rules[i].code, "%s", rules[i].text);
    }
    return TRUE;
}

static gboolean
validate_name(const VbDomainDef *def, GError **error)
{
    if (!*def->name)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "name '' is invalid"); /* what follows cannot be stored either */
    if (g_str_equal(def->name, ".") || g_str_equal(def->name, ".."))
        return vb_error_set(error, VIR_ERR_XML_ERROR, "name '%s' is invalid", def->name);
    if (strchr(def->name, '/'))
        return vb_error_set(error, VIR_ERR_XML_ERROR, "name %s cannot contain '/'", def->name);
    if (strchr(def->name, '\n'))
        return vb_error_set(error, VIR_ERR_XML_ERROR, "name cannot contain '\\n'");
    if (def->title && strchr(def->title, '\n'))
        return vb_error_set(error, VIR_ERR_XML_ERROR, "Domain title can't contain newlines");
    return TRUE;
}

static gboolean
validate_vcpus(const VbDomainDef *def, GError **error)
{
    const VbDomainCpu *cpu = def->cpu;
    const guint64 topology = cpu && cpu->sockets
                                 ? (guint64)cpu->sockets * MAX(cpu->dies, 1u) *
                                       MAX(cpu->clusters, 1u) * cpu->cores * cpu->threads
                                 : 0;

    if (def->vcpus == 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR, "invalid domain vcpu count '0'");
    if (def->current_vcpus > def->vcpus)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "maximum vCPU count must not be less than current vCPU count");
    if (topology && topology != def->vcpus)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "CPU topology doesn't match maximum vcpu count");
    return TRUE;
}

/* boot order */
typedef struct {
    GHashTable *orders;
    GError **error;
} BootCheck;

static gboolean
check_boot_order(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    const BootCheck *check = data;
    const guint order = device->info->boot_order;

    if (order == 0 || g_hash_table_add(check->orders, GUINT_TO_POINTER(order)))
        return TRUE;
    return vb_error_set(check->error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "boot order '%u' used for more than one device", order);
}

static gboolean
validate_boot(const VbDomainDef *def, GError **error)
{
    g_autoptr(GHashTable) orders = g_hash_table_new(NULL, NULL);
    BootCheck check = {orders, error};

    if (!vb_domain_each_device((VbDomainDef *)def, check_boot_order, &check))
        return FALSE;
    if (g_hash_table_size(orders) > 0 && VB_DOMAIN_COUNT(def->os.boot) > 0)
        return vb_error_set(
            error, VIR_ERR_CONFIG_UNSUPPORTED,
            "per-device boot elements cannot be used together with os/boot elements");
    if (def->os.bios_useserial == VB_TRISTATE_YES && VB_DOMAIN_COUNT(def->serials) == 0)
        return vb_error_set(error, VIR_ERR_XML_ERROR,
                            "need at least one serial port to use BIOS serial output");
    if (def->os.has_bootmenu_timeout && def->os.bootmenu_timeout_ms > 65535)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "invalid value for boot menu timeout, must be in range [0,65535]");
    if (def->os.has_bios_reboot_timeout &&
        (def->os.bios_reboot_timeout_ms < -1 || def->os.bios_reboot_timeout_ms > 65535))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "invalid value for rebootTimeout, must be in range [-1,65535]");
    return TRUE;
}

/* aliases that users chose are unique */
static gboolean
check_alias(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    const BootCheck *check = data;
    char *alias = device->info->alias;

    if (!vb_domain_alias_is_user(alias) || g_hash_table_add(check->orders, alias))
        return TRUE;
    return vb_error_set(check->error, VIR_ERR_CONFIG_UNSUPPORTED, "non unique alias detected: %s",
                        alias);
}

static gboolean
check_zpci(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    return !device->info->address.has_zpci ||
           vb_error_set(data, VIR_ERR_CONFIG_UNSUPPORTED, "This QEMU binary doesn't support zPCI");
}

static gboolean
validate_zpci(const VbDomainDef *def, GError **error)
{
    return g_strcmp0(def->os.arch, "x86_64") != 0 ||
           vb_domain_each_device((VbDomainDef *)def, check_zpci, error);
}

static gboolean
validate_aliases(const VbDomainDef *def, GError **error)
{
    g_autoptr(GHashTable) aliases = g_hash_table_new(g_str_hash, g_str_equal);
    BootCheck check = {aliases, error};

    return vb_domain_each_device((VbDomainDef *)def, check_alias, &check);
}

/* which CPUs are there at boot */
static gboolean
validate_vcpu_list(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainVcpu, vcpu, def->vcpu_list)
    {
        if (vcpu->has_id && vcpu->id == 0 && vcpu->enabled == VB_TRISTATE_NO)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "vcpu 0 can't be offline");
    }
    return TRUE;
}

/**
 * vb_domain_validate:
 * @def: a domain with defaults and addresses
 * @error: return location
 *
 * Refuses what libvirt refuses when a domain is defined, with its words.
 *
 * Returns: TRUE, or FALSE with @error set
 * Errors: XML_ERROR, XML_DETAIL, CONFIG_UNSUPPORTED, INVALID_ARG as libvirt does
 */
gboolean
vb_domain_validate(const VbDomainDef *def, GError **error)
{
    return validate_name(def, error) && validate_vcpus(def, error) && validate_boot(def, error) &&
           validate_aliases(def, error) && validate_zpci(def, error) &&
           validate_vcpu_list(def, error) && vb_domain_validate_clock(def, error) &&
           vb_domain_validate_features(def, error) && vb_domain_validate_cpu(def, error) &&
           vb_domain_validate_os(def, error) && vb_domain_validate_disks(def, error) &&
           vb_domain_validate_controllers(def, error) && vb_domain_validate_chardevs(def, error) &&
           vb_domain_validate_graphics(def, error) && vb_domain_validate_nets(def, error) &&
           vb_domain_validate_hostdevs(def, error) && vb_domain_validate_tuning(def, error) &&
           vb_domain_validate_memory(def, error) && vb_domain_validate_platform(def, error) &&
           vb_domain_validate_resctrl(def, error);
}
