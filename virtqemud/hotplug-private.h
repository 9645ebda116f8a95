/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between hotplug.c (order, stored definitions, execution) and the files that know what to tell the emulator. */
#pragma once
#include "command/plug.h"
#include "device.h"
#include "domain-private.h"
#include "hotplug.h"
#include "prepare.h"

typedef struct _QemuPlug QemuPlug;
typedef void (*QemuPlugFunc)(QemuPlug *plug);
/* after the last step, or the first that failed (the steps before it were taken back); @error NULL: it worked; owned by
 * the caller */
typedef void (*QemuPlugStepsDone)(QemuPlug *plug, const GError *error);

struct _QemuPlug {
    QemuDomain *domain; /* a reference */
    QemuPlugFunc run;   /* changes the running guest */
    int kind;           /* of the change: hotplug.c */
    QemuDevice *device;
    char *xml, *alias;
    guint flags;
    QemuDone done;
    gpointer data;
    gboolean is_stored; /* in the stored definition, once the running guest has it */
    QemuDevice *stored; /* as the stored definition is to know it; NULL: known by its alias */
    /* under way */
    GPtrArray *steps;  /* QemuPlugStep */
    guint at, n_tries; /* tries: of a step that may fail for a while */
    QemuPlugStepsDone steps_done;
    gboolean is_pending; /* an answer of the monitor will come */
    gboolean is_ended;   /* by a drop; the pending answer frees it */
    VbDomainDef *next_live;
    gpointer next_device; /* in it: the one that is added */
    QemuPrepared *prepared;
    char *waits_for; /* alias of a device that is being removed */
    gboolean is_gone, is_answered;
    gboolean has_taken; /* a device of the host: it goes back when this fails */
    guint timer;
    char *pty; /* that the emulator opened */
};

/* Takes @error. The plug is freed. */
void qemu_plug_finish(QemuPlug *plug, GError *error);
void qemu_plug_execute(QemuPlug *plug, GPtrArray *steps, QemuPlugStepsDone done); /* takes @steps */
/* fire and forget, newest first; devices are left out */
void qemu_plug_undo(QemuDomain *domain, const GPtrArray *steps, guint n);
/* (transfer full): of the running guest's emulator; NULL with @error */
QemuCaps *qemu_plug_get_caps(QemuDomain *domain, GError **error);
/* Something else than the monitor was waited for. FALSE: the plug has ended meanwhile, and is freed. */
gboolean qemu_plug_resume(QemuPlug *plug);
/* a memory module has come, or gone: the guest's memory in the live definition */
void qemu_plug_add_memory(QemuDomain *domain, const VbDomainMemoryDevice *memory, gboolean is_new);
void qemu_plug_add_limits(GPtrArray *steps, const VbDomainDisk *disk);
/* Takes @arguments. Returns: (transfer none): the step, in @steps */
QemuPlugStep *qemu_plug_add_step(GPtrArray *steps, const char *command, char *arguments);

void qemu_plug_release_tap(QemuDomain *domain, const VbDomainNet *net); /* before the guest ends */

guint qemu_plug_next_number(const VbDomainDef *def); /* of an image that is added */
void qemu_plug_attach(QemuPlug *plug);
void qemu_plug_detach(QemuPlug *plug);
void qemu_plug_update(QemuPlug *plug);
/* @disk: the drive of the running guest; plug->device has the medium */
void qemu_plug_change_medium(QemuPlug *plug, VbDomainDisk *disk);
