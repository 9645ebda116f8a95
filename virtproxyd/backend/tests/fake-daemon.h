/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small virtqemud on a private socket, made from the same interface XML: keeps guests in memory, numbers its events,
 * can go away and come back with what it had. */
#pragma once
#include <gio/gio.h>

typedef struct _FakeDaemon FakeDaemon;

FakeDaemon *fake_daemon_new(const char *socket_path);
void fake_daemon_free(FakeDaemon *daemon);
void fake_daemon_stop(FakeDaemon *daemon); /* as kill -9: every connection ends */
void fake_daemon_start(FakeDaemon *daemon);
/* as if something happened to a guest while nobody looked; "0" is running, else it is shut off */
void fake_daemon_set_state(FakeDaemon *daemon, const char *path, int state);
/* @details: a{sv} in text form; without name and UUID the proxy's mirror has to know them */
void fake_daemon_emit(FakeDaemon *daemon, const char *path, const char *kind, const char *details);
/* a new event log: what was in the old one cannot be asked for any more */
void fake_daemon_forget_events(FakeDaemon *daemon);
guint fake_daemon_n_calls(FakeDaemon *daemon, const char *method);
/* the next call of @method is not answered; the connection ends instead */
void fake_daemon_die_at(FakeDaemon *daemon, const char *method);
/* the next call of @method is not answered before fake_daemon_release() */
void fake_daemon_hold_at(FakeDaemon *daemon, const char *method);
void fake_daemon_release(FakeDaemon *daemon);
/* the next call of @method is answered, but before it every other connection ends */
void fake_daemon_leave_at(FakeDaemon *daemon, const char *method);
