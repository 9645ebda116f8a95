/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's resource control file system (Intel RDT, AMD QoS): cache and memory bandwidth allocation (CAT, CDP, MBA)
 * and monitoring (CMT, MBM). Pure parts: what a host offers, schemata, the search for free room. The rest: groups.
 * Source: kernel Documentation/arch/x86/resctrl.rst. Calls touch the file system and may wait for another
 * administrator's lock: run them off the main loop. */
#pragma once
#include <glib.h>
#include <sys/types.h>

typedef enum { VB_RESCTRL_BOTH, VB_RESCTRL_CODE, VB_RESCTRL_DATA } VbResctrlScope;
const char *vb_resctrl_scope_nick(VbResctrlScope scope); /* "both", "code", "data" */

/* ---- schemata: "L3:0=ff;1=ff" ---- */

typedef struct {
    guint id;      /* of the cache, or of the node of memory bandwidth */
    guint64 value; /* mask of ways; percent or MB/s */
} VbResctrlValue;

typedef struct {
    guint level; /* of the cache; 0: memory bandwidth */
    VbResctrlScope scope;
    GArray *values; /* VbResctrlValue, by id */
} VbResctrlRow;

typedef struct {
    GPtrArray *rows; /* VbResctrlRow */
} VbResctrlSchemata;

VbResctrlSchemata *vb_resctrl_schemata_new(void);
/* (transfer full) rows of other resources are left out; NULL: a row that is none, VIR_ERR_INTERNAL_ERROR with the line */
VbResctrlSchemata *vb_resctrl_schemata_parse(const char *text, GError **error);
char *vb_resctrl_schemata_format(const VbResctrlSchemata *schemata);
/* (transfer none) NULL when there is none */
VbResctrlValue *vb_resctrl_schemata_find(const VbResctrlSchemata *schemata, guint level,
                                         VbResctrlScope scope, guint id);
void vb_resctrl_schemata_set(VbResctrlSchemata *schemata, guint level, VbResctrlScope scope,
                             guint id, guint64 value);
void vb_resctrl_schemata_free(VbResctrlSchemata *schemata);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbResctrlSchemata, vb_resctrl_schemata_free)

/* ---- what the host offers ---- */

typedef struct {
    guint level;
    VbResctrlScope scope;
    guint64 mask;   /* every way */
    guint min_bits; /* of a mask */
    guint n_closids;
} VbResctrlCacheControl;

typedef struct {
    GArray *caches; /* VbResctrlCacheControl, by level and scope; empty: no control of caches */
    gboolean has_bandwidth;
    gboolean is_mbps; /* bandwidth in MB/s, else in percent */
    guint bandwidth_min, bandwidth_granularity, bandwidth_closids;
    gboolean has_monitor;
    guint monitor_level; /* of the cache that is watched: 3 */
    guint n_rmids;
    guint64 reuse_threshold; /* bytes of a cache below which a freed RMID is used again */
    GStrv features;          /* "llc_occupancy", "mbm_total_bytes", "mbm_local_bytes" */
} VbResctrlInfo;

/* Never NULL: a host without resctrl offers nothing. @root: "/sys/fs/resctrl" */
VbResctrlInfo *vb_resctrl_info_read(const char *root);
const VbResctrlCacheControl *vb_resctrl_info_find(const VbResctrlInfo *info, guint level,
                                                  VbResctrlScope scope);
gboolean vb_resctrl_info_can_watch(const VbResctrlInfo *info, const char *feature);
void vb_resctrl_info_free(VbResctrlInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbResctrlInfo, vb_resctrl_info_free)

/* ---- finding room ---- */

typedef struct {
    guint level, id;
    guint64 size; /* bytes */
} VbResctrlBank;  /* a cache of the host */

typedef struct {
    guint level; /* 0: bandwidth of node @id, @amount in percent or MB/s; else bytes of cache @id */
    VbResctrlScope scope;
    guint id;
    guint64 amount;
} VbResctrlWish;

/* (transfer full) what no group has, the default group included */
VbResctrlSchemata *vb_resctrl_unused(const VbResctrlInfo *info,
                                     const VbResctrlSchemata *default_group,
                                     const GPtrArray *groups);
/**
 * vb_resctrl_allocate:
 * @info: what the host offers
 * @banks: (element-type VbResctrlBank): its caches
 * @unused: from vb_resctrl_unused(); what is taken is taken off, also when the call fails
 * @default_group: where masks come from that nobody asked for
 * @wishes: (element-type VbResctrlWish)
 * @error: VIR_ERR_CONFIG_UNSUPPORTED, in libvirt's words
 *
 * Returns: (transfer full): the schemata of a group; NULL with @error set
 */
VbResctrlSchemata *vb_resctrl_allocate(const VbResctrlInfo *info, const GArray *banks,
                                       VbResctrlSchemata *unused,
                                       const VbResctrlSchemata *default_group, const GArray *wishes,
                                       GError **error);

/* ---- groups ---- */

typedef struct {
    char *name; /* of the folder */
    char *
        parent; /* NULL: an allocation. A monitor: its group, which is there or stands before it; "": the default group */
    GArray *wishes; /* VbResctrlWish, of an allocation */
    GArray *tids;   /* pid_t: the threads that go in */
} VbResctrlGroup;
VbResctrlGroup *vb_resctrl_group_new(const char *name, const char *parent);
void vb_resctrl_group_free(VbResctrlGroup *group);

/**
 * vb_resctrl_create:
 * @root: "/sys/fs/resctrl"
 * @banks: (element-type VbResctrlBank): the caches of the host
 * @groups: (element-type VbResctrlGroup): all are made, or none
 * @error: what is missing, or the kernel's words (info/last_cmd_status)
 *
 * Holds the lock of the file system while it looks for room and takes it. A group that is there already is taken over.
 */
gboolean vb_resctrl_create(const char *root, const GArray *banks, const GPtrArray *groups,
                           GError **error);
/* (transfer full) @parent as in VbResctrlGroup */
char *vb_resctrl_path(const char *root, const char *parent, const char *name);
/* TRUE also when it is gone */
gboolean vb_resctrl_remove(const char *root, const char *parent, const char *name, GError **error);
/* a thread that is gone is no error */
gboolean vb_resctrl_add_thread(const char *group_path, pid_t tid, GError **error);
/* (transfer full) names of groups, and monitors of the default group as "mon_groups/NAME", that begin with @prefix */
GPtrArray *vb_resctrl_list(const char *root, const char *prefix);

typedef struct {
    guint id; /* of the cache */
    gboolean has_occupancy, has_total, has_local;
    guint64 occupancy, total, local; /* bytes */
} VbResctrlReading;
/* (transfer full) of VbResctrlReading, by id; empty: nothing is counted */
GArray *vb_resctrl_read(const char *group_path);
