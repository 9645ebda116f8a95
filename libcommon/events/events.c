/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event log: one file on tmpfs, one JSON record per line after a line with the epoch, appended with one write() each.
 * Owns the file and the newest records in memory. The file is rewritten when it holds twice what is kept. */
#include "events/events.h"

#include "base/error.h"
#include "base/json.h"
#include "store/store.h"
#include "xml/xml.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAX_LOG (64 * 1024 * 1024)

struct _VbEvents {
    char *path;
    int fd;
    char epoch[37];
    guint64 sequence;
    GQueue kept; /* VbEvent, oldest first */
    guint n_in_file;
    VbEventFunc func;
    gpointer data;
};

static void
event_free(gpointer data)
{
    VbEvent *event = data;
    g_free(event->kind);
    g_free(event->name);
    g_clear_pointer(&event->details, g_variant_unref);
    g_free(event);
}

static char *
event_to_line(const VbEvent *event)
{
    g_autofree char *details = event->details ? g_variant_print(event->details, TRUE) : NULL;
    g_autofree char *object =
        vb_json_object("u:sequence", event->sequence, "i:time", event->time_us, "s:kind",
                       event->kind, "s:uuid", event->uuid, "s:name", event->name, "i:id",
                       (gint64)event->id, "b:late", event->is_late, "s:details", details, NULL);
    return g_strconcat(object, "\n", NULL);
}

static VbEvent *
event_from_line(const char *line, gsize length)
{
    g_autoptr(VbJson) record = vb_json_parse(line, (gssize)length, NULL);
    const char *details = vb_json_get_string(record, "details");
    const char *kind = vb_json_get_string(record, "kind");
    if (!kind || vb_json_get_uint(record, "sequence", 0) == 0)
        return NULL;
    VbEvent *event = g_new0(VbEvent, 1);
    event->sequence = vb_json_get_uint(record, "sequence", 0);
    event->time_us = vb_json_get_int(record, "time", 0);
    event->kind = g_strdup(kind);
    event->name = g_strdup(vb_json_get_string(record, "name"));
    event->id = (int)vb_json_get_int(record, "id", -1);
    event->is_late = vb_json_get_bool(record, "late", FALSE);
    const char *uuid = vb_json_get_string(record, "uuid");
    g_strlcpy(event->uuid, uuid ? uuid : "", sizeof event->uuid);
    if (details)
        event->details = g_variant_parse(G_VARIANT_TYPE_VARDICT, details, NULL, NULL, NULL);
    return event;
}

static void
keep(VbEvents *events, VbEvent *event)
{
    g_queue_push_tail(&events->kept, event);
    if (events->kept.length > VB_EVENTS_MAX)
        event_free(g_queue_pop_head(&events->kept));
    events->sequence = event->sequence;
    events->n_in_file++;
}

/* Reads records up to the first that is torn or out of order; returns the length of what is good. */
static gsize
load_records(VbEvents *events, const char *text, gsize length)
{
    gsize start = 37; /* epoch and line end */
    if (length < start || text[36] != '\n')
        return 0;
    memcpy(events->epoch, text, 36);
    VbUuid uuid;
    if (!vb_uuid_parse(events->epoch, &uuid))
        return 0;
    while (start < length) {
        const char *end = memchr(text + start, '\n', length - start);
        VbEvent *event = end ? event_from_line(text + start, (gsize)(end - text) - start) : NULL;
        if (!event || (events->sequence && event->sequence != events->sequence + 1)) {
            if (event)
                event_free(event);
            break;
        }
        keep(events, event);
        start = (gsize)(end - text) + 1;
    }
    return start;
}

static gboolean
reopen(VbEvents *events, GError **error)
{
    if (events->fd >= 0)
        close(events->fd);
    events->fd = open(events->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    return events->fd >= 0 ||
           vb_error_set_errno(error, errno, "cannot open event log '%s'", events->path);
}

/* Writes epoch and kept records anew. A record that was lost with the file would be a gap, so the file is replaced. */
static gboolean
rewrite(VbEvents *events, GError **error)
{
    g_autoptr(GString) text = g_string_new(events->epoch);
    g_string_append_c(text, '\n');
    for (GList *at = events->kept.head; at; at = at->next) {
        g_autofree char *line = event_to_line(at->data);
        g_string_append(text, line);
    }
    if (!vb_store_write_volatile(events->path, text->str, text->len, 0600, error))
        return FALSE;
    events->n_in_file = events->kept.length;
    return reopen(events, error);
}

static gboolean
start_epoch(VbEvents *events, GError **error)
{
    VbUuid uuid;
    vb_uuid_generate(&uuid);
    vb_uuid_format(&uuid, events->epoch);
    return rewrite(events, error);
}

VbEvents *
vb_events_open(const char *path, GError **error)
{
    VbEvents *events = g_new0(VbEvents, 1);
    g_autofree char *text = NULL;
    gsize length = 0;
    events->path = g_strdup(path);
    events->fd = -1;
    g_queue_init(&events->kept);
    if (!g_file_test(path, G_FILE_TEST_EXISTS) ||
        !vb_store_read(path, MAX_LOG, &text, &length, NULL))
        length = 0;
    gsize good = load_records(events, text, length);
    gboolean is_open = good == 0 ? start_epoch(events, error) : reopen(events, error);
    if (is_open && good > 0 && good < length && ftruncate(events->fd, (off_t)good) < 0)
        is_open = rewrite(events, error);
    if (!is_open)
        g_clear_pointer(&events, vb_events_free);
    return events;
}

void
vb_events_free(VbEvents *events)
{
    if (!events)
        return;
    g_queue_clear_full(&events->kept, event_free);
    if (events->fd >= 0)
        close(events->fd);
    g_free(events->path);
    g_free(events);
}

/**
 * vb_events_append:
 * @event: kind, name and details are copied or referenced; sequence and time_us are set
 *
 * Written first, told then. When the file cannot be written (full tmpfs), the event is told all the same and the file
 * is written anew as soon as that works: better a log that is behind than a silent daemon.
 *
 * Returns: its sequence number
 */
guint64
vb_events_append(VbEvents *events, VbEvent *event)
{
    event->sequence = events->sequence + 1;
    event->time_us = g_get_real_time();
    if (event->details)
        g_variant_ref_sink(event->details);
    g_autofree char *line = event_to_line(event);
    gssize length = (gssize)strlen(line);
    VbEvent *copy = g_new0(VbEvent, 1);
    *copy = *event;
    copy->kind = g_strdup(event->kind);
    copy->name = g_strdup(event->name);
    keep(events, copy);
    if (write(events->fd, line, (gsize)length) != length || events->n_in_file > 2 * VB_EVENTS_MAX) {
        g_autoptr(GError) error = NULL;
        if (!rewrite(events, &error))
            g_warning("event log: %s", error->message);
    }
    if (events->func)
        events->func(copy, events->data);
    return event->sequence;
}

void
vb_events_subscribe(VbEvents *events, VbEventFunc func, gpointer data)
{
    events->func = func;
    events->data = data;
}

const char *
vb_events_get_epoch(const VbEvents *events)
{
    return events->epoch;
}

guint64
vb_events_get_sequence(const VbEvents *events)
{
    return events->sequence;
}

gboolean
vb_events_since(VbEvents *events, const char *epoch, guint64 sequence, VbEventFunc func,
                gpointer data)
{
    guint64 before_oldest = events->sequence - events->kept.length;
    if (g_strcmp0(epoch, events->epoch) != 0 || sequence > events->sequence ||
        sequence < before_oldest)
        return FALSE;
    GList *at = events->kept.tail;
    for (guint64 n = events->sequence; at && at->prev && n > sequence + 1; n--)
        at = at->prev;
    for (; at && sequence < events->sequence; at = at->next)
        func(at->data, data);
    return TRUE;
}

const VbEvent *
vb_events_find_last(const VbEvents *events, const char *uuid, const char *kind)
{
    for (GList *at = events->kept.tail; at; at = at->prev) {
        const VbEvent *event = at->data;
        if (strcmp(event->uuid, uuid) == 0 && strcmp(event->kind, kind) == 0)
            return event;
    }
    return NULL;
}
