/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One guest: its definitions, its state, its emulator. Plain data is read directly; changes go through functions, which
 * tell the manager's listener. Nothing here blocks; nothing here knows D-Bus. */
#pragma once
#include <glib.h>
#include "domain/domain.h"
#include "facts.h"
#include "process.h"
#include "qmp.h"
#include "vb-constants.h"

typedef struct _QemuManager QemuManager;
typedef struct _QemuDomain QemuDomain;
typedef struct _QemuPerf QemuPerf;
typedef struct _QemuTransition QemuTransition; /* a start under way; domain-start.c */
typedef struct _QemuStop QemuStop;             /* who waits for the end; domain-stop.c */
typedef struct _QemuHelpers QemuHelpers;       /* programs beside the emulator; helper.c */
typedef struct _QemuSave QemuSave;             /* a save under way; save.c */
typedef struct _QemuUnfinished QemuUnfinished; /* what a restart must know of it; save.h */
typedef struct _QemuGuestJob QemuGuestJob;     /* guest-job.c */
typedef struct _QemuSnapshots QemuSnapshots;   /* snapshot.c */
typedef struct _QemuSnapshotOp QemuSnapshotOp; /* an operation on them under way; snapshot-op.c */

typedef struct {
    guint id; /* of <iothread> */
    pid_t tid;
} QemuIothread;

/* the reading that a rate is counted from */
typedef struct {
    gint64 at_us; /* monotonic; 0: none */
    guint64 total, local, total_rate, local_rate;
} QemuResctrlBefore;

struct _QemuDomain {
    int ref_count;
    QemuManager *manager; /* NULL after it was removed */
    char *name;           /* always current; changed by rename only */
    VbUuid uuid;
    char uuid_text[37];

    /* The definition that is stored; NULL: transient. Replaced by qemu_domain_set_config() alone, which gives it another
     * number: what is made of it may be kept under that. 0: none yet */
    VbDomainDef *const config;
    guint64 revision;

    VbDomainDef *live; /* of the running guest; NULL: not running */
    gboolean is_autostart;
    gboolean is_autostart_once; /* at the host's next boot alone */
    gboolean is_updated;        /* redefined while running */
    QemuSnapshots *snapshots;   /* NULL: none */

    /* run time; valid while live != NULL */
    int id;                /* -1: not running */
    int state;             /* virDomainState */
    int reason;            /* virDomain*Reason of the state */
    gint64 state_since_us; /* g_get_real_time() */
    QemuProcess *process;
    QemuQmp *qmp; /* NULL while connecting or lost */
    char *monitor_path;
    char *for_libvirt;     /* of the status file: what libvirt alone reads there; NULL: not known */
    guint node_index;      /* highest number that an image has had */
    GArray *vcpu_tids;     /* pid_t per vCPU index; 0: offline */
    GArray *iothread_tids; /* QemuIothread */
    QemuFacts *facts;      /* never NULL */
    QemuPerf *perf;        /* counters that are on; perf.c. NULL: none */
    QemuResctrlBefore resctrl_before;
    GPtrArray *taint;             /* char *: words of libvirt */
    char *auto_cpus, *auto_nodes; /* advice that it runs by (placement='auto'); NULL: none */
    GPtrArray *
        owed; /* char *: clean-up due when the guest ends: "tap NAME", "file PATH", "dir PATH", "resctrl PATH", "process PIDFILE",
                 "tpm PATH"; "hostdev ..." is a note alone */
    gboolean is_starting;
    gboolean is_shutting_down; /* system_powerdown was sent */
    gboolean has_fake_reboot;  /* reboot asked by the host: the guest's power-off starts it again */
    guint64 last_event;        /* newest event that the status file includes */

    /* core only */
    QemuTransition *starting;
    QemuStop *stopping;
    QemuHelpers *helpers; /* NULL: none */
    QemuSave *saving;
    QemuUnfinished *unfinished;
    QemuSnapshotOp *snapshot_op;
    gboolean is_kept;  /* transient, and about to be started again: not forgotten when it ends */
    QemuGuestJob *job; /* the one under way, or the last; NULL: none */
    struct _QemuAgent *agent; /* commands for the guest agent; agent.c. NULL: none so far */
    GQueue *resizes;       /* changes of how many vCPUs, the one under way first; domain-vcpus.c */
    GQueue *plugs;         /* changes of devices, the one under way first; hotplug.c */
    GHashTable *consoles;  /* alias -> int + 1: our end of the socket pair handed out */
    gpointer auto_destroy; /* caller's token, see qemu_domain_set_auto_destroy */
    guint reconnect_source;
    guint reconnect_ms;           /* pause before the next attempt */
    int pause_reason, run_reason; /* of the next STOP and RESUME; 0: not ours */
    int stop_detail,
        stop_reason; /* why the emulator is being ended: event detail, VIR_DOMAIN_SHUTOFF_*; 0: it is not */
    gboolean is_exited; /* the process has ended; its last events may still be in the socket */
    guint exit_source, kill_source;
};

QemuDomain *qemu_domain_ref(QemuDomain *domain);
void qemu_domain_unref(QemuDomain *domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuDomain, qemu_domain_unref)

static inline gboolean
qemu_domain_is_active(const QemuDomain *domain)
{
    return domain->live != NULL;
}

/* the definition in force: the live one while running, else the stored one */
static inline VbDomainDef *
qemu_domain_get_def(const QemuDomain *domain)
{
    return domain->live ? domain->live : domain->config;
}

/* OPERATION_INVALID "domain is not running" */
gboolean qemu_domain_check_active(const QemuDomain *domain, GError **error);

/* ---- asynchronous operations: @done exactly once, from the loop; @error is freed after @done ---- */
typedef void (*QemuDone)(QemuDomain *domain, GError *error, gpointer data);
typedef void (*QemuTextDone)(QemuDomain *domain, const char *text, GError *error, gpointer data);
typedef void (*QemuFdDone)(QemuDomain *domain, int fd, GError *error,
                           gpointer data); /* (transfer full) fd; -1 on error */

/* life; flags are libvirt's */
void qemu_domain_start(QemuDomain *domain, guint flags, QemuDone done, gpointer data);
void qemu_domain_destroy(QemuDomain *domain, guint flags, QemuDone done, gpointer data);
void qemu_domain_shutdown(QemuDomain *domain, guint flags, QemuDone done, gpointer data);
void qemu_domain_reboot(QemuDomain *domain, guint flags, QemuDone done, gpointer data);
void qemu_domain_reset(QemuDomain *domain, guint flags, QemuDone done, gpointer data);
void qemu_domain_suspend(QemuDomain *domain, QemuDone done, gpointer data);
void qemu_domain_resume(QemuDomain *domain, QemuDone done, gpointer data);
/* from the sleep that the guest chose itself: pmsuspended */
void qemu_domain_wake_up(QemuDomain *domain, guint flags, QemuDone done, gpointer data);
/* Destroys the guest when @token's owner goes: qemu_manager_caller_gone(token). NULL clears. Set after a start with
 * VIR_DOMAIN_START_AUTODESTROY, in its @done. */
void qemu_domain_set_auto_destroy(QemuDomain *domain, gpointer token);

/* input and output */
void qemu_domain_inject_nmi(QemuDomain *domain, guint flags, QemuDone done, gpointer data);
typedef struct {
    guint codeset; /* virKeycodeSet */
    guint hold_ms;
    const guint *keycodes;
    guint n_keycodes; /* at most VIR_DOMAIN_SEND_KEY_MAX_KEYS */
} QemuKeys;
void qemu_domain_send_key(QemuDomain *domain, const QemuKeys *keys, QemuDone done, gpointer data);
/* fd of a PNG or PPM image, at its beginning, already unlinked; its first bytes tell which */
void qemu_domain_screenshot(QemuDomain *domain, guint screen, guint flags, QemuFdDone done,
                            gpointer data);
/* Synchronous: a pty, or one end of a socket, for the caller alone. Flags: VIR_DOMAIN_CONSOLE_FORCE, _SAFE. @device
 * NULL or "": the first console. The console is free again when the caller closed the descriptor. */
int qemu_domain_open_console(QemuDomain *domain, const char *device, guint flags, GError **error);
void qemu_domain_open_graphics(QemuDomain *domain, guint index, guint flags, QemuFdDone done,
                               gpointer data);

/* settings of a running guest */
void qemu_domain_set_balloon(QemuDomain *domain, guint64 kib, QemuDone done, gpointer data);
void qemu_domain_set_memory_stats_period(QemuDomain *domain, guint seconds, QemuDone done,
                                         gpointer data);

/* the monitor, as it is; flags: VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP = 1 */
void qemu_domain_monitor_command(QemuDomain *domain, const char *command, guint flags,
                                 QemuTextDone done, gpointer data);

/* one QMP command with the usual checks (running, monitor connected) and time-out; for other core files */
void qemu_domain_execute(QemuDomain *domain, const char *command, const char *arguments,
                         QemuDone done, gpointer data);
#define QEMU_QMP_TIMEOUT_MS 10000

/* ---- state changes, for the core ---- */
/* Takes @config in the place of the stored definition, which is freed. The one place that does so. */
void qemu_domain_set_config(QemuDomain *domain, VbDomainDef *config);
/* Sets state and reason, writes the status file, tells the listener. */
void qemu_domain_set_state(QemuDomain *domain, int state, int reason);
/* Appends to the event log and tells the listener. @details floating a{sv} or NULL */
void qemu_domain_emit(QemuDomain *domain, const char *kind, GVariant *details);
void qemu_domain_emit_lifecycle(QemuDomain *domain, int event, int detail);
void qemu_domain_emit_full(QemuDomain *domain, const char *kind, GVariant *details,
                           gboolean is_late);
/* What changed, for the bus's properties */
typedef enum {
    QEMU_DOMAIN_CHANGED_STATE = 1 << 0, /* State, StateReason, StateName */
    QEMU_DOMAIN_CHANGED_RUN = 1 << 1,   /* Id, Active, Pid */
    QEMU_DOMAIN_CHANGED_CONFIG =
        1 << 2, /* Persistent, Updated, Title, Description, MaxMemory, MaxVcpus, OSType, Vcpus */
    QEMU_DOMAIN_CHANGED_MEMORY = 1 << 3, /* Memory */
    QEMU_DOMAIN_CHANGED_AUTOSTART = 1 << 4,
    QEMU_DOMAIN_CHANGED_NAME = 1 << 5,
    QEMU_DOMAIN_CHANGED_RESCTRL = 1 << 6,  /* ResctrlMonitoring */
    QEMU_DOMAIN_CHANGED_REVISION = 1 << 7, /* Revision: by qemu_domain_set_config() alone */
    QEMU_DOMAIN_CHANGED_SNAPSHOTS = 1 << 8,
} QemuDomainChange;
void qemu_domain_changed(QemuDomain *domain, guint changes);
const char *qemu_domain_state_name(int state); /* "running", ... */
