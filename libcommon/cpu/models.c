/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The CPU models that <model> may name. What each has is what guests with that model have always been given: part of the
 * contract with them, so a row never changes; a later finding is a model of its own. Each is told by what it has more
 * and less than another one above it. */
#include "base/error.h"
#include "cpu/cpu.h"
#include <string.h>

static const VbCpuModel models[] = {
    {.name = "486", .more = "fpu vme pse"},
    {.name = "pentium", .base = "486", .more = "de tsc msr mce cx8 mmx"},
    {.name = "pentium2", .base = "pentium", .more = "pae sep mtrr pge mca cmov pat pse36 fxsr"},
    {.name = "pentium3", .base = "pentium2", .more = "sse"},
    {.name = "pentiumpro", .base = "pentium3", .more = "apic sse2", .less = "vme mtrr mca pse36"},
    {.name = "coreduo",
     .vendor = "Intel",
     .base = "pentiumpro",
     .more = "vme mtrr mca clflush pni monitor nx"},
    {.name = "n270", .vendor = "Intel", .base = "coreduo", .more = "ssse3"},
    {.name = "core2duo", .vendor = "Intel", .base = "n270", .more = "pse36 syscall lm"},
    {.name = "qemu32", .base = "pentiumpro", .more = "pni"},
    {.name = "kvm32", .base = "qemu32", .more = "mtrr mca pse36 clflush"},
    {.name = "cpu64-rhel5",
     .base = "kvm32",
     .more = "syscall nx lm",
     .is_not_for_host = TRUE,
     .is_not_for_guest = TRUE},
    {.name = "cpu64-rhel6",
     .base = "cpu64-rhel5",
     .more = "cx16 lahf_lm",
     .is_not_for_host = TRUE,
     .is_not_for_guest = TRUE},
    {.name = "qemu64", .base = "cpu64-rhel5", .more = "cx16 svm"},
    {.name = "kvm64", .base = "cpu64-rhel5", .more = "cx16"},
    {.name = "Conroe",
     .vendor = "Intel",
     .base = "cpu64-rhel5",
     .more = "ssse3 lahf_lm",
     .signatures = {{6, 15, 0, 255}, {6, 22, 0, 255}}},
    {.name = "Penryn",
     .vendor = "Intel",
     .base = "Conroe",
     .more = "cx16 sse4.1",
     .signatures = {{6, 23, 0, 255}, {6, 29, 0, 255}}},
    {.name = "Nehalem",
     .vendor = "Intel",
     .base = "Penryn",
     .more = "sse4.2 popcnt",
     .signatures = {{6, 26, 0, 255}, {6, 30, 0, 255}, {6, 31, 0, 255}, {6, 46, 0, 255}}},
    {.name = "Nehalem-IBRS",
     .vendor = "Intel",
     .base = "Nehalem",
     .more = "spec-ctrl",
     .signatures = {{6, 26, 0, 255}, {6, 30, 0, 255}, {6, 31, 0, 255}, {6, 46, 0, 255}}},
    {.name = "Westmere",
     .vendor = "Intel",
     .base = "Nehalem",
     .more = "aes",
     .signatures = {{6, 44, 0, 255}, {6, 47, 0, 255}, {6, 37, 0, 255}}},
    {.name = "Westmere-IBRS",
     .vendor = "Intel",
     .base = "Westmere",
     .more = "spec-ctrl",
     .signatures = {{6, 44, 0, 255}}},
    {.name = "SandyBridge",
     .vendor = "Intel",
     .base = "Westmere",
     .more = "pclmuldq x2apic tsc-deadline xsave avx rdtscp",
     .signatures = {{6, 42, 0, 255}, {6, 45, 0, 255}}},
    {.name = "SandyBridge-IBRS",
     .vendor = "Intel",
     .base = "SandyBridge",
     .more = "spec-ctrl",
     .signatures = {{6, 42, 0, 255}, {6, 45, 0, 255}}},
    {.name = "IvyBridge",
     .vendor = "Intel",
     .base = "SandyBridge",
     .more = "vme f16c rdrand fsgsbase smep erms",
     .signatures = {{6, 58, 0, 255}, {6, 62, 0, 255}}},
    {.name = "IvyBridge-IBRS",
     .vendor = "Intel",
     .base = "IvyBridge",
     .more = "spec-ctrl",
     .signatures = {{6, 58, 0, 255}, {6, 62, 0, 255}}},
    {.name = "Haswell-noTSX",
     .vendor = "Intel",
     .base = "SandyBridge",
     .more = "fma pcid movbe fsgsbase bmi1 avx2 smep bmi2 erms invpcid",
     .signatures = {{6, 60, 0, 255}, {6, 63, 0, 255}, {6, 69, 0, 255}, {6, 70, 0, 255}}},
    {.name = "Haswell-noTSX-IBRS",
     .vendor = "Intel",
     .base = "Haswell-noTSX",
     .more = "spec-ctrl",
     .signatures = {{6, 60, 0, 255}, {6, 63, 0, 255}, {6, 69, 0, 255}, {6, 70, 0, 255}}},
    {.name = "Haswell",
     .vendor = "Intel",
     .base = "Haswell-noTSX",
     .more = "hle rtm",
     .signatures = {{6, 60, 0, 255}, {6, 63, 0, 255}, {6, 69, 0, 255}, {6, 70, 0, 255}}},
    {.name = "Haswell-IBRS",
     .vendor = "Intel",
     .base = "Haswell",
     .more = "spec-ctrl",
     .signatures = {{6, 60, 0, 255}, {6, 63, 0, 255}, {6, 69, 0, 255}, {6, 70, 0, 255}}},
    {.name = "Broadwell-noTSX",
     .vendor = "Intel",
     .base = "Haswell-noTSX",
     .more = "rdseed adx smap 3dnowprefetch",
     .signatures = {{6, 61, 0, 255}, {6, 71, 0, 255}, {6, 79, 0, 255}, {6, 86, 0, 255}}},
    {.name = "Broadwell-noTSX-IBRS",
     .vendor = "Intel",
     .base = "Broadwell-noTSX",
     .more = "spec-ctrl",
     .signatures = {{6, 61, 0, 255}, {6, 71, 0, 255}, {6, 79, 0, 255}, {6, 86, 0, 255}}},
    {.name = "Broadwell",
     .vendor = "Intel",
     .base = "Broadwell-noTSX",
     .more = "hle rtm",
     .signatures = {{6, 61, 0, 255}, {6, 71, 0, 255}, {6, 79, 0, 255}, {6, 86, 0, 255}}},
    {.name = "Broadwell-IBRS",
     .vendor = "Intel",
     .base = "Broadwell",
     .more = "spec-ctrl",
     .signatures = {{6, 61, 0, 255}, {6, 71, 0, 255}, {6, 79, 0, 255}, {6, 86, 0, 255}}},
    {.name = "Skylake-Client",
     .vendor = "Intel",
     .base = "Broadwell",
     .more = "vme f16c rdrand arat mpx xsaveopt xsavec xgetbv1 abm",
     .signatures = {{6, 94, 0, 255}, {6, 78, 0, 255}, {6, 142, 0, 255}, {6, 158, 0, 255}}},
    {.name = "Skylake-Client-IBRS",
     .vendor = "Intel",
     .base = "Skylake-Client",
     .more = "spec-ctrl",
     .signatures = {{6, 94, 0, 255}, {6, 78, 0, 255}, {6, 142, 0, 255}, {6, 158, 0, 255}}},
    {.name = "Skylake-Client-noTSX-IBRS",
     .vendor = "Intel",
     .base = "Skylake-Client-IBRS",
     .less = "hle rtm",
     .signatures = {{6, 94, 0, 255}, {6, 78, 0, 255}, {6, 142, 0, 255}, {6, 158, 0, 255}},
     .is_not_for_guest = TRUE},
    {.name = "Skylake-Server",
     .vendor = "Intel",
     .base = "Skylake-Client",
     .more = "avx512f avx512dq clwb avx512cd avx512bw avx512vl pdpe1gb",
     .signatures = {{6, 85, 0, 4}}},
    {.name = "Skylake-Server-IBRS",
     .vendor = "Intel",
     .base = "Skylake-Server",
     .more = "spec-ctrl",
     .signatures = {{6, 85, 0, 4}}},
    {.name = "Skylake-Server-noTSX-IBRS",
     .vendor = "Intel",
     .base = "Skylake-Server-IBRS",
     .less = "hle rtm",
     .signatures = {{6, 85, 0, 4}},
     .is_not_for_guest = TRUE},
    {.name = "Cascadelake-Server",
     .vendor = "Intel",
     .base = "Skylake-Server-IBRS",
     .more = "clflushopt avx512vnni ssbd",
     .signatures = {{6, 85, 5, 7}}},
    {.name = "Cascadelake-Server-noTSX",
     .vendor = "Intel",
     .base = "Skylake-Server-noTSX-IBRS",
     .more = "clflushopt avx512vnni ssbd",
     .signatures = {{6, 85, 5, 7}},
     .is_not_for_guest = TRUE},
    {.name = "Icelake-Client",
     .vendor = "Intel",
     .base = "Skylake-Client-IBRS",
     .more = "avx512vbmi umip pku avx512vbmi2 gfni vaes vpclmulqdq avx512vnni avx512bitalg "
             "avx512-vpopcntdq ssbd wbnoinvd",
     .removed = "intel-pt",
     .signatures = {{6, 126, 0, 255}}},
    {.name = "Icelake-Client-noTSX",
     .vendor = "Intel",
     .base = "Icelake-Client",
     .less = "hle rtm",
     .removed = "intel-pt",
     .signatures = {{6, 126, 0, 255}},
     .is_not_for_guest = TRUE},
    {.name = "Icelake-Server",
     .vendor = "Intel",
     .base = "Icelake-Client",
     .more = "avx512f avx512dq clflushopt clwb avx512cd avx512bw avx512vl la57 pdpe1gb",
     .removed = "intel-pt",
     .signatures = {{6, 106, 0, 255}}},
    {.name = "Icelake-Server-noTSX",
     .vendor = "Intel",
     .base = "Icelake-Server",
     .less = "hle rtm",
     .removed = "intel-pt",
     .signatures = {{6, 106, 0, 255}},
     .is_not_for_guest = TRUE},
    {.name = "Cooperlake",
     .vendor = "Intel",
     .base = "Cascadelake-Server",
     .more = "pku stibp arch-capabilities avx512-bf16 rdctl-no ibrs-all skip-l1dfl-vmentry mds-no "
             "pschange-mc-no taa-no",
     .less = "mpx",
     .signatures = {{6, 85, 10, 11}}},
    {.name = "Snowridge",
     .vendor = "Intel",
     .base = "IvyBridge-IBRS",
     .more = "movbe arat rdseed smap clflushopt clwb sha-ni umip gfni cldemote movdiri movdir64b "
             "arch-capabilities core-capability ssbd xsaveopt xsavec xgetbv1 pdpe1gb 3dnowprefetch "
             "split-lock-detect",
     .less = "avx f16c",
     .signatures = {{6, 134, 0, 255}}},
    {.name = "athlon",
     .vendor = "AMD",
     .base = "pentiumpro",
     .more = "vme mtrr pse36 mmxext 3dnowext 3dnow"},
    {.name = "phenom",
     .vendor = "AMD",
     .base = "cpu64-rhel5",
     .more = "monitor mmxext fxsr_opt 3dnowext 3dnow svm"},
    {.name = "Opteron_G1", .vendor = "AMD", .base = "cpu64-rhel5", .signatures = {{15, 6, 0, 255}}},
    {.name = "Opteron_G2",
     .vendor = "AMD",
     .base = "qemu64",
     .more = "rdtscp lahf_lm",
     .signatures = {{15, 6, 0, 255}}},
    {.name = "Opteron_G3",
     .vendor = "AMD",
     .base = "Opteron_G2",
     .more = "popcnt abm sse4a misalignsse",
     .removed = "monitor",
     .signatures = {{15, 6, 0, 255}}},
    {.name = "Opteron_G4",
     .vendor = "AMD",
     .base = "Opteron_G3",
     .more = "pclmuldq ssse3 sse4.1 sse4.2 aes xsave avx pdpe1gb 3dnowprefetch xop fma4",
     .signatures = {{21, 1, 0, 255}}},
    {.name = "Opteron_G5",
     .vendor = "AMD",
     .base = "Opteron_G4",
     .more = "fma f16c tbm",
     .signatures = {{21, 2, 0, 255}}},
    {.name = "EPYC",
     .vendor = "AMD",
     .base = "Skylake-Client-noTSX-IBRS",
     .more = "clflushopt sha-ni mmxext fxsr_opt pdpe1gb svm cr8legacy sse4a misalignsse osvw",
     .less = "pcid x2apic tsc-deadline erms invpcid mpx spec-ctrl",
     .removed = "monitor",
     .signatures = {{23, 1, 0, 255}}},
    {.name = "EPYC-IBPB",
     .vendor = "AMD",
     .base = "EPYC",
     .more = "ibpb",
     .removed = "monitor",
     .signatures = {{23, 1, 0, 255}}},
    {.name = "EPYC-Rome",
     .vendor = "AMD",
     .base = "EPYC-IBPB",
     .more = "clwb umip rdpid perfctr_core clzero xsaveerptr wbnoinvd amd-stibp npt nrip-save",
     .signatures = {{23, 49, 0, 255}}},
    {.name = "EPYC-Milan",
     .vendor = "AMD",
     .base = "EPYC-Rome",
     .more = "pcid erms invpcid pku fsrm xsaves ibrs amd-ssbd svme-addr-chk",
     .signatures = {{25, 1, 0, 255}}},
    {.name = "Dhyana",
     .vendor = "Hygon",
     .base = "EPYC-IBPB",
     .less = "pclmuldq aes sha-ni",
     .removed = "monitor",
     .signatures = {{24, 0, 0, 255}}},
};

guint
vb_cpu_n_models(void)
{
    return G_N_ELEMENTS(models);
}

const VbCpuModel *
vb_cpu_model(guint index)
{
    g_return_val_if_fail(index < G_N_ELEMENTS(models), NULL);
    return &models[index];
}

const VbCpuModel *
vb_cpu_model_find(const char *name)
{
    for (guint i = 0; name && i < G_N_ELEMENTS(models); i++)
        if (g_str_equal(models[i].name, name))
            return &models[i];
    return NULL;
}

VbCpuSet
vb_cpu_model_features(const VbCpuModel *model)
{
    VbCpuSet set = {{0}};

    if (model->base)
        set = vb_cpu_model_features(vb_cpu_model_find(model->base));
    set = vb_cpu_set_or(set, vb_cpu_set_from_words(model->more));
    return vb_cpu_set_minus(set, vb_cpu_set_from_words(model->less));
}

/* ---- other architectures: names alone ---- */

static const char *const ppc64_models[] = {"POWER6",  "POWER7",        "POWER8",        "POWER9",
                                           "POWER10", "POWERPC_e5500", "POWERPC_e6500", NULL};
static const char *const any_model[] = {NULL};

static const struct {
    const char *arch;
    const char *const *names; /* NULL: no CPU models there */
} architectures[] = {
    {"aarch64", any_model},  {"armv6l", any_model},
    {"armv7b", any_model},   {"armv7l", any_model},
    {"s390", any_model},     {"s390x", any_model},
    {"ppc64", ppc64_models}, {"ppc64le", ppc64_models},
    {"alpha", NULL},         {"armv7", NULL},
    {"cris", NULL},          {"itanium", NULL},
    {"lm32", NULL},          {"loongarch64", NULL},
    {"m68k", NULL},          {"microblaze", NULL},
    {"microblazeel", NULL},  {"mips", NULL},
    {"mipsel", NULL},        {"mips64", NULL},
    {"mips64el", NULL},      {"parisc", NULL},
    {"parisc64", NULL},      {"ppc", NULL},
    {"ppcle", NULL},         {"ppcemb", NULL},
    {"riscv32", NULL},       {"riscv64", NULL},
    {"sh4", NULL},           {"sh4eb", NULL},
    {"sparc", NULL},         {"sparc64", NULL},
    {"unicore32", NULL},     {"xtensa", NULL},
    {"xtensaeb", NULL},
};

static char **
x86_names(void)
{
    char **names = g_new0(char *, G_N_ELEMENTS(models) + 1);

    for (guint i = 0; i < G_N_ELEMENTS(models); i++)
        names[i] = g_strdup(models[i].name);
    return names;
}

char **
vb_cpu_model_names(const char *arch, GError **error)
{
    if (g_str_equal(arch, "x86_64") || g_str_equal(arch, "i686"))
        return x86_names();
    for (guint i = 0; i < G_N_ELEMENTS(architectures); i++) {
        if (!g_str_equal(architectures[i].arch, arch))
            continue;
        if (architectures[i].names)
            return g_strdupv((char **)architectures[i].names);
        vb_error_set(error, VIR_ERR_NO_SUPPORT, "'%s' architecture is not supported by CPU driver",
                     arch);
        return NULL;
    }
    vb_error_set(error, VIR_ERR_INVALID_ARG, "cannot find architecture %s", arch);
    return NULL;
}
