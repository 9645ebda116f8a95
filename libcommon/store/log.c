/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The definition log at run time. Owned by one thread; two more work for it: one makes files ahead (spare.c), one settles
 * a half of the log, that is, makes durable in place what the half recorded, and empties it.
 *
 * A change: the new content goes to a file without a name, the record to the log (one write, one fdatasync), then the file
 * gets its name. A kill between any two of these leaves the old or the new file; a power cut leaves the record or none,
 * and vb_store_log_open() makes the folder say the same. Where the log cannot be used, a change is fsynced at once. */
#include "store/log-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "store/store.h"

#define SETTLE_AFTER_MS 1000
#define TEMPORARY_MARK ".vbtmp-" /* what vb_store_sweep() removes */

typedef struct {
    gsize used;
    GPtrArray *names; /* char *: files that its records are about; NULL while the worker has it */
} Half;

typedef enum {
    STATE_NONE,   /* no file yet */
    STATE_MAKING, /* the worker makes it */
    STATE_READY,
    STATE_UNUSABLE, /* changes are fsynced one by one */
} State;

struct _VbStoreLog {
    char *path, *folder;
    char boot_id[37];
    int fd;
    State state;
    guint64 sequence;
    Half halves[2];
    guint active;
    GByteArray *buffer;
    VbStoreSpares *spares;
    GThreadPool *worker;
    GAsyncQueue *results; /* Job, done */
    guint settle_source;
};

typedef struct {
    gboolean is_making; /* else settling */
    guint half;
    GPtrArray *names;
    int fd; /* the log's; of a log that was made: the new one */
    int errsv;
} Job;

/* ---- the worker ---- */

static void
work(gpointer data, gpointer user_data)
{
    VbStoreLog *log = user_data;
    Job *job = data;

    if (job->is_making) {
        job->fd = vb_store_log_make(log->path);
        job->errsv = job->fd < 0 ? errno : 0;
    } else {
        job->errsv = vb_store_log_settle(log->folder, job->names);
        if (!job->errsv)
            job->errsv = vb_store_log_forget(job->fd, job->half);
    }
    g_async_queue_push(log->results, job);
}

static void
start_job(VbStoreLog *log, const Job *what)
{
    Job *job = g_memdup2(what, sizeof *what);

    if (!log->worker)
        log->worker = g_thread_pool_new(work, log, 1, FALSE, NULL);
    if (!log->worker || !g_thread_pool_push(log->worker, job, NULL))
        work(job, log); /* no thread to be had: slower, as safe */
}

/* What could not be made durable in place is written anew: there may be room again, or another block. */
static gboolean
rescue(VbStoreLog *log, const GPtrArray *names)
{
    gboolean is_fine = TRUE;

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(log->folder, names->pdata[i], NULL);
        g_autofree char *content = NULL;
        g_autoptr(GError) error = NULL;
        struct stat info;
        gsize length = 0;

        if (stat(path, &info) < 0 && errno == ENOENT)
            continue;
        if (!vb_store_read(path, G_MAXUINT32, &content, &length, &error) ||
            !vb_store_write(path, content, length, info.st_mode & 07777, &error)) {
            vb_log_warning(NULL, "definition log: %s", error->message);
            is_fine = FALSE;
        }
    }
    return is_fine;
}

static void
finish_settling(VbStoreLog *log, Job *job)
{
    Half *half = &log->halves[job->half];
    const gboolean is_settled =
        !job->errsv || (rescue(log, job->names) && vb_store_log_forget(job->fd, job->half) == 0);

    half->names = g_steal_pointer(&job->names);
    g_ptr_array_set_size(half->names, 0);
    half->used = 0;
    if (is_settled)
        return;
    /* the records stay, for the next start; what comes now has a later time than they have */
    vb_log_warning(NULL, "definition log '%s': cannot commit: %s", log->path,
                   g_strerror(job->errsv));
    log->state = STATE_UNUSABLE;
}

static void
finish_job(VbStoreLog *log, Job *job)
{
    if (!job->is_making) {
        finish_settling(log, job);
    } else if (job->fd >= 0) {
        log->fd = job->fd;
        log->state = STATE_READY;
    } else {
        vb_log_info(NULL, "no definition log '%s': %s", log->path, g_strerror(job->errsv));
        log->state = STATE_UNUSABLE;
    }
    g_free(job);
}

static void
collect(VbStoreLog *log)
{
    Job *job;

    while ((job = g_async_queue_try_pop(log->results)))
        finish_job(log, job);
}

static gboolean
is_settling(const VbStoreLog *log)
{
    return !log->halves[!log->active].names;
}

static void
wait_for_worker(VbStoreLog *log)
{
    while (log->state == STATE_MAKING || is_settling(log))
        finish_job(log, g_async_queue_pop(log->results));
}

/* ---- halves ---- */

/* The other half takes the records from now on. Waits when that one is not empty yet: the disk is the limit. */
static void
settle_active(VbStoreLog *log)
{
    Half *half = &log->halves[log->active];

    if (is_settling(log))
        wait_for_worker(log);
    const Job job = {.half = log->active, .names = g_steal_pointer(&half->names), .fd = log->fd};
    log->active = !log->active;
    start_job(log, &job);
}

static gboolean
on_settle(gpointer data)
{
    VbStoreLog *log = data;

    collect(log);
    if (is_settling(log))
        return G_SOURCE_CONTINUE;
    if (log->state == STATE_READY && log->halves[log->active].used > 0) {
        settle_active(log);
        return G_SOURCE_CONTINUE;
    }
    if (log->state == STATE_MAKING)
        return G_SOURCE_CONTINUE;
    vb_store_spares_drop(log->spares);
    log->settle_source = 0;
    return G_SOURCE_REMOVE;
}

static void
settle_soon(VbStoreLog *log)
{
    if (!log->settle_source)
        log->settle_source = g_timeout_add(SETTLE_AFTER_MS, on_settle, log);
}

/* Nothing is left in the log. */
static void
drain(VbStoreLog *log)
{
    wait_for_worker(log);
    if (log->halves[log->active].used > 0) {
        settle_active(log);
        wait_for_worker(log);
    }
}

static void
retire(VbStoreLog *log)
{
    drain(log);
    log->state = STATE_UNUSABLE;
}

/* ---- records ---- */

static gint64
to_ns(const struct timespec *time)
{
    return (gint64)time->tv_sec * 1000000000 + time->tv_nsec;
}

/* The time of a change: later than what it replaces, also when the clock has gone back. */
static gint64
time_of_change(const VbStoreLog *log, const char *path)
{
    const char *const paths[] = {log->folder, path};
    struct timespec now;
    struct stat info;

    clock_gettime(CLOCK_REALTIME, &now);
    gint64 time_ns = to_ns(&now);
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (lstat(paths[i], &info) == 0)
            time_ns = MAX(time_ns, to_ns(&info.st_mtim) + 1);
    }
    return time_ns;
}

/* Returns 0 or an errno; then there may be a part of the record. */
static int
put(VbStoreLog *log, const VbStoreRecord *record, gsize size)
{
    const Half *half = &log->halves[log->active];
    const off_t start = (off_t)log->active * VB_STORE_LOG_HALF + (off_t)half->used;

    g_byte_array_set_size(log->buffer, (guint)size);
    vb_store_record_pack(record, log->buffer->data);
    const ssize_t n = pwrite(log->fd, log->buffer->data, size, start);
    if (n < 0 || (gsize)n != size)
        return n < 0 ? errno : ENOSPC;
    return fdatasync(log->fd) < 0 ? errno : 0;
}

/* Takes back the newest record, whose change could not be made. */
static void
cancel(VbStoreLog *log, gsize size)
{
    static const char zeros[VB_STORE_RECORD_BLOCK];
    Half *half = &log->halves[log->active];

    half->used -= size;
    log->sequence--; /* the next record follows the one before this */
    const off_t start = (off_t)log->active * VB_STORE_LOG_HALF + (off_t)half->used;
    if (pwrite(log->fd, zeros, sizeof zeros, start) != sizeof zeros || fdatasync(log->fd) < 0)
        retire(log);
}

/* Makes the record durable; returns its size, or 0 when the log is of no use for it. */
static gsize
append(VbStoreLog *log, VbStoreRecord *record)
{
    const gsize size = vb_store_record_size(record);

    collect(log);
    if (log->state == STATE_NONE) {
        const Job job = {.is_making = TRUE};
        log->state = STATE_MAKING;
        start_job(log, &job);
        settle_soon(log);
    }
    if (log->state != STATE_READY)
        return 0;
    if (size > VB_STORE_LOG_HALF) {
        drain(log); /* it is fsynced instead, and no older record of the file may be left */
        return 0;
    }
    if (log->halves[log->active].used + size > VB_STORE_LOG_HALF)
        settle_active(log);
    if (log->state != STATE_READY)
        return 0;
    record->sequence = ++log->sequence;
    g_strlcpy(record->boot_id, log->boot_id, sizeof record->boot_id);
    const int errsv = put(log, record, size);
    if (errsv) {
        vb_log_warning(NULL, "definition log '%s': %s", log->path, g_strerror(errsv));
        cancel(log, 0);
        retire(log);
        return 0;
    }
    Half *half = &log->halves[log->active];
    half->used += size;
    g_ptr_array_add(half->names, g_strdup(record->name));
    settle_soon(log);
    return size;
}

/* ---- changes ---- */

/* New content on its way to its name */
typedef struct {
    const char *path;
    int fd;
    char *temporary; /* NULL: the file has no name yet */
} Draft;

static char *
temporary_path(const VbStoreLog *log)
{
    return g_strdup_printf("%s/" TEMPORARY_MARK "%08x", log->folder, g_random_int());
}

static int
fill(int fd, const VbStoreRecord *record)
{
    const struct timespec time = {record->time_ns / 1000000000, record->time_ns % 1000000000};
    const struct timespec times[] = {time, time};
    const char *content = record->content;
    gsize length = record->length;

    while (length > 0) {
        const ssize_t n = write(fd, content, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        content += n;
        length -= (gsize)n;
    }
    /* the record's time: a replay knows by it whether the file has been changed since */
    if (futimens(fd, times) < 0)
        return errno;
    return record->mode != 0600 && fchmod(fd, record->mode) < 0 ? errno : 0;
}

static void
draft_clear(Draft *draft)
{
    if (draft->temporary)
        (void)unlink(draft->temporary);
    g_free(draft->temporary);
    if (draft->fd >= 0)
        close(draft->fd);
}

/* Returns 0 or an errno. */
static int
draft_make(VbStoreLog *log, const VbStoreRecord *record, Draft *draft)
{
    draft->fd = vb_store_spares_take(log->spares);
    if (draft->fd < 0) {
        draft->temporary = temporary_path(log);
        draft->fd = open(draft->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (draft->fd < 0) {
            const int errsv = errno;
            g_clear_pointer(&draft->temporary, g_free);
            return errsv;
        }
    }
    return fill(draft->fd, record);
}

/* Gives the content its name, in place of what has it. Returns 0 or an errno. */
static int
draft_publish(VbStoreLog *log, Draft *draft)
{
    if (!draft->temporary) {
        char link_path[32];
        g_snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", draft->fd);
        if (linkat(AT_FDCWD, link_path, AT_FDCWD, draft->path, AT_SYMLINK_FOLLOW) == 0)
            return 0;
        if (errno != EEXIST)
            return errno;
        g_autofree char *temporary = temporary_path(log);
        if (linkat(AT_FDCWD, link_path, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) < 0)
            return errno;
        draft->temporary = g_steal_pointer(&temporary);
    }
    if (rename(draft->temporary, draft->path) < 0)
        return errno;
    g_clear_pointer(&draft->temporary, g_free);
    return 0;
}

/* Returns 0, or an errno with the old content in place. */
static int
change_file(VbStoreLog *log, VbStoreRecord *record, const char *path)
{
    Draft draft = {.path = path, .fd = -1};
    int errsv = draft_make(log, record, &draft);
    const gsize size = errsv ? 0 : append(log, record);

    if (!errsv && size == 0 && fsync(draft.fd) < 0)
        errsv = errno;
    if (!errsv) {
        errsv = draft_publish(log, &draft);
        if (errsv && size > 0)
            cancel(log, size);
    }
    draft_clear(&draft);
    if (!errsv && size == 0) {
        g_autoptr(GPtrArray) nothing = g_ptr_array_new();
        errsv = vb_store_log_settle(log->folder, nothing);
    }
    return errsv;
}

/**
 * vb_store_log_write:
 * @log: the log
 * @name: of the file, without folder
 * @content: what it is to hold
 * @length: bytes
 * @mode: permission bits, whatever the umask
 *
 * Returns: TRUE once the content survives a power cut; FALSE with the old content in place
 * Errors: SYSTEM_ERROR with errno's text
 */
gboolean
vb_store_log_write(VbStoreLog *log, const char *name, const char *content, gsize length,
                   mode_t mode, GError **error)
{
    g_autofree char *path = g_build_filename(log->folder, name, NULL);
    VbStoreRecord record = {
        .operation = VB_STORE_RECORD_WRITE,
        .time_ns = time_of_change(log, path),
        .mode = mode,
        .name = name,
        .name_length = (guint)strlen(name),
        .content = content,
        .length = length,
    };
    int errsv = record.name_length > NAME_MAX ? ENAMETOOLONG : change_file(log, &record, path);

    if (errsv == EXDEV || errsv == ENOENT || errsv == EPERM || errsv == EACCES) {
        /* another file system is mounted there now, or there is no /proc: files with a name will do */
        vb_store_spares_give_up(log->spares);
        errsv = change_file(log, &record, path);
    }
    if (errsv)
        return vb_error_set_errno(error, errsv, "cannot write file '%s'", path);
    return TRUE;
}

/**
 * vb_store_log_remove:
 * @log: the log
 * @name: of a file or link, without folder; a missing one is fine
 *
 * Returns: TRUE once the file will not come back
 * Errors: SYSTEM_ERROR
 */
gboolean
vb_store_log_remove(VbStoreLog *log, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(log->folder, name, NULL);
    VbStoreRecord record = {
        .operation = VB_STORE_RECORD_REMOVE,
        .time_ns = time_of_change(log, path),
        .name = name,
        .name_length = (guint)strlen(name),
    };
    struct stat info;

    if (lstat(path, &info) < 0 && errno == ENOENT)
        return TRUE;
    const gsize size = append(log, &record);
    if (size == 0)
        return vb_store_remove(path, error);
    if (unlink(path) == 0 || errno == ENOENT)
        return TRUE;
    vb_error_set_errno(error, errno, "cannot remove file '%s'", path);
    cancel(log, size);
    return FALSE;
}

/* ---- life ---- */

/**
 * vb_store_log_open:
 * @path: the log's file; its folder exists. Made when it is needed first
 * @folder: that it is about; exists
 * @boot_id: what tells this boot of the machine from others; "" when that is not known
 *
 * Makes the files of @folder what they were when the last change was acknowledged, if the machine has lost that.
 *
 * Returns: (transfer full): with a log that cannot be used, changes are as durable, only slower
 */
VbStoreLog *
vb_store_log_open(const char *path, const char *folder, const char *boot_id)
{
    VbStoreLog *log = g_new0(VbStoreLog, 1);

    log->path = g_strdup(path);
    log->folder = g_strdup(folder);
    g_strlcpy(log->boot_id, boot_id, sizeof log->boot_id);
    /* stale records go on with other numbers */
    log->sequence = ((guint64)g_random_int() << 24) | 1;
    log->buffer = g_byte_array_new();
    log->results = g_async_queue_new();
    log->spares = vb_store_spares_new(folder);
    for (guint i = 0; i < G_N_ELEMENTS(log->halves); i++)
        log->halves[i].names = g_ptr_array_new_with_free_func(g_free);
    log->fd = vb_store_log_open_file(path);
    if (log->fd >= 0)
        log->state = vb_store_log_replay(log->fd, folder, boot_id) ? STATE_READY : STATE_UNUSABLE;
    return log;
}

void
vb_store_log_close(VbStoreLog *log)
{
    if (!log)
        return;
    drain(log);
    g_clear_handle_id(&log->settle_source, g_source_remove);
    if (log->worker)
        g_thread_pool_free(log->worker, FALSE, TRUE);
    vb_store_spares_free(log->spares);
    g_async_queue_unref(log->results);
    for (guint i = 0; i < G_N_ELEMENTS(log->halves); i++)
        g_ptr_array_unref(log->halves[i].names);
    if (log->fd >= 0)
        close(log->fd);
    g_byte_array_unref(log->buffer);
    g_free(log->path);
    g_free(log->folder);
    g_free(log);
}
