/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the core share about guests, and nobody else needs. */
#pragma once
#include "manager.h"
#include "save-image.h"
#include "snapshot.h"

QemuDomain *qemu_domain_new(QemuManager *manager, const char *name, const VbUuid *uuid);
/* Drops everything that watches the emulator; the emulator runs on. */
void qemu_domain_let_go(QemuDomain *domain);
/* Writes the status file; a failure is logged: the guest goes on, and the next change tries again. */
void qemu_domain_save(QemuDomain *domain);
/* Calls @done from the loop; takes @error. */
void qemu_domain_pay(const char *owed); /* an entry of domain->owed, which stays */
void qemu_domain_finish_later(QemuDomain *domain, GError *error, QemuDone done, gpointer data);
void qemu_domain_log_failure(QemuDomain *domain, GError *error, gpointer what); /* a QemuDone */

/* domain-stop.c: the emulator's end, however it came */
void qemu_domain_on_exited(QemuProcess *process, int wait_status, gpointer domain);
/* Ends the emulator on the guest's or our own behalf (on_poweroff, panic, failed start). @stopped_detail is
 * VIR_DOMAIN_EVENT_STOPPED_*, @reason VIR_DOMAIN_SHUTOFF_* */
void qemu_domain_kill(QemuDomain *domain, int stopped_detail, int reason);
/* Takes the run-time files and devices of a guest away: what is in domain->owed, pid file, status file. */
void qemu_domain_clean_up(QemuDomain *domain);
/* Marks the guest as shut off: definitions, id, state, event. For recovery: a guest that ended while we were away. */
void qemu_domain_conclude(QemuDomain *domain, int stopped_detail, int reason, gboolean is_late);

/* Ends an emulator that has nothing left to write, and tells @done. */
void qemu_domain_end(QemuDomain *domain, int stopped_detail, int reason, QemuDone done,
                     gpointer data);

/* The same for one that may have something to write: asked first, as when it is destroyed. */
void qemu_domain_end_softly(QemuDomain *domain, int stopped_detail, int reason, QemuDone done,
                            gpointer data);

/* domain-create.c: name and UUID of @def must mean one guest, that does not run, or none, which is added then */
gboolean qemu_manager_find_or_add(QemuManager *manager, const VbDomainDef *def,
                                  QemuDomain **ret_domain, GError **error);
void qemu_manager_refuse_later(GError *error, QemuDone done,
                               gpointer data); /* takes @error; done with a NULL domain */

/* Fills the stored definition in, as if it were defined now, then starts. */
void qemu_domain_complete_and_start(QemuDomain *domain, guint flags, QemuDone done, gpointer data);
gboolean qemu_definition_is_filled_in(const VbDomainDef *def);

/* What is started; live and image are taken */
typedef struct {
    VbDomainDef *live;
    guint flags;                   /* virDomainCreateFlags */
    QemuSaveImage *image;          /* restored, not booted; NULL */
    gboolean is_managed;           /* the image is used up */
    const VbSnapshotDef *snapshot; /* internal: loaded, not booted; copied; NULL */
} QemuStartPlan;

/* save-restore.c */
/* starts a stored guest: from its managed image when it has one */
void qemu_restore_or_boot(QemuDomain *domain, guint flags, QemuDone done, gpointer data);

/* domain-start.c */
void qemu_domain_start_plan(QemuDomain *domain, const QemuStartPlan *plan, QemuDone done,
                            gpointer data);
void qemu_domain_abort_start(QemuDomain *domain);
void qemu_domain_drop_start(QemuDomain *domain); /* the daemon ends */
void qemu_domain_drop_stop(QemuDomain *domain);
void qemu_domain_start_failed(
    QemuDomain *domain); /* the emulator has ended before the start was through */
void qemu_domain_owe(QemuDomain *domain, const char *kind, const char *what);
void qemu_domain_owe_no_more(QemuDomain *domain, const char *kind, const char *what);

/* monitor.c: connects, turns the emulator's events into ours */
gboolean qemu_monitor_open(QemuDomain *domain, GError **error);
void qemu_monitor_reconnect_later(QemuDomain *domain);
void qemu_monitor_set_pause_reason(QemuDomain *domain,
                                   int reason); /* of the STOP that we cause next */
void qemu_monitor_set_run_reason(QemuDomain *domain, int reason);
void qemu_monitor_agent_state(QemuDomain *domain, const char *alias, gboolean is_open, int reason);

/* recover.c: the monitor of a re-found guest is ready */
void qemu_recover_connected(QemuDomain *domain);
