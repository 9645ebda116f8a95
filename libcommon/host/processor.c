/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which processor the host has: its model and features as libvirt names them, from CPUID; what CPUID cannot say, from
 * cpuinfo and KVM. For a recorded host, PROCFS/cpuid stands for CPUID, as "cpuid -1 -r" printed it there. */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "base/text.h"
#include "host/host-private.h"

/* "key : value" of the first CPU in cpuinfo; (transfer full), NULL: none */
static char *
cpuinfo_value(const char *cpuinfo, const char *key)
{
    const gsize length = strlen(key);

    for (const char *line = cpuinfo; line; line = strchr(line, '\n')) {
        const char *after;

        line += *line == '\n';
        after = g_str_has_prefix(line, key) ? line + length : NULL;
        if (!after || (*after != '\t' && *after != ' ' && *after != ':'))
            continue;
        after += strspn(after, "\t ");
        if (*after == ':')
            return g_strstrip(g_strndup(after + 1, strcspn(after + 1, "\n")));
    }
    return NULL;
}

/* Source: kernel, Documentation/virt/kvm/api.rst */
static void
ask_vcpu(VbHostProcessor *processor, int kvm)
{
    const int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    const int vcpu = vm >= 0 ? ioctl(vm, KVM_CREATE_VCPU, 0) : -1;
    const int khz = vcpu >= 0 ? ioctl(vcpu, KVM_GET_TSC_KHZ, 0) : -1;

    if (khz > 0)
        processor->tsc_hz = (guint64)khz * 1000;
    processor->is_tsc_scaled = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) > 0;
    if (vcpu >= 0)
        close(vcpu);
    if (vm >= 0)
        close(vm);
}

/* The time stamp counter as guests will see it. */
static void
read_tsc(VbHostProcessor *processor)
{
    const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (kvm < 0)
        return;
    ask_vcpu(processor, kvm);
    close(kvm);
}

static guint
cpuinfo_number(const char *cpuinfo, const char *key)
{
    g_autofree char *value = cpuinfo_value(cpuinfo, key);

    return value ? (guint)g_ascii_strtoull(value, NULL, 0) : 0;
}

/* without CPUID: a recorded host, or not an x86 */
static void
read_cpuinfo(VbHostProcessor *processor, const char *cpuinfo)
{
    g_autofree char *vendor = cpuinfo_value(cpuinfo, "vendor_id");
    g_autofree char *sizes = cpuinfo_value(cpuinfo, "address sizes"); /* "48 bits physical, ..." */

    processor->data.vendor = vendor ? vb_cpu_vendor_name(vendor) : NULL;
    processor->data.family = cpuinfo_number(cpuinfo, "cpu family");
    processor->data.model = cpuinfo_number(cpuinfo, "model");
    processor->data.stepping = cpuinfo_number(cpuinfo, "stepping");
    processor->data.address_bits = sizes ? (guint)g_ascii_strtoull(sizes, NULL, 10) : 0;
}

/**
 * vb_host_processor_read:
 *
 * Returns: (transfer full): g_free()
 */
VbHostProcessor *
vb_host_processor_read(const VbHost *host)
{
    VbHostProcessor *processor = g_new0(VbHostProcessor, 1);
    const gboolean is_recorded = strcmp(host->procfs, "/proc") != 0;
    g_autofree char *cpuinfo = vb_host_read_cpuinfo(host);
    g_autofree char *record = is_recorded ? vb_host_read_word(host->procfs, "cpuid") : NULL;
    const VbCpuDecode query = {.data = &processor->data, .is_host = TRUE};

    if (is_recorded)
        processor->has_features = record && vb_cpu_read_recorded(record, &processor->data);
    else
        processor->has_features = vb_cpu_read_host(&processor->data);
    if (processor->has_features)
        processor->is_decoded = vb_cpu_decode(&query, &processor->choice);
    else
        read_cpuinfo(processor, cpuinfo);
    processor->microcode = cpuinfo_number(cpuinfo, "microcode");
    if (!is_recorded)
        read_tsc(processor);
    return processor;
}

/* <model> ... <counter>: what comes before the topology */
void
vb_host_write_identity(GString *text, guint depth, const VbHostProcessor *processor)
{
    const VbCpuData *data = &processor->data;

    if (processor->is_decoded)
        vb_text_line(text, depth, "<model>%s</model>", processor->choice.model->name);
    if (data->vendor)
        vb_text_line(text, depth, "<vendor>%s</vendor>", data->vendor);
    if (processor->microcode)
        vb_text_line(text, depth, "<microcode version='%u'/>", processor->microcode);
    if (data->family)
        vb_text_line(text, depth, "<signature family='%u' model='%u' stepping='%u'/>", data->family,
                     data->model, data->stepping);
    if (processor->tsc_hz)
        vb_text_line(text, depth,
                     "<counter name='tsc' frequency='%" G_GUINT64_FORMAT "' scaling='%s'/>",
                     processor->tsc_hz, processor->is_tsc_scaled ? "yes" : "no");
}

/* <maxphysaddr>, <feature>: what comes after it */
void
vb_host_write_features(GString *text, guint depth, const VbHostProcessor *processor)
{
    if (processor->data.address_bits)
        vb_text_line(text, depth, "<maxphysaddr mode='emulate' bits='%u'/>",
                     processor->data.address_bits);
    for (guint i = 0; processor->is_decoded && i < vb_cpu_n_features(); i++) {
        if (vb_cpu_set_has(&processor->choice.require, (int)i))
            vb_text_line(text, depth, "<feature name='%s'/>", vb_cpu_feature(i)->name);
    }
}
