/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* I/O threads of a running guest: the emulator is told step by step, then both definitions follow. */
#include "iothreads-private.h"

#include "base/error.h"
#include "base/json.h"
#include "define.h"
#include "domain-private.h"
#include "monitor.h"
#include "placement.h"
#include "tuning.h"

#include <string.h>

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

typedef struct {
    QemuDomain *domain; /* a reference */
    QemuIothreadChange change;
    gboolean is_stored;
    GPtrArray *properties; /* that are set */
    guint at;              /* of properties */
    QemuDone done;
    gpointer data;
} Change;

static gboolean
write_config(VbDomainDef *next, gpointer data, GError **error)
{
    const QemuIothreadChange *change = data;
    if (!qemu_iothread_check(next, change, error))
        return FALSE;
    qemu_iothread_write(next, change);
    return TRUE;
}

static void
finish(Change *change, const GError *failure)
{
    g_autoptr(QemuDomain) domain = change->domain;
    g_autoptr(GError) error = failure ? g_error_copy(failure) : NULL;
    if (!error && change->is_stored)
        (void)qemu_domain_change_config(domain, write_config, &change->change, &error);
    change->done(domain, error, change->data);
    if (change->change.params)
        g_variant_unref(change->change.params);
    g_clear_pointer(&change->properties, g_ptr_array_unref);
    g_free(change);
}

static void
ask(Change *change, const char *command, const char *arguments, QemuQmpDone done)
{
    g_autoptr(GError) error = NULL;
    if (qemu_domain_check_active(change->domain, &error) && change->domain->qmp) {
        qemu_qmp_execute(change->domain->qmp, command, arguments, QEMU_QMP_TIMEOUT_MS, done,
                         change);
        return;
    }
    if (!error)
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED,
                     "the monitor of domain '%s' is not connected", change->domain->name);
    finish(change, error);
}

static void
write_live(Change *change)
{
    qemu_iothread_write(change->domain->live, &change->change);
    qemu_domain_save(change->domain);
    finish(change, NULL);
}

void
qemu_start_take_iothreads(const VbJson *result, QemuDomain *domain)
{
    g_array_set_size(domain->iothread_tids, 0);
    for (const VbJson *thread = vb_json_first(result); thread; thread = vb_json_next(thread)) {
        const char *id = vb_json_get_string(thread, "id");
        QemuIothread known = {0, (pid_t)vb_json_get_int(thread, "thread-id", 0)};
        if (!id || !g_str_has_prefix(id, "iothread"))
            continue;
        known.id = (guint)g_ascii_strtoull(id + strlen("iothread"), NULL, 10);
        g_array_append_val(domain->iothread_tids, known);
    }
}

/* ---- adding ---- */

static void
undo_add(Change *change, const GError *error)
{
    g_autofree char *alias = g_strdup_printf("iothread%u", change->change.id);
    g_autofree char *arguments = vb_json_object("s:id", alias, NULL);
    QemuDomain *domain = change->domain;
    if (domain->live && domain->qmp)
        qemu_qmp_execute(domain->qmp, "object-del", arguments, QEMU_QMP_TIMEOUT_MS, NULL, NULL);
    for (guint i = domain->iothread_tids->len; i > 0; i--) {
        if (g_array_index(domain->iothread_tids, QemuIothread, i - 1).id == change->change.id)
            g_array_remove_index(domain->iothread_tids, i - 1);
    }
    finish(change, error);
}

static void
on_limited(QemuDomain *domain, GError *error, gpointer data)
{
    Change *change = data;
    if (error || !domain->live)
        undo_add(change, error);
    else
        write_live(change);
}

static pid_t
find_thread(const QemuDomain *domain, guint id)
{
    for (guint i = 0; i < domain->iothread_tids->len; i++) {
        const QemuIothread *thread = &g_array_index(domain->iothread_tids, QemuIothread, i);
        if (thread->id == id)
            return thread->tid;
    }
    return 0;
}

static void
on_threads(const VbJson *result, const GError *failure, gpointer data)
{
    Change *change = data;
    QemuDomain *domain = change->domain;
    const guint id = change->change.id;
    g_autoptr(GError) error = failure ? g_error_copy(failure) : NULL;
    if (!error && qemu_domain_check_active(domain, &error)) {
        qemu_start_take_iothreads(result, domain);
        if (!find_thread(domain, id))
            vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "the emulator has no iothread %u", id);
        else
            (void)qemu_placement_apply_iothread(domain, id, find_thread(domain, id), &error);
    }
    if (error)
        undo_add(change, error);
    else
        qemu_tuning_add_threads(domain, on_limited, change);
}

static void
on_added(const VbJson *result, const GError *error, gpointer data)
{
    if (error)
        finish(data, error);
    else
        ask(data, "query-iothreads", NULL, on_threads);
}

/* ---- removing ---- */

static void
on_remaining(const VbJson *result, const GError *error, gpointer data)
{
    Change *change = data;
    g_autofree char *child = g_strdup_printf("iothread%u", change->change.id);
    if (!change->domain->live) {
        finish(change, error);
        return;
    }
    if (!error)
        qemu_start_take_iothreads(result, change->domain);
    qemu_tuning_remove_thread(change->domain, child);
    write_live(change);
}

static void
on_deleted(const VbJson *result, const GError *error, gpointer data)
{
    if (error)
        finish(data, error);
    else
        ask(data, "query-iothreads", NULL, on_remaining);
}

/* ---- setting ---- */

static void set_next(Change *change);

static void
on_set(const VbJson *result, const GError *error, gpointer data)
{
    Change *change = data;
    if (error) {
        finish(change, error);
        return;
    }
    change->at++;
    set_next(change);
}

static void
set_next(Change *change)
{
    g_autofree char *path = g_strdup_printf("/objects/iothread%u", change->change.id);
    g_autoptr(VbJsonWriter) json = NULL;
    g_autofree char *arguments = NULL;
    g_auto(GStrv) words = NULL;
    if (change->at == change->properties->len) {
        if (change->domain->live)
            write_live(change);
        else
            finish(change, NULL);
        return;
    }
    words = g_strsplit(change->properties->pdata[change->at], " ", 2);
    json = vb_json_writer_new();
    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "path", path);
    vb_json_add_string(json, "property", words[0]);
    vb_json_add_uint(json, "value", g_ascii_strtoull(words[1], NULL, 10));
    vb_json_end(json);
    arguments = vb_json_writer_finish(json);
    ask(change, "qom-set", arguments, on_set);
}

/* ---- the call ---- */

static void
begin_live(Change *change)
{
    g_autofree char *alias = g_strdup_printf("iothread%u", change->change.id);
    g_autofree char *arguments = NULL;
    switch (change->change.kind) {
    case QEMU_IOTHREAD_ADD:
        arguments = vb_json_object("s:qom-type", "iothread", "s:id", alias, NULL);
        ask(change, "object-add", arguments, on_added);
        break;
    case QEMU_IOTHREAD_DELETE:
        arguments = vb_json_object("s:id", alias, NULL);
        ask(change, "object-del", arguments, on_deleted);
        break;
    case QEMU_IOTHREAD_SET:
        change->properties = qemu_iothread_properties(change->domain->live, &change->change);
        set_next(change);
        break;
    }
}

static gboolean
check(QemuDomain *domain, const QemuIothreadChange *change, VbDomainDef **ret_live,
      VbDomainDef **ret_config, GError **error)
{
    static const char *const functions[] = {"qemuDomainAddIOThread", "qemuDomainDelIOThread",
                                            "qemuDomainSetIOThreadParams"};
    if (!qemu_check_flags(change->flags, IMPACT, functions[change->kind], error))
        return FALSE;
    if (change->id == 0)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "invalid value of 0 for iothread_id");
    return (!change->params || qemu_iothread_check_params(change->params, error)) &&
           qemu_domain_pick_defs(domain, change->flags, ret_live, ret_config, error) &&
           (!*ret_live || qemu_iothread_check(*ret_live, change, error)) &&
           (!*ret_config || qemu_iothread_check(*ret_config, change, error));
}

void
qemu_iothread_change(QemuDomain *domain, const QemuIothreadChange *change, QemuDone done,
                     gpointer data)
{
    VbDomainDef *live = NULL, *config = NULL;
    GError *error = NULL;
    Change *begun;
    if (!check(domain, change, &live, &config, &error) || !live) {
        if (!error)
            (void)qemu_domain_change_config(domain, write_config, (gpointer)change, &error);
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    begun = g_new0(Change, 1);
    *begun = (Change){.domain = qemu_domain_ref(domain),
                      .change = *change,
                      .is_stored = config != NULL,
                      .done = done,
                      .data = data};
    if (change->params)
        g_variant_ref(change->params);
    begin_live(begun);
}
