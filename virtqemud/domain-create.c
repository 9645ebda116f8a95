/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transient guests: a definition that lives as long as its emulator; and stored ones that are filled in at their start. */
#include "base/error.h"
#include "define.h"
#include "domain-private.h"
#include "guest-job.h"

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
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain '%s' is already active",
                            domain->name);
    if (domain && !qemu_job_check_none(domain, error))
        return FALSE;
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

/* ---- stored definitions that lack something ---- */

/* What was stored here or by libvirt is complete; what somebody put into the folder by hand may not be. */
typedef struct {
    QemuDomain *domain;
    char *xml;
    guint flags;
    QemuDone done;
    gpointer data;
} Completion;

gboolean
qemu_definition_is_filled_in(const VbDomainDef *def)
{
    return def->emulator && def->os.arch && def->os.machine;
}

static void
complete(gpointer data)
{
    Completion *completion = data;
    QemuDomain *domain = completion->domain;
    GError *error = NULL;
    VbDomainDef *def =
        domain->manager ? qemu_manager_parse(domain->manager, completion->xml, 0, &error) : NULL;
    if (def && domain->config && !qemu_definition_is_filled_in(domain->config)) {
        qemu_domain_set_config(domain, g_steal_pointer(&def));
        qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_CONFIG);
    }
    if (!error && domain->config && !qemu_definition_is_filled_in(domain->config))
        vb_error_set(&error, VIR_ERR_CONFIG_UNSUPPORTED, "no emulator for domain '%s'",
                     domain->name);
    if (error)
        qemu_domain_finish_later(domain, error, completion->done, completion->data);
    else
        qemu_domain_start(domain, completion->flags, completion->done, completion->data);
    g_clear_pointer(&def, vb_domain_free);
    qemu_domain_unref(domain);
    g_free(completion->xml);
    g_free(completion);
}

/* Fills the stored definition in, as if it were defined now, then starts. */
void
qemu_domain_complete_and_start(QemuDomain *domain, guint flags, QemuDone done, gpointer data)
{
    Completion *completion = g_new(Completion, 1);
    *completion = (Completion){
        .domain = qemu_domain_ref(domain),
        .xml = vb_domain_format(domain->config, VB_DOMAIN_FORMAT_SECURE),
        .flags = flags,
        .done = done,
        .data = data,
    };
    qemu_manager_prepare(domain->manager, completion->xml, complete, completion);
}
