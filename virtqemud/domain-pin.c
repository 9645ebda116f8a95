/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of where a guest's threads run: at once in the running guest, and in the stored definition. */
#include "base/error.h"
#include "define.h"
#include "domain-private.h"
#include "placement.h"
#include "vcpus.h"

#include <string.h>

#define IMPACT (VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG)

typedef enum { PIN_VCPU, PIN_IOTHREAD, PIN_EMULATOR } PinKind;

/* A change that was checked: what is to be, where */
typedef struct {
    PinKind kind;
    guint number; /* of the vCPU or I/O thread */
    char *list;   /* "0-1" */
    VbBitset *cpus;
    VbDomainDef *live, *config;
} Change;

static void
change_clear(Change *change)
{
    g_free(change->list);
    vb_bitset_free(change->cpus);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Change, change_clear)

/* bits above what the host has are left out, as libvirt does */
static VbBitset *
read_map(const QemuDomain *domain, const QemuPin *pin)
{
    const guint last = qemu_placement_last_cpu(domain);
    VbBitset *cpus = vb_bitset_new();
    for (guint i = 0; i < pin->length * 8 && i <= last; i++) {
        if (pin->map[i / 8] & (1u << (i % 8)))
            vb_bitset_add(cpus, i);
    }
    return cpus;
}

static gboolean
change_begin(QemuDomain *domain, const QemuPin *pin, const char *function, Change *change,
             GError **error)
{
    if (!qemu_check_flags(pin->flags, IMPACT, function, error) ||
        !qemu_domain_pick_defs(domain, pin->flags, &change->live, &change->config, error))
        return FALSE;
    change->cpus = read_map(domain, pin);
    if (vb_bitset_count(change->cpus) == 0)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "Empty cpu list for pinning");
    change->list = vb_bitset_format(change->cpus);
    return TRUE;
}

/* ---- the definition ---- */

static void
set_list(char **member, const char *list)
{
    g_free(*member);
    *member = g_strdup(list);
}

static int
compare_vcpupins(gconstpointer a, gconstpointer b)
{
    const VbDomainVcpuPin *x = *(const VbDomainVcpuPin *const *)a;
    const VbDomainVcpuPin *y = *(const VbDomainVcpuPin *const *)b;
    return (x->vcpu > y->vcpu) - (x->vcpu < y->vcpu);
}

static int
compare_iothreadpins(gconstpointer a, gconstpointer b)
{
    const VbDomainIothreadPin *x = *(const VbDomainIothreadPin *const *)a;
    const VbDomainIothreadPin *y = *(const VbDomainIothreadPin *const *)b;
    return (x->iothread > y->iothread) - (x->iothread < y->iothread);
}

static void
write_vcpu(VbDomainCputune *tune, guint vcpu, const char *list)
{
    VbDomainVcpuPin *added;
    VB_DOMAIN_EACH(VbDomainVcpuPin, pin, tune->vcpupins)
    {
        if (pin->vcpu == vcpu) {
            set_list(&pin->cpuset, list);
            return;
        }
    }
    added = vb_domain_list_add(&tune->vcpupins, g_new0(VbDomainVcpuPin, 1));
    *added = (VbDomainVcpuPin){.vcpu = vcpu, .has_vcpu = TRUE, .cpuset = g_strdup(list)};
    g_ptr_array_sort(tune->vcpupins, compare_vcpupins);
}

static void
write_iothread(VbDomainCputune *tune, guint iothread, const char *list)
{
    VbDomainIothreadPin *added;
    VB_DOMAIN_EACH(VbDomainIothreadPin, pin, tune->iothreadpins)
    {
        if (pin->iothread == iothread) {
            set_list(&pin->cpuset, list);
            return;
        }
    }
    added = vb_domain_list_add(&tune->iothreadpins, g_new0(VbDomainIothreadPin, 1));
    *added = (VbDomainIothreadPin){.iothread = iothread, .cpuset = g_strdup(list)};
    g_ptr_array_sort(tune->iothreadpins, compare_iothreadpins);
}

static void
write_definition(VbDomainDef *def, const Change *change)
{
    if (!def->cputune)
        def->cputune = g_new0(VbDomainCputune, 1);
    switch (change->kind) {
    case PIN_VCPU:
        write_vcpu(def->cputune, change->number, change->list);
        break;
    case PIN_IOTHREAD:
        write_iothread(def->cputune, change->number, change->list);
        break;
    case PIN_EMULATOR:
        set_list(&def->cputune->emulatorpin, change->list);
        break;
    }
}

/* ---- the running guest ---- */

static pid_t
find_iothread(const QemuDomain *domain, guint id)
{
    for (guint i = 0; i < domain->iothread_tids->len; i++) {
        const QemuIothread *thread = &g_array_index(domain->iothread_tids, QemuIothread, i);
        if (thread->id == id)
            return thread->tid;
    }
    return 0;
}

static gboolean
bind_live(QemuDomain *domain, const Change *change, GError **error)
{
    pid_t tid = 0;
    if (change->kind == PIN_EMULATOR)
        return qemu_placement_bind_emulator(domain, change->cpus, error);
    if (change->kind == PIN_IOTHREAD)
        tid = find_iothread(domain, change->number);
    else if (change->number < domain->vcpu_tids->len)
        tid = g_array_index(domain->vcpu_tids, pid_t, change->number);
    return tid == 0 || qemu_placement_bind(tid, change->cpus, error);
}

/* Source: libvirt's names of tunable parameters */
static void
tell(QemuDomain *domain, const Change *change)
{
    static const char *const names[] = {"cputune.vcpupin", "cputune.iothreadpin",
                                        "cputune.emulatorpin"};
    g_autofree char *number =
        change->kind == PIN_EMULATOR ? g_strdup("") : g_strdup_printf("%u", change->number);
    g_autofree char *name = g_strconcat(names[change->kind], number, NULL);
    GVariantBuilder params;
    g_variant_builder_init(&params, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&params, "{sv}", name, g_variant_new_string(change->list));
    qemu_domain_emit(domain, "tunable",
                     g_variant_new_parsed("{'params': <%v>}", g_variant_builder_end(&params)));
}

static gboolean
commit(QemuDomain *domain, const Change *change, GError **error)
{
    g_autoptr(VbDomainDef) copy = NULL;
    if (change->live) {
        if (!bind_live(domain, change, error))
            return FALSE;
        write_definition(change->live, change);
        qemu_domain_save(domain);
        tell(domain, change);
    }
    if (!change->config)
        return TRUE;
    copy = vb_domain_copy(change->config);
    write_definition(copy, change);
    return qemu_domain_store_config(domain, g_steal_pointer(&copy), error);
}

/* ---- the calls ---- */

/**
 * qemu_domain_pin_vcpu:
 * @domain: the guest
 * @vcpu: its vCPU
 * @pin: where it may run
 *
 * Errors: INVALID_ARG no such vCPU, no CPU; OPERATION_INVALID; SYSTEM_ERROR; what storing says
 */
gboolean
qemu_domain_pin_vcpu(QemuDomain *domain, guint vcpu, const QemuPin *pin, GError **error)
{
    g_auto(Change) change = {.kind = PIN_VCPU, .number = vcpu};
    g_autoptr(VbBitset) online = NULL;
    if (!change_begin(domain, pin, "qemuDomainPinVcpuFlags", &change, error))
        return FALSE;
    online = change.live ? qemu_vcpus_online(change.live) : NULL;
    if (online && !vb_bitset_has(online, vcpu))
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "vcpu %u is out of range of live cpu count %u", vcpu,
                            vb_domain_online_vcpus(change.live));
    if (change.config && vcpu >= change.config->vcpus)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "vcpu %u is out of range of persistent cpu count %u", vcpu,
                            change.config->vcpus);
    return commit(domain, &change, error);
}

static gboolean
check_not_auto(const VbDomainDef *def, GError **error)
{
    return !def || g_strcmp0(def->vcpu_placement, "auto") != 0 ||
           vb_error_set(error, VIR_ERR_OPERATION_INVALID,
                        "Changing affinity for emulator thread dynamically is not allowed when "
                        "CPU placement is 'auto'");
}

gboolean
qemu_domain_pin_emulator(QemuDomain *domain, const QemuPin *pin, GError **error)
{
    g_auto(Change) change = {.kind = PIN_EMULATOR};
    return change_begin(domain, pin, "qemuDomainPinEmulator", &change, error) &&
           check_not_auto(change.live, error) && check_not_auto(change.config, error) &&
           commit(domain, &change, error);
}

static gboolean
check_iothread(const VbDomainDef *def, guint id, GError **error)
{
    for (guint i = 0; def && i < qemu_placement_count_iothreads(def); i++) {
        if (qemu_placement_iothread_id(def, i) == id)
            return TRUE;
    }
    return !def || vb_error_set(error, VIR_ERR_INVALID_ARG, "iothread %u not found", id);
}

gboolean
qemu_domain_pin_iothread(QemuDomain *domain, guint iothread, const QemuPin *pin, GError **error)
{
    g_auto(Change) change = {.kind = PIN_IOTHREAD, .number = iothread};
    return change_begin(domain, pin, "qemuDomainPinIOThread", &change, error) &&
           check_iothread(change.live, iothread, error) &&
           check_iothread(change.config, iothread, error) && commit(domain, &change, error);
}
