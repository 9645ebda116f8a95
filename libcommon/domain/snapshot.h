/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <domainsnapshot>: what a snapshot of a guest is, as users hand it in, as it is shown and as it is stored. */
#pragma once
#include "domain/domain.h"

typedef enum { /* snapshot= of <memory> and <disk> */
               VB_SNAPSHOT_DEFAULT,
               VB_SNAPSHOT_NO,
               VB_SNAPSHOT_INTERNAL,
               VB_SNAPSHOT_EXTERNAL,
               VB_SNAPSHOT_MANUAL,
} VbSnapshotLocation;

/* <state>: virDomainState, or this: disks of a running guest without its memory */
#define VB_SNAPSHOT_STATE_DISK_ONLY 8

typedef struct {
    char *name;                  /* of the guest's disk: target; a path only as it was handed in */
    int snapshot;                /* VbSnapshotLocation */
    int format;                  /* VbDomainImageFormat of the new image */
    guint64 metadata_cache_size; /* bytes; 0: not given */
    VbDomainDiskSource source;   /* of the new image */
} VbSnapshotDisk;

typedef struct {
    char *name;
    char *description;
    int state; /* virDomainState or VB_SNAPSHOT_STATE_DISK_ONLY; 0: not given */
    char *parent;
    gint64 creation_time; /* seconds since 1970 */
    gboolean has_creation_time;
    int memory; /* VbSnapshotLocation */
    char *memory_file;
    GPtrArray *disks; /* VbSnapshotDisk */
    GPtrArray
        *revert_disks; /* VbSnapshotDisk: newer libvirt's overlays of a revert; kept as they are */
    VbDomainDef *domain;          /* the guest then; virt_type 0: nothing but its UUID is known */
    VbDomainDef *inactive_domain; /* its stored definition then, when it was another */
    char *cookie;                 /* libvirt's own notes, kept as they are */
    guint active;                 /* stored only: 1: the current one */
    gboolean has_active;
} VbSnapshotDef;

extern const VbXmlType vb_snapshot_type;
extern const VbEnum vb_snapshot_state_enum, vb_snapshot_location_enum;

enum {
    VB_SNAPSHOT_PARSE_REDEFINE = 1
                                 << 0, /* state, time, parent, guest count; else they are dropped */
    VB_SNAPSHOT_PARSE_STORED = 1 << 1, /* libvirt's notes and <active> too */
};
enum {
    VB_SNAPSHOT_FORMAT_SECURE = 1 << 0,
    VB_SNAPSHOT_FORMAT_STORED = 1 << 1, /* with <active> */
};
VbSnapshotDef *vb_snapshot_parse(const char *text, guint flags, GError **error);
char *vb_snapshot_format(const VbSnapshotDef *def, const char *uuid, guint flags);
gboolean vb_snapshot_validate(const char *text, GError **error);
VbSnapshotDef *vb_snapshot_copy(const VbSnapshotDef *def);
VbSnapshotDef *vb_snapshot_new(void);
void vb_snapshot_free(VbSnapshotDef *def); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbSnapshotDef, vb_snapshot_free)

VbSnapshotDisk *vb_snapshot_disk_new(void);
/* @ret_source: zeroed; gets a deep copy of the new image's */
void vb_snapshot_disk_copy_source(const VbSnapshotDisk *disk, VbDomainDiskSource *ret_source);
gboolean vb_snapshot_is_external(const VbSnapshotDef *def); /* anything of it lies in other files */
/* every disk of @domain gets an entry, in its order; see snapshot-disks.c */
gboolean vb_snapshot_align_disks(VbSnapshotDef *def, const VbDomainDef *domain, int fallback,
                                 gboolean must_match, GError **error);
VbSnapshotDisk *vb_snapshot_find_disk(const VbSnapshotDef *def, const char *name);
