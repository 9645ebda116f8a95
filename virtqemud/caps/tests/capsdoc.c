/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints a capability document of this host: for comparing and for the pytest suite.
 *   capsdoc FOLDER ACCEL [EMULATOR ARCH MACHINE VIRTTYPE]   with the arguments: domain capabilities; "" is the default
 *   capsdoc FOLDER ACCEL flags EMULATOR   libvirt's words for what the emulator can do, one a line */
#include "caps/caps.h"
#include "base/enum.h"
#include <stdio.h>
#include <string.h>

typedef struct {
    GMainLoop *loop;
    int status;
} Run;

static void
on_text(const char *text, const GError *error, gpointer data)
{
    Run *run = data;

    if (text)
        fputs(text, stdout);
    else
        fprintf(stderr, "%s\n", error->message);
    run->status = text ? 0 : 1;
    g_main_loop_quit(run->loop);
}

static void
on_caps(QemuCaps *caps, const GError *error, gpointer data)
{
    g_autoptr(GPtrArray) flags = caps ? qemu_caps_libvirt_flags(caps) : NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; flags && i < flags->len; i++)
        g_string_append_printf(text, "%s\n", (const char *)flags->pdata[i]);
    on_text(caps ? text->str : NULL, error, data);
}

int
main(int argc, char **argv)
{
    static const char *const choices[] = {"auto", "tcg", "kvm", NULL};
    QemuCapsConfig config = {0};
    QemuCapsCache *cache;
    Run run = {0};

    if (argc != 3 && argc != 5 && argc != 7)
        return 2;
    config.cache_dir = config.run_dir = argv[1];
    for (guint i = 0; choices[i]; i++)
        if (g_str_equal(choices[i], argv[2]))
            config.accel = (QemuAccelChoice)i;
    run.loop = g_main_loop_new(NULL, FALSE);
    cache = qemu_caps_cache_new(&config);
    if (argc == 3) {
        qemu_caps_cache_get_capabilities(cache, on_text, &run);
    } else if (argc == 5) {
        QemuAccel accel = config.accel == QEMU_ACCEL_CHOICE_TCG ? QEMU_ACCEL_TCG : QEMU_ACCEL_KVM;

        qemu_caps_cache_get(cache, argv[4], accel, on_caps, &run);
    } else {
        const QemuDomainCapsQuery query = {.emulator = argv[3],
                                           .arch = argv[4],
                                           .machine = argv[5],
                                           .virttype = argv[6]};

        qemu_caps_cache_get_domain_capabilities(cache, &query, on_text, &run);
    }
    g_main_loop_run(run.loop);
    qemu_caps_cache_free(cache);
    g_main_loop_unref(run.loop);
    return run.status;
}
