/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of the kernel's events are about processors and memory; and that a trigger is told once it has settled. */
#include "host/uevents.h"

static void
test_matters(void)
{
    static const struct {
        const char *message;
        gsize length;
        gboolean matters;
    } rows[] = {
#define ROW(text, matters) {text, sizeof(text) - 1, matters}
        ROW("add@/devices/system/cpu/cpu2\0ACTION=add\0SUBSYSTEM=cpu\0SEQNUM=7", TRUE),
        ROW("online@/devices/system/memory/memory32\0SUBSYSTEM=memory", TRUE),
        ROW("add@/devices/system/node/node1\0SUBSYSTEM=node\0", TRUE),
        ROW("add@/devices/pci0000:00/net/cpu\0SUBSYSTEM=net\0INTERFACE=cpu", FALSE),
        ROW("add@/x\0SUBSYSTEM=cpuid", FALSE),
        ROW("SUBSYSTEM=cp", FALSE),
        ROW("", FALSE),
        {"SUBSYSTEM=cpu", 9, FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(vb_host_uevent_matters(rows[i].message, rows[i].length), ==,
                        rows[i].matters);
}

static void
on_changed(VbHost *host, gpointer data)
{
    ++*(guint *)data;
}

static void
test_settle(void)
{
    g_autoptr(GError) error = NULL;
    VbHost *host = vb_host_new("/nonexistent", "/nonexistent");
    guint n = 0;
    VbHostWatch *watch = vb_host_watch_new(host, on_changed, &n, &error);

    if (!watch) {
        g_test_skip(error->message);
        vb_host_free(host);
        return;
    }
    for (guint i = 0; i < 5; i++)
        vb_host_watch_trigger(watch);
    g_assert_cmpuint(n, ==, 0);
    while (n == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(n, ==, 1);
    vb_host_watch_trigger(watch); /* freed while it waits */
    vb_host_watch_free(watch);
    vb_host_free(host);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/uevents/matters", test_matters);
    g_test_add_func("/uevents/settle", test_settle);
    return g_test_run();
}
