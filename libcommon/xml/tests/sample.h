/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A made-up element with a field of every kind, for the tests of libcommon/xml. */
#pragma once
#include "xml/xml.h"

typedef struct {
    int type; /* sample_address_type */
    guint slot, has_slot;
    guint unit;
    gboolean has_unit;
} SampleAddress;

typedef struct {
    int kind; /* sample_item_kind */
    char *file;
    char *dev;
    char *target;
    SampleAddress address;
    char *alias;
    VbTristate is_readonly;
    struct SampleItem_ *backing;
} SampleItem;

typedef struct {
    guint port;
    gboolean has_port;
    char *password;
} SampleServer;

typedef struct {
    char *word;
} SampleWord;

typedef struct {
    int id;
    gboolean has_id;
    char *name;
    VbUuid uuid;
    char *title;
    char *raw;
    guint64 memory_kib;
    guint vcpus;
    char *cpuset;
    int count;
    gint64 offset;
    guint64 mask;
    int mode;
    VbTristate is_enabled;
    VbTristate apic_eoi;
    gboolean has_acpi;
    gboolean has_apic;
    VbMac mac;
    char *label;
    guint upper; /* custom: letters A.. as numbers */
    SampleServer *server;
    GPtrArray *items; /* SampleItem */
    GPtrArray *words; /* SampleWord */
} Sample;

extern const VbXmlType sample_type;
