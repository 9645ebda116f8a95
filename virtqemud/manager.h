/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owns all guests: by UUID, by name, by id; the paths below the root; the event log. Tells one listener what happens.
 * manager.c: life of the manager and lookups. manager-define.c: definitions. recover.c: what a restart finds. */
#pragma once
#include <glib.h>
#include "caps/caps.h"
#include "domain.h"
#include "events/events.h"
#include "host/host.h"
#include "job/job.h"
#include "snapshot.h"
#include "store/log.h"

typedef struct {
    const char *root;    /* "" or "/tmp/x": prefix of every path; copied */
    const char *procfs;  /* "/proc" */
    const char *sysfs;   /* "/sys" */
    const char *resctrl; /* "/sys/fs/resctrl" */
    VbHost *host;        /* borrowed */
    QemuCapsCache *caps; /* borrowed */
    gboolean is_session;
} QemuManagerConfig;

typedef void (*QemuConfined)(gpointer done_data);

/* to virtnodedevd: a guest gets PCI devices, or gives them back */
typedef struct {
    const char *domain;
    GVariant *devices;            /* a(sb): address, managed; NULL: they go back */
    gboolean is_noted;            /* it has them already */
    const char *const *addresses; /* that go back; none: all */
} QemuHandOver;
typedef void (*QemuHandedOver)(const GError *error, gpointer done_data);

/* of a guest's scope among its neighbours; 0: stays as it is */
typedef struct {
    const char *unit;
    guint64 cpu, io;
} QemuWeights;

/* All from the loop. Any member may be NULL. An event's effects on properties are told before the event. */
typedef struct {
    void (*added)(QemuDomain *domain, gpointer data);
    void (*removed)(QemuDomain *domain,
                    gpointer data); /* the object is still valid during the call */
    void (*changed)(QemuDomain *domain, guint changes, gpointer data); /* QemuDomainChange */
    void (*event)(QemuManager *manager, const VbEvent *event, gpointer data);
    void (*monitor_event)(QemuDomain *domain, const char *name, gint64 time_us,
                          const char *details_json, gpointer data);
    void (*snapshot_added)(QemuSnapshot *snapshot, gpointer data);
    void (*snapshot_removed)(QemuSnapshot *snapshot, gpointer data); /* valid during the call */
    void (*snapshot_changed)(QemuSnapshot *snapshot, guint changes, gpointer data);
    void (*hold)(const char *why, gpointer data); /* a guest runs: do not exit */
    void (*release)(const char *why, gpointer data);
    /* a new emulator gets a control group of its own; @done exactly once, later or at once */
    void (*confine)(QemuDomain *domain, pid_t pid, QemuConfined done, gpointer done_data,
                    gpointer data);
    /* @done exactly once, later or at once. Errors: virtnodedevd's; RPC it cannot be reached */
    void (*hand_over)(const QemuHandOver *request, QemuHandedOver done, gpointer done_data,
                      gpointer data);
    /* @done as above */
    void (*set_weights)(QemuDomain *domain, const QemuWeights *weights, QemuDone done,
                        gpointer done_data, gpointer data);
} QemuManagerListener;

struct _QemuManager {
    char *root;
    char *procfs;
    char *sysfs;
    char *resctrl;
    VbHost *host; /* borrowed */
    gboolean is_session;
    QemuCapsCache *caps;
    GHashTable *by_uuid; /* uuid text -> QemuDomain (owns a reference) */
    GHashTable *by_name; /* name -> QemuDomain */
    GHashTable *by_id;   /* id -> QemuDomain: running or starting */
    VbEvents *events;
    VbStoreLog *definitions;   /* of config_dir */
    GHashTable *holders;       /* hostdev.c: name -> guest with PCI devices of the host */
    gboolean has_read_holders; /* those that the last daemon wrote down are among them */
    VbJobs *jobs;              /* long operations, and those that ended within the hour */
    int next_id;
    guint n_recovering; /* guests whose monitor is being reconnected */
    QemuManagerListener listener;
    gpointer listener_data;
    /* paths, absolute, with the root */
    char *config_dir;    /* etc/libvirt/qemu */
    char *autostart_dir; /* etc/libvirt/qemu/autostart */
    char *run_dir;       /* run/libvirt/qemu */
    char *lib_dir;       /* var/lib/libvirt/qemu */
    char *log_dir;       /* var/log/libvirt/qemu */
    char *channel_dir;   /* run/libvirt/qemu/channel */
};

QemuManager *qemu_manager_new(const QemuManagerConfig *config,
                              GError **error); /* makes folders, opens the event log */
void qemu_manager_free(QemuManager *manager);  /* guests go on running */
void qemu_manager_set_listener(QemuManager *manager, const QemuManagerListener *listener,
                               gpointer data);
/* Order at start-up: new, set_listener, load (definitions), recover, then serve; autostart when serving. recover reads
 * status files synchronously (so that every running guest is listed at once) and reconnects in the background. */
void qemu_manager_recover(QemuManager *manager);
void qemu_manager_autostart(QemuManager *manager); /* once per boot; nothing the second time */
void qemu_manager_caller_gone(QemuManager *manager, gpointer token); /* auto-destroy */

/* lookups: borrowed, NULL when there is none; the checked ones set NO_DOMAIN with libvirt's text */
QemuDomain *qemu_manager_find_by_uuid(QemuManager *manager, const char *uuid_text, GError **error);
QemuDomain *qemu_manager_find_by_name(QemuManager *manager, const char *name, GError **error);
QemuDomain *qemu_manager_find_by_id(QemuManager *manager, int id, GError **error);
guint qemu_manager_count_active(QemuManager *manager);

/* the registry, for manager-define.c, create and recovery: adds (takes @config or @live by the caller's hand), emits "added" */
QemuDomain *qemu_manager_add(QemuManager *manager, const char *name, const VbUuid *uuid);
void qemu_manager_remove(QemuManager *manager,
                         QemuDomain *domain); /* neither stored nor running any more */
void qemu_manager_rename(QemuManager *manager, QemuDomain *domain,
                         const char *new_name); /* the tables only */
int qemu_manager_take_id(QemuManager *manager, QemuDomain *domain);
void qemu_manager_drop_id(QemuManager *manager, QemuDomain *domain);

/* transient guests: virDomainCreateXML. Parses, fills in, checks, starts; removes the guest again when that fails. */
void qemu_manager_create(QemuManager *manager, const char *xml, guint flags, QemuDone done,
                         gpointer data);

/* paths: (transfer full) */
char *qemu_manager_status_path(QemuManager *manager,
                               const char *name); /* run/libvirt/qemu/NAME.xml */
char *qemu_manager_pidfile_path(QemuManager *manager,
                                const char *name); /* run/libvirt/qemu/NAME.pid */
char *qemu_manager_log_path(QemuManager *manager, const char *name);
char *qemu_manager_domain_dir(QemuManager *manager,
                              const QemuDomain *domain); /* var/lib/libvirt/qemu/domain-ID-NAME */

/* For tests of crash safety: when the environment has VIRTBUS_CRASH_AT=@step, the daemon kills itself (SIGKILL) here. */
void qemu_crash_point(const char *step);
