/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Claims of guests to PCI devices. The file is on tmpfs: guests do not outlive a reboot either. A line is an address, 1 if
 * the device is owed to its own driver, the hypervisor, and the guest's name up to the line's end. */
#include "claims.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "store/store.h"
#include "vb-constants.h"

#define MAX_CLAIMS (1024 * 1024)

static void
claim_free(gpointer data)
{
    NodedevClaim *claim = data;
    g_free(claim->address);
    g_free(claim->holder.driver);
    g_free(claim->holder.domain);
    g_free(claim);
}

static char *
path_of(NodedevManager *manager)
{
    return g_strconcat(manager->host.root, "/run/virtbus/virtnodedevd.claims", NULL);
}

static void
read_line(NodedevManager *manager, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 4);
    NodedevPciAddress address;
    if (g_strv_length(words) != 4 || !nodedev_pci_parse(words[0], &address) || !*words[3]) {
        if (*line)
            vb_log_warning(NULL, "a claim that cannot be read is forgotten: %s", line);
        return;
    }
    const NodedevHolder holder = {words[2], words[3]};
    nodedev_claims_add(manager, words[0], &holder)->is_owed = g_str_equal(words[1], "1");
}

gboolean
nodedev_claims_load(NodedevManager *manager, GError **error)
{
    g_autofree char *path = path_of(manager);
    g_autofree char *text = NULL;
    g_autoptr(GError) why = NULL;
    manager->claims = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, claim_free);
    if (!vb_store_read(path, MAX_CLAIMS, &text, NULL, &why)) {
        if (g_strcmp0(vb_error_get_reason(why), "FileMissing") == 0)
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++)
        read_line(manager, lines[i]);
    return TRUE;
}

void
nodedev_claims_free(NodedevManager *manager)
{
    g_clear_pointer(&manager->claims, g_hash_table_unref);
}

gboolean
nodedev_claims_save(NodedevManager *manager, GError **error)
{
    g_autofree char *path = path_of(manager);
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GPtrArray) addresses = nodedev_claims_list(manager, NULL);
    for (guint i = 0; i < addresses->len; i++) {
        const NodedevClaim *claim = nodedev_claims_find(manager, addresses->pdata[i]);
        g_string_append_printf(text, "%s %d %s %s\n", claim->address, claim->is_owed,
                               claim->holder.driver, claim->holder.domain);
    }
    return vb_store_write_volatile(path, text->str, text->len, 0600, error);
}

NodedevClaim *
nodedev_claims_find(NodedevManager *manager, const char *address)
{
    return g_hash_table_lookup(manager->claims, address);
}

gboolean
nodedev_claim_is_of(const NodedevClaim *claim, const NodedevHolder *holder)
{
    return g_str_equal(claim->holder.driver, holder->driver) &&
           g_str_equal(claim->holder.domain, holder->domain);
}

NodedevClaim *
nodedev_claims_add(NodedevManager *manager, const char *address, const NodedevHolder *holder)
{
    NodedevClaim *claim = g_new0(NodedevClaim, 1);
    claim->address = g_strdup(address);
    claim->holder.driver = g_strdup(holder->driver);
    claim->holder.domain = g_strdup(holder->domain);
    g_hash_table_replace(manager->claims, claim->address, claim);
    return claim;
}

void
nodedev_claims_remove(NodedevManager *manager, const char *address)
{
    g_hash_table_remove(manager->claims, address);
}

static int
compare_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
nodedev_claims_list(NodedevManager *manager, const NodedevHolder *holder)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, manager->claims);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const NodedevClaim *claim = value;
        if (!holder || nodedev_claim_is_of(claim, holder))
            g_ptr_array_add(list, g_strdup(claim->address));
    }
    g_ptr_array_sort(list, compare_text);
    return list;
}

NodedevDevice *
nodedev_claims_device(NodedevManager *manager, const char *address)
{
    g_autofree char *name = nodedev_device_name("pci", address, NULL);
    NodedevDevice *device = g_hash_table_lookup(manager->by_name, name);
    return device && device->is_active ? device : NULL;
}

gboolean
nodedev_claims_check(NodedevManager *manager, const NodedevDevice *device,
                     const NodedevHolder *holder, GError **error)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, manager->claims);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const NodedevClaim *claim = value;
        const NodedevDevice *other = nodedev_claims_device(manager, claim->address);
        if (!other || (holder && nodedev_claim_is_of(claim, holder)))
            continue;
        if (other == device ||
            (device->iommu_group >= 0 && device->iommu_group == other->iommu_group))
            return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                                "PCI device %s is in use by driver %s, domain %s", claim->address,
                                claim->holder.driver, claim->holder.domain);
    }
    return TRUE;
}
