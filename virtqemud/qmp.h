/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP client: one monitor connection. Asynchronous; every callback comes from the main loop, never from inside the
 * call that asked for it (except qemu_qmp_free, which fails what is pending). */
#pragma once
#include <glib.h>
#include "base/json.h"

typedef struct _QemuQmp QemuQmp;

/* @result: the "return" member, valid during the call; NULL when @error is set. Exactly once per command. */
typedef void (*QemuQmpDone)(const VbJson *result, const GError *error, gpointer data);

typedef struct {
    /* greeting seen and capabilities negotiated; @greeting is the member "QMP" */
    void (*ready)(QemuQmp *qmp, const VbJson *greeting, gpointer data);
    /* @time_us: the emulator's clock, microseconds since 1970; @event_data may be NULL */
    void (*event)(QemuQmp *qmp, const char *name, const VbJson *event_data, gint64 time_us,
                  gpointer data);
    /* once: end of file, I/O error or bytes that are no QMP; pending commands have failed before */
    void (*closed)(QemuQmp *qmp, const GError *reason, gpointer data);
} QemuQmpHandlers;

/* Takes @fd (connected stream socket). Negotiates by itself; commands given before that are kept and sent after.
 * Any member of @handlers may be NULL. */
QemuQmp *qemu_qmp_new(int fd, const QemuQmpHandlers *handlers, gpointer data);
/* Connects to a unix socket without blocking: -1 with @error; EAGAIN (listener's queue full) is VIR_ERR_RESOURCE_BUSY */
int qemu_qmp_connect(const char *path, GError **error);
void qemu_qmp_free(QemuQmp *qmp); /* pending commands fail; "closed" is not called */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuQmp, qemu_qmp_free)

/* @arguments: JSON object text or NULL; @timeout_ms 0: none. Errors in @done: OPERATION_FAILED with the emulator's
 * text (its class is the reason: vb_error_get_reason), OPERATION_TIMEOUT, OPERATION_FAILED connection lost. */
void qemu_qmp_execute(QemuQmp *qmp, const char *command, const char *arguments, guint timeout_ms,
                      QemuQmpDone done, gpointer data);
/* The same with a descriptor on the way (getfd, add-fd); duplicated, the caller keeps his. */
typedef struct {
    const char *command, *arguments;
    int fd; /* -1: none */
    guint timeout_ms;
} QemuQmpRequest;
void qemu_qmp_execute_request(QemuQmp *qmp, const QemuQmpRequest *request, QemuQmpDone done,
                              gpointer data);
/* A whole QMP command as a user wrote it ({"execute": ...}); @done gets the whole reply object, errors included. */
void qemu_qmp_execute_raw(QemuQmp *qmp, const VbJson *command, int fd, guint timeout_ms,
                          QemuQmpDone done, gpointer data);

gboolean qemu_qmp_is_ready(const QemuQmp *qmp);
/* A command timed out and the emulator has not answered anything since: ask nothing that can wait. */
gboolean qemu_qmp_is_stalled(const QemuQmp *qmp);
gint64 qemu_qmp_get_last_answer_us(const QemuQmp *qmp); /* g_get_monotonic_time(); 0: never */
guint qemu_qmp_get_n_pending(const QemuQmp *qmp);
