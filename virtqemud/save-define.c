/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another definition for a saved guest: what it may change (where images lie, how the host serves the guest) and what it
 * may not, because the memory that was saved knows the hardware. */
#include "base/error.h"
#include "define.h"
#include "domain-private.h"
#include "save.h"

#include <unistd.h>

#define DEFINE_FLAGS (VIR_DOMAIN_SAVE_RUNNING | VIR_DOMAIN_SAVE_PAUSED)

typedef struct {
    QemuManager *manager;
    QemuDomain *domain; /* whose managed image it is, a reference; or NULL */
    QemuSaveImage *image;
    char *dxml;
    guint flags; /* virDomainSaveRestoreFlags */
    QemuDone done;
    gpointer data;
} Define;

/**
 * qemu_save_other_definition:
 * @source: what the guest ran with
 * @dxml: the other definition
 *
 * Returns: (transfer full) (nullable): @dxml, filled in
 * Errors: those of the XML; CONFIG_UNSUPPORTED the guest would see other hardware
 */
VbDomainDef *
qemu_save_other_definition(QemuManager *manager, const VbDomainDef *source, const char *dxml,
                           GError **error)
{
    g_autoptr(VbDomainDef) target = qemu_manager_parse_image(manager, dxml, error);

    return target && vb_domain_check_abi(source, target, error) ? g_steal_pointer(&target) : NULL;
}

static gboolean
replace(const Define *define, GError **error)
{
    g_autoptr(VbDomainDef) source =
        qemu_manager_parse_image(define->manager, define->image->xml, error);
    g_autoptr(VbDomainDef) target =
        source ? qemu_save_other_definition(define->manager, source, define->dxml, error) : NULL;
    g_autofree char *xml =
        target ? vb_domain_format(target, VB_DOMAIN_FORMAT_SECURE | VB_DOMAIN_FORMAT_MIGRATABLE)
               : NULL;
    gboolean was_running = define->image->was_running;

    if (define->flags & DEFINE_FLAGS)
        was_running = (define->flags & VIR_DOMAIN_SAVE_RUNNING) != 0;
    return xml && qemu_save_image_replace(define->image->path, xml, was_running, error);
}

static void
on_both_prepared(gpointer data)
{
    Define *define = data;
    g_autoptr(GError) error = NULL;

    if (define->domain && !define->domain->manager)
        vb_error_set_plain(&error, VIR_ERR_NO_DOMAIN);
    else
        (void)replace(define, &error);
    define->done(define->domain, error, define->data);
    g_clear_pointer(&define->domain, qemu_domain_unref);
    qemu_save_image_free(define->image);
    g_free(define->dxml);
    g_free(define);
}

static void
on_image_prepared(gpointer data)
{
    Define *define = data;

    qemu_manager_prepare(define->manager, define->dxml, on_both_prepared, define);
}

/* takes @image */
static void
begin(const Define *what, QemuSaveImage *image, const char *dxml)
{
    Define *define = g_new(Define, 1);

    *define = *what;
    define->image = image;
    define->dxml = g_strdup(dxml);
    qemu_manager_prepare(define->manager, image->xml, on_image_prepared, define);
}

static QemuSaveImage *
open_image(const char *path, guint flags, GError **error)
{
    gboolean is_incomplete;

    if (!qemu_check_flags(flags, DEFINE_FLAGS, "qemuDomainSaveImageDefineXML", error))
        return NULL;
    if ((flags & DEFINE_FLAGS) == DEFINE_FLAGS) {
        vb_error_set(error, VIR_ERR_INVALID_ARG,
                     "running and paused flags in %s are mutually exclusive",
                     "qemuDomainSaveImageDefineXML");
        return NULL;
    }
    return qemu_save_image_open(path, &is_incomplete, error);
}

/**
 * qemu_save_image_define:
 * @path: of a save image
 * @dxml: its new definition
 * @flags: virDomainSaveRestoreFlags: RUNNING, PAUSED
 *
 * Errors: as qemu_save_image_open() and qemu_save_other_definition(); OPERATION_FAILED no room in the file
 */
void
qemu_save_image_define(QemuManager *manager, const char *path, const char *dxml, guint flags,
                       QemuDone done, gpointer data)
{
    const Define what = {.manager = manager, .flags = flags, .done = done, .data = data};
    GError *error = NULL;
    QemuSaveImage *image = open_image(path, flags, &error);

    if (image)
        begin(&what, image, dxml);
    else
        qemu_manager_refuse_later(error, done, data);
}

/**
 * qemu_domain_define_managed_save:
 *
 * As qemu_save_image_define(), of the image that the next start restores.
 *
 * Errors: OPERATION_INVALID nothing was saved
 */
void
qemu_domain_define_managed_save(QemuDomain *domain, const char *dxml, guint flags, QemuDone done,
                                gpointer data)
{
    g_autofree char *path = qemu_manager_save_path(domain->manager, domain->name);
    const Define what = {.manager = domain->manager, .flags = flags, .done = done, .data = data};
    GError *error = NULL;
    QemuSaveImage *image = NULL;

    if (access(path, F_OK) == 0)
        image = open_image(path, flags, &error);
    else
        vb_error_set(&error, VIR_ERR_OPERATION_INVALID, "domain does not have managed save image");
    if (!image) {
        qemu_domain_finish_later(domain, error, done, data);
        return;
    }
    Define with_domain = what;
    with_domain.domain = qemu_domain_ref(domain);
    begin(&with_domain, image, dxml);
}
