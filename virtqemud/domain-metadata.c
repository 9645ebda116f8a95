/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Title, description and foreign elements of a guest, live and stored. */
#include <string.h>
#include "base/error.h"
#include "define.h"
#include "status.h"

#define IMPACT_FLAGS (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

static char **
text_member(VbDomainDef *def, int type)
{
    return type == VIR_DOMAIN_METADATA_TITLE ? &def->title : &def->description;
}

static gboolean
check_type(int type, const char *uri, GError **error)
{
    if (type < VIR_DOMAIN_METADATA_DESCRIPTION || type > VIR_DOMAIN_METADATA_ELEMENT)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "unknown metadata type");
    if (type == VIR_DOMAIN_METADATA_ELEMENT && (!uri || !*uri))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "uri must not be empty");
    return TRUE;
}

/**
 * qemu_domain_get_metadata:
 * @domain: the guest
 * @type: virDomainMetadataType
 * @uri: (nullable): namespace of the element
 * @flags: virDomainModificationImpact
 *
 * Returns: (transfer full): what is recorded; an element without its prefix
 * Errors: NO_DOMAIN_METADATA nothing is; INVALID_ARG; OPERATION_INVALID
 */
char *
qemu_domain_get_metadata(QemuDomain *domain, int type, const char *uri, guint flags, GError **error)
{
    VbDomainDef *live;
    VbDomainDef *config;
    const VbDomainDef *def;
    char *text;

    if (!qemu_check_flags(flags, IMPACT_FLAGS, "qemuDomainGetMetadata", error) ||
        !check_type(type, uri, error) ||
        !qemu_domain_pick_defs(domain, flags, &live, &config, error))
        return NULL;
    def = live ? live : config;
    if (type == VIR_DOMAIN_METADATA_ELEMENT)
        text = vb_xml_raw_get(def->metadata, uri);
    else
        text = g_strdup(*text_member((VbDomainDef *)def, type));
    if (!text)
        vb_error_set(error, VIR_ERR_NO_DOMAIN_METADATA,
                     type == VIR_DOMAIN_METADATA_ELEMENT
                         ? "Requested metadata element is not present"
                         : "Requested metadata is not present");
    return text;
}

static gboolean
apply(VbDomainDef *def, const QemuMetadata *change, GError **error)
{
    const char *text = change->metadata && *change->metadata ? change->metadata : NULL;
    char **member;

    if (change->type == VIR_DOMAIN_METADATA_ELEMENT)
        return vb_xml_raw_set(&def->metadata, text, change->key, change->uri, error);
    member = text_member(def, change->type);
    g_free(*member);
    *member = g_strdup(text);
    return TRUE;
}

static gboolean
check_change(const QemuMetadata *change, GError **error)
{
    if (!check_type(change->type, change->uri, error))
        return FALSE;
    if (change->type == VIR_DOMAIN_METADATA_TITLE && change->metadata &&
        strchr(change->metadata, '\n'))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "metadata title can't contain newlines");
    if (change->type == VIR_DOMAIN_METADATA_ELEMENT && change->metadata && *change->metadata &&
        (!change->key || !*change->key))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "key must not be empty");
    return TRUE;
}

static gboolean
set_config(QemuDomain *domain, const QemuMetadata *change, GError **error)
{
    g_autoptr(VbDomainDef) copy = vb_domain_copy(domain->config);

    if (!apply(copy, change, error) || !qemu_manager_store(domain->manager, copy, error))
        return FALSE;
    qemu_domain_set_config(domain, g_steal_pointer(&copy));
    return TRUE;
}

/**
 * qemu_domain_set_metadata:
 * @domain: the guest
 * @change: what to record, or remove
 * @flags: virDomainModificationImpact
 *
 * Returns: FALSE with @error set and nothing changed
 * Errors: INVALID_ARG bad title, key or uri; XML_DETAIL malformed element; OPERATION_INVALID
 */
gboolean
qemu_domain_set_metadata(QemuDomain *domain, const QemuMetadata *change, guint flags,
                         GError **error)
{
    const gboolean is_element = change->type == VIR_DOMAIN_METADATA_ELEMENT;
    VbDomainDef *live;
    VbDomainDef *config;
    GVariantDict details;

    if (!qemu_check_flags(flags, IMPACT_FLAGS, "qemuDomainSetMetadata", error) ||
        !check_change(change, error) ||
        !qemu_domain_pick_defs(domain, flags, &live, &config, error))
        return FALSE;
    if ((config && !set_config(domain, change, error)) || (live && !apply(live, change, error)))
        return FALSE;
    if (live && !qemu_status_write(domain, error))
        return FALSE;
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_CONFIG);
    g_variant_dict_init(&details, NULL);
    g_variant_dict_insert(&details, "type", "i", change->type);
    g_variant_dict_insert(&details, "nsuri", "s", is_element ? change->uri : "");
    qemu_domain_emit(domain, "metadata-change", g_variant_dict_end(&details));
    return TRUE;
}
