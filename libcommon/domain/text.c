/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text <-> struct for whole domains, and what is left out of inactive definitions. */
#include "domain/devices.h"
#include "domain/domain.h"

VbDomainDef *
vb_domain_new(void)
{
    return vb_xml_new(&vb_domain_type);
}

/**
 * vb_domain_copy:
 * @def: (nullable): a domain
 *
 * Returns: (transfer full): a deep copy
 */
VbDomainDef *
vb_domain_copy(const VbDomainDef *def)
{
    return def ? vb_xml_copy(&vb_domain_type, def) : NULL;
}

/**
 * vb_domain_free:
 * @def: (nullable) (transfer full): a domain
 */
void
vb_domain_free(VbDomainDef *def)
{
    vb_xml_free(&vb_domain_type, def);
}

/**
 * vb_domain_list_add:
 * @list: (inout): one of a domain's lists
 * @item: (transfer full): struct of the list's type
 *
 * Returns: (transfer none): @item
 */
gpointer
vb_domain_list_add(GPtrArray **list, gpointer item)
{
    if (!*list)
        *list = g_ptr_array_new();
    g_ptr_array_add(*list, item);
    return item;
}

/**
 * vb_domain_list_insert:
 * @list: (inout): one of a domain's lists
 * @at: index that the item gets
 * @item: (transfer full): struct of the list's type
 *
 * Returns: (transfer none): @item
 */
gpointer
vb_domain_list_insert(GPtrArray **list, guint at, gpointer item)
{
    if (!*list)
        *list = g_ptr_array_new();
    g_ptr_array_insert(*list, (int)at, item);
    return item;
}

static gboolean
drop_alias(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    if (!vb_domain_alias_is_user(device->info->alias))
        g_clear_pointer(&device->info->alias, g_free);
    return TRUE;
}

/* names of the host's side that were made up for a guest that ran. Source: libvirt's prefixes */
static void
drop_made_up_name(VbDomainNet *net)
{
    if (net->target_dev && (g_str_has_prefix(net->target_dev, "vnet") ||
                            g_str_has_prefix(net->target_dev, "macvtap") ||
                            g_str_has_prefix(net->target_dev, "macvlan")))
        g_clear_pointer(&net->target_dev, g_free);
}

static gboolean
has_no_alias(VbDomainDef *def, const VbDomainDevice *device, gpointer data)
{
    return !device->info->alias || vb_domain_alias_is_user(device->info->alias);
}

/* Source: libvirt writes a console's ports as -1 where QEMU was to choose them */
static void
clear_graphics(VbDomainGraphics *graphics)
{
    if (graphics->autoport != VB_TRISTATE_YES)
        return;
    graphics->port = -1;
    graphics->tls_port = -1;
    graphics->has_tls_port = FALSE;
}

/**
 * vb_domain_clear_live:
 * @def: a domain
 *
 * Takes away what only a running guest has: id, aliases that the user did not choose, ports that were chosen
 * automatically. What tables mark as live is not written by inactive formatting and may stay.
 */
void
vb_domain_clear_live(VbDomainDef *def)
{
    def->has_id = FALSE;
    def->id = 0;
    vb_domain_each_device(def, drop_alias, NULL);
    VB_DOMAIN_EACH(VbDomainGraphics, graphics, def->graphics)
    clear_graphics(graphics);
}

/**
 * vb_domain_parse:
 * @text: XML of a <domain>
 * @flags: VB_DOMAIN_PARSE_*
 * @error: return location
 *
 * Reads what is written; fills in and refuses nothing across elements.
 *
 * Returns: (transfer full): the domain, or NULL with @error set
 * Errors: XML_ERROR, XML_DETAIL, CONFIG_UNSUPPORTED malformed text, unknown values
 */
VbDomainDef *
vb_domain_parse(const char *text, guint flags, GError **error)
{
    const guint xml_flags = flags & VB_DOMAIN_PARSE_INACTIVE ? VB_XML_PARSE_INACTIVE : 0;
    VbDomainDef *def = vb_xml_parse_full(&vb_domain_type, text, -1, xml_flags, error);

    if (def && flags & VB_DOMAIN_PARSE_INACTIVE) {
        vb_domain_each_device(def, drop_alias, NULL);
        VB_DOMAIN_EACH(VbDomainNet, net, def->nets)
        drop_made_up_name(net);
    }
    return def;
}

/**
 * vb_domain_format:
 * @def: a domain
 * @flags: VB_DOMAIN_FORMAT_*
 *
 * Returns: (transfer full): its XML; without LIVE as a definition, without SECURE without passwords
 */
char *
vb_domain_format(const VbDomainDef *def, guint flags)
{
    const guint xml_flags = (flags & VB_DOMAIN_FORMAT_LIVE ? VB_XML_FORMAT_LIVE : 0u) |
                            (flags & VB_DOMAIN_FORMAT_SECURE ? VB_XML_FORMAT_SECURE : 0u);
    g_autoptr(VbDomainDef) copy = NULL;

    if ((flags & VB_DOMAIN_FORMAT_MIGRATABLE) ||
        (!(flags & VB_DOMAIN_FORMAT_LIVE) &&
         (def->has_id || !vb_domain_each_device((VbDomainDef *)def, has_no_alias, NULL)))) {
        copy = vb_domain_copy(def);
        if (!(flags & VB_DOMAIN_FORMAT_LIVE))
            vb_domain_clear_live(copy);
        if (flags & VB_DOMAIN_FORMAT_MIGRATABLE)
            vb_domain_make_migratable(copy);
        def = copy;
    }
    return vb_xml_format(&vb_domain_type, def, xml_flags);
}
