/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counters: one descriptor per event and thread of the emulator; threads that come later are counted with the one that made
 * them. Names, order and words of refusals are libvirt's. */
#include "perf.h"

#include "base/error.h"
#include "define.h"
#include "domain-private.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)
#define GONE G_MAXUINT32 /* kernels from 4.14 on do not have it */

static const struct {
    const char *name;
    guint32 type;
    guint64 config;
} events[] = {
    {"cmt", GONE, 0},
    {"mbmt", GONE, 0},
    {"mbml", GONE, 0},
    {"cpu_cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"cache_references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"branch_instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"bus_cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
    {"stalled_cycles_frontend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
    {"stalled_cycles_backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
    {"ref_cpu_cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
    {"cpu_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK},
    {"task_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"context_switches", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu_migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"page_faults_min", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {"page_faults_maj", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {"alignment_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_ALIGNMENT_FAULTS},
    {"emulation_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_EMULATION_FAULTS},
};
#define N_EVENTS G_N_ELEMENTS(events)

struct _QemuPerf {
    GArray *fds[N_EVENTS]; /* int; NULL: the event is off */
};

/* ---- descriptors ---- */

static void
close_event(QemuPerf *perf, guint event)
{
    for (guint i = 0; perf->fds[event] && i < perf->fds[event]->len; i++)
        close(g_array_index(perf->fds[event], int, i));
    g_clear_pointer(&perf->fds[event], g_array_unref);
}

void
qemu_perf_free(QemuPerf *perf)
{
    for (guint i = 0; perf && i < N_EVENTS; i++)
        close_event(perf, i);
    g_free(perf);
}

static int
open_thread(guint event, pid_t tid)
{
    struct perf_event_attr attr = {
        .size = sizeof attr,
        .type = events[event].type,
        .config = events[event].config,
        .inherit = 1,
    };
    return (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* The kernel itself says EACCES: EPERM is a system call filter. "systemd.md": of the unit's Documentation=. */
static gboolean
refuse(guint event, int errsv, GError **error)
{
    const char *advice = "";
    if (errsv == EPERM)
        advice = " (a system call filter forbids perf_event_open; 'systemctl edit virtqemud' and "
                 "add what \"Performance counters\" in systemd.md says)";
    else if (errsv == EACCES)
        advice = " (it takes CAP_PERFMON, and kernel.perf_event_paranoid below 3: \"Performance "
                 "counters\" in systemd.md)";
    return vb_error_set(error, VIR_ERR_SYSTEM_ERROR,
                        "unable to open host cpu perf event for %s: %s%s", events[event].name,
                        g_strerror(errsv), advice);
}

static gboolean
open_event(QemuDomain *domain, guint event, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%d/task", domain->manager->procfs,
                                            (int)qemu_process_get_pid(domain->process));
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;
    if (events[event].type == GONE)
        return vb_error_set(error, VIR_ERR_ARGUMENT_UNSUPPORTED,
                            "unable to enable host cpu perf event for %s", events[event].name);
    domain->perf->fds[event] = g_array_new(FALSE, FALSE, sizeof(int));
    while (folder && (name = g_dir_read_name(folder))) {
        const int fd = open_thread(event, (pid_t)g_ascii_strtoll(name, NULL, 10));
        const int errsv = errno;
        if (fd >= 0) {
            g_array_append_val(domain->perf->fds[event], fd);
        } else if (errsv != ESRCH) {
            close_event(domain->perf, event);
            return refuse(event, errsv, error);
        }
    }
    return TRUE;
}

static guint64
read_event(const GArray *fds)
{
    guint64 sum = 0;
    for (guint i = 0; i < fds->len; i++) {
        guint64 count = 0;
        if (read(g_array_index(fds, int, i), &count, sizeof count) == sizeof count)
            sum += count;
    }
    return sum;
}

void
qemu_perf_each(QemuDomain *domain, QemuPerfFunc func, gpointer data)
{
    for (guint i = 0; domain->perf && i < N_EVENTS; i++) {
        if (domain->perf->fds[i])
            func(events[i].name, read_event(domain->perf->fds[i]), data);
    }
}

/* ---- definitions ---- */

static VbDomainPerfEvent *
find(const VbDomainDef *def, const char *name)
{
    VB_DOMAIN_EACH(VbDomainPerfEvent, event, def->perf_events)
    {
        if (g_strcmp0(event->name, name) == 0)
            return event;
    }
    return NULL;
}

static void
write_event(VbDomainDef *def, const char *name, gboolean is_on)
{
    VbDomainPerfEvent *event = find(def, name);
    if (!event) {
        event = vb_domain_list_add(&def->perf_events, g_new0(VbDomainPerfEvent, 1));
        event->name = g_strdup(name);
    }
    event->enabled = is_on ? VB_TRISTATE_YES : VB_TRISTATE_NO;
}

static gboolean
is_on(const VbDomainDef *def, guint event)
{
    const VbDomainPerfEvent *found = find(def, events[event].name);
    return found && found->enabled == VB_TRISTATE_YES;
}

static void
need_perf(QemuDomain *domain)
{
    if (!domain->perf)
        domain->perf = g_new0(QemuPerf, 1);
}

gboolean
qemu_perf_start(QemuDomain *domain, GError **error)
{
    for (guint i = 0; i < N_EVENTS; i++) {
        if (!is_on(domain->live, i))
            continue;
        need_perf(domain);
        if (!domain->perf->fds[i] && !open_event(domain, i, error))
            return FALSE;
    }
    return TRUE;
}

void
qemu_perf_adopt(QemuDomain *domain)
{
    for (guint i = 0; i < N_EVENTS; i++) {
        g_autoptr(GError) error = NULL;
        if (!is_on(domain->live, i))
            continue;
        need_perf(domain);
        if (open_event(domain, i, &error))
            continue;
        g_message("domain '%s': %s", domain->name, error->message);
        write_event(domain->live, events[i].name, FALSE);
    }
}

/* ---- the calls ---- */

GVariant *
qemu_perf_get(QemuDomain *domain, guint flags, GError **error)
{
    VbDomainDef *live = NULL, *config = NULL;
    GVariantBuilder values;
    if (!qemu_check_flags(flags & ~(guint)VIR_TYPED_PARAM_STRING_OKAY, IMPACT,
                          "qemuDomainGetPerfEvents", error) ||
        !qemu_domain_pick_defs(domain, flags & IMPACT, &live, &config, error))
        return NULL;
    g_variant_builder_init(&values, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < N_EVENTS; i++) {
        const gboolean is_counting = domain->perf && domain->perf->fds[i];
        g_variant_builder_add(&values, "{sv}", events[i].name,
                              g_variant_new_boolean(live ? is_counting : is_on(config, i)));
    }
    return g_variant_builder_end(&values);
}

static int
find_event(const char *name)
{
    for (guint i = 0; i < N_EVENTS; i++) {
        if (strcmp(events[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

static gboolean
check(GVariant *params, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *boxed;
    g_variant_iter_init(&iter, params);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &boxed)) {
        g_autoptr(GVariant) value = boxed;
        if (find_event(name) < 0)
            return vb_error_set(error, VIR_ERR_ARGUMENT_UNSUPPORTED, "parameter '%s' not supported",
                                name);
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
            return vb_error_set(
                error, VIR_ERR_INVALID_ARG,
                "invalid type '%s' requested for parameter '%s', expected 'boolean'",
                g_variant_get_type_string(value), name);
    }
    return TRUE;
}

static void
write_all(VbDomainDef *def, GVariant *params)
{
    GVariantIter iter;
    const char *name;
    GVariant *boxed;
    g_variant_iter_init(&iter, params);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &boxed)) {
        g_autoptr(GVariant) value = boxed;
        write_event(def, name, g_variant_get_boolean(value));
    }
}

/* all or none: those that were opened before one that cannot be had are closed again */
static gboolean
switch_live(QemuDomain *domain, GVariant *params, GError **error)
{
    gboolean is_wanted[N_EVENTS] = {FALSE}, is_new[N_EVENTS] = {FALSE};
    need_perf(domain);
    for (guint i = 0; i < N_EVENTS; i++) {
        is_wanted[i] = domain->perf->fds[i] != NULL;
        (void)g_variant_lookup(params, events[i].name, "b", &is_wanted[i]);
        is_new[i] = is_wanted[i] && !domain->perf->fds[i];
        if (!is_new[i] || open_event(domain, i, error))
            continue;
        for (guint j = 0; j < i; j++) {
            if (is_new[j])
                close_event(domain->perf, j);
        }
        return FALSE;
    }
    for (guint i = 0; i < N_EVENTS; i++) {
        if (!is_wanted[i])
            close_event(domain->perf, i);
    }
    return TRUE;
}

gboolean
qemu_perf_set(QemuDomain *domain, GVariant *params, guint flags, GError **error)
{
    VbDomainDef *live = NULL, *config = NULL;
    g_autoptr(VbDomainDef) next = NULL;
    if (!qemu_check_flags(flags, IMPACT, "qemuDomainSetPerfEvents", error) ||
        !check(params, error) || !qemu_domain_pick_defs(domain, flags, &live, &config, error) ||
        (live && !switch_live(domain, params, error)))
        return FALSE;
    if (live) {
        write_all(live, params);
        qemu_domain_save(domain);
    }
    if (!config)
        return TRUE;
    next = vb_domain_copy(config);
    write_all(next, params);
    return qemu_domain_store_config(domain, g_steal_pointer(&next), error);
}
