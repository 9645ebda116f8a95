/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the sizes of disk images. A file may lie on a file system that does not answer (a dead NFS server), so a thread
 * reads and the caller waits for it a moment only; what hangs is not asked again until it has answered. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>
#include "base/error.h"
#include "image.h"

#define PATIENCE_US (20 * 1000)
#define MAX_THREADS 4
#define RECENT_US (250 * 1000)

/* what one thread reads, image by image */
typedef struct {
    int ref_count;
    QemuImage *images; /* paths are owned */
    QemuImageSizes *sizes;
    int *errsv;
    guint n;
    guint n_done;
    gboolean is_abandoned; /* nobody waits any more */
} Job;

typedef struct {
    QemuImageSizes sizes;
    int errsv;
    gint64 read_us;
} Answer;

static GMutex lock;
static GCond answered;
static GHashTable *hanging; /* paths whose answer nobody waited for */
static GHashTable *recent;  /* path -> Answer, of the last read ahead; main loop only */

static Job *
job_new(const QemuImage *images, guint n)
{
    Job *job = g_new0(Job, 1);

    job->ref_count = 2;
    job->images = g_new(QemuImage, n);
    job->sizes = g_new0(QemuImageSizes, n);
    job->errsv = g_new0(int, n);
    for (guint i = 0; i < n; i++) {
        if (!g_hash_table_contains(hanging, images[i].path))
            job->images[job->n++] = (QemuImage){g_strdup(images[i].path), images[i].is_raw};
    }
    return job;
}

static void
job_unref_locked(Job *job)
{
    if (--job->ref_count > 0)
        return;
    for (guint i = 0; i < job->n; i++)
        g_free((char *)job->images[i].path);
    g_free(job->images);
    g_free(job->sizes);
    g_free(job->errsv);
    g_free(job);
}

/* Source: QEMU docs/interop/qcow2.txt: magic "QFI\xfb", virtual size at byte 24, big endian */
static guint64
qcow2_capacity(const guint8 *head, gssize length)
{
    guint64 size;

    if (length < 32 || memcmp(head, "QFI\xfb", 4) != 0)
        return 0;
    memcpy(&size, head + 24, sizeof(size));
    return GUINT64_FROM_BE(size);
}

static int
measure(const QemuImage *image, QemuImageSizes *ret_sizes)
{
    const int fd = open(image->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    guint8 head[32];
    struct stat info;
    guint64 bytes = 0;

    if (fd < 0)
        return errno;
    if (fstat(fd, &info) < 0) {
        const int errsv = errno;

        close(fd);
        return errsv;
    }
    ret_sizes->physical = (guint64)info.st_size;
    ret_sizes->allocation = (guint64)info.st_blocks * 512;
    if (S_ISBLK(info.st_mode) && ioctl(fd, BLKGETSIZE64, &bytes) == 0)
        ret_sizes->physical = ret_sizes->allocation = bytes;
    if (image->is_raw)
        ret_sizes->capacity = ret_sizes->physical;
    else if (S_ISREG(info.st_mode) || S_ISBLK(info.st_mode))
        ret_sizes->capacity = qcow2_capacity(head, pread(fd, head, sizeof(head), 0));
    close(fd);
    return 0;
}

static void
run(gpointer data, gpointer pool_data)
{
    Job *job = data;
    gboolean is_over = FALSE;

    for (guint i = 0; i < job->n && !is_over; i++) {
        QemuImageSizes sizes = {0};
        const int errsv = measure(&job->images[i], &sizes);

        g_mutex_lock(&lock);
        job->sizes[i] = sizes;
        job->errsv[i] = errsv;
        job->n_done++;
        is_over = job->is_abandoned;
        if (is_over)
            g_hash_table_remove(hanging, job->images[i].path);
        g_mutex_unlock(&lock);
    }
    g_mutex_lock(&lock);
    job_unref_locked(job);
    g_cond_broadcast(&answered);
    g_mutex_unlock(&lock);
}

static GThreadPool *
get_pool(void)
{
    static GThreadPool *pool;

    if (!pool) {
        pool = g_thread_pool_new(run, NULL, MAX_THREADS, FALSE, NULL);
        hanging = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        recent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    }
    return pool;
}

/* with the lock held; what has no answer in time is left out of @job's n_done */
static Job *
ask(const QemuImage *images, guint n)
{
    const gint64 deadline = g_get_monotonic_time() + PATIENCE_US;
    GThreadPool *pool = get_pool();
    Job *job;

    if (g_hash_table_size(hanging) >= MAX_THREADS)
        return NULL;
    job = job_new(images, n);
    g_thread_pool_push(pool, job, NULL);
    while (job->n_done < job->n && g_cond_wait_until(&answered, &lock, deadline))
        ;
    if (job->n_done < job->n) {
        job->is_abandoned = TRUE;
        g_hash_table_add(hanging, g_strdup(job->images[job->n_done].path));
    }
    return job;
}

/**
 * qemu_image_read_ahead:
 * @images: images that will be asked for
 * @n: how many
 *
 * Reads all of them in one go, so that qemu_image_read_sizes() finds them. Waits 20 ms at most.
 */
void
qemu_image_read_ahead(const QemuImage *images, guint n)
{
    Job *job;

    g_mutex_lock(&lock);
    job = ask(images, n);
    g_hash_table_remove_all(recent);
    for (guint i = 0; job && i < job->n_done; i++) {
        const Answer answer = {job->sizes[i], job->errsv[i], g_get_monotonic_time()};

        g_hash_table_insert(recent, g_strdup(job->images[i].path),
                            g_memdup2(&answer, sizeof(answer)));
    }
    if (job)
        job_unref_locked(job);
    g_mutex_unlock(&lock);
}

static gboolean
ask_one(const char *path, gboolean is_raw, Answer *ret_answer)
{
    const QemuImage image = {path, is_raw};
    gboolean is_answered = FALSE;
    Job *job;

    g_mutex_lock(&lock);
    job = ask(&image, 1);
    if (job && job->n_done == 1) {
        *ret_answer = (Answer){job->sizes[0], job->errsv[0], 0};
        is_answered = TRUE;
    }
    if (job)
        job_unref_locked(job);
    g_mutex_unlock(&lock);
    return is_answered;
}

/**
 * qemu_image_look:
 * @path: a file or block device
 * @is_raw: its content is the guest's disk as it is; else the format is found out
 * @ret_sizes: (out): untouched on failure
 *
 * Waits 20 ms at most; what was read ahead within the last quarter of a second is taken as it is.
 *
 * Returns: 0, or why not: errno; ETIMEDOUT no answer in time
 */
int
qemu_image_look(const char *path, gboolean is_raw, QemuImageSizes *ret_sizes)
{
    const Answer *known = recent ? g_hash_table_lookup(recent, path) : NULL;
    Answer answer;

    if (known && g_get_monotonic_time() - known->read_us < RECENT_US)
        answer = *known;
    else if (!ask_one(path, is_raw, &answer))
        return ETIMEDOUT;
    if (answer.errsv == 0)
        *ret_sizes = answer.sizes;
    return answer.errsv;
}

/**
 * qemu_image_read_sizes:
 * @path: a file or block device
 * @is_raw: its content is the guest's disk as it is; else the format is found out
 * @ret_sizes: (out): untouched on failure
 * @error: why not
 *
 * qemu_image_look() with an error that can be told.
 *
 * Returns: FALSE with @error set
 * Errors: SYSTEM_ERROR cannot be opened; OPERATION_TIMEOUT no answer in time
 */
gboolean
qemu_image_read_sizes(const char *path, gboolean is_raw, QemuImageSizes *ret_sizes, GError **error)
{
    const int errsv = qemu_image_look(path, is_raw, ret_sizes);

    if (errsv == ETIMEDOUT)
        return vb_error_set(error, VIR_ERR_OPERATION_TIMEOUT, "file system of '%s' does not answer",
                            path);
    return errsv == 0 || vb_error_set_errno(error, errsv, "cannot open file '%s'", path);
}
