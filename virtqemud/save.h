/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saving a guest to a file and what a restart of the daemon makes of a save or a restore that was under way. Restoring is
 * a start: domain-start.c. */
#pragma once
#include <sys/types.h>
#include "domain.h"
#include "save-image.h"

typedef struct {
    const char *path;    /* absolute; NULL: the managed image, which the next start restores */
    guint flags;         /* virDomainSaveRestoreFlags */
    const char *subject; /* the guest, as the API names it */
    uid_t owner;
    const char *dxml; /* what to restore with; NULL: as it is */
} QemuSaveRequest;

/* Errors: OPERATION_INVALID not running, transient with a managed image; OPERATION_ABORTED cancelled;
 * OPERATION_FAILED the emulator's words; OPERATION_TIMEOUT another job; SYSTEM_ERROR */
void qemu_domain_save_image(QemuDomain *domain, const QemuSaveRequest *request, QemuDone done,
                            gpointer data);
/* The memory of a guest into a file, inside another job: the guest is paused when it is over, and lives. @is_live: it is
 * running until then, else it must be paused; @runs_later: what a restore makes of it */
void qemu_domain_write_image(QemuDomain *domain, const char *path, gboolean is_live,
                             gboolean runs_later, QemuDone done, gpointer data);
gboolean qemu_domain_remove_managed_save(QemuDomain *domain, guint flags, GError **error);

/* What the status file remembers while a save or the end of a restore is under way. */
struct _QemuUnfinished {
    char *path; /* of the image; of a save: while its temporary file may be renamed to it */
    char *
        temporary; /* what it is called until it is whole; NULL: a restore. @path is used up then; NULL: it stays */
    gboolean was_running;
};
QemuUnfinished *qemu_unfinished_new(const char *path, const char *temporary, gboolean was_running);
void qemu_unfinished_free(QemuUnfinished *unfinished);
void qemu_unfinished_use_up(QemuDomain *domain); /* the guest runs, or may have run */

/* (transfer full) the definition in an image; flags: virDomainSaveImageXMLFlags */
char *qemu_save_image_get_xml(const char *path, guint flags, GError **error);
char *qemu_domain_get_managed_save_xml(QemuDomain *domain, guint flags, GError **error);

/* DOMAIN_RESTORE: a guest from a file that any daemon of this format wrote */
void qemu_manager_restore(QemuManager *manager, const char *path, const char *dxml, guint flags,
                          QemuDone done, gpointer data);

/* another definition for a saved guest */
VbDomainDef *qemu_save_other_definition(QemuManager *manager, const VbDomainDef *source,
                                        const char *dxml, GError **error);
void qemu_save_image_define(QemuManager *manager, const char *path, const char *dxml, guint flags,
                            QemuDone done, gpointer data);
void qemu_domain_define_managed_save(QemuDomain *domain, const char *dxml, guint flags,
                                     QemuDone done, gpointer data);

void qemu_save_migration_event(QemuDomain *domain, const char *status); /* of a save under way */
void qemu_save_guest_gone(QemuDomain *domain);                          /* the emulator has ended */
void qemu_save_drop(QemuDomain *domain);                                /* the daemon ends */
void qemu_save_recover(
    QemuDomain *domain); /* the monitor answers again, and there is something unfinished */
gboolean
qemu_save_was_finished(QemuDomain *domain); /* of a guest that was found dead: its image is whole */
