/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A start under way: domain-start.c begins and ends it, domain-launch.c takes it up to the running emulator. */
#pragma once
#include "domain-private.h"
#include "prepare.h"

struct _QemuTransition {
    QemuDomain *domain; /* a reference */
    guint flags;
    QemuDone done;
    gpointer data;
    guint deadline;
    goffset log_offset;
    guint n_pending;               /* QMP commands under way */
    gboolean awaits_caps;          /* domain-launch.c will be called back, and needs this */
    QemuTransition **abandoned_by; /* NULL there: that call is not waited for; NULL: it must be */
    QemuCaps *caps;
    QemuPrepared *prepared; /* from here on until the emulator has it */
    QemuCommand *command;
    guint tpm_step;          /* of tpm.c */
    guint n_unready;         /* helpers that say when they can be used, and have not */
    gboolean awaits_helper;  /* the end of one: its owner goes on then, or finishes the failure */
    QemuSaveImage *image;    /* restored from; NULL: it boots */
    gboolean is_managed;     /* the image is used up */
    VbSnapshotDef *snapshot; /* loaded from the disks; NULL: it is not */
    gboolean is_loading, is_loaded, may_run;
    GError *error; /* the first */
};

/* Takes @error. Ends what was started; the guest is shut off when that is over. */
void qemu_start_fail(QemuTransition *start, GError *error);
void qemu_start_finish_failure(QemuTransition *start);

/* the guest's disks are what its emulator is to have: what it needs on the host, the command line */
void qemu_launch_prepare(QemuTransition *start);
/* the helpers that must be there before the emulator are */
void qemu_launch_go_on(QemuTransition *start);

/* a QemuCapsDone; the emulator's capabilities are known: goes on until the monitor is connected */
void qemu_launch_on_caps(QemuCaps *caps, const GError *error, gpointer start);
