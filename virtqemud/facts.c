/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Facts: asks monitors, keeps the answers, never lets a reader wait longer than its deadline. A guest that does not answer
 * is left alone until it does. */
#include "facts.h"

#include "base/error.h"
#include "domain.h"

#include <string.h>

#define GIVE_UP_MS 3000 /* an answer that is later than this makes the guest stale until it comes */

/* one reader, waiting for any number of questions */
typedef struct {
    guint ref_count; /* one per question under way and one for the deadline */
    guint n_pending;
    guint deadline;
    QemuFactsDone done;
    gpointer data;
} Reader;

typedef struct {
    QemuDomain *domain;
    guint kind; /* bit number */
} Question;

static void
block_free(gpointer data)
{
    QemuBlockFacts *block = data;
    g_free(block->alias);
    g_free(block->node_name);
    g_free(block);
}

static void
value_clear(gpointer data)
{
    g_free(((QemuVmValue *)data)->name);
}

QemuFacts *
qemu_facts_new(void)
{
    QemuFacts *facts = g_new0(QemuFacts, 1);
    facts->blocks = g_ptr_array_new_with_free_func(block_free);
    facts->vcpu_halted = g_array_new(FALSE, TRUE, sizeof(gboolean));
    facts->waiters = g_ptr_array_new();
    facts->iothreads = g_array_new(FALSE, FALSE, sizeof(QemuIothreadFacts));
    facts->dirty_rate.vcpus = g_array_new(FALSE, FALSE, sizeof(QemuVcpuRate));
    facts->vm_values = g_array_new(FALSE, FALSE, sizeof(QemuVmValue));
    g_array_set_clear_func(facts->vm_values, value_clear);
    facts->vm_types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return facts;
}

static void
reader_unref(Reader *reader)
{
    if (--reader->ref_count == 0)
        g_free(reader);
}

static void
reader_finish(Reader *reader)
{
    QemuFactsDone done = g_steal_pointer(&reader->done);
    if (reader->deadline) {
        g_clear_handle_id(&reader->deadline, g_source_remove);
        reader->ref_count--; /* never the last: the caller has one */
    }
    if (done)
        done(reader->data);
}

static void
reader_answered(Reader *reader)
{
    if (--reader->n_pending == 0)
        reader_finish(reader);
    reader_unref(reader);
}

static gboolean
on_deadline(gpointer data)
{
    Reader *reader = data;
    QemuFactsDone done = g_steal_pointer(&reader->done);
    reader->deadline = 0;
    if (done)
        done(reader->data);
    reader_unref(reader);
    return G_SOURCE_REMOVE;
}

/* All waiters of a guest are told when its last question is answered. */
static void
tell_waiters(QemuFacts *facts)
{
    g_autoptr(GPtrArray) waiters = g_steal_pointer(&facts->waiters);
    facts->waiters = g_ptr_array_new();
    for (guint i = 0; i < waiters->len; i++)
        reader_answered(waiters->pdata[i]);
}

void
qemu_facts_free(QemuFacts *facts)
{
    if (!facts)
        return;
    tell_waiters(facts);
    g_ptr_array_unref(facts->waiters);
    g_ptr_array_unref(facts->blocks);
    g_array_unref(facts->vcpu_halted);
    g_array_unref(facts->iothreads);
    g_array_unref(facts->dirty_rate.vcpus);
    g_array_unref(facts->vm_values);
    g_hash_table_unref(facts->vm_types);
    g_free(facts);
}

/* ---- answers. Source: QEMU 7.2 qapi/machine.json, qapi/block-core.json ---- */

static void
take_balloon(QemuDomain *domain, const VbJson *result)
{
    guint64 kib = vb_json_get_uint(result, "actual", 0) / 1024;
    if (kib == 0 || kib == domain->facts->balloon_kib)
        return;
    domain->facts->balloon_kib = kib;
    domain->live->current_memory_kib = kib;
    qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_MEMORY);
}

/* the balloon's statistics are bytes or counts; (guint64)-1 means that the guest did not say */
static void
take_memory(QemuDomain *domain, const VbJson *result)
{
    QemuMemoryFacts *memory = &domain->facts->memory;
    const VbJson *stats = vb_json_get(result, "stats");
    const struct {
        const char *name;
        guint64 *value;
        gboolean *has;
        guint divisor;
    } rows[] = {
        {"stat-swap-in", &memory->swap_in, &memory->has_swap_in, 1024},
        {"stat-swap-out", &memory->swap_out, &memory->has_swap_out, 1024},
        {"stat-major-faults", &memory->major_fault, &memory->has_major_fault, 1},
        {"stat-minor-faults", &memory->minor_fault, &memory->has_minor_fault, 1},
        {"stat-free-memory", &memory->unused, &memory->has_unused, 1024},
        {"stat-total-memory", &memory->available, &memory->has_available, 1024},
        {"stat-available-memory", &memory->usable, &memory->has_usable, 1024},
        {"stat-disk-caches", &memory->disk_caches, &memory->has_disk_caches, 1024},
        {"stat-htlb-pgalloc", &memory->hugetlb_pgalloc, &memory->has_hugetlb_pgalloc, 1},
        {"stat-htlb-pgfail", &memory->hugetlb_pgfail, &memory->has_hugetlb_pgfail, 1},
    };
    memory->last_update_s = vb_json_get_int(result, "last-update", 0);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        guint64 value = vb_json_get_uint(stats, rows[i].name, G_MAXUINT64);
        *rows[i].has = value != G_MAXUINT64;
        *rows[i].value = *rows[i].has ? value / rows[i].divisor : 0;
    }
}

static char *
alias_of_block(const VbJson *entry)
{
    const char *path = vb_json_get_string(entry, "qdev");
    const char *device = vb_json_get_string(entry, "device");
    if (path && g_str_has_prefix(path, "/machine/peripheral/")) {
        g_auto(GStrv) parts = g_strsplit(path + strlen("/machine/peripheral/"), "/", 2);
        return g_strdup(parts[0]);
    }
    if (path && *path != '/')
        return g_strdup(path);
    return g_strdup(device && g_str_has_prefix(device, "drive-") ? device + strlen("drive-")
                                                                 : device);
}

static void
take_blocks(QemuDomain *domain, const VbJson *result)
{
    g_ptr_array_set_size(domain->facts->blocks, 0);
    for (const VbJson *entry = vb_json_first(result); entry; entry = vb_json_next(entry)) {
        const VbJson *stats = vb_json_get(entry, "stats");
        const VbJson *highest = vb_json_get_path(entry, "parent/stats/wr_highest_offset");
        QemuBlockFacts *block = g_new0(QemuBlockFacts, 1);
        block->alias = alias_of_block(entry);
        block->node_name = g_strdup(vb_json_get_string(entry, "node-name"));
        block->rd_operations = vb_json_get_uint(stats, "rd_operations", 0);
        block->rd_bytes = vb_json_get_uint(stats, "rd_bytes", 0);
        block->rd_total_ns = vb_json_get_uint(stats, "rd_total_time_ns", 0);
        block->wr_operations = vb_json_get_uint(stats, "wr_operations", 0);
        block->wr_bytes = vb_json_get_uint(stats, "wr_bytes", 0);
        block->wr_total_ns = vb_json_get_uint(stats, "wr_total_time_ns", 0);
        block->flush_operations = vb_json_get_uint(stats, "flush_operations", 0);
        block->flush_total_ns = vb_json_get_uint(stats, "flush_total_time_ns", 0);
        block->has_wr_highest_offset = highest != NULL;
        block->wr_highest_offset = vb_json_as_uint(highest, 0);
        g_ptr_array_add(domain->facts->blocks, block);
    }
}

static void
take_vcpus(QemuDomain *domain, const VbJson *result)
{
    for (const VbJson *cpu = vb_json_first(result); cpu; cpu = vb_json_next(cpu)) {
        guint64 index = vb_json_get_uint(cpu, "cpu-index", G_MAXUINT);
        if (index >= 4096)
            continue;
        if (index >= domain->vcpu_tids->len)
            g_array_set_size(domain->vcpu_tids, (guint)index + 1);
        g_array_index(domain->vcpu_tids, pid_t, index) =
            (pid_t)vb_json_get_int(cpu, "thread-id", 0);
    }
}

static void
take_status(QemuDomain *domain, const VbJson *result)
{
    (void)result; /* states follow events; the answer alone shows that the monitor lives */
}

static const struct {
    const char *command;
    void (*take)(QemuDomain *domain, const VbJson *result);
} questions[QEMU_FACTS_N_KINDS] = {
    {"query-balloon", take_balloon},
    {"qom-get", take_memory},
    {"query-blockstats", take_blocks},
    {"query-cpus-fast", take_vcpus},
    {"query-status", take_status},
    {"query-iothreads", qemu_facts_take_iothreads},
    {"query-dirty-rate", qemu_facts_take_dirty_rate},
    {"query-stats", qemu_facts_take_vm_stats},
    {"query-stats-schemas", qemu_facts_take_vm_schemas},
};

static void
on_answer(const VbJson *result, const GError *error, gpointer data)
{
    Question *question = data;
    g_autoptr(QemuDomain) domain = question->domain;
    QemuFacts *facts = domain->facts;
    guint bit = 1u << question->kind;
    if (facts->refreshing & bit) {
        facts->refreshing &= ~bit;
        facts->is_stale = vb_error_matches(error, VIR_ERR_OPERATION_TIMEOUT);
        if (result && domain->live) {
            questions[question->kind].take(domain, result);
            facts->updated_us[question->kind] = g_get_monotonic_time();
        }
        if (facts->refreshing == 0)
            tell_waiters(facts);
    }
    g_free(question);
}

static gboolean
has_balloon(const QemuDomain *domain)
{
    const VbDomainMemballoon *balloon = domain->live->memballoon;
    return balloon && balloon->model != VB_DOMAIN_MEMBALLOON_NONE && balloon->info.alias;
}

/* KVM alone counts for the machine; what its numbers mean does not change while the emulator runs */
static gboolean
is_needed(const QemuDomain *domain, guint bit)
{
    const gboolean is_kvm = domain->live->virt_type == VB_DOMAIN_VIRT_KVM;
    if (bit == QEMU_FACTS_VM_SCHEMAS)
        return is_kvm && g_hash_table_size(domain->facts->vm_types) == 0;
    return bit != QEMU_FACTS_VM || is_kvm;
}

static void
ask(QemuDomain *domain, guint kind)
{
    g_autofree char *arguments = NULL;
    guint bit = 1u << kind;
    if ((bit & (QEMU_FACTS_BALLOON | QEMU_FACTS_MEMORY)) && !has_balloon(domain))
        return;
    if (!is_needed(domain, bit))
        return;
    if (bit == QEMU_FACTS_VM)
        arguments = g_strdup("{\"target\":\"vm\"}");
    if (bit == QEMU_FACTS_MEMORY) {
        g_autofree char *path =
            g_strdup_printf("/machine/peripheral/%s", domain->live->memballoon->info.alias);
        arguments = vb_json_object("s:path", path, "s:property", "guest-stats", NULL);
    }
    Question *question = g_new0(Question, 1);
    question->domain = qemu_domain_ref(domain);
    question->kind = kind;
    domain->facts->refreshing |= bit;
    qemu_qmp_execute(domain->qmp, questions[kind].command, arguments, GIVE_UP_MS, on_answer,
                     question);
}

/* Asks what is not being asked already; TRUE: there is something to wait for. */
static gboolean
refresh_guest(QemuDomain *domain, guint kinds)
{
    QemuFacts *facts = domain->facts;
    gboolean is_ready =
        qemu_domain_is_active(domain) && domain->qmp && qemu_qmp_is_ready(domain->qmp);
    if (!is_ready || qemu_qmp_is_stalled(domain->qmp))
        return FALSE;
    facts->is_stale = FALSE;
    for (guint kind = 0; kind < QEMU_FACTS_N_KINDS; kind++) {
        if ((kinds & (1u << kind)) && !(facts->refreshing & (1u << kind)))
            ask(domain, kind);
    }
    return facts->refreshing != 0;
}

void
qemu_facts_refresh(GPtrArray *domains, guint kinds, guint deadline_ms, QemuFactsDone done,
                   gpointer data)
{
    Reader *reader = g_new0(Reader, 1);
    reader->ref_count = 1;
    reader->n_pending = 1;
    reader->done = done;
    reader->data = data;
    for (guint i = 0; i < domains->len; i++) {
        QemuDomain *domain = domains->pdata[i];
        if (!refresh_guest(domain, kinds))
            continue;
        reader->n_pending++;
        reader->ref_count++;
        g_ptr_array_add(domain->facts->waiters, reader);
    }
    if (reader->n_pending > 1) {
        reader->ref_count++;
        reader->deadline = g_timeout_add(deadline_ms, on_deadline, reader);
    }
    reader_answered(reader);
}
