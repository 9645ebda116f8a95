/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the processor says about itself: CPUID, asked of this one or recorded on another. */
#include "cpu/cpu.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *id, *name;
} vendors[] = {{"GenuineIntel", "Intel"}, {"AuthenticAMD", "AMD"}, {"HygonGenuine", "Hygon"}};

/* Takes the processor's spelling and libvirt's. */
const char *
vb_cpu_vendor_name(const char *id)
{
    for (guint i = 0; i < G_N_ELEMENTS(vendors); i++)
        if (g_str_equal(vendors[i].id, id) || g_str_equal(vendors[i].name, id))
            return vendors[i].name;
    return NULL;
}

/* ---- where the answers come from ---- */

typedef struct {
    guint leaf, subleaf;
    guint words[4]; /* eax, ebx, ecx, edx: as VbCpuRegister counts */
} Answer;

/* FALSE: the processor has no such leaf */
typedef gboolean (*Ask)(Answer *answer, gpointer data);

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

static gboolean
ask_processor(Answer *answer, gpointer data)
{
    return __get_cpuid_count(answer->leaf, answer->subleaf, &answer->words[0], &answer->words[1],
                             &answer->words[2], &answer->words[3]);
}
#else
static gboolean
ask_processor(Answer *answer, gpointer data)
{
    return FALSE;
}
#endif

/* @data: GArray of Answer */
static gboolean
ask_record(Answer *answer, gpointer data)
{
    const GArray *record = data;

    for (guint i = 0; i < record->len; i++) {
        const Answer *row = &g_array_index(record, Answer, i);

        if (row->leaf == answer->leaf && row->subleaf == answer->subleaf) {
            *answer = *row;
            return TRUE;
        }
    }
    return FALSE;
}

/* ---- what they mean ---- */

/* Intel SDM volume 2A, CPUID, leaf 1: extended family and model count above these */
static void
read_signature(VbCpuData *data, Ask ask, gpointer ask_data)
{
    Answer answer = {.leaf = 1};
    guint eax;

    if (!ask(&answer, ask_data))
        return;
    eax = answer.words[VB_CPU_EAX];
    data->stepping = eax & 0xf;
    data->model = eax >> 4 & 0xf;
    data->family = eax >> 8 & 0xf;
    if (data->family == 6 || data->family == 15)
        data->model |= (eax >> 16 & 0xf) << 4;
    if (data->family == 15)
        data->family += eax >> 20 & 0xff;
}

/* The table goes leaf by leaf: each is asked for once, which in a guest is a trip to its host. */
static void
read_features(VbCpuData *data, Ask ask, gpointer ask_data)
{
    Answer answer = {.leaf = G_MAXUINT};
    gboolean is_there = FALSE;

    for (guint i = 0; i < vb_cpu_n_features(); i++) {
        const VbCpuFeature *feature = vb_cpu_feature(i);

        if (feature->reg == VB_CPU_MSR)
            continue;
        if (feature->leaf != answer.leaf || feature->subleaf != answer.subleaf) {
            answer = (Answer){.leaf = feature->leaf, .subleaf = feature->subleaf};
            is_there = ask(&answer, ask_data);
        }
        if (is_there && (answer.words[feature->reg] >> feature->bit & 1))
            vb_cpu_set_add(&data->features, (int)i);
    }
}

static gboolean
read_all(VbCpuData *ret_data, Ask ask, gpointer ask_data)
{
    VbCpuData data = {0};
    Answer vendor = {.leaf = 0};
    Answer sizes = {.leaf = 0x80000008}; /* AMD APM volume 3, E.4.7; Intel says the same */
    char name[13] = {0};

    if (!ask(&vendor, ask_data))
        return FALSE;
    memcpy(name, &vendor.words[VB_CPU_EBX], 4);
    memcpy(name + 4, &vendor.words[VB_CPU_EDX], 4);
    memcpy(name + 8, &vendor.words[VB_CPU_ECX], 4);
    data.vendor = vb_cpu_vendor_name(name);
    read_signature(&data, ask, ask_data);
    read_features(&data, ask, ask_data);
    if (ask(&sizes, ask_data))
        data.address_bits = sizes.words[VB_CPU_EAX] & 0xff;
    *ret_data = data;
    return TRUE;
}

gboolean
vb_cpu_read_host(VbCpuData *ret_data)
{
    return read_all(ret_data, ask_processor, NULL);
}

/**
 * vb_cpu_read_recorded:
 * @text: lines as "cpuid -1 -r" prints them: "   0x00000001 0x00: eax=0x000206c1 ebx=... ecx=... edx=..."; others are passed over
 * @ret_data: (out)
 */
gboolean
vb_cpu_read_recorded(const char *text, VbCpuData *ret_data)
{
    g_autoptr(GArray) record = g_array_new(FALSE, TRUE, sizeof(Answer));

    for (const char *line = text; line; line = strchr(line, '\n')) {
        Answer answer;

        line += *line == '\n';
        if (sscanf(line, " 0x%x 0x%x: eax=0x%x ebx=0x%x ecx=0x%x edx=0x%x", &answer.leaf,
                   &answer.subleaf, &answer.words[0], &answer.words[1], &answer.words[2],
                   &answer.words[3]) == 6)
            g_array_append_val(record, answer);
    }
    return read_all(ret_data, ask_record, record);
}
