/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the processor says about itself: CPUID. */
#include "cpu/cpu.h"
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

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

/* Intel SDM volume 2A, CPUID, leaf 1: extended family and model count above these */
static void
read_signature(VbCpuData *data)
{
    guint eax = 0, ebx, ecx, edx;

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return;
    data->stepping = eax & 0xf;
    data->model = eax >> 4 & 0xf;
    data->family = eax >> 8 & 0xf;
    if (data->family == 6 || data->family == 15)
        data->model |= (eax >> 16 & 0xf) << 4;
    if (data->family == 15)
        data->family += eax >> 20 & 0xff;
}

static gboolean
has_bit(const VbCpuFeature *feature)
{
    guint words[4] = {0};

    if (feature->reg == VB_CPU_MSR || !__get_cpuid_count(feature->leaf, feature->subleaf, &words[0],
                                                         &words[1], &words[2], &words[3]))
        return FALSE;
    return words[feature->reg] >> feature->bit & 1;
}

gboolean
vb_cpu_read_host(VbCpuData *ret_data)
{
    VbCpuData data = {0};
    guint max = 0, id[3] = {0};
    char vendor[13] = {0};

    if (!__get_cpuid(0, &max, &id[0], &id[2], &id[1]))
        return FALSE;
    memcpy(vendor, id, 12);
    data.vendor = vb_cpu_vendor_name(vendor);
    read_signature(&data);
    for (guint i = 0; i < vb_cpu_n_features(); i++)
        if (has_bit(vb_cpu_feature(i)))
            vb_cpu_set_add(&data.features, (int)i);
    *ret_data = data;
    return TRUE;
}
#else
gboolean
vb_cpu_read_host(VbCpuData *ret_data)
{
    return FALSE;
}
#endif
