/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All emulators of the host: finds them, probes them when somebody asks, keeps the answers in memory and on disk. Owns
 * running probes and those who wait for them. Runs on the main loop; what it does there by itself is stat() and reading
 * one file of some 100 KiB per emulator. */
#include "caps/caps-private.h"
#include "store/store.h"
#include <string.h>

#define CACHE_FILE_MAX (8 * 1024 * 1024)

typedef struct {
    QemuAccel accel;
    QemuCapsDone done;
    gpointer data;
} Waiter;

typedef enum { KVM_UNKNOWN, KVM_NO, KVM_YES } KvmVerdict;

typedef struct {
    QemuCapsCache *cache;
    char *emulator;
    char *identity;      /* of @caps */
    QemuCapsStamp stamp; /* of the emulator's file when @identity was made */
    QemuCaps *caps;      /* NULL: nothing known */
    QemuProbe *probe;    /* running */
    GError *error;       /* of the last probe, for its waiters */
    GQueue waiters;      /* Waiter */
    guint settle_source;
} Entry;

struct _QemuCapsCache {
    char *cache_dir, *run_dir, *procfs, *resctrl, *root;
    gboolean is_session;
    VbHost *host, *own_host; /* own_host: NULL, or the same */
    char *host_identity;     /* read once: cpuinfo is slow on big hosts */
    QemuAccelChoice accel;
    GHashTable *entries;  /* path -> Entry */
    GPtrArray *emulators; /* char *, NULL-terminated */
    KvmVerdict kvm;
    gboolean is_kvm_looked_for; /* what is on disk of it is known: nobody else writes it */
    QemuKvmProbe *kvm_probe;
};

static void settle_later(Entry *entry);

/* ---- emulators ---- */

/* QEMU's targets with libvirt's names, in libvirt's order of architectures. */
static const struct {
    const char *arch, *program;
} targets[] = {
    {"alpha", "qemu-system-alpha"},
    {"armv7l", "qemu-system-arm"},
    {"aarch64", "qemu-system-aarch64"},
    {"i686", "qemu-system-i386"},
    {"loongarch64", "qemu-system-loongarch64"},
    {"m68k", "qemu-system-m68k"},
    {"microblaze", "qemu-system-microblaze"},
    {"mips", "qemu-system-mips"},
    {"mips64", "qemu-system-mips64"},
    {"ppc", "qemu-system-ppc"},
    {"ppc64", "qemu-system-ppc64"},
    {"riscv32", "qemu-system-riscv32"},
    {"riscv64", "qemu-system-riscv64"},
    {"s390x", "qemu-system-s390x"},
    {"sh4", "qemu-system-sh4"},
    {"sparc", "qemu-system-sparc"},
    {"sparc64", "qemu-system-sparc64"},
    {"x86_64", "qemu-system-x86_64"},
    {"xtensa", "qemu-system-xtensa"},
};

static char *
find_program(const char *program)
{
    char *path = g_find_program_in_path(program);

    if (!path && g_file_test("/usr/libexec/qemu-kvm", G_FILE_TEST_IS_EXECUTABLE) &&
        g_str_has_suffix(program, qemu_caps_host_arch()))
        path = g_strdup("/usr/libexec/qemu-kvm");
    return path;
}

const char *const *
qemu_caps_cache_get_emulators(QemuCapsCache *cache)
{
    if (cache->emulators)
        return (const char *const *)cache->emulators->pdata;
    cache->emulators = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < G_N_ELEMENTS(targets); i++) {
        char *path = find_program(targets[i].program);

        if (path)
            g_ptr_array_add(cache->emulators, path);
    }
    g_ptr_array_add(cache->emulators, NULL);
    return (const char *const *)cache->emulators->pdata;
}

const char *
qemu_caps_cache_get_default_emulator(QemuCapsCache *cache, const char *arch)
{
    const char *const *emulators = qemu_caps_cache_get_emulators(cache);
    const char *wanted = arch && *arch ? arch : qemu_caps_host_arch();

    for (guint i = 0; i < G_N_ELEMENTS(targets); i++) {
        if (!g_str_equal(targets[i].arch, wanted))
            continue;
        for (guint k = 0; emulators[k]; k++) {
            const char *name = strrchr(emulators[k], '/');

            if (name &&
                (g_str_equal(name + 1, targets[i].program) ||
                 (g_str_equal(name + 1, "qemu-kvm") && g_str_equal(wanted, qemu_caps_host_arch()))))
                return emulators[k];
        }
    }
    /* the 64-bit emulator runs 32-bit guests as well */
    return g_str_equal(wanted, "i686") ? qemu_caps_cache_get_default_emulator(cache, "x86_64")
                                       : NULL;
}

/* ---- files ---- */

static char *
cache_path(QemuCapsCache *cache, const char *key)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
    g_autofree char *name = g_strdup_printf("%s.json", sum);

    return g_build_filename(cache->cache_dir, name, NULL);
}

static char *
read_file(QemuCapsCache *cache, const char *key, gsize *ret_length)
{
    g_autofree char *path = cache_path(cache, key);
    char *text = NULL;

    return vb_store_read(path, CACHE_FILE_MAX, &text, ret_length, NULL) ? text : NULL;
}

/* A cache that cannot be written costs a probe at the next start, no more: errors are ignored. */
static void
write_file(QemuCapsCache *cache, const char *key, const char *text)
{
    g_autofree char *path = cache_path(cache, key);

    (void)vb_store_mkdir(cache->cache_dir, 0755, NULL);
    (void)vb_store_write_volatile(path, text, strlen(text), 0644, NULL);
}

static const char *
host_identity(QemuCapsCache *cache)
{
    if (!cache->host_identity)
        cache->host_identity = qemu_host_identity(cache->procfs);
    return cache->host_identity;
}

/* ---- KVM ---- */

static const char *
kvm_emulator(QemuCapsCache *cache)
{
    return qemu_caps_cache_get_default_emulator(cache, NULL);
}

static gboolean
is_probed_by_guest(void)
{
    return g_str_equal(qemu_caps_host_arch(), "x86_64");
}

static KvmVerdict
read_kvm_verdict(QemuCapsCache *cache, const char *identity)
{
    gsize length;
    g_autofree char *text = read_file(cache, "kvm", &length);
    g_autoptr(VbJson) json = text ? vb_json_parse(text, (gssize)length, NULL) : NULL;

    if (g_strcmp0(vb_json_get_string(json, "identity"), identity) != 0 ||
        !vb_json_get(json, "works"))
        return KVM_UNKNOWN;
    return vb_json_get_bool(json, "works", FALSE) ? KVM_YES : KVM_NO;
}

static void
settle_all(QemuCapsCache *cache)
{
    GHashTableIter iter;
    gpointer entry;

    g_hash_table_iter_init(&iter, cache->entries);
    while (g_hash_table_iter_next(&iter, NULL, &entry))
        settle_later(entry);
}

static void
on_kvm_probed(gboolean is_working, gpointer data)
{
    QemuCapsCache *cache = data;
    g_autofree char *identity =
        qemu_kvm_identity(kvm_emulator(cache), host_identity(cache), cache->procfs);
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();
    g_autofree char *text = NULL;

    g_clear_pointer(&cache->kvm_probe, qemu_kvm_probe_free);
    cache->kvm = is_working ? KVM_YES : KVM_NO;
    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "identity", identity ? identity : "");
    vb_json_add_bool(json, "works", is_working);
    vb_json_end(json);
    text = vb_json_writer_finish(json);
    write_file(cache, "kvm", text);
    settle_all(cache);
}

/* What can be said without running anything; asked once per life of the daemon. */
static void
look_for_kvm(QemuCapsCache *cache)
{
    const char *emulator = kvm_emulator(cache);
    g_autofree char *identity = NULL;

    if (cache->is_kvm_looked_for)
        return;
    cache->is_kvm_looked_for = TRUE;
    if (cache->accel == QEMU_ACCEL_CHOICE_AUTO && emulator)
        identity = qemu_kvm_identity(emulator, host_identity(cache), cache->procfs);
    if (cache->accel == QEMU_ACCEL_CHOICE_KVM)
        cache->kvm = KVM_YES;
    else if (!identity)
        cache->kvm = KVM_NO;
    else if (!is_probed_by_guest())
        cache->kvm = KVM_YES;
    else
        cache->kvm = read_kvm_verdict(cache, identity);
}

static void
need_kvm(QemuCapsCache *cache)
{
    look_for_kvm(cache);
    if (cache->kvm == KVM_UNKNOWN && !cache->kvm_probe)
        cache->kvm_probe =
            qemu_kvm_probe_start(kvm_emulator(cache), cache->run_dir, on_kvm_probed, cache);
}

/* KVM runs the host's own architecture, and its 32-bit half */
static gboolean
can_use_kvm(const QemuCaps *caps)
{
    const char *host = qemu_caps_host_arch();

    return caps->has_kvm_support &&
           (g_strcmp0(caps->arch, host) == 0 ||
            (g_str_equal(host, "x86_64") && g_strcmp0(caps->arch, "i686") == 0));
}

/* ---- one emulator ---- */

static Entry *
find_entry(QemuCapsCache *cache, const char *emulator)
{
    Entry *entry = g_hash_table_lookup(cache->entries, emulator);

    if (!entry) {
        entry = g_new0(Entry, 1);
        entry->cache = cache;
        entry->emulator = g_strdup(emulator);
        g_queue_init(&entry->waiters);
        g_hash_table_insert(cache->entries, entry->emulator, entry);
    }
    return entry;
}

/* Makes entry->caps what is known and still true; FALSE when the emulator itself is not there. */
static gboolean
refresh(Entry *entry, GError **error)
{
    QemuCapsCache *cache = entry->cache;
    g_autofree char *identity = NULL;
    g_autofree char *text = NULL;
    gsize length = 0;

    if (entry->probe)
        return TRUE;
    if (entry->caps && qemu_caps_stamp_holds(&entry->stamp, entry->emulator))
        return TRUE;
    qemu_caps_stamp_take(&entry->stamp, entry->emulator);
    identity = qemu_caps_identity(entry->emulator, host_identity(cache), error);
    if (!identity) {
        g_clear_pointer(&entry->caps, qemu_caps_unref);
        return FALSE;
    }
    if (entry->caps && g_str_equal(identity, entry->identity))
        return TRUE;
    g_clear_pointer(&entry->caps, qemu_caps_unref);
    g_free(entry->identity);
    entry->identity = g_steal_pointer(&identity);
    text = read_file(cache, entry->emulator, &length);
    if (text)
        entry->caps = qemu_caps_from_json(text, length, entry->emulator, entry->identity);
    return TRUE;
}

static void
apply_kvm(Entry *entry)
{
    look_for_kvm(entry->cache);
    if (entry->caps)
        entry->caps->is_kvm_working = can_use_kvm(entry->caps) && entry->cache->kvm == KVM_YES;
}

static void
save(Entry *entry)
{
    g_autofree char *text = qemu_caps_to_json(entry->caps, entry->identity);

    write_file(entry->cache, entry->emulator, text);
}

static void
on_probed(QemuProbe *probe, const GError *error, gpointer data)
{
    Entry *entry = data;

    g_clear_error(&entry->error);
    if (error) {
        entry->error = g_error_copy(error);
        g_clear_pointer(&entry->caps, qemu_caps_unref);
    } else {
        save(entry);
    }
    /* the probe is freed from the loop: this comes from inside it */
    settle_later(entry);
}

static void
on_kvm_models(QemuProbe *probe, const GError *error, gpointer data)
{
    Entry *entry = data;

    if (error) /* KVM ran a guest, but not with this emulator */
        entry->caps->has_kvm_support = FALSE;
    save(entry);
    settle_later(entry);
}

typedef enum { PART_FAILED, PART_MISSING, PART_READY } PartState;

/* Is what a waiter for @accel needs there? Starts what is missing. */
static PartState
advance(Entry *entry, QemuAccel accel)
{
    if (!entry->caps) {
        if (entry->error)
            return PART_FAILED;
        entry->caps = qemu_caps_new(entry->emulator);
        entry->probe = qemu_probe_start(entry->caps, QEMU_ACCEL_TCG, on_probed, entry);
        return PART_MISSING;
    }
    if (accel == QEMU_ACCEL_TCG || !can_use_kvm(entry->caps))
        return PART_READY;
    need_kvm(entry->cache);
    if (entry->cache->kvm == KVM_UNKNOWN)
        return PART_MISSING;
    if (entry->cache->kvm == KVM_NO || entry->caps->cpu_models[QEMU_ACCEL_KVM])
        return PART_READY;
    entry->probe = qemu_probe_start(entry->caps, QEMU_ACCEL_KVM, on_kvm_models, entry);
    return PART_MISSING;
}

/* the KVM part is all that a run with KVM is about */
static gboolean
is_waiting_for_probe(Entry *entry, QemuAccel accel)
{
    return entry->probe &&
           (accel == QEMU_ACCEL_KVM || qemu_probe_get_accel(entry->probe) == QEMU_ACCEL_TCG);
}

static void
answer(Entry *entry, Waiter *waiter, PartState state)
{
    QemuCaps *caps = state == PART_READY ? qemu_caps_ref(entry->caps) : NULL;
    g_autoptr(GError) error = entry->error && !caps ? g_error_copy(entry->error) : NULL;

    apply_kvm(entry);
    waiter->done(caps, error, waiter->data);
    qemu_caps_unref(caps);
    g_free(waiter);
}

/* Answers everybody who can be answered. A callback may ask again: it is served by the next round. */
static gboolean
settle(gpointer data)
{
    Entry *entry = data;
    guint n = entry->waiters.length;

    entry->settle_source = 0;
    if (entry->probe && qemu_probe_is_finished(entry->probe))
        g_clear_pointer(&entry->probe, qemu_probe_free);
    if (!entry->error && !refresh(entry, &entry->error))
        g_clear_pointer(&entry->caps, qemu_caps_unref);
    while (n-- > 0) {
        Waiter *waiter = g_queue_pop_head(&entry->waiters);
        PartState state = is_waiting_for_probe(entry, waiter->accel)
                              ? PART_MISSING
                              : advance(entry, waiter->accel);

        if (state == PART_MISSING)
            g_queue_push_tail(&entry->waiters, waiter);
        else
            answer(entry, waiter, state);
    }
    g_clear_error(&entry->error); /* the next one who asks tries again */
    return G_SOURCE_REMOVE;
}

static void
settle_later(Entry *entry)
{
    if (!entry->settle_source)
        entry->settle_source = g_idle_add_full(G_PRIORITY_DEFAULT, settle, entry, NULL);
}

static void
entry_free(gpointer data)
{
    Entry *entry = data;
    Waiter *waiter;

    g_clear_handle_id(&entry->settle_source, g_source_remove);
    g_clear_pointer(&entry->probe, qemu_probe_free);
    while ((waiter = g_queue_pop_head(&entry->waiters))) {
        g_autoptr(GError) error = NULL;

        vb_error_set(&error, VIR_ERR_OPERATION_ABORTED, "the daemon is stopping");
        waiter->done(NULL, error, waiter->data);
        g_free(waiter);
    }
    g_clear_error(&entry->error);
    g_clear_pointer(&entry->caps, qemu_caps_unref);
    g_free(entry->identity);
    g_free(entry->emulator);
    g_free(entry);
}

/* ---- the cache ---- */

/**
 * qemu_caps_cache_new:
 * @config: paths and the choice of accelerator; copied
 *
 * Makes an empty cache. Nothing is looked for and nothing runs before somebody asks.
 *
 * Returns: (transfer full): free with qemu_caps_cache_free()
 */
QemuCapsCache *
qemu_caps_cache_new(const QemuCapsConfig *config)
{
    QemuCapsCache *cache = g_new0(QemuCapsCache, 1);

    cache->cache_dir = g_strdup(config->cache_dir);
    cache->run_dir = g_strdup(config->run_dir);
    if (!config->host)
        cache->own_host = vb_host_new(NULL, config->procfs);
    cache->host = config->host ? config->host : cache->own_host;
    cache->procfs = g_strdup(config->procfs ? config->procfs : "/proc");
    cache->resctrl = g_strdup(config->resctrl ? config->resctrl : "/sys/fs/resctrl");
    cache->root = g_strdup(config->root ? config->root : "");
    cache->is_session = config->is_session;
    cache->accel = config->accel;
    cache->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    return cache;
}

void
qemu_caps_cache_free(QemuCapsCache *cache)
{
    if (!cache)
        return;
    g_hash_table_unref(cache->entries);
    g_clear_pointer(&cache->kvm_probe, qemu_kvm_probe_free);
    g_clear_pointer(&cache->emulators, g_ptr_array_unref);
    g_free(cache->cache_dir);
    g_free(cache->run_dir);
    vb_host_free(cache->own_host);
    g_free(cache->procfs);
    g_free(cache->resctrl);
    g_free(cache->root);
    g_free(cache->host_identity);
    g_free(cache);
}

VbHost *
qemu_caps_cache_host(QemuCapsCache *cache)
{
    return cache->host;
}

const char *
qemu_caps_cache_resctrl(QemuCapsCache *cache)
{
    return cache->resctrl;
}

/**
 * qemu_caps_cache_peek:
 * @emulator: path
 *
 * Returns: (transfer full) (nullable): what is known and still true of @emulator, from memory or disk
 */
QemuCaps *
qemu_caps_cache_peek(QemuCapsCache *cache, const char *emulator)
{
    Entry *entry = find_entry(cache, emulator);

    if (is_waiting_for_probe(entry, QEMU_ACCEL_TCG) || !refresh(entry, NULL) || !entry->caps)
        return NULL;
    apply_kvm(entry);
    return qemu_caps_ref(entry->caps);
}

/**
 * qemu_caps_cache_get:
 * @emulator: path
 * @accel: the accelerator whose answer matters; KVM waits for the guest that tries it
 * @done: called once, from the loop
 *
 * Asks what @emulator can do; probes it when that is not known. Requests at the same time share one probe.
 *
 * Errors (in @done): SYSTEM_ERROR no such file; INTERNAL_ERROR not an emulator, with its own words; OPERATION_TIMEOUT
 */
void
qemu_caps_cache_get(QemuCapsCache *cache, const char *emulator, QemuAccel accel, QemuCapsDone done,
                    gpointer data)
{
    Entry *entry = find_entry(cache, emulator);
    Waiter *waiter = g_new0(Waiter, 1);

    *waiter = (Waiter){.accel = accel, .done = done, .data = data};
    g_queue_push_tail(&entry->waiters, waiter);
    settle_later(entry);
}

static void
ignore_answer(QemuCaps *caps, const GError *error, gpointer data)
{
}

/**
 * qemu_caps_cache_prime:
 *
 * Probes in the background what is not known yet.
 */
void
qemu_caps_cache_prime(QemuCapsCache *cache)
{
    const char *const *emulators = qemu_caps_cache_get_emulators(cache);

    for (guint i = 0; emulators[i]; i++)
        qemu_caps_cache_get(cache, emulators[i], QEMU_ACCEL_KVM, ignore_answer, NULL);
}

QemuInteropPlace
qemu_caps_cache_place(QemuCapsCache *cache)
{
    return (QemuInteropPlace){.root = cache->root, .is_session = cache->is_session};
}
