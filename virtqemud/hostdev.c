/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PCI devices of guests. virtnodedevd takes them from their drivers and gives them back; that a guest has some is written
 * down before it is asked, and crossed out when everything is back, so that a killed daemon owes nothing for ever. */
#include "hostdev.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "domain-private.h"
#include "domain/devices.h"
#include "store/store.h"

#define FILE_NAME "virtbus-hostdevs" /* in run/libvirt/qemu: a guest's name per line */
#define MAX_FILE (1024 * 1024)
#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 60000

/* a guest that has devices, or had them */
typedef struct {
    QemuManager *manager;
    char *name;
    gboolean is_ended; /* the guest is gone: everything is to come back */
    gboolean is_asked; /* that it comes back; the answer is under way */
    gboolean is_again; /* it took some after that was asked */
    guint n_taking;    /* what is asked for, and not answered: it comes back when it is there */
    guint timer, delay_ms;
} Holder;

static void ask_back(Holder *holder);
static void end(Holder *holder);

/* ---- the table and its file ---- */

static void
holder_free(gpointer data)
{
    Holder *holder = data;
    g_clear_handle_id(&holder->timer, g_source_remove);
    g_free(holder->name);
    g_free(holder);
}

static GHashTable *
table_of(QemuManager *manager)
{
    if (!manager->holders)
        manager->holders = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, holder_free);
    return manager->holders;
}

void
qemu_hostdevs_free(QemuManager *manager)
{
    g_clear_pointer(&manager->holders, g_hash_table_unref);
}

static Holder *
add_holder(QemuManager *manager, const char *name)
{
    Holder *holder = g_hash_table_lookup(table_of(manager), name);
    if (holder)
        return holder;
    holder = g_new0(Holder, 1);
    holder->manager = manager;
    holder->name = g_strdup(name);
    g_hash_table_insert(manager->holders, holder->name, holder);
    return holder;
}

/* What the last daemon wrote down. Until it can be read nothing may replace it: it is all that is known of what is owed.
 * Errors: SYSTEM_ERROR */
static gboolean
read_file(QemuManager *manager, GError **error)
{
    g_autofree char *path = g_build_filename(manager->run_dir, FILE_NAME, NULL);
    g_autoptr(GError) why = NULL;
    g_autofree char *text = NULL;
    if (manager->has_read_holders)
        return TRUE;
    if (!vb_store_read(path, MAX_FILE, &text, NULL, &why) &&
        g_strcmp0(vb_error_get_reason(why), "FileMissing") != 0) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    manager->has_read_holders = TRUE;
    g_auto(GStrv) names = g_strsplit(text ? text : "", "\n", -1);
    for (guint i = 0; names[i]; i++) {
        const QemuDomain *domain = g_hash_table_lookup(manager->by_name, names[i]);
        if (!*names[i])
            continue;
        Holder *holder = add_holder(manager, names[i]);
        if (!domain || !domain->live)
            end(holder);
    }
    return TRUE;
}

static gboolean
write_file(QemuManager *manager, GError **error)
{
    g_autofree char *path = g_build_filename(manager->run_dir, FILE_NAME, NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    GHashTableIter iter;
    gpointer name;
    if (!read_file(manager, error))
        return FALSE;
    g_hash_table_iter_init(&iter, table_of(manager));
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_string_append_printf(text, "%s\n", (const char *)name);
    if (text->len == 0)
        return vb_store_remove(path, error);
    return vb_store_write_volatile(path, text->str, text->len, 0600, error);
}

static void
keep_daemon(QemuManager *manager, gboolean is_kept)
{
    static const char why[] = "devices come back";
    if (is_kept && manager->listener.hold)
        manager->listener.hold(why, manager->listener_data);
    else if (!is_kept && manager->listener.release)
        manager->listener.release(why, manager->listener_data);
}

/* written down before anything is taken */
static gboolean
hold(QemuDomain *domain, GError **error)
{
    Holder *holder = add_holder(domain->manager, domain->name);
    if (holder->is_ended)
        keep_daemon(domain->manager, FALSE);
    holder->is_ended = FALSE;
    holder->is_again = holder->is_asked;
    g_clear_handle_id(&holder->timer, g_source_remove);
    return write_file(domain->manager, error);
}

/* ---- what devices ---- */

static void
add_address(GVariantBuilder *builder, const VbDomainPciAddress *pci, gboolean is_managed)
{
    g_autofree char *address =
        g_strdup_printf("%04x:%02x:%02x.%x", pci->domain, pci->bus, pci->slot, pci->function);
    g_variant_builder_add(builder, "(sb)", address, is_managed);
}

static gboolean
add_device(GVariantBuilder *builder, int class, gpointer device)
{
    const VbDomainHostdev *hostdev = device;
    const VbDomainNet *net = device;
    if (class == VB_DOMAIN_CLASS_HOSTDEV && hostdev->type == VB_DOMAIN_HOSTDEV_PCI)
        add_address(builder, &hostdev->pci, hostdev->managed == VB_TRISTATE_YES);
    else if (class == VB_DOMAIN_CLASS_NET && net->type == VB_DOMAIN_NET_HOSTDEV &&
             vb_domain_net_more(net)->has_source_pci)
        add_address(builder, &vb_domain_net_more(net)->source_pci, net->managed == VB_TRISTATE_YES);
    else
        return FALSE;
    return TRUE;
}

/* (transfer full) a(sb); NULL: none */
static GVariant *
devices_of(const VbDomainDef *def)
{
    GVariantBuilder builder;
    gboolean has_some = FALSE;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(sb)"));
    VB_DOMAIN_EACH(VbDomainHostdev, hostdev, def->hostdevs)
    has_some |= add_device(&builder, VB_DOMAIN_CLASS_HOSTDEV, hostdev);
    VB_DOMAIN_EACH(VbDomainNet, net, def->nets)
    has_some |= add_device(&builder, VB_DOMAIN_CLASS_NET, net);
    GVariant *devices = g_variant_ref_sink(g_variant_builder_end(&builder));
    if (!has_some)
        g_clear_pointer(&devices, g_variant_unref);
    return devices;
}

static void
ask(QemuManager *manager, const QemuHandOver *request, QemuHandedOver done, gpointer data)
{
    g_autoptr(GError) error = NULL;
    if (manager->listener.hand_over) {
        manager->listener.hand_over(request, done, data, manager->listener_data);
        return;
    }
    vb_error_set(&error, VIR_ERR_RPC, "virtnodedevd cannot be reached: there is no bus");
    done(error, data);
}

/* ---- taking ---- */

typedef struct {
    QemuDomain *domain; /* a reference */
    Holder *holder;     /* of n_taking: it stays */
    QemuDone done;
    gpointer data;
} Taking;

static void
on_taken(const GError *error, gpointer data)
{
    Taking *taking = data;
    g_autoptr(QemuDomain) domain = taking->domain;
    g_autoptr(GError) copy = error ? g_error_copy(error) : NULL;
    taking->holder->n_taking--;
    if (taking->holder->is_ended)
        ask_back(taking->holder);
    taking->done(domain, copy, taking->data);
    g_free(taking);
}

static void
take(QemuDomain *domain, GVariant *devices, QemuDone done, gpointer data)
{
    g_autoptr(GError) error = NULL;
    const QemuHandOver request = {.domain = domain->name, .devices = devices};
    if (domain->manager->is_session)
        vb_error_set(&error, VIR_ERR_OPERATION_UNSUPPORTED,
                     "PCI devices of the host need qemu:///system");
    else if (hold(domain, &error)) {
        Taking *taking = g_new0(Taking, 1);
        taking->domain = qemu_domain_ref(domain);
        taking->holder = g_hash_table_lookup(domain->manager->holders, domain->name);
        taking->holder->n_taking++;
        taking->done = done;
        taking->data = data;
        ask(domain->manager, &request, on_taken, taking);
        return;
    }
    done(domain, error, data);
}

/* No guest gets one yet, so the host's card is left to the host. One that libvirt started may have it. */
static gboolean
check_card(const VbDomainNet *net, GError **error)
{
    return net->type != VB_DOMAIN_NET_HOSTDEV ||
           vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                        "interfaces of type '%s' are not supported", "hostdev");
}

static gboolean
check_cards(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainNet, net, def->nets)
    {
        if (!check_card(net, error))
            return FALSE;
    }
    return TRUE;
}

void
qemu_hostdevs_take(QemuDomain *domain, QemuDone done, gpointer data)
{
    g_autoptr(GVariant) devices = devices_of(domain->live);
    g_autoptr(GError) error = NULL;
    if (check_cards(domain->live, &error) && qemu_hostdevs_take_local(domain, &error) && devices)
        take(domain, devices, done, data);
    else
        done(domain, error, data);
}

/* a second time would be no error for virtnodedevd, but its undoing one for the guest */
static gboolean
check_not_ours(const QemuDomain *domain, GVariant *devices, GError **error)
{
    g_autoptr(GVariant) ours = devices_of(domain->live);
    const char *address, *other;
    g_variant_get_child(devices, 0, "(&sb)", &address, NULL);
    for (gsize i = 0; ours && i < g_variant_n_children(ours); i++) {
        g_variant_get_child(ours, i, "(&sb)", &other, NULL);
        if (g_str_equal(address, other))
            return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                                "PCI device %s is in use by driver QEMU, domain %s", address,
                                domain->name);
    }
    return TRUE;
}

void
qemu_hostdevs_take_one(QemuDomain *domain, int class, gpointer device, QemuDone done, gpointer data)
{
    g_autoptr(GError) error = NULL;
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(sb)"));
    gboolean is_pci = add_device(&builder, class, device);
    g_autoptr(GVariant) devices = g_variant_ref_sink(g_variant_builder_end(&builder));
    if (class == VB_DOMAIN_CLASS_NET && !check_card(device, &error)) {
        done(domain, error, data);
        return;
    }
    if (is_pci && check_not_ours(domain, devices, &error)) {
        take(domain, devices, done, data);
        return;
    }
    if (!is_pci && class == VB_DOMAIN_CLASS_HOSTDEV)
        (void)qemu_hostdev_take_local(domain, device, &error);
    done(domain, error, data);
}

/* ---- coming back ---- */

static void
on_returned_one(const GError *error, gpointer data)
{
    g_autofree char *name = data;
    if (error) /* everything is asked back when the guest ends */
        vb_log_warning(name, "a device does not come back before the guest ends: %s",
                       error->message);
}

void
qemu_hostdevs_return_one(QemuDomain *domain, int class, gpointer device)
{
    GVariantBuilder builder;
    const char *addresses[] = {NULL, NULL};
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(sb)"));
    gboolean is_pci = add_device(&builder, class, device);
    g_autoptr(GVariant) devices = g_variant_ref_sink(g_variant_builder_end(&builder));
    if (is_pci && domain->manager) { /* else the guest is gone: all was asked back */
        g_variant_get_child(devices, 0, "(&sb)", &addresses[0], NULL);
        const QemuHandOver request = {.domain = domain->name, .addresses = addresses};
        ask(domain->manager, &request, on_returned_one, g_strdup(domain->name));
    } else if (!is_pci && class == VB_DOMAIN_CLASS_HOSTDEV) {
        qemu_hostdev_return_local(domain, device);
    }
}

static gboolean
on_retry(gpointer data)
{
    Holder *holder = data;
    holder->timer = 0;
    ask_back(holder);
    return G_SOURCE_REMOVE;
}

/* A refusal of the kernel is final: trying again would change nothing. ABORTED: this daemon ends, the next one asks. */
static gboolean
may_work_later(const GError *error)
{
    static const int codes[] = {VIR_ERR_RPC, VIR_ERR_OPERATION_INVALID, VIR_ERR_OPERATION_TIMEOUT,
                                VIR_ERR_OPERATION_ABORTED};
    for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
        if (vb_error_matches(error, codes[i]))
            return TRUE;
    return FALSE;
}

static void
on_returned(const GError *error, gpointer data)
{
    Holder *holder = data;
    QemuManager *manager = holder->manager;
    g_autoptr(GError) why = NULL;
    holder->is_asked = FALSE;
    if (holder->is_again || !holder->is_ended) {
        holder->is_again = FALSE;
        if (holder->is_ended)
            ask_back(holder);
        return;
    }
    if (error)
        vb_log_warning(holder->name, "giving devices back: %s", error->message);
    if (error && may_work_later(error)) {
        holder->delay_ms = CLAMP(2 * holder->delay_ms, RETRY_MIN_MS, RETRY_MAX_MS);
        holder->timer = g_timeout_add(holder->delay_ms, on_retry, holder);
        return;
    }
    g_hash_table_remove(manager->holders, holder->name);
    keep_daemon(manager, FALSE);
    if (!write_file(manager, &why))
        vb_log_warning(NULL, "%s", why->message);
}

static void
ask_back(Holder *holder)
{
    static const char *const all[] = {NULL};
    const QemuHandOver request = {.domain = holder->name, .addresses = all};
    if (holder->is_asked || holder->n_taking > 0)
        return;
    holder->is_asked = TRUE;
    ask(holder->manager, &request, on_returned, holder);
}

static void
end(Holder *holder)
{
    if (holder->is_ended)
        return;
    holder->is_ended = TRUE;
    holder->delay_ms = 0;
    keep_daemon(holder->manager, TRUE);
    ask_back(holder);
}

void
qemu_hostdevs_end(QemuDomain *domain)
{
    QemuManager *manager = domain->manager;
    Holder *holder =
        manager && manager->holders ? g_hash_table_lookup(manager->holders, domain->name) : NULL;
    if (holder)
        end(holder);
}

/* ---- after a restart ---- */

static void
on_noted(const GError *error, gpointer data)
{
    g_autofree char *name = data;
    if (error)
        vb_log_warning(name, "its PCI devices are not marked as in use: %s", error->message);
}

/* also of guests that libvirt started */
static void
note_guest(QemuDomain *domain)
{
    g_autoptr(GVariant) devices = devices_of(domain->live);
    const QemuHandOver request = {.domain = domain->name, .devices = devices, .is_noted = TRUE};
    qemu_hostdevs_note_local(domain);
    if (!devices || domain->manager->is_session)
        return;
    add_holder(domain->manager, domain->name)->is_ended = FALSE;
    ask(domain->manager, &request, on_noted, g_strdup(domain->name));
}

void
qemu_hostdevs_recover(QemuManager *manager)
{
    g_autoptr(GError) error = NULL;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, manager->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        note_guest(value);
    if (!write_file(manager, &error))
        vb_log_warning(NULL, "%s", error->message);
}
