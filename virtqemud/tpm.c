/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Emulated TPMs. swtpm listens on a socket that we make, so that nobody waits for it; swtpm_setup, which takes its time the
 * first time, is a helper that ends. Owns nothing: state and sockets are files. Source of paths and words: libvirt 9.0. */
#include "tpm.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "helper.h"
#include "prepare.h"
#include "secret.h"
#include "store/store.h"

/* descriptors of ours that swtpm has; it reads each of the keys to its end */
enum { SOCKET_FD = QEMU_PROCESS_FIRST_FD, KEY_FD, STATE_KEY_FD };

#define CIPHER "aes-256-cbc"

/* ---- where things are ---- */

typedef struct {
    char *state, *socket, *pidfile, *setup_pidfile, *log;
} Paths;

static gboolean
is_version_2(const VbDomainTpm *tpm)
{
    return g_strcmp0(tpm->version, "1.2") != 0;
}

/* /var/lib/libvirt/swtpm/UUID */
static char *
guest_folder(const QemuManager *manager, const VbDomainDef *def)
{
    g_autofree char *parent = g_path_get_dirname(manager->lib_dir);
    char uuid[37];
    vb_uuid_format(&def->uuid, uuid);
    return g_build_filename(parent, "swtpm", uuid, NULL);
}

static char *
state_folder(const QemuManager *manager, const VbDomainDef *def, const VbDomainTpm *tpm)
{
    g_autofree char *parent = guest_folder(manager, def);
    return g_build_filename(parent, is_version_2(tpm) ? "tpm2" : "tpm1.2", NULL);
}

static char *
run_file(const QemuDomain *domain, const char *suffix)
{
    g_autofree char *guest = qemu_prepare_short_name(domain);
    g_autofree char *name = g_strconcat(guest, suffix, NULL);
    return g_build_filename(domain->manager->run_dir, "swtpm", name, NULL);
}

static void
paths_init(Paths *paths, const QemuDomain *domain, const VbDomainTpm *tpm)
{
    g_autofree char *log_name = g_strconcat(domain->name, "-swtpm.log", NULL);
    paths->state = state_folder(domain->manager, domain->live, tpm);
    paths->socket = run_file(domain, "-swtpm.sock");
    paths->pidfile = run_file(domain, "-swtpm.pid");
    paths->setup_pidfile = run_file(domain, "-swtpm-setup.pid");
    paths->log =
        g_build_filename(domain->manager->root, "/var/log/swtpm/libvirt/qemu", log_name, NULL);
}

static void
paths_clear(Paths *paths)
{
    g_free(paths->state);
    g_free(paths->socket);
    g_free(paths->pidfile);
    g_free(paths->setup_pidfile);
    g_free(paths->log);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Paths, paths_clear)

/* a guest has one at most that is emulated */
static const VbDomainTpm *
find_emulated(const VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainTpm, tpm, def->tpms)
    {
        if (tpm->backend == VB_DOMAIN_TPM_BACKEND_EMULATOR)
            return tpm;
    }
    return NULL;
}

/* ---- before the start ---- */

static gboolean
check_passthrough(const VbDomainDef *def, GError **error)
{
    VB_DOMAIN_EACH(VbDomainTpm, tpm, def->tpms)
    {
        if (tpm->backend == VB_DOMAIN_TPM_BACKEND_PASSTHROUGH && tpm->device &&
            access(tpm->device, R_OK | W_OK) < 0)
            return vb_error_set_errno(error, errno, "Could not open TPM device %s", tpm->device);
    }
    return TRUE;
}

static gboolean
has_state(const Paths *paths, const VbDomainTpm *tpm)
{
    g_autofree char *file =
        g_build_filename(paths->state, is_version_2(tpm) ? "tpm2-00.permall" : "tpm-00.permall",
                         NULL);
    return access(file, F_OK) == 0;
}

static gboolean
make_folders(const Paths *paths, GError **error)
{
    g_autofree char *state_parent = g_path_get_dirname(paths->state);
    g_autofree char *run = g_path_get_dirname(paths->socket);
    g_autofree char *log = g_path_get_dirname(paths->log);
    return vb_store_mkdir(state_parent, 0711, error) && vb_store_mkdir(paths->state, 0700, error) &&
           vb_store_mkdir(run, 0770, error) && vb_store_mkdir(log, 0711, error);
}

static void
owe(QemuDomain *domain, const Paths *paths)
{
    qemu_domain_owe(domain, "file", paths->socket);
    qemu_domain_owe(domain, "process", paths->pidfile);
    qemu_domain_owe(domain, "process", paths->setup_pidfile);
}

void
qemu_tpm_owe(QemuDomain *domain)
{
    const VbDomainTpm *tpm = find_emulated(domain->live);
    g_auto(Paths) paths = {0};
    if (!tpm)
        return;
    paths_init(&paths, domain, tpm);
    owe(domain, &paths);
}

/* ---- what the state is encrypted with ---- */

static GBytes *
read_key(const QemuDomain *domain, const VbDomainTpm *tpm, GError **error)
{
    const QemuSecret secret = {.type = "vtpm", .uuid = tpm->encryption_secret};
    return qemu_secret_read(domain->manager, &secret, error);
}

static gboolean
check_key(const QemuDomain *domain, const VbDomainTpm *tpm, GError **error)
{
    g_autoptr(GBytes) key = tpm->encryption_secret ? read_key(domain, tpm, error) : NULL;
    return key || !tpm->encryption_secret;
}

/* Returns: a descriptor that gives the passphrase once, in memory alone; -1 with @error set */
static int
open_key(const QemuDomain *domain, const VbDomainTpm *tpm, GError **error)
{
    g_autoptr(GBytes) key = read_key(domain, tpm, error);
    const int fd = key ? memfd_create("swtpm key", MFD_CLOEXEC) : -1;
    gsize length = 0;
    const char *bytes = key ? g_bytes_get_data(key, &length) : NULL;
    if (!key)
        return -1;
    if (fd >= 0 && write(fd, bytes, length) == (ssize_t)length && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    vb_error_set_errno(error, errno, "cannot hand a secret over");
    if (fd >= 0)
        close(fd);
    return -1;
}

static void
close_fds(const QemuProcessFd *fds, guint n_fds)
{
    for (guint i = 0; i < n_fds; i++)
        close(fds[i].source);
}

gboolean
qemu_tpm_prepare(QemuDomain *domain, GError **error)
{
    const VbDomainTpm *tpm = find_emulated(domain->live);
    g_auto(Paths) paths = {0};
    if (!check_passthrough(domain->live, error))
        return FALSE;
    if (!tpm)
        return TRUE;
    if (!check_key(domain, tpm, error))
        return FALSE;
    paths_init(&paths, domain, tpm);
    if (!has_state(&paths, tpm) && !domain->starting->image)
        qemu_domain_owe(domain, "tpm", paths.state);
    owe(domain, &paths);
    return make_folders(&paths, error);
}

/* ---- the start ---- */

static char *
find_program(const char *name, GError **error)
{
    char *path = g_find_program_in_path(name);
    if (!path)
        vb_error_set_errno(error, ENOENT, "Unable to find '%s' binary in $PATH", name);
    return path;
}

/* Makes the socket and the keys. FALSE: some of them may be open */
static gboolean
open_fds(QemuDomain *domain, const VbDomainTpm *tpm, const Paths *paths, QemuProcessFd *fds,
         guint *ret_n_fds, GError **error)
{
    const guint n_fds = tpm->encryption_secret ? 3 : 1;
    static const int targets[] = {SOCKET_FD, KEY_FD, STATE_KEY_FD};
    for (*ret_n_fds = 0; *ret_n_fds < n_fds; (*ret_n_fds)++) {
        QemuProcessFd *fd = &fds[*ret_n_fds];
        fd->target = targets[*ret_n_fds];
        fd->source = fd->target == SOCKET_FD ? qemu_prepare_listen(paths->socket, error)
                                             : open_key(domain, tpm, error);
        if (fd->source < 0)
            return FALSE;
    }
    return TRUE;
}

static gboolean
run_swtpm(QemuDomain *domain, const VbDomainTpm *tpm, const Paths *paths, GError **error)
{
    g_autofree char *program = find_program("swtpm", error);
    g_autofree char *control = g_strdup_printf("type=unixio,fd=%d", SOCKET_FD);
    g_autofree char *state = g_strdup_printf("dir=%s,mode=0600", paths->state);
    g_autofree char *log = g_strconcat("file=", paths->log, NULL);
    g_autofree char *key = g_strdup_printf("pwdfd=%d,mode=" CIPHER, KEY_FD);
    g_autofree char *state_key = g_strdup_printf("pwdfd=%d,mode=" CIPHER, STATE_KEY_FD);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *const always[] = {program, "socket", "--ctrl", control,       "--tpmstate",
                                  state,   "--log",  log,      "--terminate", NULL};
    const char *const keys[] = {"--key", key, "--migration-key", state_key, NULL};
    QemuProcessFd fds[3];
    QemuHelperSpec spec = {.what = "swtpm",
                           .log_path = paths->log,
                           .pidfile_path = paths->pidfile,
                           .fds = fds};
    gboolean is_up;
    if (!program)
        return FALSE;
    for (guint i = 0; always[i]; i++)
        g_ptr_array_add(argv, (gpointer)always[i]);
    if (is_version_2(tpm))
        g_ptr_array_add(argv, (gpointer) "--tpm2");
    for (guint i = 0; tpm->encryption_secret && keys[i]; i++)
        g_ptr_array_add(argv, (gpointer)keys[i]);
    g_ptr_array_add(argv, NULL);
    spec.argv = (const char *const *)argv->pdata;
    is_up = open_fds(domain, tpm, paths, fds, &spec.n_fds, error) &&
            qemu_helper_start(domain, &spec, error);
    close_fds(fds, spec.n_fds);
    return is_up;
}

static void on_setup_ended(QemuDomain *domain, int wait_status);

/* @key: as open_key() gives it; -1: none. Closed */
static gboolean
run_setup(QemuDomain *domain, const Paths *paths, const GPtrArray *argv, int key, GError **error)
{
    const QemuProcessFd fd = {.source = key, .target = KEY_FD};
    const QemuHelperSpec spec = {.what = "swtpm_setup",
                                 .argv = (const char *const *)argv->pdata,
                                 .log_path = paths->log,
                                 .pidfile_path = paths->setup_pidfile,
                                 .fds = &fd,
                                 .n_fds = key >= 0 ? 1 : 0,
                                 .ended = on_setup_ended};
    const gboolean is_up = qemu_helper_start(domain, &spec, error);
    close_fds(&fd, spec.n_fds);
    return is_up;
}

/* of a TPM, whose key it may need */
static gboolean
run_setup_of(QemuDomain *domain, const VbDomainTpm *tpm, const Paths *paths, GPtrArray *argv,
             GError **error)
{
    int key = -1;
    if (tpm->encryption_secret) {
        g_ptr_array_add(argv, g_strdup("--cipher"));
        g_ptr_array_add(argv, g_strdup(CIPHER));
        g_ptr_array_add(argv, g_strdup("--pwdfile-fd"));
        g_ptr_array_add(argv, g_strdup_printf("%d", KEY_FD));
        key = open_key(domain, tpm, error);
        if (key < 0)
            return FALSE;
    }
    g_ptr_array_add(argv, NULL);
    return run_setup(domain, paths, argv, key, error);
}

static void
add_words(GPtrArray *argv, const char *const *words)
{
    for (; *words; words++)
        g_ptr_array_add(argv, g_strdup(*words));
}

static GPtrArray *
setup_argv(const VbDomainTpm *tpm, const Paths *paths, GError **error)
{
    char *program = find_program("swtpm_setup", error);
    const char *const common[] = {"--tpm-state", paths->state, "--logfile", paths->log, NULL};
    GPtrArray *argv;
    if (!program)
        return NULL;
    argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(argv, program);
    if (is_version_2(tpm))
        g_ptr_array_add(argv, g_strdup("--tpm2"));
    add_words(argv, common);
    return argv;
}

static gboolean
run_manufacture(QemuDomain *domain, const VbDomainTpm *tpm, const Paths *paths, GError **error)
{
    g_autoptr(GPtrArray) argv = setup_argv(tpm, paths, error);
    g_autofree char *vm = g_strconcat(domain->name, ":", domain->uuid_text, NULL);
    const char *const words[] = {"--vmid",
                                 vm,
                                 "--createek",
                                 "--create-ek-cert",
                                 "--create-platform-cert",
                                 "--lock-nvram",
                                 "--not-overwrite",
                                 NULL};
    if (!argv)
        return FALSE;
    add_words(argv, words);
    return run_setup_of(domain, tpm, paths, argv, error);
}

/* a new user of a session has no settings of swtpm yet */
static gboolean
run_settings(QemuDomain *domain, const VbDomainTpm *tpm, const Paths *paths, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    const char *const words[] = {"--create-config-files", "skip-if-exist", NULL};
    char *program = find_program("swtpm_setup", error);
    if (!program)
        return FALSE;
    g_ptr_array_add(argv, program);
    add_words(argv, words);
    g_ptr_array_add(argv, NULL);
    return run_setup(domain, paths, argv, -1, error);
}

static gboolean
run_banks(QemuDomain *domain, const VbDomainTpm *tpm, const Paths *paths, GError **error)
{
    g_autoptr(GPtrArray) argv = setup_argv(tpm, paths, error);
    const struct {
        gboolean is_on;
        const char *name;
    } banks[] = {{tpm->sha1, "sha1"},
                 {tpm->sha256, "sha256"},
                 {tpm->sha384, "sha384"},
                 {tpm->sha512, "sha512"}};
    const char *words[] = {"--pcr-banks", NULL, "--reconfigure", NULL};
    g_autoptr(GString) list = g_string_new(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(banks); i++)
        if (banks[i].is_on)
            g_string_append_printf(list, "%s%s", list->len > 0 ? "," : "", banks[i].name);
    if (!argv)
        return FALSE;
    words[1] = list->str;
    add_words(argv, words);
    return run_setup_of(domain, tpm, paths, argv, error);
}

static gboolean
needs_settings(const QemuDomain *domain, const VbDomainTpm *tpm, const Paths *paths)
{
    return domain->manager->is_session && !has_state(paths, tpm) && !domain->starting->image;
}

/* A restored guest brings its state along. */
static gboolean
needs_manufacture(const QemuDomain *domain, const VbDomainTpm *tpm, const Paths *paths)
{
    return !has_state(paths, tpm) && !domain->starting->image;
}

static gboolean
needs_banks(const QemuDomain *domain, const VbDomainTpm *tpm, const Paths *paths)
{
    return is_version_2(tpm) && tpm->has_pcr_banks && !domain->starting->image;
}

static const struct {
    gboolean (*is_needed)(const QemuDomain *domain, const VbDomainTpm *tpm, const Paths *paths);
    gboolean (*run)(QemuDomain *domain, const VbDomainTpm *tpm, const Paths *paths, GError **error);
} steps[] = {{needs_settings, run_settings},
             {needs_manufacture, run_manufacture},
             {needs_banks, run_banks}};

/* The next step that is needed, then swtpm. TRUE: to be waited for */
static gboolean
go_on(QemuTransition *start, GError **error)
{
    QemuDomain *domain = start->domain;
    const VbDomainTpm *tpm = find_emulated(domain->live);
    g_auto(Paths) paths = {0};
    paths_init(&paths, domain, tpm);
    while (start->tpm_step < G_N_ELEMENTS(steps)) {
        const guint at = start->tpm_step++;
        if (steps[at].is_needed(domain, tpm, &paths)) {
            start->awaits_helper = steps[at].run(domain, tpm, &paths, error);
            return start->awaits_helper;
        }
    }
    qemu_domain_owe_no_more(domain, "tpm", paths.state); /* it is whole */
    (void)run_swtpm(domain, tpm, &paths, error);
    return FALSE;
}

static void
on_setup_ended(QemuDomain *domain, int wait_status)
{
    QemuTransition *start = domain->starting;
    GError *error = NULL;
    if (!start || !start->awaits_helper)
        return;
    start->awaits_helper = FALSE;
    if (start->error) { /* failed meanwhile: destroyed, or too late */
        qemu_start_finish_failure(start);
        return;
    }
    if (wait_status != 0) {
        g_auto(Paths) paths = {0};
        g_autofree char *program = g_find_program_in_path("swtpm_setup");
        paths_init(&paths, domain, find_emulated(domain->live));
        vb_error_set(&error, VIR_ERR_INTERNAL_ERROR,
                     "Could not run '%s'. exitstatus: %d; Check error log '%s' for details.",
                     program ? program : "swtpm_setup",
                     WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1, paths.log);
        vb_error_set_reason(error, "TpmSetupFailed", domain->name);
    } else if (go_on(start, &error)) {
        return;
    }
    if (error)
        qemu_start_fail(start, error);
    else
        qemu_launch_go_on(start);
}

gboolean
qemu_tpm_start(QemuTransition *start, GError **error)
{
    start->tpm_step = 0;
    return find_emulated(start->domain->live) && go_on(start, error);
}

/* ---- the end ---- */

static void
remove_state(const char *folder)
{
    g_autoptr(GError) error = NULL;
    if (!vb_store_remove_tree(folder, &error))
        vb_log_warning(NULL, "%s", error->message);
}

void
qemu_tpm_remove_owed(const char *folder)
{
    g_autofree char *parent = g_path_get_dirname(folder);
    remove_state(folder);
    (void)g_rmdir(parent);
}

void
qemu_tpm_settle(VbDomainDef *live, guint undefine_flags)
{
    VB_DOMAIN_EACH(VbDomainTpm, tpm, live->tpms)
    {
        if (tpm->backend != VB_DOMAIN_TPM_BACKEND_EMULATOR)
            continue;
        if (undefine_flags & VIR_DOMAIN_UNDEFINE_KEEP_TPM)
            tpm->persistent_state = VB_TRISTATE_YES;
        else if (undefine_flags & VIR_DOMAIN_UNDEFINE_TPM)
            tpm->persistent_state = VB_TRISTATE_NO;
    }
}

void
qemu_tpm_forget(const QemuManager *manager, const VbDomainDef *def, guint undefine_flags)
{
    const VbDomainTpm *tpm = find_emulated(def);
    g_autofree char *folder = NULL;
    if (!tpm || (undefine_flags & VIR_DOMAIN_UNDEFINE_KEEP_TPM) ||
        (tpm->persistent_state == VB_TRISTATE_YES && !(undefine_flags & VIR_DOMAIN_UNDEFINE_TPM)))
        return;
    folder = guest_folder(manager, def);
    remove_state(folder);
}
