/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The x86 features: libvirt's name, QEMU's where it differs, and where a CPU says that it has it. In the order in which
 * descriptions list them. Sources for the places: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E. */
#include "cpu/cpu.h"
#include <string.h>

static const VbCpuFeature features[] = {
    {"fpu", 0x1, 0, VB_CPU_EDX, 0},
    {"vme", 0x1, 0, VB_CPU_EDX, 1},
    {"de", 0x1, 0, VB_CPU_EDX, 2},
    {"pse", 0x1, 0, VB_CPU_EDX, 3},
    {"tsc", 0x1, 0, VB_CPU_EDX, 4},
    {"msr", 0x1, 0, VB_CPU_EDX, 5},
    {"pae", 0x1, 0, VB_CPU_EDX, 6},
    {"mce", 0x1, 0, VB_CPU_EDX, 7},
    {"cx8", 0x1, 0, VB_CPU_EDX, 8},
    {"apic", 0x1, 0, VB_CPU_EDX, 9},
    {"sep", 0x1, 0, VB_CPU_EDX, 11},
    {"mtrr", 0x1, 0, VB_CPU_EDX, 12},
    {"pge", 0x1, 0, VB_CPU_EDX, 13},
    {"mca", 0x1, 0, VB_CPU_EDX, 14},
    {"cmov", 0x1, 0, VB_CPU_EDX, 15},
    {"pat", 0x1, 0, VB_CPU_EDX, 16},
    {"pse36", 0x1, 0, VB_CPU_EDX, 17},
    {"pn", 0x1, 0, VB_CPU_EDX, 18},
    {"clflush", 0x1, 0, VB_CPU_EDX, 19},
    {"ds", 0x1, 0, VB_CPU_EDX, 21},
    {"acpi", 0x1, 0, VB_CPU_EDX, 22},
    {"mmx", 0x1, 0, VB_CPU_EDX, 23},
    {"fxsr", 0x1, 0, VB_CPU_EDX, 24},
    {"sse", 0x1, 0, VB_CPU_EDX, 25},
    {"sse2", 0x1, 0, VB_CPU_EDX, 26},
    {"ss", 0x1, 0, VB_CPU_EDX, 27},
    {"ht", 0x1, 0, VB_CPU_EDX, 28},
    {"tm", 0x1, 0, VB_CPU_EDX, 29},
    {"ia64", 0x1, 0, VB_CPU_EDX, 30},
    {"pbe", 0x1, 0, VB_CPU_EDX, 31},
    {"pni", 0x1, 0, VB_CPU_ECX, 0, .other = {"sse3"}},
    {"pclmuldq", 0x1, 0, VB_CPU_ECX, 1, .other = {"pclmulqdq"}},
    {"dtes64", 0x1, 0, VB_CPU_ECX, 2},
    {"monitor", 0x1, 0, VB_CPU_ECX, 3},
    {"ds_cpl", 0x1, 0, VB_CPU_ECX, 4, .other = {"ds-cpl"}},
    {"vmx", 0x1, 0, VB_CPU_ECX, 5},
    {"smx", 0x1, 0, VB_CPU_ECX, 6},
    {"est", 0x1, 0, VB_CPU_ECX, 7},
    {"tm2", 0x1, 0, VB_CPU_ECX, 8},
    {"ssse3", 0x1, 0, VB_CPU_ECX, 9},
    {"cid", 0x1, 0, VB_CPU_ECX, 10},
    {"fma", 0x1, 0, VB_CPU_ECX, 12},
    {"cx16", 0x1, 0, VB_CPU_ECX, 13},
    {"xtpr", 0x1, 0, VB_CPU_ECX, 14},
    {"pdcm", 0x1, 0, VB_CPU_ECX, 15},
    {"pcid", 0x1, 0, VB_CPU_ECX, 17},
    {"dca", 0x1, 0, VB_CPU_ECX, 18},
    {"sse4.1", 0x1, 0, VB_CPU_ECX, 19, .other = {"sse4-1", "sse4_1"}},
    {"sse4.2", 0x1, 0, VB_CPU_ECX, 20, .other = {"sse4-2", "sse4_2"}},
    {"x2apic", 0x1, 0, VB_CPU_ECX, 21},
    {"movbe", 0x1, 0, VB_CPU_ECX, 22},
    {"popcnt", 0x1, 0, VB_CPU_ECX, 23},
    {"tsc-deadline", 0x1, 0, VB_CPU_ECX, 24},
    {"aes", 0x1, 0, VB_CPU_ECX, 25},
    {"xsave", 0x1, 0, VB_CPU_ECX, 26},
    {"osxsave", 0x1, 0, VB_CPU_ECX, 27},
    {"avx", 0x1, 0, VB_CPU_ECX, 28},
    {"f16c", 0x1, 0, VB_CPU_ECX, 29},
    {"rdrand", 0x1, 0, VB_CPU_ECX, 30},
    {"hypervisor", 0x1, 0, VB_CPU_ECX, 31},
    {"arat", 0x6, 0, VB_CPU_EAX, 2},
    {"fsgsbase", 0x7, 0, VB_CPU_EBX, 0},
    {"tsc_adjust", 0x7, 0, VB_CPU_EBX, 1, .other = {"tsc-adjust"}},
    {"sgx", 0x7, 0, VB_CPU_EBX, 2},
    {"bmi1", 0x7, 0, VB_CPU_EBX, 3},
    {"hle", 0x7, 0, VB_CPU_EBX, 4},
    {"avx2", 0x7, 0, VB_CPU_EBX, 5},
    {"smep", 0x7, 0, VB_CPU_EBX, 7},
    {"bmi2", 0x7, 0, VB_CPU_EBX, 8},
    {"erms", 0x7, 0, VB_CPU_EBX, 9},
    {"invpcid", 0x7, 0, VB_CPU_EBX, 10},
    {"rtm", 0x7, 0, VB_CPU_EBX, 11},
    {"cmt", 0x7, 0, VB_CPU_EBX, 12, .other = {"cqm"}},
    {"mpx", 0x7, 0, VB_CPU_EBX, 14},
    {"avx512f", 0x7, 0, VB_CPU_EBX, 16},
    {"avx512dq", 0x7, 0, VB_CPU_EBX, 17},
    {"rdseed", 0x7, 0, VB_CPU_EBX, 18},
    {"adx", 0x7, 0, VB_CPU_EBX, 19},
    {"smap", 0x7, 0, VB_CPU_EBX, 20},
    {"avx512ifma", 0x7, 0, VB_CPU_EBX, 21},
    {"pcommit", 0x7, 0, VB_CPU_EBX, 22},
    {"clflushopt", 0x7, 0, VB_CPU_EBX, 23},
    {"clwb", 0x7, 0, VB_CPU_EBX, 24},
    {"intel-pt", 0x7, 0, VB_CPU_EBX, 25},
    {"avx512pf", 0x7, 0, VB_CPU_EBX, 26},
    {"avx512er", 0x7, 0, VB_CPU_EBX, 27},
    {"avx512cd", 0x7, 0, VB_CPU_EBX, 28},
    {"sha-ni", 0x7, 0, VB_CPU_EBX, 29},
    {"avx512bw", 0x7, 0, VB_CPU_EBX, 30},
    {"avx512vl", 0x7, 0, VB_CPU_EBX, 31},
    {"avx512vbmi", 0x7, 0, VB_CPU_ECX, 1},
    {"umip", 0x7, 0, VB_CPU_ECX, 2},
    {"pku", 0x7, 0, VB_CPU_ECX, 3},
    {"ospke", 0x7, 0, VB_CPU_ECX, 4},
    {"waitpkg", 0x7, 0, VB_CPU_ECX, 5},
    {"avx512vbmi2", 0x7, 0, VB_CPU_ECX, 6},
    {"gfni", 0x7, 0, VB_CPU_ECX, 8},
    {"vaes", 0x7, 0, VB_CPU_ECX, 9},
    {"vpclmulqdq", 0x7, 0, VB_CPU_ECX, 10},
    {"avx512vnni", 0x7, 0, VB_CPU_ECX, 11},
    {"avx512bitalg", 0x7, 0, VB_CPU_ECX, 12},
    {"avx512-vpopcntdq", 0x7, 0, VB_CPU_ECX, 14},
    {"la57", 0x7, 0, VB_CPU_ECX, 16},
    {"rdpid", 0x7, 0, VB_CPU_ECX, 22},
    {"bus-lock-detect", 0x7, 0, VB_CPU_ECX, 24},
    {"cldemote", 0x7, 0, VB_CPU_ECX, 25},
    {"movdiri", 0x7, 0, VB_CPU_ECX, 27},
    {"movdir64b", 0x7, 0, VB_CPU_ECX, 28},
    {"sgxlc", 0x7, 0, VB_CPU_ECX, 30},
    {"pks", 0x7, 0, VB_CPU_ECX, 31},
    {"avx512-4vnniw", 0x7, 0, VB_CPU_EDX, 2},
    {"avx512-4fmaps", 0x7, 0, VB_CPU_EDX, 3},
    {"fsrm", 0x7, 0, VB_CPU_EDX, 4},
    {"avx512-vp2intersect", 0x7, 0, VB_CPU_EDX, 8},
    {"md-clear", 0x7, 0, VB_CPU_EDX, 10, .other = {"md_clear"}},
    {"serialize", 0x7, 0, VB_CPU_EDX, 14},
    {"tsx-ldtrk", 0x7, 0, VB_CPU_EDX, 16},
    {"pconfig", 0x7, 0, VB_CPU_EDX, 18},
    {"arch-lbr", 0x7, 0, VB_CPU_EDX, 19},
    {"amx-bf16", 0x7, 0, VB_CPU_EDX, 22},
    {"avx512-fp16", 0x7, 0, VB_CPU_EDX, 23},
    {"amx-tile", 0x7, 0, VB_CPU_EDX, 24},
    {"amx-int8", 0x7, 0, VB_CPU_EDX, 25},
    {"spec-ctrl", 0x7, 0, VB_CPU_EDX, 26},
    {"stibp", 0x7, 0, VB_CPU_EDX, 27},
    {"arch-capabilities", 0x7, 0, VB_CPU_EDX, 29, .other = {"arch_capabilities"}},
    {"core-capability", 0x7, 0, VB_CPU_EDX, 30},
    {"ssbd", 0x7, 0, VB_CPU_EDX, 31},
    {"avx-vnni", 0x7, 1, VB_CPU_EAX, 4},
    {"avx512-bf16", 0x7, 1, VB_CPU_EAX, 5},
    {"xsaveopt", 0xd, 1, VB_CPU_EAX, 0},
    {"xsavec", 0xd, 1, VB_CPU_EAX, 1},
    {"xgetbv1", 0xd, 1, VB_CPU_EAX, 2},
    {"xsaves", 0xd, 1, VB_CPU_EAX, 3, .is_not_migratable = TRUE},
    {"xfd", 0xd, 1, VB_CPU_EAX, 4},
    {"mbm_total", 0xf, 1, VB_CPU_EDX, 1},
    {"mbm_local", 0xf, 1, VB_CPU_EDX, 2},
    {"sgx1", 0x12, 0, VB_CPU_EAX, 0},
    {"sgx2", 0x12, 0, VB_CPU_EAX, 1},
    {"sgx-exinfo", 0x12, 0, VB_CPU_EBX, 0},
    {"sgx-debug", 0x12, 1, VB_CPU_EAX, 1},
    {"sgx-mode64", 0x12, 1, VB_CPU_EAX, 2},
    {"sgx-provisionkey", 0x12, 1, VB_CPU_EAX, 4},
    {"sgx-tokenkey", 0x12, 1, VB_CPU_EAX, 5},
    {"sgx-kss", 0x12, 1, VB_CPU_EAX, 7},
    {"intel-pt-lip", 0x14, 0, VB_CPU_ECX, 31},
    {"syscall", 0x80000001, 0, VB_CPU_EDX, 11},
    {"nx", 0x80000001, 0, VB_CPU_EDX, 20, .other = {"xd"}},
    {"mmxext", 0x80000001, 0, VB_CPU_EDX, 22},
    {"fxsr_opt", 0x80000001, 0, VB_CPU_EDX, 25, .other = {"ffxsr", "fxsr-opt"}},
    {"pdpe1gb", 0x80000001, 0, VB_CPU_EDX, 26},
    {"rdtscp", 0x80000001, 0, VB_CPU_EDX, 27},
    {"lm", 0x80000001, 0, VB_CPU_EDX, 29, .other = {"i64"}},
    {"3dnowext", 0x80000001, 0, VB_CPU_EDX, 30},
    {"3dnow", 0x80000001, 0, VB_CPU_EDX, 31},
    {"lahf_lm", 0x80000001, 0, VB_CPU_ECX, 0, .other = {"lahf-lm"}},
    {"cmp_legacy", 0x80000001, 0, VB_CPU_ECX, 1, .other = {"cmp-legacy"}},
    {"svm", 0x80000001, 0, VB_CPU_ECX, 2},
    {"extapic", 0x80000001, 0, VB_CPU_ECX, 3},
    {"cr8legacy", 0x80000001, 0, VB_CPU_ECX, 4},
    {"abm", 0x80000001, 0, VB_CPU_ECX, 5},
    {"sse4a", 0x80000001, 0, VB_CPU_ECX, 6},
    {"misalignsse", 0x80000001, 0, VB_CPU_ECX, 7},
    {"3dnowprefetch", 0x80000001, 0, VB_CPU_ECX, 8},
    {"osvw", 0x80000001, 0, VB_CPU_ECX, 9},
    {"ibs", 0x80000001, 0, VB_CPU_ECX, 10},
    {"xop", 0x80000001, 0, VB_CPU_ECX, 11},
    {"skinit", 0x80000001, 0, VB_CPU_ECX, 12},
    {"wdt", 0x80000001, 0, VB_CPU_ECX, 13},
    {"lwp", 0x80000001, 0, VB_CPU_ECX, 15},
    {"fma4", 0x80000001, 0, VB_CPU_ECX, 16},
    {"tce", 0x80000001, 0, VB_CPU_ECX, 17},
    {"cvt16", 0x80000001, 0, VB_CPU_ECX, 18},
    {"nodeid_msr", 0x80000001, 0, VB_CPU_ECX, 19, .other = {"nodeid-msr"}},
    {"tbm", 0x80000001, 0, VB_CPU_ECX, 21},
    {"topoext", 0x80000001, 0, VB_CPU_ECX, 22},
    {"perfctr_core", 0x80000001, 0, VB_CPU_ECX, 23, .other = {"perfctr-core"}},
    {"perfctr_nb", 0x80000001, 0, VB_CPU_ECX, 24, .other = {"perfctr-nb"}},
    {"invtsc", 0x80000007, 0, VB_CPU_EDX, 8, .is_not_migratable = TRUE},
    {"clzero", 0x80000008, 0, VB_CPU_EBX, 0},
    {"xsaveerptr", 0x80000008, 0, VB_CPU_EBX, 2},
    {"wbnoinvd", 0x80000008, 0, VB_CPU_EBX, 9},
    {"ibpb", 0x80000008, 0, VB_CPU_EBX, 12},
    {"ibrs", 0x80000008, 0, VB_CPU_EBX, 14},
    {"amd-stibp", 0x80000008, 0, VB_CPU_EBX, 15},
    {"amd-ssbd", 0x80000008, 0, VB_CPU_EBX, 24},
    {"virt-ssbd", 0x80000008, 0, VB_CPU_EBX, 25},
    {"amd-no-ssb", 0x80000008, 0, VB_CPU_EBX, 26},
    {"npt", 0x8000000a, 0, VB_CPU_EDX, 0},
    {"lbrv", 0x8000000a, 0, VB_CPU_EDX, 1},
    {"svm-lock", 0x8000000a, 0, VB_CPU_EDX, 2, .other = {"svm_lock"}},
    {"nrip-save", 0x8000000a, 0, VB_CPU_EDX, 3, .other = {"nrip_save"}},
    {"tsc-scale", 0x8000000a, 0, VB_CPU_EDX, 4, .other = {"tsc_scale"}},
    {"vmcb-clean", 0x8000000a, 0, VB_CPU_EDX, 5, .other = {"vmcb_clean"}},
    {"flushbyasid", 0x8000000a, 0, VB_CPU_EDX, 6},
    {"decodeassists", 0x8000000a, 0, VB_CPU_EDX, 7},
    {"pause-filter", 0x8000000a, 0, VB_CPU_EDX, 10, .other = {"pause_filter"}},
    {"pfthreshold", 0x8000000a, 0, VB_CPU_EDX, 12},
    {"avic", 0x8000000a, 0, VB_CPU_EDX, 13},
    {"v-vmsave-vmload", 0x8000000a, 0, VB_CPU_EDX, 15},
    {"vgif", 0x8000000a, 0, VB_CPU_EDX, 16},
    {"svme-addr-chk", 0x8000000a, 0, VB_CPU_EDX, 28},
    {"rdctl-no", 0x10a, 0, VB_CPU_MSR, 0},
    {"ibrs-all", 0x10a, 0, VB_CPU_MSR, 1},
    {"rsba", 0x10a, 0, VB_CPU_MSR, 2},
    {"skip-l1dfl-vmentry", 0x10a, 0, VB_CPU_MSR, 3},
    {"ssb-no", 0x10a, 0, VB_CPU_MSR, 4},
    {"mds-no", 0x10a, 0, VB_CPU_MSR, 5},
    {"pschange-mc-no", 0x10a, 0, VB_CPU_MSR, 6},
    {"tsx-ctrl", 0x10a, 0, VB_CPU_MSR, 7},
    {"taa-no", 0x10a, 0, VB_CPU_MSR, 8},
    {"split-lock-detect", 0xcf, 0, VB_CPU_MSR, 5},
};
G_STATIC_ASSERT(G_N_ELEMENTS(features) <= 4 * 64);

guint
vb_cpu_n_features(void)
{
    return G_N_ELEMENTS(features);
}

const VbCpuFeature *
vb_cpu_feature(guint index)
{
    g_return_val_if_fail(index < G_N_ELEMENTS(features), NULL);
    return &features[index];
}

static GHashTable *
make_index(void)
{
    GHashTable *index = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < G_N_ELEMENTS(features); i++) {
        g_hash_table_insert(index, (gpointer)features[i].name, GUINT_TO_POINTER(i + 1));
        for (guint k = 0; k < G_N_ELEMENTS(features[i].other) && features[i].other[k]; k++)
            g_hash_table_insert(index, (gpointer)features[i].other[k], GUINT_TO_POINTER(i + 1));
    }
    return index;
}

int
vb_cpu_feature_find(const char *name)
{
    static GHashTable *index; /* for the life of the process */

    if (!index)
        index = make_index();
    return GPOINTER_TO_INT(g_hash_table_lookup(index, name)) - 1;
}

/* ---- sets ---- */

void
vb_cpu_set_add(VbCpuSet *set, int feature)
{
    if (feature >= 0)
        set->words[feature / 64] |= G_GUINT64_CONSTANT(1) << (feature % 64);
}

void
vb_cpu_set_remove(VbCpuSet *set, int feature)
{
    if (feature >= 0)
        set->words[feature / 64] &= ~(G_GUINT64_CONSTANT(1) << (feature % 64));
}

gboolean
vb_cpu_set_has(const VbCpuSet *set, int feature)
{
    return feature >= 0 && (set->words[feature / 64] >> (feature % 64) & 1);
}

VbCpuSet
vb_cpu_set_and(VbCpuSet a, VbCpuSet b)
{
    for (guint i = 0; i < G_N_ELEMENTS(a.words); i++)
        a.words[i] &= b.words[i];
    return a;
}

VbCpuSet
vb_cpu_set_or(VbCpuSet a, VbCpuSet b)
{
    for (guint i = 0; i < G_N_ELEMENTS(a.words); i++)
        a.words[i] |= b.words[i];
    return a;
}

VbCpuSet
vb_cpu_set_minus(VbCpuSet a, VbCpuSet b)
{
    for (guint i = 0; i < G_N_ELEMENTS(a.words); i++)
        a.words[i] &= ~b.words[i];
    return a;
}

guint
vb_cpu_set_count(VbCpuSet set)
{
    guint n = 0;

    for (guint i = 0; i < G_N_ELEMENTS(set.words); i++)
        n += (guint)__builtin_popcountll(set.words[i]);
    return n;
}

char *
vb_cpu_set_to_string(VbCpuSet set)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(features); i++)
        if (vb_cpu_set_has(&set, (int)i))
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", features[i].name);
    return g_string_free(text, FALSE);
}

VbCpuSet
vb_cpu_set_from_words(const char *words)
{
    g_auto(GStrv) list = g_strsplit(words ? words : "", " ", -1);
    VbCpuSet set = {{0}};

    for (guint i = 0; list[i]; i++)
        vb_cpu_set_add(&set, vb_cpu_feature_find(list[i]));
    return set;
}

VbCpuSet
vb_cpu_set_not_migratable(void)
{
    VbCpuSet set = {{0}};

    for (guint i = 0; i < G_N_ELEMENTS(features); i++)
        if (features[i].is_not_migratable)
            vb_cpu_set_add(&set, (int)i);
    return set;
}
