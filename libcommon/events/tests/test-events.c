/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event log: numbers, what a restart finds, torn records, the bound. */
#include "events/events.h"

#include <glib/gstdio.h>
#include <string.h>

static const char *const uuid = "e2c84f2e-0000-4000-8000-000000000001";

typedef struct {
    char *folder, *path;
    GString *story;
} Fixture;

static void
setup(Fixture *fixture, gconstpointer data)
{
    fixture->folder = g_dir_make_tmp("virtbus-events-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->folder, "log", NULL);
    fixture->story = g_string_new(NULL);
}

static void
teardown(Fixture *fixture, gconstpointer data)
{
    g_unlink(fixture->path);
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
    g_free(fixture->folder);
    g_free(fixture->path);
    g_string_free(fixture->story, TRUE);
}

static void
on_event(const VbEvent *event, gpointer data)
{
    Fixture *fixture = data;
    gint32 detail = -1;
    if (event->details)
        g_variant_lookup(event->details, "event", "i", &detail);
    g_string_append_printf(fixture->story, "%d:%s:%s:%d:%d%s ", (int)event->sequence, event->kind,
                           event->name, event->id, detail, event->is_late ? "L" : "");
}

static guint64
append(VbEvents *events, const char *kind, int detail)
{
    VbEvent event = {.kind = (char *)kind,
                     .name = (char *)"vm \"1\"\n",
                     .id = 3,
                     .is_late = detail == 2};
    memcpy(event.uuid, uuid, sizeof event.uuid);
    event.details = g_variant_new_parsed("{'event': <%i>}", detail);
    return vb_events_append(events, &event);
}

static void
test_restart(Fixture *fixture, gconstpointer data)
{
    VbEvents *events = vb_events_open(fixture->path, NULL);
    vb_events_subscribe(events, on_event, fixture);
    g_autofree char *epoch = g_strdup(vb_events_get_epoch(events));
    g_assert_cmpuint(append(events, "lifecycle", 1), ==, 1);
    g_assert_cmpuint(append(events, "reboot", 2), ==, 2);
    g_assert_cmpstr(fixture->story->str, ==,
                    "1:lifecycle:vm \"1\"\n:3:1 2:reboot:vm \"1\"\n:3:2L ");
    vb_events_free(events);

    events = vb_events_open(fixture->path, NULL);
    g_assert_cmpstr(vb_events_get_epoch(events), ==, epoch);
    g_string_truncate(fixture->story, 0);
    g_assert_true(vb_events_since(events, epoch, 1, on_event, fixture));
    g_assert_cmpstr(fixture->story->str, ==, "2:reboot:vm \"1\"\n:3:2L ");
    g_assert_true(vb_events_since(events, epoch, 2, on_event, fixture));
    g_assert_cmpstr(fixture->story->str, ==, "2:reboot:vm \"1\"\n:3:2L ");
    g_assert_false(vb_events_since(events, epoch, 3, on_event, fixture));
    g_assert_false(vb_events_since(events, "other", 1, on_event, fixture));
    g_assert_cmpuint(vb_events_find_last(events, uuid, "lifecycle")->sequence, ==, 1);
    g_assert_null(vb_events_find_last(events, uuid, "watchdog"));
    g_assert_cmpuint(append(events, "lifecycle", 5), ==, 3);
    vb_events_free(events);
}

static void
test_torn(Fixture *fixture, gconstpointer data)
{
    VbEvents *events = vb_events_open(fixture->path, NULL);
    append(events, "lifecycle", 1);
    append(events, "lifecycle", 2);
    vb_events_free(events);
    g_autofree char *text = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(fixture->path, &text, &length, NULL));
    g_assert_true(g_file_set_contents(fixture->path, text, (gssize)length - 5, NULL));
    events = vb_events_open(fixture->path, NULL);
    g_assert_cmpuint(vb_events_get_sequence(events), ==, 1);
    append(events, "lifecycle", 3);
    vb_events_free(events);
    events = vb_events_open(fixture->path, NULL);
    g_assert_cmpuint(vb_events_get_sequence(events), ==, 2);
    g_assert_true(vb_events_since(events, vb_events_get_epoch(events), 0, on_event, fixture));
    g_assert_cmpstr(fixture->story->str, ==,
                    "1:lifecycle:vm \"1\"\n:3:1 2:lifecycle:vm \"1\"\n:3:3 ");
    vb_events_free(events);
    g_assert_true(g_file_set_contents(fixture->path, "garbage", -1, NULL));
    events = vb_events_open(fixture->path, NULL);
    g_assert_cmpuint(vb_events_get_sequence(events), ==, 0);
    vb_events_free(events);
}

static void
test_bound(Fixture *fixture, gconstpointer data)
{
    VbEvents *events = vb_events_open(fixture->path, NULL);
    const guint n = 2 * VB_EVENTS_MAX + 10;
    for (guint i = 0; i < n; i++)
        append(events, "reboot", 1);
    g_assert_false(vb_events_since(events, vb_events_get_epoch(events), 5, on_event, fixture));
    g_assert_true(vb_events_since(events, vb_events_get_epoch(events), n - 1, on_event, fixture));
    vb_events_free(events);
    events = vb_events_open(fixture->path, NULL);
    g_assert_cmpuint(vb_events_get_sequence(events), ==, n);
    vb_events_free(events);
    GStatBuf info;
    g_assert_cmpint(g_stat(fixture->path, &info), ==, 0);
    g_assert_cmpint(info.st_size, <, 300 * VB_EVENTS_MAX);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/events/restart", Fixture, NULL, setup, test_restart, teardown);
    g_test_add("/events/torn", Fixture, NULL, setup, test_torn, teardown);
    g_test_add("/events/bound", Fixture, NULL, setup, test_bound, teardown);
    return g_test_run();
}
