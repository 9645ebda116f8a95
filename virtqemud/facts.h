/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last known facts of a running guest, with their age. Readers never wait: they read what is here, or ask for a
 * refresh that ends at a deadline whether or not the emulator answered. */
#pragma once
#include <glib.h>
#include "base/json.h"

typedef struct _QemuDomain QemuDomain;

typedef enum {
    QEMU_FACTS_BALLOON = 1 << 0,    /* query-balloon */
    QEMU_FACTS_MEMORY = 1 << 1,     /* the balloon device's guest-stats */
    QEMU_FACTS_BLOCK = 1 << 2,      /* query-blockstats, query-named-block-nodes */
    QEMU_FACTS_VCPU = 1 << 3,       /* query-cpus-fast */
    QEMU_FACTS_STATUS = 1 << 4,     /* query-status */
    QEMU_FACTS_IOTHREADS = 1 << 5,  /* query-iothreads */
    QEMU_FACTS_DIRTY_RATE = 1 << 6, /* query-dirty-rate */
    QEMU_FACTS_VM = 1 << 7,         /* query-stats of KVM's machine */
    QEMU_FACTS_VM_SCHEMAS = 1 << 8, /* query-stats-schemas: once */
    QEMU_FACTS_ALL = (1 << 5) - 1,  /* what many ask for */
} QemuFactsKind;
#define QEMU_FACTS_N_KINDS 9

typedef struct {
    char *alias; /* "virtio-disk0", or the drive's name */
    char *node_name;
    guint64 rd_operations, rd_bytes, rd_total_ns;
    guint64 wr_operations, wr_bytes, wr_total_ns;
    guint64 flush_operations, flush_total_ns;
    guint64 wr_highest_offset;
    gboolean has_wr_highest_offset;
    guint64 capacity, physical;
    gboolean has_capacity; /* bytes: virtual size, actual size of the image */
} QemuBlockFacts;

typedef struct {
    gboolean has_swap_in, has_swap_out, has_major_fault, has_minor_fault, has_unused, has_available,
        has_usable;
    gboolean has_disk_caches, has_hugetlb_pgalloc, has_hugetlb_pgfail;
    guint64 swap_in, swap_out, unused, available, usable, disk_caches; /* KiB */
    guint64 major_fault, minor_fault, hugetlb_pgalloc, hugetlb_pgfail; /* counts */
    gint64 last_update_s; /* seconds since 1970, 0: never */
} QemuMemoryFacts;

typedef struct {
    guint id;
    guint64 poll_max_ns;
    guint poll_grow, poll_shrink;
} QemuIothreadFacts;

typedef struct {
    gint64 id;
    guint64 mib_per_s;
} QemuVcpuRate;

typedef struct {
    gboolean is_known;
    int status; /* virDomainDirtyRateStatus */
    gint64 start_s;
    int period_s;
    char mode[16];
    gint64 mib_per_s;
    GArray *vcpus; /* QemuVcpuRate */
} QemuDirtyRate;

typedef struct {
    char *name;
    guint64 value;
} QemuVmValue;

typedef struct {
    gint64 updated_us
        [QEMU_FACTS_N_KINDS]; /* g_get_monotonic_time() per bit of QemuFactsKind; 0: never */
    guint64 balloon_kib;
    QemuMemoryFacts memory;
    GPtrArray *blocks;   /* QemuBlockFacts *; never NULL */
    GArray *vcpu_halted; /* gboolean per vCPU index */
    GArray *iothreads;   /* QemuIothreadFacts */
    QemuDirtyRate dirty_rate;
    GArray *vm_values;    /* QemuVmValue */
    GHashTable *vm_types; /* name -> "sum", "cur", "max" */
    gboolean is_stale;    /* the monitor did not answer; left alone until it does */
    guint refreshing;     /* kinds asked and not answered */
    GPtrArray *waiters;   /* core only */
} QemuFacts;

QemuFacts *qemu_facts_new(void);
void qemu_facts_free(QemuFacts *facts);

#define QEMU_FACTS_DEADLINE_MS 30
typedef void (*QemuFactsDone)(gpointer data);
/* Asks every running guest of @domains (QemuDomain *) for @kinds, all in parallel; @done when all have answered or at
 * the deadline, at once when there is nothing to ask (then from inside this call). Stale guests are not asked; kinds
 * already being asked are shared. */
void qemu_facts_refresh(GPtrArray *domains, guint kinds, guint deadline_ms, QemuFactsDone done,
                        gpointer data);
/* milliseconds since the emulator last answered anything; 0: not running */
guint64 qemu_domain_get_monitor_age_ms(const QemuDomain *domain);

/* stats-monitor.c: answers */
void qemu_facts_take_iothreads(QemuDomain *domain, const VbJson *result);
void qemu_facts_take_dirty_rate(QemuDomain *domain, const VbJson *result);
void qemu_facts_take_vm_stats(QemuDomain *domain, const VbJson *result);
void qemu_facts_take_vm_schemas(QemuDomain *domain, const VbJson *result);
