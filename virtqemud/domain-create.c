/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transient guests: a definition that lives as long as its emulator. */
#include "base/error.h"
#include "define.h"
#include "domain-private.h"

#include <string.h>

typedef struct {
    GError *error;
    QemuDone done;
    gpointer data;
} Refusal;

static gboolean
refuse(gpointer data)
{
    Refusal *refusal = data;
    refusal->done(NULL, refusal->error, refusal->data);
    g_clear_error(&refusal->error);
    g_free(refusal);
    return G_SOURCE_REMOVE;
}

void
qemu_manager_refuse_later(GError *error, QemuDone done, gpointer data)
{
    Refusal *refusal = g_new0(Refusal, 1);
    *refusal = (Refusal){error, done, data};
    g_idle_add_full(G_PRIORITY_DEFAULT, refuse, refusal, NULL);
}

/* Source: libvirt's virDomainObjListAdd: name and UUID must mean the same guest, which must not run */
gboolean
qemu_manager_find_or_add(QemuManager *manager, const VbDomainDef *def, QemuDomain **ret_domain,
                         GError **error)
{
    char uuid[37];
    vb_uuid_format(&def->uuid, uuid);
    QemuDomain *domain = g_hash_table_lookup(manager->by_uuid, uuid);
    if (domain && strcmp(domain->name, def->name) != 0)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "domain '%s' is already defined with uuid %s", domain->name, uuid);
    if (domain && (qemu_domain_is_active(domain) || domain->starting))
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                            "domain '%s' is already active as '%s'", domain->name, domain->name);
    QemuDomain *namesake = g_hash_table_lookup(manager->by_name, def->name);
    if (namesake && namesake != domain)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "domain '%s' already exists with uuid %s", def->name,
                            namesake->uuid_text);
    *ret_domain = domain ? domain : qemu_manager_add(manager, def->name, &def->uuid);
    return TRUE;
}

/**
 * qemu_manager_create:
 * @flags: virDomainCreateFlags
 * @done: with a NULL domain when the definition was refused
 *
 * Errors: as qemu_manager_parse() and qemu_domain_start(); OPERATION_FAILED name or UUID is another guest's;
 *   OPERATION_INVALID it runs already
 */
void
qemu_manager_create(QemuManager *manager, const char *xml, guint flags, QemuDone done,
                    gpointer data)
{
    GError *error = NULL;
    guint parse_flags = flags & VIR_DOMAIN_START_VALIDATE ? VIR_DOMAIN_DEFINE_VALIDATE : 0;
    VbDomainDef *def = qemu_manager_parse(manager, xml, parse_flags, &error);
    QemuDomain *domain = NULL;
    if (!def || !qemu_manager_find_or_add(manager, def, &domain, &error)) {
        vb_domain_free(def);
        qemu_manager_refuse_later(error, done, data);
        return;
    }
    const QemuStartPlan plan = {.live = def, .flags = flags};
    qemu_domain_start_plan(domain, &plan, done, data);
}
