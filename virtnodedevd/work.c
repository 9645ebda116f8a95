/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child processes and threads with a time limit. */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* ---- child processes ---- */

/* (transfer full) never NULL, whatever there was */
static char *
text_of(GBytes *bytes)
{
    gsize length = 0;
    const char *data = bytes ? g_bytes_get_data(bytes, &length) : NULL;
    return data ? g_strndup(data, length) : g_strdup("");
}

typedef struct {
    GSubprocess *process;
    char *name;
    guint timer;
    gboolean is_late;
    NodedevCommandDone done;
    gpointer data;
} Command;

static void
command_end(Command *command, const char *out, const GError *error)
{
    g_clear_handle_id(&command->timer, g_source_remove);
    command->done(out, error, command->data);
    g_clear_object(&command->process);
    g_free(command->name);
    g_free(command);
}

static void
on_communicated(GObject *source, GAsyncResult *result, gpointer data)
{
    Command *command = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) out = NULL, err = NULL;
    gboolean is_done =
        g_subprocess_communicate_finish(command->process, result, &out, &err, &error);
    g_autofree char *text = text_of(out);
    g_autofree char *words = text_of(err);
    if (command->is_late) {
        g_clear_error(&error);
        vb_error_set(&error, VIR_ERR_OPERATION_TIMEOUT, "%s did not end in time", command->name);
    } else if (is_done && !g_subprocess_get_successful(command->process)) {
        g_autofree char *valid = g_utf8_make_valid(g_strstrip(words), -1);
        vb_error_set(&error, VIR_ERR_INTERNAL_ERROR, "%s",
                     *valid ? valid : "the program failed and said nothing");
    }
    command_end(command, error ? NULL : text, error);
}

static gboolean
on_command_timeout(gpointer data)
{
    Command *command = data;
    command->timer = 0;
    command->is_late = TRUE;
    g_subprocess_force_exit(command->process);
    return G_SOURCE_REMOVE;
}

void
nodedev_command_run(const char *const *argv, const char *input, guint timeout_ms,
                    NodedevCommandDone done, gpointer data)
{
    Command *command = g_new0(Command, 1);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = input ? g_bytes_new(input, strlen(input)) : NULL;
    GSubprocessFlags flags = G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE;
    if (input)
        flags |= G_SUBPROCESS_FLAGS_STDIN_PIPE;
    command->name = g_strdup(argv[0]);
    command->done = done;
    command->data = data;
    command->process = g_subprocess_newv(argv, flags, &error);
    if (!command->process) {
        command_end(command, NULL, error);
        return;
    }
    command->timer = g_timeout_add(timeout_ms, on_command_timeout, command);
    g_subprocess_communicate_async(command->process, bytes, NULL, on_communicated, command);
}

/* ---- threads ---- */

typedef struct {
    NodedevWork work;
    guint timer;
    NodedevWorkDone done; /* NULL: has been called */
    NodedevWorkDone ended;
    gpointer data;
} Running;

static void
run_in_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    const NodedevWork *work = data;
    GError *error = NULL;
    if (work->func(work->request, &error))
        g_task_return_boolean(task, TRUE);
    else
        g_task_return_error(task, error);
    work->free_request(work->request);
}

static gboolean
on_work_timeout(gpointer data)
{
    Running *running = data;
    g_autoptr(GError) error = NULL;
    running->timer = 0;
    vb_error_set(&error, VIR_ERR_OPERATION_TIMEOUT, "%s takes longer than %u seconds and goes on",
                 running->work.what, running->work.timeout_ms / 1000);
    NodedevWorkDone done = g_steal_pointer(&running->done);
    done(error, running->data);
    return G_SOURCE_REMOVE;
}

static void
on_worked(GObject *source, GAsyncResult *result, gpointer data)
{
    Running *running = data;
    g_autoptr(GError) error = NULL;
    (void)g_task_propagate_boolean(G_TASK(result), &error);
    g_clear_handle_id(&running->timer, g_source_remove);
    if (running->ended)
        running->ended(error, running->data); /* first: done() may free the data */
    if (running->done)
        running->done(error, running->data);
    g_free(running);
}

/* The task's data is a copy of its own, so that the thread shares nothing with the loop. */
void
nodedev_work_run(const NodedevWork *work, NodedevWorkDone done, NodedevWorkDone ended,
                 gpointer data)
{
    Running *running = g_new0(Running, 1);
    running->work = *work;
    running->done = done;
    running->ended = ended;
    running->data = data;
    running->timer = g_timeout_add(work->timeout_ms, on_work_timeout, running);
    g_autoptr(GTask) task = g_task_new(NULL, NULL, on_worked, running);
    g_task_set_task_data(task, g_memdup2(work, sizeof *work), g_free);
    g_task_run_in_thread(task, run_in_thread);
}

gboolean
nodedev_work_write(const char *path, const char *text, GError **error)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    int errsv = errno;
    gssize written = -1;
    if (fd >= 0) {
        written = write(fd, text, strlen(text));
        errsv = errno;
        close(fd);
    }
    if (written == (gssize)strlen(text))
        return TRUE;
    return vb_error_set_errno(error, written < 0 ? errsv : EIO, "cannot write to '%s'", path);
}
