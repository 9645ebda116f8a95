/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of org.virtbus.NodeDevices1 that hypervisors call: devices for their guests. */
#include <string.h>

#include "bus/bus-private.h"
#include "hand-over.h"

static void
reply(const GError *error, gpointer data)
{
    if (error)
        vb_call_fail(data, g_error_copy(error));
    else
        vb_call_return(data, NULL);
}

/* Both go into a line of the file of claims. */
static gboolean
check_holder(const NodedevHolder *holder, GError **error)
{
    if (!*holder->driver || strpbrk(holder->driver, " \n"))
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' cannot be the name of a hypervisor",
                            holder->driver);
    return (*holder->domain && !strchr(holder->domain, '\n')) ||
           vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' cannot be the name of a domain",
                        holder->domain);
}

static gboolean
check_address(const char *text, GError **error)
{
    NodedevPciAddress address;
    g_autofree char *canonical =
        nodedev_pci_parse(text, &address) ? nodedev_pci_format(&address) : NULL;
    return g_strcmp0(canonical, text) == 0 ||
           vb_error_set(error, VIR_ERR_INVALID_ARG, "'%s' is not the address of a PCI device",
                        text);
}

GVariant *
nodedev_bus_method_assign(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    NodedevHolder holder;
    g_autoptr(GVariant) devices = NULL;
    GVariantIter iter;
    const char *address;
    guint flags;
    g_variant_get(args, "(&s&s@a(sb)u)", &holder.driver, &holder.domain, &devices, &flags);
    if (!check_holder(&holder, error))
        return NULL;
    if (!vb_error_check_flags(error, flags, NODEDEV_HAND_OVER_NOTE, "Assign"))
        return NULL;
    g_variant_iter_init(&iter, devices);
    while (g_variant_iter_next(&iter, "(&sb)", &address, NULL))
        if (!check_address(address, error))
            return NULL;
    vb_call_defer(call);
    nodedev_hand_over(((NodedevBus *)data)->manager, &holder, devices, flags, reply, call);
    return NULL;
}

GVariant *
nodedev_bus_method_release(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    NodedevHolder holder;
    g_autofree const char **addresses = NULL;
    g_variant_get(args, "(&s&s^a&s)", &holder.driver, &holder.domain, &addresses);
    for (guint i = 0; addresses[i]; i++)
        if (!check_address(addresses[i], error))
            return NULL;
    if (!check_holder(&holder, error))
        return NULL;
    vb_call_defer(call);
    nodedev_take_back(((NodedevBus *)data)->manager, &holder, addresses, reply, call);
    return NULL;
}

GVariant *
nodedev_bus_method_list_holders(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    NodedevManager *manager = ((NodedevBus *)data)->manager;
    g_autoptr(GPtrArray) addresses = nodedev_claims_list(manager, NULL);
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(sss)"));
    for (guint i = 0; i < addresses->len; i++) {
        const NodedevClaim *claim = nodedev_claims_find(manager, addresses->pdata[i]);
        g_variant_builder_add(&builder, "(sss)", claim->address, claim->holder.driver,
                              claim->holder.domain);
    }
    return g_variant_new("(a(sss))", &builder);
}
