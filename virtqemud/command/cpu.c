/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -cpu and -smp: model, features, paravirtual interfaces, topology. */
#include "command/build.h"
#include <string.h>

/* libvirt's names of features where QEMU has another one; underscores stand for dashes besides. */
static const struct {
    const char *ours, *qemu;
} feature_names[] = {
    {"cmp_legacy", "cmp-legacy"},       {"ds_cpl", "ds-cpl"},
    {"fxsr_opt", "fxsr-opt"},           {"kvm_pv_eoi", "kvm-pv-eoi"},
    {"kvm_pv_unhalt", "kvm-pv-unhalt"}, {"lahf_lm", "lahf-lm"},
    {"nodeid_msr", "nodeid-msr"},       {"pclmuldq", "pclmulqdq"},
    {"perfctr_core", "perfctr-core"},   {"perfctr_nb", "perfctr-nb"},
    {"tsc_adjust", "tsc-adjust"},
};

static QemuAccel
accel_of(const VbDomainDef *def)
{
    return def->virt_type == VB_DOMAIN_VIRT_KVM ? QEMU_ACCEL_KVM : QEMU_ACCEL_TCG;
}

static const char *
feature_to_qemu(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(feature_names); i++)
        if (g_str_equal(feature_names[i].ours, name))
            return feature_names[i].qemu;
    return name;
}

/* "optional": what the accelerator has is on; NULL: it does not say what it has */
static const char *
optional_state(const QemuBuild *build, QemuAccel accel, const char *name)
{
    const int feature = vb_cpu_feature_find(name);
    VbCpuData data;

    if (feature < 0 || !qemu_caps_get_cpu(build->caps, accel, &data))
        return NULL;
    return vb_cpu_set_has(&data.features, feature) ? "on" : "off";
}

static void
append_features(const QemuBuild *build, GString *text, const VbDomainCpu *cpu)
{
    const QemuAccel accel = accel_of(build->def);
    static const char *const states[] = {
        [VB_DOMAIN_CPU_POLICY_FORCE] = "on",    [VB_DOMAIN_CPU_POLICY_REQUIRE] = "on",
        [VB_DOMAIN_CPU_POLICY_DISABLE] = "off", [VB_DOMAIN_CPU_POLICY_FORBID] = "off",
        [VB_DOMAIN_CPU_POLICY_OPTIONAL] = NULL,
    };

    VB_DOMAIN_EACH(VbDomainCpuFeature, feature, cpu->features)
    {
        int policy = feature->policy == VB_DOMAIN_CPU_POLICY_NONE ? VB_DOMAIN_CPU_POLICY_REQUIRE
                                                                  : feature->policy;

        if (g_str_equal(feature->name,
                        "pconfig")) /* QEMU dropped it with 6.0: nothing had ever used it */
            continue;
        qemu_build_append(text, feature_to_qemu(feature->name),
                          policy == VB_DOMAIN_CPU_POLICY_OPTIONAL
                              ? optional_state(build, accel, feature->name)
                              : states[policy]);
    }
}

static gboolean
mentions(const VbDomainCpu *cpu, const char *name)
{
    VB_DOMAIN_EACH(VbDomainCpuFeature, feature, cpu->features)
    {
        if (g_str_equal(feature->name, name))
            return TRUE;
    }
    return FALSE;
}

/* What QEMU's models once had: said to be off, so that a guest gets the same CPU from every QEMU. */
static void
append_removed(GString *text, const VbDomainCpu *cpu)
{
    const VbCpuModel *model = vb_cpu_model_find(cpu->model);
    g_auto(GStrv) names = model && model->removed ? g_strsplit(model->removed, " ", -1) : NULL;

    for (char **name = names; name && *name; name++)
        if (!mentions(cpu, *name))
            qemu_build_append(text, feature_to_qemu(*name), "off");
}

static void
append_set(GString *text, VbCpuSet set, const char *state)
{
    for (guint i = 0; i < vb_cpu_n_features(); i++)
        if (vb_cpu_set_has(&set, (int)i))
            qemu_build_append(text, feature_to_qemu(vb_cpu_feature(i)->name), state);
}

/* the named model nearest to what the emulator can give; FALSE: it did not say */
static gboolean
append_host_model(QemuBuild *build, GString *text, QemuAccel accel)
{
    VbCpuChoice choice;

    if (!qemu_caps_get_host_model(build->caps, accel, &choice))
        return FALSE;
    g_string_append(text, choice.model->name);
    append_set(text, choice.require, "on");
    append_set(text, choice.disable, "off");
    append_set(text, choice.removed, "off");
    return TRUE;
}

/* where the emulator does not say what it has: the host itself (KVM) or all that TCG has */
static const char *
host_like_model(const VbDomainDef *def)
{
    return def->virt_type == VB_DOMAIN_VIRT_KVM ? "host" : "max";
}

/* the model and more: all that there is */
static gboolean
is_minimum(const VbDomainCpu *cpu)
{
    return cpu->mode == VB_DOMAIN_CPU_MODE_CUSTOM && cpu->match == VB_DOMAIN_CPU_MATCH_MINIMUM;
}

static gboolean
append_model(QemuBuild *build, GString *text, GError **error)
{
    const VbDomainDef *def = build->def;
    const VbDomainCpu *cpu = def->cpu;
    const QemuAccel accel = accel_of(def);

    if (cpu->mode == VB_DOMAIN_CPU_MODE_HOST_PASSTHROUGH && accel == QEMU_ACCEL_TCG)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "CPU mode 'host-passthrough' for %s %s domain on %s host is not "
                            "supported by hypervisor",
                            def->os.arch,
                            vb_enum_to_nick(&vb_domain_virt_type_enum, def->virt_type),
                            def->os.arch);
    if ((cpu->mode == VB_DOMAIN_CPU_MODE_HOST_MODEL || is_minimum(cpu)) &&
        append_host_model(build, text, accel)) {
        qemu_build_append(text, "vendor", cpu->model_vendor_id);
        return TRUE;
    }
    if (cpu->mode == VB_DOMAIN_CPU_MODE_MAXIMUM) {
        g_string_append(text, "max");
    } else if (cpu->mode != VB_DOMAIN_CPU_MODE_CUSTOM && cpu->mode != VB_DOMAIN_CPU_MODE_DEFAULT) {
        g_string_append(text, host_like_model(def));
    } else {
        if (!qemu_caps_find_cpu_model(build->caps, accel, cpu->model))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "CPU model '%s' is not supported by hypervisor", cpu->model);
        g_string_append(text, cpu->model);
        qemu_build_append(text, "vendor", cpu->model_vendor_id);
        return TRUE;
    }
    if (cpu->mode == VB_DOMAIN_CPU_MODE_HOST_MODEL)
        return TRUE;
    qemu_build_append(text, "migratable", qemu_build_on_off(cpu->migratable));
    return TRUE;
}

/* the machine's default, spelled out: what a migration's other side must use too */
static void
append_default_model(QemuBuild *build, GString *text)
{
    const char *type = build->machine->default_cpu;
    const char *dash;

    if (!type)
        return;
    dash = g_strrstr(type, "-cpu");
    if (!dash)
        return;
    while (dash > type && dash[-1] != '-')
        dash--;
    g_string_append_len(text, type, dash > type ? dash - type - 1 : (gssize)strlen(type));
}

static void
append_timers(GString *text, const VbDomainClock *clock)
{
    VB_DOMAIN_EACH(VbDomainTimer, timer, clock->timers)
    {
        if (g_strcmp0(timer->name, "kvmclock") == 0)
            qemu_build_append(text, "kvmclock", qemu_build_on_off(timer->present));
        if (g_strcmp0(timer->name, "hypervclock") == 0 && timer->present == VB_TRISTATE_YES)
            g_string_append(text, ",hv-time=on");
        if (g_strcmp0(timer->name, "tsc") == 0 && timer->frequency_hz)
            g_string_append_printf(text, ",tsc-frequency=%" G_GUINT64_FORMAT, timer->frequency_hz);
    }
}

typedef struct {
    const char *name;
    gsize offset;
} HypervFeature;

/* Order: libvirt's, which is the order of the elements in its enumeration. */
static const HypervFeature hyperv_features[] = {
    {"hv-relaxed", G_STRUCT_OFFSET(VbDomainHyperv, relaxed)},
    {"hv-vapic", G_STRUCT_OFFSET(VbDomainHyperv, vapic)},
    {"hv-spinlocks", G_STRUCT_OFFSET(VbDomainHyperv, spinlocks)},
    {"hv-vpindex", G_STRUCT_OFFSET(VbDomainHyperv, vpindex)},
    {"hv-runtime", G_STRUCT_OFFSET(VbDomainHyperv, runtime)},
    {"hv-synic", G_STRUCT_OFFSET(VbDomainHyperv, synic)},
    {"hv-stimer", G_STRUCT_OFFSET(VbDomainHyperv, stimer)},
    {"hv-stimer-direct", G_STRUCT_OFFSET(VbDomainHyperv, stimer_direct)},
    {"hv-reset", G_STRUCT_OFFSET(VbDomainHyperv, reset)},
    {"hv-vendor-id", G_STRUCT_OFFSET(VbDomainHyperv, vendor_id)},
    {"hv-frequencies", G_STRUCT_OFFSET(VbDomainHyperv, frequencies)},
    {"hv-reenlightenment", G_STRUCT_OFFSET(VbDomainHyperv, reenlightenment)},
    {"hv-tlbflush", G_STRUCT_OFFSET(VbDomainHyperv, tlbflush)},
    {"hv-ipi", G_STRUCT_OFFSET(VbDomainHyperv, ipi)},
    {"hv-evmcs", G_STRUCT_OFFSET(VbDomainHyperv, evmcs)},
    {"hv-avic", G_STRUCT_OFFSET(VbDomainHyperv, avic)},
    {"hv-emsr-bitmap", G_STRUCT_OFFSET(VbDomainHyperv, emsr_bitmap)},
    {"hv-xmm-input", G_STRUCT_OFFSET(VbDomainHyperv, xmm_input)},
    {"hv-tlbflush-direct", G_STRUCT_OFFSET(VbDomainHyperv, tlbflush_direct)},
    {"hv-tlbflush-ext", G_STRUCT_OFFSET(VbDomainHyperv, tlbflush_extended)},
};

static void
append_hyperv(GString *text, const VbDomainHyperv *hyperv)
{
    if (!hyperv)
        return;
    if (g_strcmp0(hyperv->mode, "passthrough") == 0)
        g_string_append(text, ",hv-passthrough=on");
    for (guint i = 0; i < G_N_ELEMENTS(hyperv_features); i++) {
        const HypervFeature *feature = &hyperv_features[i];

        if (G_STRUCT_MEMBER(VbTristate, hyperv, feature->offset) != VB_TRISTATE_YES)
            continue;
        if (g_str_equal(feature->name, "hv-spinlocks"))
            g_string_append_printf(text, ",hv-spinlocks=0x%x", hyperv->spinlocks_retries);
        else if (g_str_equal(feature->name, "hv-vendor-id"))
            qemu_build_append(text, feature->name,
                              hyperv->vendor_id_value ? hyperv->vendor_id_value : "");
        else
            qemu_build_append(text, feature->name, "on");
    }
}

static void
append_kvm(GString *text, const VbDomainKvm *kvm)
{
    if (!kvm)
        return;
    if (kvm->hidden == VB_TRISTATE_YES)
        g_string_append(text, ",kvm=off");
    if (kvm->hint_dedicated == VB_TRISTATE_YES)
        g_string_append(text, ",kvm-hint-dedicated=on");
    if (kvm->poll_control == VB_TRISTATE_YES)
        g_string_append(text, ",kvm-poll-control=on");
    qemu_build_append(text, "kvm-pv-ipi", kvm->pv_ipi == VB_TRISTATE_NO ? "off" : NULL);
}

static void
append_panic(GString *text, const VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainPanic, panic, def->panics)
    {
        if (panic->model == VB_DOMAIN_PANIC_HYPERV) {
            g_string_append(text, ",hv-crash");
            return;
        }
    }
}

static void
append_cache(GString *text, const VbDomainCpu *cpu)
{
    gboolean is_host;

    if (!cpu || !cpu->cache_mode)
        return;
    is_host =
        cpu->mode == VB_DOMAIN_CPU_MODE_HOST_PASSTHROUGH || cpu->mode == VB_DOMAIN_CPU_MODE_MAXIMUM;
    if (g_str_equal(cpu->cache_mode, "passthrough")) {
        g_string_append(text, ",host-cache-info=on,l3-cache=off");
        return;
    }
    if (is_host) /* these have it on unless they are told */
        g_string_append(text, ",host-cache-info=off");
    g_string_append(text,
                    g_str_equal(cpu->cache_mode, "emulate") ? ",l3-cache=on" : ",l3-cache=off");
}

static void
append_physical_bits(GString *text, const VbDomainCpu *cpu)
{
    if (!cpu || !cpu->maxphysaddr_mode)
        return;
    if (g_str_equal(cpu->maxphysaddr_mode, "passthrough"))
        g_string_append(text, ",host-phys-bits=on");
    else if (cpu->maxphysaddr_bits)
        g_string_append_printf(text, ",phys-bits=%u", cpu->maxphysaddr_bits);
    if (cpu->maxphysaddr_limit)
        g_string_append_printf(text, ",host-phys-bits-limit=%u", cpu->maxphysaddr_limit);
}

gboolean
qemu_build_cpu(QemuBuild *build, GError **error)
{
    const VbDomainDef *def = build->def;
    const VbDomainFeatures *features = &def->features;
    g_autoptr(GString) text = g_string_new(NULL);

    if (def->cpu && (def->cpu->model || def->cpu->mode > VB_DOMAIN_CPU_MODE_CUSTOM)) {
        if (!append_model(build, text, error))
            return FALSE;
        append_features(build, text, def->cpu);
        if (def->cpu->mode == VB_DOMAIN_CPU_MODE_CUSTOM && def->cpu->model && !is_minimum(def->cpu))
            append_removed(text, def->cpu);
    } else {
        append_default_model(build, text);
    }
    append_timers(text, &def->clock);
    qemu_build_append(text, "kvm-pv-eoi", qemu_build_on_off(features->apic_eoi));
    if (features->has_pvspinlock || features->pvspinlock != VB_TRISTATE_ABSENT)
        qemu_build_append(text, "kvm-pv-unhalt",
                          features->pvspinlock == VB_TRISTATE_NO ? "off" : "on");
    append_hyperv(text, features->hyperv);
    append_panic(text, def);
    append_kvm(text, features->kvm);
    if (features->has_pmu || features->pmu != VB_TRISTATE_ABSENT)
        qemu_build_append(text, "pmu", features->pmu == VB_TRISTATE_NO ? "off" : "on");
    append_cache(text, def->cpu);
    append_physical_bits(text, def->cpu);
    if (text->len > 0 && text->str[0] != ',')
        qemu_build_option(build, "-cpu", text->str);
    return TRUE;
}

static void
append_topology(GString *text, const VbDomainDef *def)
{
    const VbDomainCpu *cpu = def->cpu;

    if (!cpu || !cpu->sockets || !cpu->cores || !cpu->threads) {
        g_string_append_printf(text, ",sockets=%u,cores=1,threads=1", def->vcpus);
        return;
    }
    g_string_append_printf(text, ",sockets=%u,dies=%u,cores=%u,threads=%u", cpu->sockets,
                           cpu->dies ? cpu->dies : 1, cpu->cores, cpu->threads);
}

static void
take_iothread(QemuBuild *build, const VbDomainIothread *thread)
{
    g_autofree char *id = g_strdup_printf("iothread%u", thread->id);
    VbJsonWriter *json = qemu_build_object_new("iothread", id);

    if (thread->has_pool_min)
        vb_json_add_uint(json, "thread-pool-min", thread->thread_pool_min);
    if (thread->has_pool_max)
        vb_json_add_uint(json, "thread-pool-max", thread->thread_pool_max);
    if (thread->has_poll_max)
        vb_json_add_uint(json, "poll-max-ns", thread->poll_max);
    if (thread->has_poll_grow)
        vb_json_add_uint(json, "poll-grow", thread->poll_grow);
    if (thread->has_poll_shrink)
        vb_json_add_uint(json, "poll-shrink", thread->poll_shrink);
    qemu_build_take_json(build, "-object", json);
}

/* QEMU's own loop has a pool of workers too */
static void
take_main_loop(QemuBuild *build)
{
    const VbDomainIothread *loop = &build->def->default_iothread;
    VbJsonWriter *json = qemu_build_object_new("main-loop", "main-loop");

    if (loop->has_pool_min)
        vb_json_add_uint(json, "thread-pool-min", loop->thread_pool_min);
    if (loop->has_pool_max)
        vb_json_add_uint(json, "thread-pool-max", loop->thread_pool_max);
    qemu_build_take_json(build, "-object", json);
}

static gboolean
has_iothread(const VbDomainDef *def, guint id)
{
    VB_DOMAIN_EACH(VbDomainIothread, thread, def->iothread_ids)
    if (thread->id == id)
        return TRUE;
    return FALSE;
}

/* <iothreads> may count more than <iothreadids> names: the rest gets the free numbers */
static void
take_iothreads(QemuBuild *build)
{
    const VbDomainDef *def = build->def;
    guint missing = def->iothreads - MIN(VB_DOMAIN_COUNT(def->iothread_ids), def->iothreads);

    if (def->default_iothread.has_pool_min || def->default_iothread.has_pool_max)
        take_main_loop(build);
    VB_DOMAIN_EACH(VbDomainIothread, thread, def->iothread_ids)
    take_iothread(build, thread);
    for (guint id = 1; missing > 0; id++) {
        const VbDomainIothread unnamed = {.id = id};

        if (has_iothread(def, id))
            continue;
        take_iothread(build, &unnamed);
        missing--;
    }
}

/* those that can go again are plugged in once the emulator runs */
static guint
count_late(const VbDomainDef *def)
{
    guint n = 0;

    VB_DOMAIN_EACH(VbDomainVcpu, vcpu, def->vcpu_list)
    n += vcpu->enabled == VB_TRISTATE_YES && vcpu->hotpluggable == VB_TRISTATE_YES;
    return n < vb_domain_online_vcpus(def) ? n : 0;
}

gboolean
qemu_build_smp(QemuBuild *build, GError **error)
{
    const VbDomainDef *def = build->def;
    guint online = vb_domain_online_vcpus(def) - count_late(def);
    GString *text = g_string_new(NULL);

    if (def->cpu && def->cpu->clusters > 1) {
        g_string_free(text, TRUE);
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Only 1 cluster per die is supported");
    }
    g_string_append_printf(text, "%u", online);
    if (online != def->vcpus)
        g_string_append_printf(text, ",maxcpus=%u", def->vcpus);
    append_topology(text, def);
    qemu_build_take_option(build, "-smp", g_string_free(text, FALSE));
    take_iothreads(build);
    return TRUE;
}
