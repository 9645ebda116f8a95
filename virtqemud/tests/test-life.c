/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests with a real emulator: start, states, events, end, and what a second manager finds after the first is gone. */
#include "define.h"
#include "domain-private.h"
#include "manager.h"

#include "base/error.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    char *root;
    QemuCapsCache *caps;
    QemuManager *manager;
    GString *story;
    GError *error;
    gboolean is_done;
} Fixture;

static VbHost *shared_host;

static void
on_event(QemuManager *manager, const VbEvent *event, gpointer data)
{
    Fixture *fixture = data;
    gint32 kind = -1, detail = -1;
    if (event->details) {
        g_variant_lookup(event->details, "event", "i", &kind);
        g_variant_lookup(event->details, "detail", "i", &detail);
    }
    g_string_append_printf(fixture->story, "%s%s", event->kind, event->is_late ? "(late)" : "");
    if (strcmp(event->kind, "lifecycle") == 0)
        g_string_append_printf(fixture->story, ":%d.%d", kind, detail);
    g_string_append_c(fixture->story, ' ');
}

static void
on_done(QemuDomain *domain, GError *error, gpointer data)
{
    Fixture *fixture = data;
    fixture->is_done = TRUE;
    fixture->error = error ? g_error_copy(error) : NULL;
}

static void
wait_done(Fixture *fixture)
{
    gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (!fixture->is_done) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_main_context_iteration(NULL, TRUE);
    }
    fixture->is_done = FALSE;
}

static void
wait_story(Fixture *fixture, const char *end)
{
    gint64 deadline = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    while (!strstr(fixture->story->str, end)) {
        if (g_get_monotonic_time() > deadline)
            g_error("waited for %s, have %s", end, fixture->story->str);
        g_main_context_iteration(NULL, TRUE);
    }
}

static void
open_manager(Fixture *fixture)
{
    static const QemuManagerListener listener = {.event = on_event};
    QemuManagerConfig config = {.root = fixture->root, .caps = fixture->caps, .host = shared_host};
    g_autoptr(GError) error = NULL;
    fixture->manager = qemu_manager_new(&config, &error);
    g_assert_no_error(error);
    qemu_manager_set_listener(fixture->manager, &listener, fixture);
    g_assert_true(qemu_manager_load(fixture->manager, &error));
    qemu_manager_recover(fixture->manager);
}

static QemuCapsCache *shared_caps;
static char *caps_folder;

static void
setup(Fixture *fixture, gconstpointer data)
{
    fixture->root = g_dir_make_tmp("virtbus-life-XXXXXX", NULL);
    fixture->story = g_string_new(NULL);
    fixture->caps = shared_caps;
    open_manager(fixture);
}

static void
remove_tree(const char *path)
{
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", path);
    g_assert_cmpint(system(command), ==, 0);
}

static void
teardown(Fixture *fixture, gconstpointer data)
{
    g_clear_error(&fixture->error);
    qemu_manager_free(fixture->manager);
    g_string_free(fixture->story, TRUE);
    remove_tree(fixture->root);
    g_free(fixture->root);
}

static char *
guest_xml(const char *devices)
{
    return g_strdup_printf(
        "<domain type='qemu'><name>vm</name><memory unit='MiB'>32</memory>"
        "<vcpu>1</vcpu><os><type arch='x86_64'>hvm</type></os><devices>"
        "<serial type='pty'/><controller type='usb' model='none'/><memballoon model='virtio'/>"
        "%s</devices></domain>",
        devices);
}

static QemuDomain *
define(Fixture *fixture, const char *devices)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml = guest_xml(devices);
    QemuDomain *old = qemu_manager_find_by_name(fixture->manager, "vm", NULL);
    g_assert_true(!old || qemu_domain_undefine(old, 0, NULL));
    QemuDomain *domain = qemu_manager_define(fixture->manager, xml, 0, &error);
    g_assert_no_error(error);
    g_string_truncate(fixture->story, 0);
    return domain;
}

static void
expect_no_files(Fixture *fixture)
{
    g_autofree char *status = qemu_manager_status_path(fixture->manager, "vm");
    g_autofree char *pidfile = qemu_manager_pidfile_path(fixture->manager, "vm");
    g_autoptr(GDir) lib = g_dir_open(fixture->manager->lib_dir, 0, NULL);
    const char *name;
    g_assert_false(g_file_test(status, G_FILE_TEST_EXISTS));
    g_assert_false(g_file_test(pidfile, G_FILE_TEST_EXISTS));
    while ((name = g_dir_read_name(lib)))
        g_assert_false(g_str_has_prefix(name, "domain-"));
}

static void
start(Fixture *fixture, QemuDomain *domain, guint flags)
{
    qemu_domain_start(domain, flags, on_done, fixture);
    wait_done(fixture);
    g_assert_no_error(fixture->error);
}

static void
test_life(Fixture *fixture, gconstpointer data)
{
    QemuDomain *domain = define(fixture, "");
    start(fixture, domain, 0);
    g_assert_cmpstr(fixture->story->str, ==, "lifecycle:4.0 lifecycle:2.0 ");
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_RUNNING);
    g_assert_cmpint(domain->reason, ==, VIR_DOMAIN_RUNNING_BOOTED);
    g_assert_cmpuint(domain->vcpu_tids->len, ==, 1);
    VbDomainChr *serial = domain->live->serials->pdata[0];
    g_assert_true(g_str_has_prefix(serial->source.path, "/dev/pts/"));

    qemu_domain_start(domain, 0, on_done, fixture);
    wait_done(fixture);
    g_assert_cmpstr(fixture->error->message, ==,
                    "Requested operation is not valid: domain is already running");
    g_clear_error(&fixture->error);

    g_string_truncate(fixture->story, 0);
    qemu_domain_suspend(domain, on_done, fixture);
    wait_done(fixture);
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_PAUSED);
    g_assert_cmpint(domain->reason, ==, VIR_DOMAIN_PAUSED_USER);
    qemu_domain_resume(domain, on_done, fixture);
    wait_done(fixture);
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_RUNNING);
    qemu_domain_reset(domain, 0, on_done, fixture);
    wait_done(fixture);
    wait_story(fixture, "reboot ");
    g_assert_cmpstr(fixture->story->str, ==, "lifecycle:3.0 lifecycle:4.0 reboot ");

    g_string_truncate(fixture->story, 0);
    qemu_domain_destroy(domain, 0, on_done, fixture);
    wait_done(fixture);
    g_assert_no_error(fixture->error);
    g_assert_cmpstr(fixture->story->str, ==, "lifecycle:6.2 lifecycle:5.1 ");
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_SHUTOFF);
    g_assert_cmpint(domain->reason, ==, VIR_DOMAIN_SHUTOFF_DESTROYED);
    expect_no_files(fixture);
}

static void
test_stopped_process(Fixture *fixture, gconstpointer data)
{
    QemuDomain *domain = define(fixture, "");
    start(fixture, domain, VIR_DOMAIN_START_PAUSED);
    g_assert_cmpstr(fixture->story->str, ==, "lifecycle:2.0 lifecycle:3.0 ");
    g_assert_true(qemu_process_kill(domain->process, SIGSTOP, NULL));
    gint64 before = g_get_monotonic_time();
    qemu_domain_destroy(domain, 0, on_done, fixture);
    wait_done(fixture);
    g_assert_no_error(fixture->error);
    g_assert_cmpint(g_get_monotonic_time() - before, <, 100000);
    expect_no_files(fixture);
}

static void
test_accident(Fixture *fixture, gconstpointer data)
{
    QemuDomain *domain = define(fixture, "");
    start(fixture, domain, 0);
    g_string_truncate(fixture->story, 0);
    g_assert_true(qemu_process_kill(domain->process, SIGKILL, NULL));
    wait_story(fixture, "lifecycle:5");
    g_assert_cmpstr(fixture->story->str, ==, "lifecycle:5.5 ");
    g_assert_cmpint(domain->reason, ==, VIR_DOMAIN_SHUTOFF_CRASHED);
    expect_no_files(fixture);
}

static void
test_failures(Fixture *fixture, gconstpointer data)
{
    QemuDomain *domain = define(fixture, "<disk type='file'><source file='/nonexistent.img'/>"
                                         "<target dev='vda' bus='virtio'/></disk>");
    qemu_domain_start(domain, 0, on_done, fixture);
    wait_done(fixture);
    g_assert_cmpstr(fixture->error->message, ==,
                    "Cannot access storage file '/nonexistent.img': No such file or directory");
    g_clear_error(&fixture->error);
    domain = define(fixture, "<interface type='network'><source network='nonet'/></interface>");
    qemu_domain_start(domain, 0, on_done, fixture);
    wait_done(fixture);
    g_assert_cmpstr(fixture->error->message, ==,
                    "Network not found: no network with matching name 'nonet'");
    g_clear_error(&fixture->error);
    /* a file that is no image: only the emulator finds out */
    g_autofree char *image = g_build_filename(fixture->root, "bad.qcow2", NULL);
    g_autofree char *disk =
        g_strdup_printf("<disk type='file'><driver name='qemu' type='qcow2'/><source file='%s'/>"
                        "<target dev='vda' bus='virtio'/></disk>",
                        image);
    g_assert_true(g_file_set_contents(image, "no image", -1, NULL));
    domain = define(fixture, disk);
    qemu_domain_start(domain, 0, on_done, fixture);
    wait_done(fixture);
    g_assert_nonnull(
        strstr(fixture->error->message, "process exited while connecting to monitor: "));
    g_assert_nonnull(strstr(fixture->error->message, "not in qcow2 format"));
    g_clear_error(&fixture->error);
    g_assert_cmpstr(fixture->story->str, ==, "");
    g_assert_cmpint(domain->id, ==, -1);
    expect_no_files(fixture);
}

static void
test_transient(Fixture *fixture, gconstpointer data)
{
    g_autofree char *xml = guest_xml("");
    qemu_manager_create(fixture->manager, xml, 0, on_done, fixture);
    wait_done(fixture);
    g_assert_no_error(fixture->error);
    QemuDomain *domain = qemu_manager_find_by_name(fixture->manager, "vm", NULL);
    g_assert_nonnull(domain);
    g_autoptr(QemuDomain) keep = qemu_domain_ref(domain);
    qemu_domain_destroy(domain, 0, on_done, fixture);
    wait_done(fixture);
    g_assert_null(qemu_manager_find_by_name(fixture->manager, "vm", NULL));
}

/* the daemon goes and comes back: the guest is found, what happened meanwhile is told once, late */
static void
test_restart(Fixture *fixture, gconstpointer data)
{
    QemuDomain *domain = define(fixture, "");
    start(fixture, domain, 0);
    int id = domain->id;
    pid_t pid = qemu_process_get_pid(domain->process);
    qemu_manager_free(fixture->manager);
    g_string_truncate(fixture->story, 0);
    open_manager(fixture);
    domain = qemu_manager_find_by_name(fixture->manager, "vm", NULL);
    g_assert_true(qemu_domain_is_active(domain));
    g_assert_cmpint(domain->state, ==, VIR_DOMAIN_RUNNING);
    g_assert_cmpint(domain->id, ==, id);
    qemu_domain_reset(domain, 0, on_done, fixture);
    wait_done(fixture);
    g_clear_error(&fixture->error);
    while (!qemu_domain_get_monitor_age_ms(domain) && !domain->qmp)
        g_main_context_iteration(NULL, TRUE);

    qemu_manager_free(fixture->manager);
    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_string_truncate(fixture->story, 0);
    open_manager(fixture);
    g_assert_cmpstr(fixture->story->str, ==, "lifecycle(late):5.5 ");
    domain = qemu_manager_find_by_name(fixture->manager, "vm", NULL);
    g_assert_false(qemu_domain_is_active(domain));
    expect_no_files(fixture);
    qemu_manager_free(fixture->manager);
    g_string_truncate(fixture->story, 0);
    open_manager(fixture);
    g_assert_cmpstr(fixture->story->str, ==, "");
}

static void
test_on_reboot(Fixture *fixture, gconstpointer data)
{
    QemuDomain *domain = define(fixture, "");
    domain->config->on_reboot = VB_DOMAIN_ACTION_DESTROY;
    start(fixture, domain, 0);
    g_string_truncate(fixture->story, 0);
    qemu_domain_reset(domain, 0, on_done, fixture);
    wait_story(fixture, "lifecycle:5");
    g_clear_error(&fixture->error);
    g_assert_cmpstr(fixture->story->str, ==, "lifecycle:6.2 lifecycle:5.0 ");
    g_assert_cmpint(domain->reason, ==, VIR_DOMAIN_SHUTOFF_SHUTDOWN);
    expect_no_files(fixture);
}

/* ---- what one does with a running guest ---- */

static void
on_fd(QemuDomain *domain, int fd, GError *error, gpointer data)
{
    char magic[3] = "";
    g_assert_no_error(error);
    g_assert_cmpint(read(fd, magic, 2), ==, 2);
    g_assert_cmpstr(magic, ==, "\211P"); /* PNG */
    close(fd);
    on_done(domain, NULL, data);
}

static void
on_text(QemuDomain *domain, const char *text, GError *error, gpointer data)
{
    Fixture *fixture = data;
    g_string_assign(fixture->story, error ? error->message : text);
    fixture->is_done = TRUE;
}

static void
expect_answer(Fixture *fixture, QemuDomain *domain, const char *command, guint flags,
              const char *part)
{
    qemu_domain_monitor_command(domain, command, flags, on_text, fixture);
    wait_done(fixture);
    if (!strstr(fixture->story->str, part))
        g_error("%s: %s", command, fixture->story->str);
}

static void
test_devices(Fixture *fixture, gconstpointer data)
{
    QemuDomain *domain = define(fixture, "<video><model type='vga'/></video>");
    const guint keys[] = {30, 42}, unknown[] = {999};
    QemuKeys known_keys = {.codeset = VIR_KEYCODE_SET_LINUX, .keycodes = keys, .n_keycodes = 2};
    QemuKeys unknown_keys = {.codeset = VIR_KEYCODE_SET_LINUX,
                             .keycodes = unknown,
                             .n_keycodes = 1};
    start(fixture, domain, 0);
    qemu_domain_screenshot(domain, 0, 0, on_fd, fixture);
    wait_done(fixture);
    qemu_domain_send_key(domain, &known_keys, on_done, fixture);
    wait_done(fixture);
    g_assert_no_error(fixture->error);
    qemu_domain_send_key(domain, &unknown_keys, on_done, fixture);
    wait_done(fixture);
    g_assert_true(vb_error_matches(fixture->error, VIR_ERR_INVALID_ARG));
    g_clear_error(&fixture->error);
    qemu_domain_inject_nmi(domain, 0, on_done, fixture);
    wait_done(fixture);
    g_assert_no_error(fixture->error);
    expect_answer(fixture, domain, "{\"execute\":\"query-status\"}", 0, "\"running\":true");
    expect_answer(fixture, domain, "query-kvm", 0, "\"enabled\":false");
    expect_answer(fixture, domain, "no-such-thing", 0, "CommandNotFound");
    expect_answer(fixture, domain, "{\"execute\":", 0, "cannot parse json");
    expect_answer(fixture, domain, "info status", VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP,
                  "VM status: running");
    qemu_domain_destroy(domain, 0, on_done, fixture);
    wait_done(fixture);
}

static void
test_console(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    QemuDomain *domain = define(fixture, "");
    g_assert_cmpint(qemu_domain_open_console(domain, NULL, 0, &error), ==, -1);
    g_assert_cmpstr(error->message, ==, "Requested operation is not valid: domain is not running");
    g_clear_error(&error);
    start(fixture, domain, VIR_DOMAIN_START_PAUSED);
    int first = qemu_domain_open_console(domain, "", 0, &error);
    g_assert_no_error(error);
    g_assert_cmpint(qemu_domain_open_console(domain, "serial0", 0, &error), ==, -1);
    g_assert_cmpstr(error->message, ==,
                    "operation failed: Active console session exists for this domain");
    g_clear_error(&error);
    g_assert_cmpint(qemu_domain_open_console(domain, "nothing", 0, &error), ==, -1);
    g_assert_true(vb_error_matches(error, VIR_ERR_INVALID_ARG));
    g_clear_error(&error);
    close(first);
    first = qemu_domain_open_console(domain, NULL, 0, &error);
    g_assert_no_error(error);
    int second = qemu_domain_open_console(domain, NULL, VIR_DOMAIN_CONSOLE_FORCE, &error);
    if (geteuid() == 0) {
        char byte;
        g_assert_no_error(error);
        g_assert_cmpint(read(first, &byte, 1), <=, 0); /* hung up */
        close(second);
    }
    close(first);
    qemu_domain_destroy(domain, 0, on_done, fixture);
    wait_done(fixture);
}

static void
on_facts(gpointer data)
{
    ((Fixture *)data)->is_done = TRUE;
}

static void
test_facts(Fixture *fixture, gconstpointer data)
{
    QemuDomain *domain = define(fixture, "");
    g_autoptr(GPtrArray) domains = g_ptr_array_new();
    g_ptr_array_add(domains, domain);
    qemu_facts_refresh(domains, QEMU_FACTS_ALL, QEMU_FACTS_DEADLINE_MS, on_facts, fixture);
    g_assert_true(fixture->is_done); /* nothing to ask */
    fixture->is_done = FALSE;
    start(fixture, domain, 0);
    qemu_facts_refresh(domains, QEMU_FACTS_ALL, 5000, on_facts, fixture);
    wait_done(fixture);
    for (guint i = 0; i < QEMU_FACTS_N_KINDS; i++)
        if (QEMU_FACTS_ALL & 1u << i)
            g_assert_cmpint(domain->facts->updated_us[i], >, 0);
    g_assert_cmpuint(domain->facts->balloon_kib, ==, 32768);
    g_assert_true(qemu_process_kill(domain->process, SIGSTOP, NULL));
    gint64 before = g_get_monotonic_time();
    for (guint i = 0; i < 3; i++) {
        qemu_facts_refresh(domains, QEMU_FACTS_ALL, 10, on_facts, fixture);
        wait_done(fixture);
    }
    g_assert_cmpint(g_get_monotonic_time() - before, <, 300000);
    qemu_domain_destroy(domain, 0, on_done, fixture);
    wait_done(fixture);
    g_assert_no_error(fixture->error);
}

/* ---- kill -9 at every step ---- */

static gboolean
has_emulator(const char *uuid)
{
    g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(proc))) {
        g_autofree char *path = g_build_filename("/proc", name, "cmdline", NULL);
        g_autofree char *text = NULL;
        gsize length = 0;
        if (!g_ascii_isdigit(*name) || !g_file_get_contents(path, &text, &length, NULL))
            continue;
        if (memmem(text, length, uuid, strlen(uuid)))
            return TRUE;
    }
    return FALSE;
}

/* The same in a process that is killed at @step. */
static void
run_and_die(Fixture *fixture, const char *step)
{
    pid_t pid = fork();
    int status;
    if (pid > 0) {
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        return;
    }
    g_setenv("VIRTBUS_CRASH_AT", step, TRUE);
    open_manager(fixture);
    QemuDomain *domain = qemu_manager_find_by_name(fixture->manager, "vm", NULL);
    qemu_domain_start(domain, 0, on_done, fixture);
    wait_done(fixture);
    qemu_domain_destroy(domain, 0, on_done, fixture);
    wait_done(fixture);
    _exit(0);
}

static void
count_lifecycle(const VbEvent *event, gpointer data)
{
    gint32 kind = -1;
    if (strcmp(event->kind, "lifecycle") == 0)
        g_variant_lookup(event->details, "event", "i", &kind);
    if (kind == VIR_DOMAIN_EVENT_STARTED || kind == VIR_DOMAIN_EVENT_STOPPED)
        g_string_append_printf(data, "%d", kind);
}

static void
test_crash(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *step;
        gboolean is_running;
        const char *told; /* started and stopped, in the whole log */
    } rows[] = {
        {"start-begin", FALSE, ""},   {"start-status", FALSE, ""},    {"start-prepared", FALSE, ""},
        {"start-spawned", FALSE, ""}, {"start-connected", FALSE, ""}, {"start-event", TRUE, "2"},
        {"start-done", TRUE, "2"},    {"stop-event", FALSE, "25"},    {"stop-cleaned", FALSE, "25"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) told = g_string_new(NULL);
        QemuDomain *domain = define(fixture, "");
        g_autofree char *uuid = g_strdup(domain->uuid_text);
        guint64 sequence = vb_events_get_sequence(fixture->manager->events);
        qemu_manager_free(fixture->manager);
        run_and_die(fixture, rows[i].step);
        open_manager(fixture);
        domain = qemu_manager_find_by_name(fixture->manager, "vm", NULL);
        g_assert_nonnull(domain);
        while (!rows[i].is_running && (qemu_domain_is_active(domain) || has_emulator(uuid)))
            g_main_context_iteration(NULL, FALSE);
        g_test_message("killed at %s", rows[i].step);
        vb_events_since(fixture->manager->events, vb_events_get_epoch(fixture->manager->events),
                        sequence, count_lifecycle, told);
        g_assert_cmpstr(told->str, ==, rows[i].told);
        g_assert_cmpint(qemu_domain_is_active(domain), ==, rows[i].is_running);
        if (rows[i].is_running) {
            g_assert_cmpint(domain->state, ==, VIR_DOMAIN_RUNNING);
            qemu_domain_destroy(domain, 0, on_done, fixture);
            wait_done(fixture);
            g_assert_no_error(fixture->error);
        }
        expect_no_files(fixture);
        g_assert_true(qemu_domain_undefine(domain, 0, NULL));
    }
}

static void
on_caps(QemuCaps *caps, const GError *error, gpointer data)
{
    g_assert_no_error(error);
    *(gboolean *)data = TRUE;
}

/* definitions need to know the emulator */
static void
await_caps(void)
{
    gboolean is_known = FALSE;
    const char *emulator = qemu_caps_cache_get_default_emulator(shared_caps, "x86_64");
    g_assert_nonnull(emulator);
    qemu_caps_cache_get(shared_caps, emulator, QEMU_ACCEL_TCG, on_caps, &is_known);
    while (!is_known)
        g_main_context_iteration(NULL, TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    shared_host = vb_host_new(NULL, NULL);
    caps_folder = g_dir_make_tmp("virtbus-life-caps-XXXXXX", NULL);
    QemuCapsConfig config = {.cache_dir = caps_folder,
                             .run_dir = caps_folder,
                             .procfs = "/proc",
                             .accel = QEMU_ACCEL_CHOICE_TCG};
    shared_caps = qemu_caps_cache_new(&config);
    await_caps();
    g_test_add("/life/life", Fixture, NULL, setup, test_life, teardown);
    g_test_add("/life/stopped-process", Fixture, NULL, setup, test_stopped_process, teardown);
    g_test_add("/life/accident", Fixture, NULL, setup, test_accident, teardown);
    g_test_add("/life/failures", Fixture, NULL, setup, test_failures, teardown);
    g_test_add("/life/transient", Fixture, NULL, setup, test_transient, teardown);
    g_test_add("/life/restart", Fixture, NULL, setup, test_restart, teardown);
    g_test_add("/life/on-reboot", Fixture, NULL, setup, test_on_reboot, teardown);
    g_test_add("/life/devices", Fixture, NULL, setup, test_devices, teardown);
    g_test_add("/life/console", Fixture, NULL, setup, test_console, teardown);
    g_test_add("/life/facts", Fixture, NULL, setup, test_facts, teardown);
    g_test_add("/life/crash", Fixture, NULL, setup, test_crash, teardown);
    int result = g_test_run();
    qemu_caps_cache_free(shared_caps);
    vb_host_free(shared_host);
    remove_tree(caps_folder);
    return result;
}
