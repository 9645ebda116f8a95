/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints the command line of definitions, one argument per line, with the capabilities of the installed emulator: for the
 * pytest suite and for comparing with another implementation.
 *   command-tool CACHE-FOLDER DOMAIN-FOLDER MONITOR-FD FILE...
 * Each file's output begins with a line "==== FILE"; a definition that is refused prints "error: ..." */
#include "command/command.h"
#include "domain/tests/hints.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    GMainLoop *loop;
    QemuCaps *caps;
} Answer;

static void
on_caps(QemuCaps *caps, const GError *error, gpointer data)
{
    Answer *answer = data;

    answer->caps = caps ? qemu_caps_ref(caps) : NULL;
    if (error)
        fprintf(stderr, "%s\n", error->message);
    g_main_loop_quit(answer->loop);
}

static QemuCaps *
get_caps(QemuCapsCache *cache, const char *emulator)
{
    Answer answer = {.loop = g_main_loop_new(NULL, FALSE)};

    qemu_caps_cache_get(cache, emulator, QEMU_ACCEL_TCG, on_caps, &answer);
    g_main_loop_run(answer.loop);
    g_main_loop_unref(answer.loop);
    return answer.caps;
}

static QemuCommand *
build(QemuCapsCache *cache, const char *path, const QemuCommandOptions *options, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(VbDomainDef) def = NULL;
    g_autoptr(QemuCaps) caps = NULL;

    if (!g_file_get_contents(path, &text, NULL, error))
        return NULL;
    def = vb_domain_prepare(text, VB_DOMAIN_PARSE_INACTIVE, vb_domain_test_hints(), error);
    if (!def)
        return NULL;
    vb_domain_assign_aliases(def);
    qemu_command_number_images(def);
    caps = get_caps(cache, def->emulator);
    return caps ? qemu_command_build(def, caps, options, error) : NULL;
}

int
main(int argc, char **argv)
{
    QemuCapsConfig config = {.accel = QEMU_ACCEL_CHOICE_TCG};
    QemuCommandOptions options = {.has_sandbox = TRUE};
    QemuCapsCache *cache;

    if (argc < 5)
        return 2;
    config.cache_dir = config.run_dir = argv[1];
    options.domain_dir = options.channel_dir = argv[2];
    options.monitor_fd = atoi(argv[3]);
    cache = qemu_caps_cache_new(&config);
    for (int i = 4; i < argc; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(QemuCommand) command = build(cache, argv[i], &options, &error);

        printf("==== %s\n", argv[i]);
        if (!command)
            printf("error: %s\n", error ? error->message : "no emulator");
        for (guint k = 0; command && k + 1 < command->argv->len; k++)
            puts(command->argv->pdata[k]);
    }
    qemu_caps_cache_free(cache);
    return 0;
}
