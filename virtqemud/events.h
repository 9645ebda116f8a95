/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event log: what happened to guests, numbered within an epoch, on disk (tmpfs) before anybody is told. The epoch
 * lives as long as the file; sequence numbers start at 1. Bounded: the newest QEMU_EVENTS_MAX are kept. */
#pragma once
#include <glib.h>

#define QEMU_EVENTS_MAX 4096

typedef struct {
    guint64 sequence;
    gint64 time_us; /* g_get_real_time() */
    char *kind;     /* Hypervisor1.Event: "lifecycle", "reboot", "rtc-change", ... */
    char uuid[37];
    char *name;
    int id;            /* of the guest at that moment; -1 */
    gboolean is_late;  /* found after a restart of the daemon */
    GVariant *details; /* a{sv}: the kind's own fields; without name, uuid, id, late */
} QemuEvent;

typedef struct _QemuEvents QemuEvents;
typedef void (*QemuEventFunc)(const QemuEvent *event, gpointer data);

/* Opens or creates ROOT/run/libvirt/qemu/virtbus-events. A torn last record (daemon killed) is cut off. */
QemuEvents *qemu_events_open(const char *path, GError **error);
void qemu_events_free(QemuEvents *events);

/* Appends, then calls the subscriber. @event: sequence and time_us are filled in here; details floating is sunk. */
guint64 qemu_events_append(QemuEvents *events, QemuEvent *event);
void qemu_events_subscribe(QemuEvents *events, QemuEventFunc func,
                           gpointer data);                   /* one subscriber */
const char *qemu_events_get_epoch(const QemuEvents *events); /* UUID */
guint64 qemu_events_get_sequence(const QemuEvents *events);  /* newest; 0: none yet */
/* Calls @func for each event after @sequence, oldest first. FALSE: other epoch, or the gap is not kept any more:
 * resync; @func was not called. */
gboolean qemu_events_since(QemuEvents *events, const char *epoch, guint64 sequence,
                           QemuEventFunc func, gpointer data);
/* newest event of a guest, for recovery; NULL: none kept */
const QemuEvent *qemu_events_find_last(const QemuEvents *events, const char *uuid,
                                       const char *kind);
