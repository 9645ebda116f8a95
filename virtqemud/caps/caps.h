/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What emulators can do: probed over QMP in the background, cached on disk, never guessed. */
#pragma once
#include "cpu/cpu.h"
#include <glib.h>
#include "host/host.h"

/* ---- one emulator: reference counted; what concerns KVM may become known after the rest ---- */

typedef enum { QEMU_ACCEL_TCG = 0, QEMU_ACCEL_KVM, QEMU_N_ACCELS } QemuAccel;

typedef struct {
    char *name;           /* canonical: "pc-q35-7.2" */
    char *alias;          /* "q35", or NULL */
    char *default_cpu;    /* "qemu64-x86_64-cpu", or NULL */
    char *default_ram_id; /* "pc.ram", or NULL */
    guint max_cpus;
    gboolean is_default;
    gboolean is_deprecated;
    gboolean has_cpu_hotplug;
    gboolean has_numa_mem; /* -numa node,mem= still works */
} QemuMachine;

typedef struct {
    char *name;
    char *type_name;    /* "Nehalem-x86_64-cpu" */
    char **unavailable; /* features that the host lacks; empty: usable */
    gboolean is_deprecated;
} QemuCpuModel;

typedef struct _QemuCaps QemuCaps;

QemuCaps *qemu_caps_ref(QemuCaps *caps);
void qemu_caps_unref(QemuCaps *caps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuCaps, qemu_caps_unref)

const char *qemu_caps_get_path(const QemuCaps *caps);
const char *qemu_caps_get_arch(const QemuCaps *caps); /* of the guest: "x86_64" */
guint qemu_caps_get_version(const QemuCaps *caps); /* major * 1,000,000 + minor * 1,000 + micro */
const char *qemu_caps_get_package(const QemuCaps *caps); /* "Debian 1:7.2+..." or "" */
/* TRUE when the emulator has the accelerator and, for KVM, a real guest is known to have run with it on this host */
gboolean qemu_caps_has_accel(const QemuCaps *caps, QemuAccel accel);

const GPtrArray *qemu_caps_get_machines(const QemuCaps *caps); /* of QemuMachine; default first */
const QemuMachine *qemu_caps_find_machine(const QemuCaps *caps, const char *name_or_alias);
const QemuMachine *qemu_caps_get_default_machine(const QemuCaps *caps);
const GPtrArray *qemu_caps_get_cpu_models(const QemuCaps *caps,
                                          QemuAccel accel); /* of QemuCpuModel */
const QemuCpuModel *qemu_caps_find_cpu_model(const QemuCaps *caps, QemuAccel accel,
                                             const char *name);

gboolean qemu_caps_has_device(const QemuCaps *caps, const char *type);
gboolean qemu_caps_has_property(const QemuCaps *caps, const char *type, const char *property);
gboolean qemu_caps_has_command(const QemuCaps *caps, const char *qmp_command);
gboolean qemu_caps_has_option(const QemuCaps *caps, const char *option,
                              const char *parameter); /* parameter may be NULL */
/* @path: as of query-qmp-schema, one of those that libvirt-flags.c asks for: "netdev_add/arg-type/+stream" */
gboolean qemu_caps_has_schema(const QemuCaps *caps, const char *path);

/* libvirt 9.0's words for all of it, which its status files hold; (transfer container), the words are static */
GPtrArray *qemu_caps_libvirt_flags(const QemuCaps *caps);

/* ---- all emulators of the host ---- */

typedef enum {
    QEMU_ACCEL_CHOICE_AUTO = 0,
    QEMU_ACCEL_CHOICE_TCG,
    QEMU_ACCEL_CHOICE_KVM
} QemuAccelChoice;

typedef struct {
    const char *cache_dir; /* ROOT/var/cache/virtbus/capabilities */
    const char *run_dir;   /* ROOT/run/virtbus: sockets of probes */
    VbHost *host;          /* borrowed; NULL: this one */
    const char *procfs;    /* "/proc" */
    const char *resctrl;   /* "/sys/fs/resctrl" */
    const char *root;      /* prefix of /etc; NULL: none */
    gboolean is_session;   /* the user's own descriptors count */
    QemuAccelChoice
        accel; /* --accel: AUTO decides by a guest, TCG never offers KVM, KVM skips the test guest */
} QemuCapsConfig;

typedef struct _QemuCapsCache QemuCapsCache;

/* @caps is NULL on failure; both live at least until the callback returns */
typedef void (*QemuCapsDone)(QemuCaps *caps, const GError *error, gpointer data);
typedef void (*QemuCapsTextDone)(const char *text, const GError *error, gpointer data);

QemuCapsCache *qemu_caps_cache_new(const QemuCapsConfig *config);
void qemu_caps_cache_free(
    QemuCapsCache *cache); /* running probes are killed; their callbacks get an error */

/* (transfer none): the emulators that are installed, the host's own architecture first */
const char *const *qemu_caps_cache_get_emulators(QemuCapsCache *cache);
/* (transfer none): emulator that serves @arch (NULL: the host's); NULL when there is none */
const char *qemu_caps_cache_get_default_emulator(QemuCapsCache *cache, const char *arch);
/* What is known now, from memory or disk, without starting anything; (transfer full), NULL: not known yet */
QemuCaps *qemu_caps_cache_peek(QemuCapsCache *cache, const char *emulator);
/* Asynchronous: probes when needed; concurrent requests share one probe; @done runs once, never before this returns.
 * @accel: the accelerator whose answer matters: TCG does not wait for the guest that tries KVM. */
void qemu_caps_cache_get(QemuCapsCache *cache, const char *emulator, QemuAccel accel,
                         QemuCapsDone done, gpointer data);
/* Starts probing whatever is not known, in the background */
void qemu_caps_cache_prime(QemuCapsCache *cache);

/* ---- documents ---- */
void qemu_caps_cache_get_capabilities(QemuCapsCache *cache, QemuCapsTextDone done, gpointer data);
typedef struct {
    const char *emulator, *arch, *machine, *virttype; /* NULL or "": the default */
} QemuDomainCapsQuery;
void qemu_caps_cache_get_domain_capabilities(QemuCapsCache *cache, const QemuDomainCapsQuery *query,
                                             QemuCapsTextDone done, gpointer data);

/* ---- CPUs (cpu-models.c) ---- */

/* The richest CPU that guests of this accelerator get; FALSE: the emulator does not say, or is not x86 */
gboolean qemu_caps_get_cpu(const QemuCaps *caps, QemuAccel accel, VbCpuData *ret_data);
/* The same as a model with differences: what host-model stands for */
gboolean qemu_caps_get_host_model(const QemuCaps *caps, QemuAccel accel, VbCpuChoice *ret_choice);

typedef void (*QemuCpuCompareDone)(int result, const GError *error, gpointer data);
/* @flags: VIR_CONNECT_COMPARE_CPU_*; @result: virCPUCompareResult, ERROR with @error */
void qemu_caps_cache_compare_cpu(QemuCapsCache *cache, const QemuDomainCapsQuery *query,
                                 const char *xml, guint flags, QemuCpuCompareDone done,
                                 gpointer data);
/* @flags: VIR_CONNECT_BASELINE_CPU_* */
void qemu_caps_cache_baseline_cpu(QemuCapsCache *cache, const QemuDomainCapsQuery *query,
                                  const char *const *xmls, guint flags, QemuCapsTextDone done,
                                  gpointer data);
/* the same with the host's own processor: no emulator is asked */
int qemu_host_compare_cpu(const char *xml, guint flags, GError **error);
char *qemu_host_baseline_cpu(const char *const *xmls, guint flags, GError **error);
