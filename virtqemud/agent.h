/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The agent inside a guest: one command after the other through its channel, each on a connection of its own, each with a
 * time limit. What it answers comes from the guest: never trusted, see agent-replies.h. */
#pragma once
#include "base/json.h"
#include "domain.h"

typedef struct _QemuAgent QemuAgent;

/* How a command that takes the guest away is known to have been obeyed: it sends no answer then. */
typedef enum {
    QEMU_AGENT_ANSWERS,
    QEMU_AGENT_ENDS_GUEST,
    QEMU_AGENT_SUSPENDS_GUEST
} QemuAgentEffect;

typedef struct {
    const char *command;
    const char *arguments; /* text of a JSON object; NULL: none */
    const char *raw; /* instead of both: the whole command as text, checked to be a JSON object */
    int timeout_s; /* virDomainQemuAgentCommandTimeoutValues; BLOCK: as long as it takes, at most 10 minutes */
    QemuAgentEffect effect;
} QemuAgentRequest;

/* @reply: the whole answer, valid during the call; NULL with @error, or for an effect that was seen. Exactly once, from
 * the loop. */
typedef void (*QemuAgentDone)(QemuDomain *domain, const VbJson *reply, const GError *error,
                              gpointer data);
void qemu_agent_execute(QemuDomain *domain, const QemuAgentRequest *request, QemuAgentDone done,
                        gpointer data);

/* OPERATION_INVALID not running; ARGUMENT_UNSUPPORTED no channel; AGENT_UNRESPONSIVE nobody at its other end */
gboolean qemu_agent_check(const QemuDomain *domain, GError **error);
/* virDomainAgentSetResponseTimeout: for commands that do not say themselves */
gboolean qemu_agent_set_timeout(QemuDomain *domain, int timeout_s, guint flags, GError **error);

/* what the monitor saw */
void qemu_agent_guest_suspended(QemuDomain *domain);
void qemu_agent_connected(QemuDomain *domain);
void qemu_agent_disconnected(QemuDomain *domain);
void qemu_agent_drop(QemuDomain *domain); /* the guest's end, or the daemon's */
