/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs beside an emulator: started, watched, found again, ended. Owns what watches them, never the processes. Each leads
 * a process group of its own, which is what gets the signals: some of them have children. */
#include "helper.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "domain-private.h"
#include "domain-start.h"

#define OWED "process "
#define PATIENCE_MS 1000 /* after SIGTERM; what is to be written was written before */

typedef struct {
    QemuDomain *domain;
    char *what, *pidfile, *log;
    goffset log_offset;
    QemuProcess *process;
    QemuHelperEnded ended;
    QemuHelperReady ready; /* while that is waited for; else NULL */
    gpointer ready_data;
    int ready_fd;
    guint ready_watch;
    gboolean is_let_go; /* its end is expected */
} Helper;

struct _QemuHelpers {
    GPtrArray *list; /* Helper */
    guint timer;
    void (*done)(QemuDomain *domain); /* NULL: they are not being ended */
};

static void
await_no_more(Helper *helper)
{
    if (!helper->ready)
        return;
    g_clear_handle_id(&helper->ready_watch, g_source_remove);
    close(helper->ready_fd);
    helper->ready = NULL;
}

static void
helper_free(gpointer data)
{
    Helper *helper = data;
    await_no_more(helper);
    qemu_process_free(helper->process);
    g_free(helper->what);
    g_free(helper->pidfile);
    g_free(helper->log);
    g_free(helper);
}

static QemuHelpers *
get_helpers(QemuDomain *domain)
{
    if (!domain->helpers) {
        domain->helpers = g_new0(QemuHelpers, 1);
        domain->helpers->list = g_ptr_array_new_with_free_func(helper_free);
    }
    return domain->helpers;
}

void
qemu_helpers_drop(QemuDomain *domain)
{
    QemuHelpers *helpers = g_steal_pointer(&domain->helpers);
    if (!helpers)
        return;
    g_clear_handle_id(&helpers->timer, g_source_remove);
    g_ptr_array_unref(helpers->list);
    g_free(helpers);
}

char *
qemu_helper_ready_path(const char *pidfile_path)
{
    return g_strconcat(pidfile_path, ".ready", NULL);
}

static gboolean
is_alive(const char *pidfile, pid_t *ret_pid)
{
    g_autofree char *word = qemu_helper_ready_path(pidfile);
    return qemu_process_probe(pidfile, "/proc", word, ret_pid) == QEMU_PROCESS_ALIVE;
}

/* The number is a process group's, and the lock of the pid file is held by one of it, or its command line is the helper's:
 * it cannot be a stranger's. */
static void
signal_group(const char *pidfile, int number)
{
    pid_t pid = 0;
    if (is_alive(pidfile, &pid))
        (void)kill(-pid, number);
}

void
qemu_helper_remove_owed(const char *pidfile_path)
{
    signal_group(pidfile_path, SIGKILL);
    if (g_unlink(pidfile_path) < 0 && errno != ENOENT)
        g_warning("cannot remove %s: %s", pidfile_path, g_strerror(errno));
}

/* ---- one has ended ---- */

static void
all_ended(QemuDomain *domain)
{
    void (*done)(QemuDomain *) = domain->helpers->done;
    qemu_helpers_drop(domain);
    done(domain);
}

/* Nobody asked for it. A start fails by it. Some end by themselves with the emulator: then that one's words say why. */
static void
miss(QemuDomain *domain, const Helper *helper, int wait_status)
{
    g_autofree char *words = NULL;
    GError *error = NULL;
    if (helper->is_let_go || domain->state == VIR_DOMAIN_SHUTDOWN ||
        (domain->process && qemu_process_has_ended(domain->process)))
        return;
    words = qemu_process_read_log(helper->log, helper->log_offset);
    if (!domain->starting && wait_status == 0)
        return; /* the emulator has left it, and may be about to end itself */
    if (!domain->starting) {
        vb_log_warning(domain->name, "%s died unexpectedly: %s", helper->what, words);
        return;
    }
    vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "%s died unexpectedly%s%s", helper->what,
                 *words ? ": " : "", words);
    vb_error_set_reason(error, "HelperExited", helper->what);
    vb_error_add_cause(error, words);
    qemu_start_fail(domain->starting, error);
}

/* Source: libvirt's words */
static void
tell_not_ready(QemuDomain *domain, const Helper *helper)
{
    g_autofree char *words = qemu_process_read_log(helper->log, helper->log_offset);
    g_autoptr(GError) error = NULL;
    vb_error_set(&error, VIR_ERR_INTERNAL_ERROR, "Could not start '%s': %s", helper->what, words);
    vb_error_set_reason(error, "HelperExited", helper->what);
    helper->ready(domain, error, helper->ready_data);
}

static gboolean
on_ready(int fd, GIOCondition condition, gpointer data)
{
    Helper *helper = data;
    const QemuHelperReady ready = helper->ready;
    char text[32];
    const gssize n = read(fd, text, sizeof text);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    helper->ready_watch = 0;
    if (n <= 0) /* closed without a word: its end says more */
        return G_SOURCE_REMOVE;
    await_no_more(helper);
    ready(helper->domain, NULL, helper->ready_data);
    return G_SOURCE_REMOVE;
}

static void
on_helper_exited(QemuProcess *process, int wait_status, gpointer data)
{
    g_autofree Helper *held = g_memdup2(data, sizeof(Helper));
    g_autoptr(QemuDomain) domain = qemu_domain_ref(held->domain);
    QemuHelpers *helpers = domain->helpers;
    guint at = 0;
    (void)g_ptr_array_find(helpers->list, data, &at);
    held->what = g_strdup(held->what);
    held->log = g_strdup(held->log);
    if (WIFEXITED(wait_status) && held->ended)
        (void)g_unlink(held->pidfile);
    g_ptr_array_remove_index(helpers->list, at);
    if (held->ready)
        tell_not_ready(domain, held);
    helpers = domain->helpers; /* gone, when that was the end of a start */
    if (helpers && helpers->done && helpers->list->len == 0)
        all_ended(domain);
    else if (held->ended && helpers && !helpers->done)
        held->ended(domain, wait_status);
    else if (!held->ready && helpers && !helpers->done)
        miss(domain, held, wait_status);
    g_free(held->what);
    g_free(held->log);
}

/* ---- starting ---- */

static goffset
log_size(const char *path)
{
    GStatBuf info;
    return g_stat(path, &info) == 0 ? info.st_size : 0;
}

gboolean
qemu_helper_start(QemuDomain *domain, const QemuHelperSpec *spec, GError **error)
{
    g_auto(GStrv) env = g_get_environ();
    const QemuProcessSpec process = {.argv = spec->argv,
                                     .env = (const char *const *)env,
                                     .log_path = spec->log_path,
                                     .pidfile_path = spec->pidfile_path,
                                     .fds = spec->fds,
                                     .n_fds = spec->n_fds};
    Helper *helper = g_new0(Helper, 1);
    helper->domain = domain;
    helper->what = g_strdup(spec->what);
    helper->pidfile = g_strdup(spec->pidfile_path);
    helper->log = g_strdup(spec->log_path);
    helper->log_offset = log_size(spec->log_path);
    helper->ended = spec->ended;
    helper->ready = spec->ready;
    helper->ready_data = spec->ready_data;
    helper->ready_fd = spec->ready_fd;
    helper->process = qemu_process_spawn(&process, on_helper_exited, helper, error);
    if (!helper->process) {
        helper_free(helper);
        return FALSE;
    }
    if (helper->ready)
        helper->ready_watch = g_unix_fd_add(helper->ready_fd, G_IO_IN, on_ready, helper);
    g_ptr_array_add(get_helpers(domain)->list, helper);
    return TRUE;
}

static void
adopt(QemuDomain *domain, const char *pidfile)
{
    Helper *helper;
    pid_t pid = 0;
    if (!is_alive(pidfile, &pid))
        return;
    helper = g_new0(Helper, 1);
    helper->domain = domain;
    helper->what = g_path_get_basename(pidfile);
    helper->pidfile = g_strdup(pidfile);
    helper->log = g_strdup("");
    helper->process = qemu_process_adopt(pid, on_helper_exited, helper, NULL);
    if (!helper
             ->process) { /* gone since; a child that has the lock is killed when the guest ends */
        g_free(helper->what);
        g_free(helper->pidfile);
        g_free(helper->log);
        g_free(helper);
        return;
    }
    g_ptr_array_add(get_helpers(domain)->list, helper);
}

void
qemu_helpers_adopt(QemuDomain *domain)
{
    for (guint i = 0; i < domain->owed->len; i++) {
        const char *owed = domain->owed->pdata[i];
        if (g_str_has_prefix(owed, OWED))
            adopt(domain, owed + strlen(OWED));
    }
}

/* ---- ending ---- */

static void
signal_all(const QemuHelpers *helpers, int number)
{
    for (guint i = 0; i < helpers->list->len; i++) {
        const Helper *helper = helpers->list->pdata[i];
        signal_group(helper->pidfile, number);
        (void)qemu_process_kill(helper->process, number, NULL);
    }
}

static gboolean
lose_patience(gpointer data)
{
    QemuHelpers *helpers = data;
    helpers->timer = 0;
    signal_all(helpers, SIGKILL);
    return G_SOURCE_REMOVE;
}

gboolean
qemu_helpers_end(QemuDomain *domain, void (*done)(QemuDomain *domain))
{
    QemuHelpers *helpers = domain->helpers;
    if (!helpers || helpers->list->len == 0)
        return FALSE;
    if (!helpers->done) {
        helpers->timer = g_timeout_add(PATIENCE_MS, lose_patience, helpers);
        signal_all(helpers, SIGTERM);
    }
    helpers->done = done;
    return TRUE;
}

void
qemu_helpers_interrupt(QemuDomain *domain)
{
    for (guint i = 0; domain->helpers && i < domain->helpers->list->len; i++) {
        const Helper *helper = domain->helpers->list->pdata[i];
        if (helper->ended || helper->ready)
            signal_group(helper->pidfile, SIGKILL);
    }
}

void
qemu_helper_end(QemuDomain *domain, const char *pidfile_path)
{
    for (guint i = 0; domain->helpers && i < domain->helpers->list->len; i++) {
        Helper *helper = domain->helpers->list->pdata[i];
        if (strcmp(helper->pidfile, pidfile_path) == 0)
            helper->is_let_go = TRUE;
    }
    qemu_domain_owe_no_more(domain, "process", pidfile_path);
    qemu_helper_remove_owed(pidfile_path);
}

/* ---- whom it consists of ---- */

/* Source: proc(5), children of a process' first thread */
static void
add_children(GArray *pids, pid_t parent)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", (int)parent, (int)parent);
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    words = g_strsplit(text, " ", -1);
    for (char **word = words; *word; word++) {
        pid_t pid = (pid_t)g_ascii_strtoll(*word, NULL, 10);
        if (pid > 1)
            g_array_append_val(pids, pid);
    }
}

GArray *
qemu_helpers_get_pids(const QemuDomain *domain)
{
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    for (guint i = 0; domain->helpers && i < domain->helpers->list->len; i++) {
        const Helper *helper = domain->helpers->list->pdata[i];
        pid_t pid = qemu_process_get_pid(helper->process);
        g_array_append_val(pids, pid);
        add_children(pids, pid);
    }
    return pids;
}
