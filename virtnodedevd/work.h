/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can take long, off the main loop: child processes, and writes to sysfs by a thread. Each has a time limit, and ends
 * with exactly one call of its function, from the loop. */
#pragma once
#include <glib.h>

/* @out: what it said on standard output, NULL with @error; both (transfer none) */
typedef void (*NodedevCommandDone)(const char *out, const GError *error, gpointer data);
/* Runs @argv with @input (nullable) as standard input. Errors: INTERNAL_ERROR with what it said on standard error;
 * OPERATION_TIMEOUT. */
void nodedev_command_run(const char *const *argv, const char *input, guint timeout_ms,
                         NodedevCommandDone done, gpointer data);

/* Runs in a thread, on @request alone. FALSE with @error. */
typedef gboolean (*NodedevWorkFunc)(gpointer request, GError **error);
typedef void (*NodedevWorkDone)(const GError *error, gpointer data);
/* @request: (transfer full), freed with @free_request when the thread is done with it. OPERATION_TIMEOUT: the thread goes on. */
typedef struct {
    NodedevWorkFunc func;
    gpointer request;
    GDestroyNotify free_request;
    guint timeout_ms;
    const char *what; /* static, for the message: "detaching the device" */
} NodedevWork;
/* @done: the caller is answered; @ended (nullable): the thread has ended, maybe long after */
void nodedev_work_run(const NodedevWork *work, NodedevWorkDone done, NodedevWorkDone ended,
                      gpointer data);

/* in a thread: writes @text to the file at @path, which must exist; errno's words in @error */
gboolean nodedev_work_write(const char *path, const char *text, GError **error);
