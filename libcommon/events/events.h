/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event log: what happened to objects, numbered within an epoch, on disk (tmpfs) before anybody is told. The epoch
 * lives as long as the file; sequence numbers start at 1. Bounded: the newest VB_EVENTS_MAX are kept. */
#pragma once
#include <glib.h>

#define VB_EVENTS_MAX 4096

typedef struct {
    guint64 sequence;
    gint64 time_us; /* g_get_real_time() */
    char *kind;     /* as the signal Event names it: "lifecycle", "reboot", "rtc-change", ... */
    char uuid[37];
    char *name;
    int id;            /* of the guest at that moment; -1 */
    gboolean is_late;  /* found after a restart of the daemon */
    GVariant *details; /* a{sv}: the kind's own fields; without name, uuid, id, late */
} VbEvent;

typedef struct _VbEvents VbEvents;
typedef void (*VbEventFunc)(const VbEvent *event, gpointer data);

/* Opens or creates the file @path, below ROOT/run. A torn last record (daemon killed) is cut off. */
VbEvents *vb_events_open(const char *path, GError **error);
void vb_events_free(VbEvents *events);

/* Appends, then calls the subscriber. @event: sequence and time_us are filled in here; details floating is sunk. */
guint64 vb_events_append(VbEvents *events, VbEvent *event);
void vb_events_subscribe(VbEvents *events, VbEventFunc func, gpointer data); /* one subscriber */
const char *vb_events_get_epoch(const VbEvents *events);                     /* UUID */
guint64 vb_events_get_sequence(const VbEvents *events); /* newest; 0: none yet */
/* Calls @func for each event after @sequence, oldest first. FALSE: other epoch, or the gap is not kept any more:
 * resync; @func was not called. */
gboolean vb_events_since(VbEvents *events, const char *epoch, guint64 sequence, VbEventFunc func,
                         gpointer data);
/* newest event of a guest, for recovery; NULL: none kept */
const VbEvent *vb_events_find_last(const VbEvents *events, const char *uuid, const char *kind);
