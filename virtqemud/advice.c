/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks numad, if one runs on this host, for a time only: it may be busy moving pages. Whatever goes wrong with it, the
 * advice is our own. */
#include "advice.h"

#include <gio/gio.h>
#include <signal.h>
#include <string.h>

#include "host/placement.h"

#define NUMAD_LIMIT_MS 2000

typedef struct {
    QemuManager *manager;
    guint n_vcpus;
    guint64 memory_kib;
    QemuAdviceDone done;
    gpointer data;
    GSubprocess *numad; /* NULL: not asked */
    guint limit;
} Question;

static void
question_free(Question *question)
{
    g_clear_handle_id(&question->limit, g_source_remove);
    g_clear_object(&question->numad);
    g_free(question);
}

static void
answer_ourselves(Question *question)
{
    VbHost *host = question->manager->host;
    g_autoptr(GArray) loads = vb_host_read_loads(host);
    const VbPlacementQuery query = {.topology = vb_host_get_topology(host),
                                    .loads = loads,
                                    .n_vcpus = question->n_vcpus,
                                    .memory_kib = question->memory_kib};
    g_autoptr(VbPlacementAdvice) own = vb_placement_advise(&query);
    const QemuAdvice advice = {.cells = own->cells,
                               .cpus = own->cpus,
                               .is_enough = own->is_enough,
                               .source = "virtbus",
                               .explanation = own->explanation};

    question->done(&advice, question->data);
    question_free(question);
}

static gboolean
answer_later(gpointer data)
{
    answer_ourselves(data);
    return G_SOURCE_REMOVE;
}

/* ---- numad ---- */

/* (transfer full) what it is called by; NULL: none runs, or the host is a recorded one. Source: numad(8) */
static char *
find_numad(QemuManager *manager)
{
    g_autofree char *path = g_strconcat(manager->root, "/run/numad.pid", NULL);
    g_autofree char *text = NULL;
    gint64 pid;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return NULL;
    pid = g_ascii_strtoll(text, NULL, 10);
    return pid > 1 && kill((pid_t)pid, 0) == 0 ? g_find_program_in_path("numad") : NULL;
}

/* FALSE: @text is no list of nodes that the host has */
static gboolean
answer_by_numad(Question *question, const char *text)
{
    const VbHostTopology *topology = vb_host_get_topology(question->manager->host);
    g_autoptr(VbBitset) cells = vb_bitset_parse(text);
    g_autoptr(VbBitset) cpus = vb_bitset_new();
    QemuAdvice advice = {.cells = cells, .cpus = cpus, .is_enough = TRUE, .source = "numad"};

    VB_BITSET_EACH(id, cells)
    {
        const VbHostCell *cell = vb_host_topology_find_cell(topology, (guint)id);

        if (!cell)
            return FALSE;
        vb_bitset_union(cpus, cell->cpus);
    }
    if (vb_bitset_count(cpus) == 0)
        return FALSE;
    advice.explanation = "numad said so";
    question->done(&advice, question->data);
    question_free(question);
    return TRUE;
}

static gboolean
give_up(gpointer data)
{
    Question *question = data;

    question->limit = 0;
    g_subprocess_force_exit(question->numad); /* numad_answered() follows */
    return G_SOURCE_REMOVE;
}

static void
numad_answered(GObject *source, GAsyncResult *result, gpointer data)
{
    Question *question = data;
    GSubprocess *numad = G_SUBPROCESS(source);
    g_autofree char *text = NULL;
    const gboolean is_read = g_subprocess_communicate_utf8_finish(numad, result, &text, NULL, NULL);

    if (!is_read || !g_subprocess_get_successful(numad) || !text ||
        !answer_by_numad(question, text))
        answer_ourselves(question);
}

static gboolean
ask_numad(Question *question, const char *program)
{
    g_autofree char *wanted =
        g_strdup_printf("%u:%" G_GUINT64_FORMAT, question->n_vcpus, question->memory_kib / 1024);

    question->numad =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, NULL,
                         program, "-w", wanted, NULL);
    if (!question->numad)
        return FALSE;
    question->limit = g_timeout_add(NUMAD_LIMIT_MS, give_up, question);
    g_subprocess_communicate_utf8_async(question->numad, NULL, NULL, numad_answered, question);
    return TRUE;
}

void
qemu_advice_ask(QemuManager *manager, guint n_vcpus, guint64 memory_kib, QemuAdviceDone done,
                gpointer data)
{
    g_autofree char *program = find_numad(manager);
    Question *question = g_new0(Question, 1);

    *question = (Question){.manager = manager,
                           .n_vcpus = n_vcpus,
                           .memory_kib = memory_kib,
                           .done = done,
                           .data = data};
    if (!program || !ask_numad(question, program))
        g_idle_add(answer_later, question);
}
