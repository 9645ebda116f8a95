/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CPU models and features under libvirt's names, as sets: what a description means, which model describes a CPU best,
 * what several CPUs have in common, whether one offers what another asks for. Pure: asks no emulator, keeps no state. */
#pragma once
#include <glib.h>

/* ---- x86 features ---- */

typedef enum { VB_CPU_EAX, VB_CPU_EBX, VB_CPU_ECX, VB_CPU_EDX, VB_CPU_MSR } VbCpuRegister;

typedef struct {
    const char *name;      /* libvirt's: "sse4.1" */
    guint32 leaf, subleaf; /* of CPUID; VB_CPU_MSR: leaf is the register's number */
    VbCpuRegister reg;     /* which word of the answer */
    guint8 bit;            /* in it */
    const char *other[2];  /* further spellings, QEMU's first */
    gboolean is_not_migratable;
} VbCpuFeature;

typedef struct {
    guint64 words[4]; /* bit per index of the feature table */
} VbCpuSet;

guint vb_cpu_n_features(void);
const VbCpuFeature *vb_cpu_feature(guint index);
int vb_cpu_feature_find(const char *name); /* any spelling; -1: unknown */

void vb_cpu_set_add(VbCpuSet *set, int feature);
void vb_cpu_set_remove(VbCpuSet *set, int feature);
gboolean vb_cpu_set_has(const VbCpuSet *set, int feature);
VbCpuSet vb_cpu_set_and(VbCpuSet a, VbCpuSet b);
VbCpuSet vb_cpu_set_or(VbCpuSet a, VbCpuSet b);
VbCpuSet vb_cpu_set_minus(VbCpuSet a, VbCpuSet b);
guint vb_cpu_set_count(VbCpuSet set);
char *vb_cpu_set_to_string(VbCpuSet set); /* (transfer full) "vme, x2apic" */
VbCpuSet
vb_cpu_set_from_words(const char *words); /* separated by blanks; unknown words are left out */
VbCpuSet vb_cpu_set_not_migratable(void);

/* ---- x86 models ---- */

typedef struct {
    guint family, model, first_stepping, last_stepping;
} VbCpuSignature;

typedef struct {
    const char *name, *vendor; /* vendor NULL: any */
    const char *base;          /* this model and ... */
    const char *more, *less;   /* ... what it has more and lacks, separated by blanks */
    const char *removed;       /* once part of it, so said explicitly where it is missing */
    VbCpuSignature signatures[5];
    gboolean is_not_for_host, is_not_for_guest; /* never chosen to describe one */
} VbCpuModel;

guint vb_cpu_n_models(void);
const VbCpuModel *vb_cpu_model(guint index);
const VbCpuModel *vb_cpu_model_find(const char *name); /* NULL: unknown */
VbCpuSet vb_cpu_model_features(const VbCpuModel *model);
/* (transfer full) names that an architecture's <model> takes; empty: any. INVALID_ARG no such architecture;
 * NO_SUPPORT one without CPU models */
char **vb_cpu_model_names(const char *arch, GError **error);

/* ---- what a CPU is ---- */

typedef struct {
    const char *vendor; /* "Intel", "AMD", "Hygon" or NULL; static */
    guint family, model, stepping;
    guint address_bits; /* of physical addresses; 0: unknown */
    VbCpuSet features;
} VbCpuData;

gboolean vb_cpu_read_host(VbCpuData *ret_data); /* FALSE: not x86 */
/* The same from what "cpuid -1 -r" printed on another machine. FALSE: nothing of the kind in @text */
gboolean vb_cpu_read_recorded(const char *text, VbCpuData *ret_data);
const char *vb_cpu_vendor_name(const char *id); /* "GenuineIntel" -> "Intel"; NULL: unknown */

/* Which models may be chosen, and what an emulator lacks of each. */
typedef struct {
    gboolean (*is_allowed)(const VbCpuModel *model, gpointer data);
    VbCpuSet (*blockers)(const VbCpuModel *model, gpointer data);
    gpointer data;
} VbCpuOffer;

typedef struct {
    const VbCpuModel *model;
    VbCpuSet require, disable;
    VbCpuSet
        removed; /* was once part of the model, is no part of the CPU: said to be off, after the rest */
} VbCpuChoice;

typedef struct {
    const VbCpuData *data;
    gboolean is_host;        /* then no model that has more than the CPU */
    const char *preferred;   /* this model if it can be; NULL: the nearest */
    const VbCpuOffer *offer; /* NULL: every model */
} VbCpuDecode;
gboolean vb_cpu_decode(const VbCpuDecode *query, VbCpuChoice *ret_choice);

/* ---- <cpu> ---- */

typedef enum {
    VB_CPU_MODE_NONE,
    VB_CPU_MODE_CUSTOM,
    VB_CPU_MODE_HOST_MODEL,
    VB_CPU_MODE_HOST_PASSTHROUGH,
    VB_CPU_MODE_MAXIMUM
} VbCpuMode;
typedef enum {
    VB_CPU_MATCH_NONE,
    VB_CPU_MATCH_MINIMUM,
    VB_CPU_MATCH_EXACT,
    VB_CPU_MATCH_STRICT
} VbCpuMatch;
typedef enum {
    VB_CPU_POLICY_NONE,
    VB_CPU_POLICY_FORCE,
    VB_CPU_POLICY_REQUIRE,
    VB_CPU_POLICY_OPTIONAL,
    VB_CPU_POLICY_DISABLE,
    VB_CPU_POLICY_FORBID
} VbCpuPolicy;

typedef struct {
    char *policy, *name;
} VbCpuDescribedFeature;

typedef struct {
    char *name, *frequency, *scaling;
} VbCpuCounter;
typedef struct {
    char *unit, *size;
} VbCpuPages;

typedef struct {
    char *arch, *mode_text, *match_text, *fallback, *model, *vendor;
    GPtrArray *features; /* VbCpuDescribedFeature */
    VbCpuMode mode;
    VbCpuMatch match;
    /* read, for the schema's sake; means nothing here */
    char *microcode;
    struct {
        char *family, *model, *stepping;
    } signature;
    struct {
        char *mode, *bits;
    } maxphysaddr;
    guint sockets, dies, clusters, cores, threads;
    GPtrArray *counters, *pages;
} VbCpuDescription;

typedef enum {
    VB_CPU_ANY,
    VB_CPU_HOST
} VbCpuKind; /* HOST: as <host> describes it: with <arch>, without mode */
VbCpuDescription *vb_cpu_parse(const char *xml, VbCpuKind kind, GError **error);
gboolean vb_cpu_validate(const char *xml,
                         GError **error); /* XML_INVALID_SCHEMA: not a host's <cpu> */
void vb_cpu_description_free(VbCpuDescription *description);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VbCpuDescription, vb_cpu_description_free)

typedef struct {
    const VbCpuChoice *choice;
    const char *vendor;   /* NULL: left out */
    gboolean is_expanded; /* the model's own features too */
    gboolean is_fallback_allowed;
} VbCpuFormat;
char *vb_cpu_format(const VbCpuFormat *format); /* (transfer full) */

/* ---- arithmetic ---- */

typedef struct {
    const VbCpuOffer *offer; /* of a hypervisor; NULL: the host's CPUs */
    gboolean is_expanded;    /* VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES */
    gboolean is_migratable;  /* VIR_CONNECT_BASELINE_CPU_MIGRATABLE */
} VbCpuBaseline;
char *vb_cpu_baseline(const VbCpuBaseline *how, GPtrArray *descriptions, GError **error);

typedef struct {
    const VbCpuData *provided;
    const char *arch; /* of what is provided */
    gboolean is_incompatible_an_error;
} VbCpuCompare;
/* virCPUCompareResult; ERROR with @error */
int vb_cpu_compare(const VbCpuCompare *how, const VbCpuDescription *wanted, GError **error);
