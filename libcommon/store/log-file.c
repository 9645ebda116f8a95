/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log's file: making it, emptying it, and what a start does with records that are in it. Runs on any thread. */
#include "store/log-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "store/store.h"

/* A folder that was changed so much later than the newest record has been somebody else's since. */
#define FOREIGN_AFTER_NS (60 * G_GINT64_CONSTANT(1000000000))
#define MAX_FILE (64 * 1024 * 1024)

static int
write_zeros(int fd, off_t start, gsize length)
{
    static const char zeros[64 * 1024];

    while (length > 0) {
        const ssize_t n = pwrite(fd, zeros, MIN(length, sizeof zeros), start);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        start += n;
        length -= (gsize)n;
    }
    return 0;
}

static int
sync_folder_of(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autoptr(GPtrArray) nothing = g_ptr_array_new();

    return vb_store_log_settle(folder, nothing);
}

int
vb_store_log_make(const char *path)
{
    g_autofree char *temporary = g_strconcat(path, ".new", NULL);
    int fd =
        open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, VB_STORE_LOG_MODE);

    if (fd < 0)
        return -1;
    int errsv = write_zeros(fd, 0, VB_STORE_LOG_SIZE);
    if (!errsv && (fsync(fd) < 0 || rename(temporary, path) < 0))
        errsv = errno;
    if (!errsv)
        errsv = sync_folder_of(path);
    if (!errsv)
        return fd;
    (void)unlink(temporary);
    close(fd);
    errno = errsv;
    return -1;
}

int
vb_store_log_open_file(const char *path)
{
    struct stat info;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -1;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size == VB_STORE_LOG_SIZE)
        return fd;
    close(fd);
    return -1;
}

static int
settle_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 0 : errno; /* removed since: the folder tells that */
    const int errsv = fsync(fd) < 0 ? errno : 0;
    close(fd);
    return errsv;
}

int
vb_store_log_settle(const char *folder, const GPtrArray *names)
{
    int errsv = 0;

    for (guint i = 0; i < names->len && !errsv; i++) {
        g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);
        errsv = settle_file(path);
    }
    if (!errsv)
        errsv = settle_file(folder);
    /* EINVAL: a file system without fsync of folders, where rename needs none */
    return errsv == EINVAL ? 0 : errsv;
}

int
vb_store_log_forget(int fd, guint half)
{
    int errsv = write_zeros(fd, (off_t)half * VB_STORE_LOG_HALF, VB_STORE_RECORD_BLOCK);

    if (!errsv && fdatasync(fd) < 0)
        errsv = errno;
    return errsv;
}

/* ---- replay ---- */

typedef struct {
    const char *folder;
    const char *boot_id;
    GHashTable *last;     /* name -> VbStoreRecord: the newest of each file */
    VbStoreRecord newest; /* of all */
    GPtrArray *buffers;   /* what records point into */
} Replay;

static gboolean
has_record(int fd, guint half)
{
    guint64 magic = 0;

    return pread(fd, &magic, sizeof magic, (off_t)half * VB_STORE_LOG_HALF) == sizeof magic &&
           magic != 0;
}

static void
note(Replay *replay, const VbStoreRecord *record)
{
    g_autofree char *name = g_strndup(record->name, record->name_length);
    const VbStoreRecord *known = g_hash_table_lookup(replay->last, name);

    if (!known || known->sequence < record->sequence)
        g_hash_table_replace(replay->last, g_steal_pointer(&name),
                             g_memdup2(record, sizeof *record));
    if (replay->newest.sequence < record->sequence)
        replay->newest = *record;
}

/* Records follow each other without gap; what the half held before goes on with another number. Returns the last. */
static guint64
read_half(Replay *replay, int fd, guint half)
{
    guint8 *bytes = g_malloc(VB_STORE_LOG_HALF);
    const ssize_t n = pread(fd, bytes, VB_STORE_LOG_HALF, (off_t)half * VB_STORE_LOG_HALF);
    VbStoreRecord record;
    guint64 sequence = 0;
    gsize at = 0;

    g_ptr_array_add(replay->buffers, bytes);
    while (n > 0 && vb_store_record_parse(bytes + at, (gsize)n - at, &record)) {
        if (sequence && record.sequence != sequence + 1)
            break;
        sequence = record.sequence;
        note(replay, &record);
        at += vb_store_record_size(&record);
    }
    return sequence;
}

static gint64
modified_ns(const char *path)
{
    struct stat info;

    if (lstat(path, &info) < 0)
        return -1;
    return (gint64)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
}

/* Another program has had the folder since: what it did to this file counts. */
static gboolean
is_overtaken(const Replay *replay, const VbStoreRecord *record, const char *path)
{
    const gint64 file_ns = modified_ns(path);

    if (file_ns >= 0)
        return file_ns > record->time_ns;
    return record->operation == VB_STORE_RECORD_WRITE &&
           modified_ns(replay->folder) > replay->newest.time_ns + FOREIGN_AFTER_NS;
}

static gboolean
holds_already(const VbStoreRecord *record, const char *path)
{
    g_autofree char *content = NULL;
    gsize length = 0;

    return vb_store_read(path, MAX_FILE, &content, &length, NULL) && length == record->length &&
           memcmp(content, record->content, length) == 0;
}

/* the file's time stays that of the change: it tells which of two is newer, also at the next start */
static void
set_time(const char *path, gint64 time_ns)
{
    const struct timespec time = {time_ns / 1000000000, time_ns % 1000000000};
    const struct timespec times[] = {time, time};

    (void)utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static gboolean
apply(const Replay *replay, const char *name, const VbStoreRecord *record)
{
    g_autofree char *path = g_build_filename(replay->folder, name, NULL);
    g_autoptr(GError) error = NULL;

    if (is_overtaken(replay, record, path)) {
        vb_log_warning(NULL, "'%s' was changed by another program after a power cut or crash: kept",
                       path);
        return TRUE;
    }
    if (record->operation == VB_STORE_RECORD_REMOVE) {
        if (vb_store_remove(path, &error))
            return TRUE;
    } else if (holds_already(record, path)) {
        return TRUE; /* in the page cache at least: settled below */
    } else if (vb_store_write(path, record->content, record->length, record->mode, &error)) {
        set_time(path, record->time_ns);
        return TRUE;
    }
    vb_log_warning(NULL, "definition log: %s", error->message);
    return FALSE;
}

static gboolean
apply_all(Replay *replay)
{
    /* the same boot: a daemon was killed, but nothing that it wrote is lost */
    const gboolean is_needed =
        !*replay->boot_id || strcmp(replay->newest.boot_id, replay->boot_id) != 0;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;
    gpointer record;
    gboolean is_fine = TRUE;

    g_hash_table_iter_init(&iter, replay->last);
    while (g_hash_table_iter_next(&iter, &name, &record)) {
        g_ptr_array_add(names, name);
        if (is_needed && !apply(replay, name, record))
            is_fine = FALSE;
    }
    const int errsv = vb_store_log_settle(replay->folder, names);
    if (errsv)
        vb_log_warning(NULL, "cannot commit folder '%s': %s", replay->folder, g_strerror(errsv));
    return is_fine && !errsv;
}

gboolean
vb_store_log_replay(int fd, const char *folder, const char *boot_id)
{
    g_autoptr(GHashTable) last = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) buffers = g_ptr_array_new_with_free_func(g_free);
    guint64 sequences[2] = {0};
    Replay replay = {.folder = folder, .boot_id = boot_id, .last = last, .buffers = buffers};

    for (guint half = 0; half < 2; half++) {
        if (has_record(fd, half))
            sequences[half] = read_half(&replay, fd, half);
    }
    if (buffers->len == 0)
        return TRUE;
    if (g_hash_table_size(last) > 0 && !apply_all(&replay))
        return FALSE;
    /* the older half first: alone, it would bring back what the newer one had removed */
    const guint older = sequences[0] < sequences[1] ? 0 : 1;
    return vb_store_log_forget(fd, older) == 0 && vb_store_log_forget(fd, !older) == 0;
}
