/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside this folder: how capabilities are made. */
#pragma once
#include "base/error.h"
#include "base/json.h"
#include "caps/caps.h"
#include "firmware/interop.h"
#include "host/capabilities.h"
#include "resctrl/resctrl.h"
#include <sys/stat.h>

struct _QemuCaps {
    gatomicrefcount references;
    char *path;
    char *arch;
    char *package;
    guint version;
    gboolean has_kvm_support;             /* built in: query-kvm */
    gboolean is_kvm_working;              /* and a guest ran */
    GPtrArray *machines;                  /* QemuMachine; default first */
    GPtrArray *cpu_models[QEMU_N_ACCELS]; /* QemuCpuModel; NULL: not asked yet */
    VbJson *cpus[QEMU_N_ACCELS]; /* the richest CPU there, as QEMU describes it; NULL: not told */
    GHashTable *types;           /* QOM types: char * set */
    GHashTable *properties;      /* "type.property" set */
    GHashTable *commands;
    GHashTable *options; /* "sandbox", "sandbox.spawn" */
    GHashTable *facts;   /* what libvirt-flags.c wants to know besides: "schema:...", "off:..." */
};

QemuCaps *qemu_caps_new(const char *path);
void qemu_caps_take_machines(QemuCaps *caps, const VbJson *query_machines);
void qemu_caps_take_cpu_models(QemuCaps *caps, QemuAccel accel,
                               const VbJson *query_cpu_definitions);
void qemu_caps_take_cpu(QemuCaps *caps, QemuAccel accel, const VbJson *query_cpu_model_expansion);
void qemu_caps_add_type(QemuCaps *caps, const char *type);

/* the cache file's text */
char *qemu_caps_to_json(const QemuCaps *caps, const char *identity);
/* NULL: not ours, damaged, or of another @identity */
QemuCaps *qemu_caps_from_json(const char *text, gsize length, const char *path,
                              const char *identity);

/* One run of an emulator that answers questions: fills @caps. */
typedef struct _QemuProbe QemuProbe;
typedef void (*QemuProbeDone)(QemuProbe *probe, const GError *error, gpointer data);
/* @accel KVM asks for the CPU models alone */
QemuProbe *qemu_probe_start(QemuCaps *caps, QemuAccel accel, QemuProbeDone done, gpointer data);
QemuAccel qemu_probe_get_accel(const QemuProbe *probe);
gboolean qemu_probe_is_finished(const QemuProbe *probe); /* @done was called */
void qemu_probe_free(QemuProbe *probe);                  /* kills; @done is not called any more */

/* One run of a guest that tries KVM. */
typedef struct _QemuKvmProbe QemuKvmProbe;
typedef void (*QemuKvmProbeDone)(gboolean is_working, gpointer data);
QemuKvmProbe *qemu_kvm_probe_start(const char *emulator, const char *run_dir, QemuKvmProbeDone done,
                                   gpointer data);
void qemu_kvm_probe_free(QemuKvmProbe *probe);

/* child processes of probes: killed with the daemon, no core files, standard input and output on /dev/null */
typedef struct {
    const char *const *argv;
    int fd;             /* handed over as number 3; -1: none */
    int *ret_stderr_fd; /* reading end, non-blocking; NULL: /dev/null */
} QemuProbeSpawn;
gboolean qemu_probe_spawn(const QemuProbeSpawn *spawn, GPid *ret_pid, GError **error);

/* A file as it was when it was looked at: whether it is still that one costs a stat() and no memory. */
typedef struct {
    dev_t device;
    ino_t inode; /* 0: there was none */
    off_t size;
    struct timespec modified, changed;
} QemuCapsStamp;
void qemu_caps_stamp_take(QemuCapsStamp *stamp, const char *emulator);
gboolean qemu_caps_stamp_holds(const QemuCapsStamp *stamp, const char *emulator);

/* what decides whether an answer still holds; (transfer full) */
char *qemu_host_identity(
    const char *procfs); /* kernel and microcode: the same for the life of a process */
char *qemu_caps_identity(const char *emulator, const char *host_identity, GError **error);
/* NULL: no usable /dev/kvm */
char *qemu_kvm_identity(const char *emulator, const char *host_identity, const char *procfs);
const char *qemu_caps_host_arch(void);
const char *qemu_caps_arch_from_target(const char *target); /* QEMU's "i386" -> "i686" */

/* schema.c; borrows the answer */
typedef struct _QemuSchema QemuSchema;
QemuSchema *qemu_schema_new(const VbJson *query_qmp_schema);
gboolean qemu_schema_has(const QemuSchema *schema, const char *path);
void qemu_schema_free(QemuSchema *schema);

/* libvirt-flags.c */
typedef void (*QemuCapsFactFunc)(const char *fact, gpointer data);
void qemu_caps_each_wanted_fact(const char *prefix, QemuCapsFactFunc each, gpointer data);

/* documents */
char *qemu_capabilities_format(const GPtrArray *caps_list, VbHost *host, const char *resctrl);
VbHostControl qemu_capabilities_control(VbResctrlInfo *info); /* control.c */
typedef struct {
    const QemuCaps *caps;
    const QemuMachine *machine;
    QemuAccel accel;
    QemuInteropPlace place; /* where firmware describes itself */
} QemuDomainCapsInput;
QemuInteropPlace qemu_caps_cache_place(QemuCapsCache *cache); /* strings are borrowed */
VbHost *qemu_caps_cache_host(QemuCapsCache *cache);           /* borrowed */
const char *qemu_caps_cache_resctrl(QemuCapsCache *cache);
char *qemu_domain_caps_format(const QemuDomainCapsInput *input);
/* Waits for the emulator that @query means and checks what else it says; @input is NULL on failure. Once, from the loop. */
typedef void (*QemuCapsQueryDone)(const QemuDomainCapsInput *input, const GError *error,
                                  gpointer data);
void qemu_caps_cache_resolve(QemuCapsCache *cache, const QemuDomainCapsQuery *query,
                             QemuCapsQueryDone done, gpointer data);
/* "EPYC-v2", "max", "host" and "base" are not */
gboolean qemu_cpu_model_is_listed(const char *name);
