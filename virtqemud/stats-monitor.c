/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers that the emulator or the kernel counts on demand: I/O threads, dirty rate, performance counters, KVM's own. */
#include <string.h>
#include "base/error.h"
#include "define.h"
#include "perf.h"
#include "stats-private.h"

/* ---- what the emulator answers. Source: QEMU 7.2 qapi/misc.json, qapi/migration.json, qapi/stats.json ---- */

void
qemu_facts_take_iothreads(QemuDomain *domain, const VbJson *result)
{
    GArray *threads = domain->facts->iothreads;
    g_array_set_size(threads, 0);
    for (const VbJson *thread = vb_json_first(result); thread; thread = vb_json_next(thread)) {
        const char *id = vb_json_get_string(thread, "id");
        QemuIothreadFacts known = {
            .poll_max_ns = vb_json_get_uint(thread, "poll-max-ns", 0),
            .poll_grow = (guint)vb_json_get_uint(thread, "poll-grow", 0),
            .poll_shrink = (guint)vb_json_get_uint(thread, "poll-shrink", 0),
        };
        if (!id || !g_str_has_prefix(id, "iothread"))
            continue;
        known.id = (guint)g_ascii_strtoull(id + strlen("iothread"), NULL, 10);
        g_array_append_val(threads, known);
    }
}

void
qemu_facts_take_dirty_rate(QemuDomain *domain, const VbJson *result)
{
    static const char *const states[] = {"unstarted", "measuring", "measured"};
    QemuDirtyRate *rate = &domain->facts->dirty_rate;
    const char *status = vb_json_get_string(result, "status");
    const char *mode = vb_json_get_string(result, "mode");
    for (int i = 0; i < (int)G_N_ELEMENTS(states); i++) {
        if (g_strcmp0(status, states[i]) == 0)
            rate->status = i; /* virDomainDirtyRateStatus */
    }
    rate->is_known = status != NULL;
    rate->start_s = vb_json_get_int(result, "start-time", 0);
    rate->period_s = (int)vb_json_get_int(result, "calc-time", 0);
    rate->mib_per_s = vb_json_get_int(result, "dirty-rate", 0);
    g_strlcpy(rate->mode, mode ? mode : "page-sampling", sizeof rate->mode);
    g_array_set_size(rate->vcpus, 0);
    for (const VbJson *vcpu = vb_json_first(vb_json_get(result, "vcpu-dirty-rate")); vcpu;
         vcpu = vb_json_next(vcpu)) {
        QemuVcpuRate one = {vb_json_get_int(vcpu, "id", 0),
                            vb_json_get_uint(vcpu, "dirty-rate", 0)};
        g_array_append_val(rate->vcpus, one);
    }
}

void
qemu_facts_take_vm_schemas(QemuDomain *domain, const VbJson *result)
{
    static const char *const types[][2] = {{"cumulative", "sum"},
                                           {"instant", "cur"},
                                           {"peak", "max"}};
    for (const VbJson *schema = vb_json_first(result); schema; schema = vb_json_next(schema)) {
        const VbJson *stats = vb_json_get(schema, "stats");
        if (g_strcmp0(vb_json_get_string(schema, "target"), "vm") != 0)
            continue;
        for (const VbJson *stat = vb_json_first(stats); stat; stat = vb_json_next(stat)) {
            const char *name = vb_json_get_string(stat, "name");
            for (guint i = 0; name && i < G_N_ELEMENTS(types); i++) {
                if (g_strcmp0(vb_json_get_string(stat, "type"), types[i][0]) == 0)
                    g_hash_table_replace(domain->facts->vm_types, g_strdup(name),
                                         (gpointer)types[i][1]);
            }
        }
    }
}

/* histograms are no numbers: left out, as libvirt does */
void
qemu_facts_take_vm_stats(QemuDomain *domain, const VbJson *result)
{
    GArray *values = domain->facts->vm_values;
    g_array_set_size(values, 0);
    for (const VbJson *stat = vb_json_first(vb_json_get(vb_json_first(result), "stats")); stat;
         stat = vb_json_next(stat)) {
        const char *name = vb_json_get_string(stat, "name");
        const VbJson *value = vb_json_get(stat, "value");
        QemuVmValue known = {.value = vb_json_as_uint(value, G_MAXUINT64)};
        if (!name || known.value == G_MAXUINT64)
            continue;
        known.name = g_strdup(name);
        g_array_append_val(values, known);
    }
}

/* ---- fields ---- */

void
qemu_stats_add_iothreads(QemuDomain *domain, GVariantBuilder *values, guint flags)
{
    const GArray *threads = domain->facts->iothreads;
    if (!domain->live || threads->len == 0)
        return;
    qemu_stats_add(values, g_variant_new_uint32(threads->len), "iothread.count");
    for (guint i = 0; i < threads->len; i++) {
        const QemuIothreadFacts *one = &g_array_index(threads, QemuIothreadFacts, i);
        qemu_stats_add(values, g_variant_new_uint64(one->poll_max_ns), "iothread.%u.poll-max-ns",
                       one->id);
        qemu_stats_add(values, g_variant_new_uint32(one->poll_grow), "iothread.%u.poll-grow",
                       one->id);
        qemu_stats_add(values, g_variant_new_uint32(one->poll_shrink), "iothread.%u.poll-shrink",
                       one->id);
    }
}

void
qemu_stats_add_dirty_rate(QemuDomain *domain, GVariantBuilder *values, guint flags)
{
    const QemuDirtyRate *rate = &domain->facts->dirty_rate;
    if (!domain->live || !rate->is_known)
        return;
    qemu_stats_add(values, g_variant_new_int32(rate->status), "dirtyrate.calc_status");
    qemu_stats_add(values, g_variant_new_int64(rate->start_s), "dirtyrate.calc_start_time");
    qemu_stats_add(values, g_variant_new_int32(rate->period_s), "dirtyrate.calc_period");
    qemu_stats_add(values, g_variant_new_string(rate->mode), "dirtyrate.calc_mode");
    if (rate->status != VIR_DOMAIN_DIRTYRATE_MEASURED)
        return;
    qemu_stats_add(values, g_variant_new_int64(rate->mib_per_s), "dirtyrate.megabytes_per_second");
    for (guint i = 0; i < rate->vcpus->len; i++) {
        const QemuVcpuRate *one = &g_array_index(rate->vcpus, QemuVcpuRate, i);
        qemu_stats_add(values, g_variant_new_uint64(one->mib_per_s),
                       "dirtyrate.vcpu.%" G_GINT64_FORMAT ".megabytes_per_second", one->id);
    }
}

static void
add_perf_event(const char *name, guint64 count, gpointer data)
{
    qemu_stats_add(data, g_variant_new_uint64(count), "perf.%s", name);
}

void
qemu_stats_add_perf(QemuDomain *domain, GVariantBuilder *values, guint flags)
{
    if (domain->live)
        qemu_perf_each(domain, add_perf_event, values);
}

void
qemu_stats_add_vm(QemuDomain *domain, GVariantBuilder *values, guint flags)
{
    const GArray *known = domain->facts->vm_values;
    for (guint i = 0; domain->live && i < known->len; i++) {
        const QemuVmValue *one = &g_array_index(known, QemuVmValue, i);
        const char *type = g_hash_table_lookup(domain->facts->vm_types, one->name);
        if (type)
            qemu_stats_add(values, g_variant_new_uint64(one->value), "vm.%s.%s", one->name, type);
    }
}

/* ---- the dirty rate is measured when somebody asks for it ---- */

/**
 * qemu_domain_start_dirty_rate:
 * @seconds: 1 to 60
 * @flags: virDomainDirtyRateCalcFlags
 *
 * Errors: CONFIG_UNSUPPORTED seconds; OPERATION_INVALID not running; OPERATION_UNSUPPORTED a mode that the guest cannot
 *   be measured in; OPERATION_FAILED with the emulator's words
 */
void
qemu_domain_start_dirty_rate(QemuDomain *domain, int seconds, guint flags, QemuDone done,
                             gpointer data)
{
    static const char *const modes[] = {"page-sampling", "dirty-bitmap", "dirty-ring"};
    const guint known =
        VIR_DOMAIN_DIRTYRATE_MODE_DIRTY_BITMAP | VIR_DOMAIN_DIRTYRATE_MODE_DIRTY_RING;
    const VbDomainDef *live = domain->live;
    g_autofree char *arguments = NULL;
    g_autoptr(VbJsonWriter) json = NULL;
    GError *error = NULL;
    if (qemu_check_flags(flags, known, "qemuDomainStartDirtyRateCalc", &error) && flags == known)
        vb_error_set(&error, VIR_ERR_INVALID_ARG,
                     "flags 'dirty-bitmap' and 'dirty-ring' are mutually exclusive");
    if (!error && (seconds < 1 || seconds > 60))
        vb_error_set(&error, VIR_ERR_CONFIG_UNSUPPORTED,
                     "seconds=%d is invalid, please choose value within [1, 60].", seconds);
    if (!error && qemu_domain_check_active(domain, &error) &&
        (flags & VIR_DOMAIN_DIRTYRATE_MODE_DIRTY_RING) &&
        !(live->features.kvm && live->features.kvm->dirty_ring == VB_TRISTATE_YES))
        vb_error_set(&error, VIR_ERR_OPERATION_UNSUPPORTED,
                     "dirty-ring calculation mode requires dirty-ring feature enabled.");
    else if (!error && flags && live->virt_type != VB_DOMAIN_VIRT_KVM)
        /* QEMU 7.2 ends when it is asked without KVM */
        vb_error_set(&error, VIR_ERR_OPERATION_UNSUPPORTED,
                     "dirty-bitmap calculation mode requires KVM");
    if (error) {
        done(domain, error, data);
        g_error_free(error);
        return;
    }
    json = vb_json_writer_new();
    vb_json_begin_object(json, NULL);
    vb_json_add_uint(json, "calc-time", (guint64)seconds);
    vb_json_add_string(json, "mode", modes[MIN(flags, 2)]);
    vb_json_end(json);
    arguments = vb_json_writer_finish(json);
    qemu_domain_execute(domain, "calc-dirty-rate", arguments, done, data);
}
