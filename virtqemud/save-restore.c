/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a save image to the start that restores it: which image, whose, and what it says. The start itself is
 * domain-start.c's. */
#include "base/error.h"
#include "base/log.h"
#include "define.h"
#include "domain-private.h"
#include "save.h"
#include "store/store.h"

#include <string.h>
#include <unistd.h>

#define RESTORE_FLAGS                                                                              \
    (VIR_DOMAIN_SAVE_BYPASS_CACHE | VIR_DOMAIN_SAVE_RUNNING | VIR_DOMAIN_SAVE_PAUSED |             \
     VIR_DOMAIN_SAVE_RESET_NVRAM)

/* A restore that waits for the capabilities of the image's emulator: images leave out what every guest of their machine has,
 * and the defaults fill that in. */
typedef struct {
    QemuManager *manager;
    QemuDomain *domain; /* whose managed image it is, a reference; NULL: found by the image */
    QemuSaveImage *image;
    char *dxml;  /* what to restore with; NULL: what the image says */
    guint flags; /* virDomainCreateFlags */
    QemuDone done;
    gpointer data;
} Restore;

/* Source: libvirt's words for an image of another guest */
static gboolean
check_owner(const QemuDomain *domain, const VbDomainDef *def, GError **error)
{
    char uuid[37];
    vb_uuid_format(&def->uuid, uuid);
    if (strcmp(uuid, domain->uuid_text) == 0 && strcmp(def->name, domain->name) == 0)
        return TRUE;
    return vb_error_set(
        error, VIR_ERR_OPERATION_FAILED,
        "cannot restore domain '%s' uuid %s from a file which belongs to domain '%s' uuid %s",
        domain->name, domain->uuid_text, def->name, uuid);
}

static gboolean
drop_image(QemuDomain *domain, const char *path, GError **error)
{
    if (!vb_store_remove(path, error))
        return FALSE;
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_CONFIG);
    return TRUE;
}

static gboolean
make_plan(const Restore *restore, QemuDomain **domain, QemuStartPlan *plan, GError **error)
{
    plan->live = qemu_manager_parse_image(restore->manager, restore->image->xml, error);
    if (plan->live && restore->dxml) {
        g_autoptr(VbDomainDef) source = plan->live;
        plan->live = qemu_save_other_definition(restore->manager, source, restore->dxml, error);
    }
    if (!plan->live)
        return FALSE;
    if (!*domain)
        return qemu_manager_find_or_add(restore->manager, plan->live, domain, error);
    if (qemu_domain_is_active(*domain) || (*domain)->starting)
        return vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain is already running");
    return check_owner(*domain, plan->live, error);
}

static void
on_prepared(gpointer data)
{
    g_autofree Restore *restore = data;
    g_autoptr(QemuDomain) held = restore->domain;
    g_autoptr(QemuSaveImage) image = restore->image;
    g_autofree char *dxml = restore->dxml;
    QemuDomain *domain = held;
    QemuStartPlan plan = {.flags = restore->flags, .is_managed = held != NULL};
    GError *error = NULL;
    if (held && !held->manager)
        vb_error_set(&error, VIR_ERR_NO_DOMAIN, "no domain with matching name '%s'", held->name);
    else if (make_plan(restore, &domain, &plan, &error)) {
        plan.image = g_steal_pointer(&image);
        qemu_domain_start_plan(domain, &plan, restore->done, restore->data);
        return;
    }
    vb_domain_free(plan.live);
    if (held)
        qemu_domain_finish_later(held, error, restore->done, restore->data);
    else
        qemu_manager_refuse_later(error, restore->done, restore->data);
}

static void
on_image_prepared(gpointer data)
{
    Restore *restore = data;

    qemu_manager_prepare(restore->manager, restore->dxml, on_prepared, restore);
}

/* takes @image and @what's dxml */
static void
begin(const Restore *what, QemuSaveImage *image)
{
    Restore *restore = g_new(Restore, 1);
    *restore = *what;
    restore->image = image;
    qemu_manager_prepare(restore->manager, image->xml,
                         restore->dxml ? on_image_prepared : on_prepared, restore);
}

/* An image that was cut short is worth nothing: it is dropped, and the guest boots. NULL without @error: boot. */
static QemuSaveImage *
open_managed(QemuDomain *domain, guint flags, GError **error)
{
    g_autofree char *path = qemu_manager_save_path(domain->manager, domain->name);
    g_autoptr(GError) reason = NULL;
    gboolean is_incomplete = FALSE;
    if (access(path, F_OK) < 0)
        return NULL;
    if (!(flags & VIR_DOMAIN_START_FORCE_BOOT)) {
        QemuSaveImage *image = qemu_save_image_open(path, &is_incomplete, &reason);
        if (image)
            return image;
        if (!is_incomplete) {
            g_propagate_error(error, g_steal_pointer(&reason));
            return NULL;
        }
        vb_log_warning(domain->name, "Ignoring incomplete managed state %s", path);
    }
    (void)drop_image(domain, path, error);
    return NULL;
}

/**
 * qemu_restore_or_boot:
 * @domain: with a stored definition; does not run
 * @flags: virDomainCreateFlags; FORCE_BOOT drops the managed image
 *
 * Errors: as qemu_domain_start(); OPERATION_FAILED the managed image is another guest's, or broken
 */
void
qemu_restore_or_boot(QemuDomain *domain, guint flags, QemuDone done, gpointer data)
{
    GError *error = NULL;
    QemuSaveImage *image = open_managed(domain, flags, &error);
    if (image) {
        const Restore what = {.manager = domain->manager,
                              .domain = qemu_domain_ref(domain),
                              .flags = flags,
                              .done = done,
                              .data = data};
        begin(&what, image);
    } else if (error) {
        qemu_domain_finish_later(domain, error, done, data);
    } else {
        const QemuStartPlan plan = {.live = vb_domain_copy(domain->config), .flags = flags};
        qemu_domain_start_plan(domain, &plan, done, data);
    }
}

/* ---- virDomainRestoreFlags ---- */

static gboolean
check_flags(guint flags, GError **error)
{
    const guint both = VIR_DOMAIN_SAVE_RUNNING | VIR_DOMAIN_SAVE_PAUSED;
    if (!qemu_check_flags(flags, RESTORE_FLAGS, "qemuDomainRestoreFlags", error))
        return FALSE;
    if ((flags & both) == both)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "running and paused flags in %s are mutually exclusive",
                            "qemuDomainRestoreFlags");
    if (flags & VIR_DOMAIN_SAVE_BYPASS_CACHE)
        return vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                            "bypass cache unsupported by this system");
    return TRUE;
}

/**
 * qemu_manager_restore:
 * @path: of a save image; it stays
 * @dxml: (nullable): the definition to restore with
 * @flags: virDomainSaveRestoreFlags
 * @done: with a NULL domain when the image was refused
 *
 * Errors: as qemu_save_image_open() and qemu_domain_start(); OPERATION_FAILED name or UUID is another guest's;
 *   CONFIG_UNSUPPORTED @dxml has other hardware;
 *   OPERATION_INVALID it runs already
 */
void
qemu_manager_restore(QemuManager *manager, const char *path, const char *dxml, guint flags,
                     QemuDone done, gpointer data)
{
    GError *error = NULL;
    gboolean is_incomplete;
    Restore what = {.manager = manager,
                    .flags = flags & VIR_DOMAIN_SAVE_RESET_NVRAM ? VIR_DOMAIN_START_RESET_NVRAM : 0,
                    .done = done,
                    .data = data};
    QemuSaveImage *image =
        check_flags(flags, &error) ? qemu_save_image_open(path, &is_incomplete, &error) : NULL;
    if (!image) {
        qemu_manager_refuse_later(error, done, data);
        return;
    }
    if (flags & VIR_DOMAIN_SAVE_RUNNING)
        image->was_running = TRUE;
    if (flags & VIR_DOMAIN_SAVE_PAUSED)
        image->was_running = FALSE;
    what.dxml = g_strdup(dxml);
    begin(&what, image);
}

/* ---- what an image says ---- */

/**
 * qemu_save_image_get_xml:
 * @flags: virDomainSaveImageXMLFlags
 *
 * Errors: as qemu_save_image_open(); INVALID_ARG unknown flags
 */
char *
qemu_save_image_get_xml(const char *path, guint flags, GError **error)
{
    gboolean is_incomplete;
    if (!qemu_check_flags(flags, VIR_DOMAIN_SAVE_IMAGE_XML_SECURE, "qemuDomainSaveImageGetXMLDesc",
                          error))
        return NULL;
    g_autoptr(QemuSaveImage) image = qemu_save_image_open(path, &is_incomplete, error);
    g_autoptr(VbDomainDef) def =
        image ? vb_domain_parse(image->xml, VB_DOMAIN_PARSE_INACTIVE, error) : NULL;
    guint format = flags & VIR_DOMAIN_SAVE_IMAGE_XML_SECURE ? VB_DOMAIN_FORMAT_SECURE : 0;
    return def ? vb_domain_format(def, format) : NULL;
}

/**
 * qemu_domain_get_managed_save_xml:
 *
 * Errors: as qemu_save_image_get_xml(); OPERATION_INVALID nothing was saved
 */
char *
qemu_domain_get_managed_save_xml(QemuDomain *domain, guint flags, GError **error)
{
    g_autofree char *path = qemu_manager_save_path(domain->manager, domain->name);
    if (access(path, F_OK) == 0)
        return qemu_save_image_get_xml(path, flags, error);
    vb_error_set(error, VIR_ERR_OPERATION_INVALID, "domain does not have managed save image");
    return NULL;
}
