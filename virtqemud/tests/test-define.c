/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions: name and UUID rules, what is on disk when a call returns, what a new manager finds, lists, metadata. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <utime.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "base/error.h"
#include "define.h"
#include "stats.h"

#define UUID_A "11111111-1111-4111-8111-111111111111"
#define UUID_B "22222222-2222-4222-8222-222222222222"
#define UUID_C "33333333-3333-4333-8333-333333333333"
#define UNKNOWN_STATS (1u << 30)

static char *top;
static const char *procfs = "/proc";
static GString *events; /* "NAME:EVENT/DETAIL " ... */

static void
on_event(QemuManager *manager, const VbEvent *event, gpointer data)
{
    int number = -1;
    int detail = -1;

    if (strcmp(event->kind, "lifecycle") == 0) {
        g_variant_lookup(event->details, "event", "i", &number);
        g_variant_lookup(event->details, "detail", "i", &detail);
        g_string_append_printf(events, "%s:%d/%d ", event->name, number, detail);
    } else {
        g_string_append_printf(events, "%s:%s ", event->name, event->kind);
    }
}

static QemuManager *
open_manager(void)
{
    static const QemuManagerListener listener = {.event = on_event};
    const QemuManagerConfig config = {.root = top, .procfs = procfs, .sysfs = "/sys"};
    g_autoptr(GError) error = NULL;
    QemuManager *manager = qemu_manager_new(&config, &error);

    g_assert_no_error(error);
    qemu_manager_set_listener(manager, &listener, NULL);
    g_assert_true(qemu_manager_load(manager, &error));
    g_assert_no_error(error);
    return manager;
}

static char *
guest_xml(const char *name, const char *uuid, const char *more)
{
    return g_strdup_printf(
        "<domain type='qemu'>\n<name>%s</name>\n<uuid>%s</uuid>\n<memory unit='MiB'>64</memory>\n"
        "<vcpu>2</vcpu><os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>\n%s"
        "<devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>",
        name, uuid, more);
}

static QemuDomain *
define(QemuManager *manager, const char *name, const char *uuid)
{
    g_autofree char *xml = guest_xml(name, uuid, "");
    g_autoptr(GError) error = NULL;
    QemuDomain *domain = qemu_manager_define(manager, xml, 0, &error);

    g_assert_no_error(error);
    g_assert_nonnull(domain);
    return domain;
}

static void
define_fails(QemuManager *manager, const char *xml, int code, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(qemu_manager_define(manager, xml, 0, &error));
    g_assert_error(error, VB_ERROR, code);
    g_assert_nonnull(strstr(error->message, message));
}

static void
assert_events(const char *expected)
{
    g_assert_cmpstr(events->str, ==, expected);
    g_string_truncate(events, 0);
}

static char *
path_of(const char *below)
{
    return g_strconcat(top, below, NULL);
}

static gboolean
is_there(const char *below)
{
    g_autofree char *path = path_of(below);

    return access(path, F_OK) == 0;
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir =
        g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        remove_tree(child);
    }
    g_assert_cmpint(g_remove(path), ==, 0);
}

static QemuManager *
set_up(void)
{
    top = g_dir_make_tmp("virtbus-define-XXXXXX", NULL);
    events = g_string_new(NULL);
    return open_manager();
}

static void
tear_down(QemuManager *manager)
{
    qemu_manager_free(manager);
    g_string_free(events, TRUE);
    remove_tree(top);
    g_clear_pointer(&top, g_free);
}

static void
test_rules(void)
{
    QemuManager *manager = set_up();
    g_autofree char *same_name = guest_xml("a", UUID_B, "");
    g_autofree char *same_uuid = guest_xml("b", UUID_A, "");
    g_autofree char *path = path_of("/etc/libvirt/qemu/a.xml");
    g_autofree char *text = NULL;
    QemuDomain *a = define(manager, "a", UUID_A);

    assert_events("a:0/0 ");
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_true(g_str_has_prefix(text, "<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE."));
    g_assert_nonnull(strstr(text, "\n  virsh edit a\n"));
    g_assert_nonnull(strstr(text, "-->\n\n<domain type='qemu'>\n  <name>a</name>\n"));
    define_fails(manager, same_name, VIR_ERR_OPERATION_FAILED,
                 "operation failed: domain 'a' already exists with uuid " UUID_A);
    define_fails(manager, same_uuid, VIR_ERR_OPERATION_FAILED,
                 "operation failed: domain 'a' is already defined with uuid " UUID_A);
    define_fails(manager, "<domain", VIR_ERR_XML_DETAIL, "(domain_definition):1: ");
    assert_events("");
    g_assert_true(define(manager, "a", UUID_A) == a);
    assert_events("a:0/1 ");
    tear_down(manager);
}

static void
test_restart(void)
{
    QemuManager *manager = set_up();
    g_autofree char *broken = path_of("/etc/libvirt/qemu/broken.xml");
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    QemuDomain *a = define(manager, "a", UUID_A);

    g_assert_true(qemu_domain_set_autostart(a, TRUE, NULL));
    g_assert_true(is_there("/etc/libvirt/qemu/autostart/a.xml"));
    before = qemu_domain_get_xml(a, VIR_DOMAIN_XML_SECURE, NULL);
    (void)define(manager, "b", UUID_B);
    qemu_manager_free(manager);
    g_assert_true(g_file_set_contents(broken, "<domain>", -1, NULL));
    manager = open_manager();
    g_assert_cmpuint(g_hash_table_size(manager->by_uuid), ==, 2);
    a = qemu_manager_find_by_name(manager, "a", NULL);
    g_assert_true(a->is_autostart);
    g_assert_false(qemu_manager_find_by_name(manager, "b", NULL)->is_autostart);
    after = qemu_domain_get_xml(a, VIR_DOMAIN_XML_SECURE, NULL);
    g_assert_cmpstr(after, ==, before);
    g_assert_true(qemu_domain_set_autostart(a, FALSE, NULL));
    g_assert_false(is_there("/etc/libvirt/qemu/autostart/a.xml"));
    tear_down(manager);
}

static void
put_file(const char *below)
{
    g_autofree char *path = path_of(below);
    g_autofree char *folder = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
}

static void
undefine_fails(QemuDomain *domain, guint flags, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(qemu_domain_undefine(domain, flags, &error));
    g_assert_cmpstr(error->message, ==, message);
}

/* Enough of them that several threads read; broken ones and one that says the same as another are left out. */
static void
test_many(void)
{
    enum { N = 300 };
    QemuManager *manager = set_up();

    qemu_manager_free(manager);
    for (guint i = 0; i < N; i++) {
        g_autofree char *name = g_strdup_printf("vm%u", i);
        g_autofree char *uuid = g_strdup_printf("11111111-1111-4111-8111-%012u", i);
        g_autofree char *below = g_strdup_printf("/etc/libvirt/qemu/%s.xml", name);
        g_autofree char *path = path_of(below);
        g_autofree char *xml = i % 50 == 7 ? g_strdup("<domain") : guest_xml(name, uuid, "");

        g_assert_true(g_file_set_contents(path, xml, -1, NULL));
        if (i == 0) {
            g_autofree char *twin = path_of("/etc/libvirt/qemu/zz-twin.xml");
            g_assert_true(g_file_set_contents(twin, xml, -1, NULL));
        }
    }
    manager = open_manager();
    g_assert_cmpuint(g_hash_table_size(manager->by_uuid), ==, N - N / 50);
    g_assert_cmpuint(g_hash_table_size(manager->by_name), ==, N - N / 50);
    g_assert_null(qemu_manager_find_by_name(manager, "vm57", NULL));
    for (guint i = 0; i < N; i++) {
        g_autofree char *name = g_strdup_printf("vm%u", i);
        QemuDomain *domain = qemu_manager_find_by_name(manager, name, NULL);

        g_assert_true(!domain == (i % 50 == 7));
        if (domain)
            g_assert_cmpstr(domain->config->name, ==, name);
    }
    tear_down(manager);
}

/* The power went just after two definitions and the end of a third had been acknowledged. */
static void
test_power_cut(void)
{
    QemuManager *manager = set_up();
    g_autofree char *log_path = path_of("/var/lib/libvirt/qemu/virtbus-definitions.log");
    g_autofree char *a_path = path_of("/etc/libvirt/qemu/a.xml");
    g_autofree char *b_path = path_of("/etc/libvirt/qemu/b.xml");
    g_autofree char *next_boot = path_of("/next-boot");
    g_autofree char *titled = guest_xml("a", UUID_A, "<title>changed</title>");
    g_autofree char *log = NULL;
    gsize length = 0;

    (void)define(manager, "a", UUID_A);
    qemu_manager_free(manager); /* the log's file is there when this returns */
    manager = open_manager();
    (void)define(manager, "gone", UUID_C);
    g_assert_nonnull(qemu_manager_define(manager, titled, 0, NULL));
    (void)define(manager, "b", UUID_B);
    g_assert_true(qemu_domain_undefine(qemu_manager_find_by_name(manager, "gone", NULL), 0, NULL));
    g_assert_true(g_file_get_contents(log_path, &log, &length, NULL));
    qemu_manager_free(manager);
    g_assert_true(g_file_set_contents(log_path, log, (gssize)length, NULL));
    g_assert_cmpint(g_unlink(b_path), ==, 0);
    g_assert_cmpint(truncate(a_path, 0), ==, 0);
    g_assert_cmpint(g_utime(a_path, &(struct utimbuf){1000, 1000}), ==, 0);
    procfs = next_boot;
    manager = open_manager();
    procfs = "/proc";
    g_assert_cmpuint(g_hash_table_size(manager->by_uuid), ==, 2);
    g_assert_cmpstr(qemu_manager_find_by_name(manager, "a", NULL)->config->title, ==, "changed");
    g_assert_nonnull(qemu_manager_find_by_name(manager, "b", NULL));
    tear_down(manager);
}

static void
test_undefine(void)
{
    QemuManager *manager = set_up();
    QemuDomain *a = define(manager, "a", UUID_A);

    g_assert_true(qemu_domain_set_autostart(a, TRUE, NULL));
    put_file("/var/lib/libvirt/qemu/save/a.save");
    undefine_fails(a, 0,
                   "Requested operation is not valid: Refusing to undefine while domain managed "
                   "save image exists");
    put_file("/var/lib/libvirt/qemu/snapshot/a/s1.xml");
    undefine_fails(
        a, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE,
        "Requested operation is not valid: cannot delete inactive domain with 1 snapshots");
    undefine_fails(a, 1 << 20, "unsupported flags (0x100000) in function qemuDomainUndefineFlags");
    undefine_fails(a, VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM,
                   "Requested operation is not valid: cannot both keep and delete nvram");
    g_assert_true(is_there("/etc/libvirt/qemu/a.xml"));
    g_string_truncate(events, 0);
    g_assert_true(qemu_domain_undefine(
        a, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA, NULL));
    assert_events("a:1/0 ");
    g_assert_false(is_there("/etc/libvirt/qemu/a.xml"));
    g_assert_false(is_there("/var/lib/libvirt/qemu/save/a.save"));
    g_assert_false(is_there("/var/lib/libvirt/qemu/snapshot/a"));
    g_assert_false(is_there("/etc/libvirt/qemu/autostart/a.xml"));
    g_assert_null(qemu_manager_find_by_name(manager, "a", NULL));
    (void)define(manager, "a", UUID_B); /* name is free again */
    tear_down(manager);
}

static void
rename_fails(QemuDomain *domain, const char *name, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(qemu_domain_rename(domain, name, 0, &error));
    g_assert_cmpstr(error->message, ==, message);
}

static void
test_rename(void)
{
    QemuManager *manager = set_up();
    QemuDomain *a = define(manager, "a", UUID_A);

    (void)define(manager, "b", UUID_B);
    g_assert_true(qemu_domain_set_autostart(a, TRUE, NULL));
    put_file("/var/lib/libvirt/qemu/save/a.save");
    rename_fails(a, "b", "Requested operation is not valid: domain with name 'b' already exists");
    rename_fails(a, "a", "Requested operation is not valid: Can't rename domain to itself");
    rename_fails(a, "x/y", "XML error: name x/y cannot contain '/'");
    g_string_truncate(events, 0);
    g_assert_true(qemu_domain_rename(a, "c", 0, NULL));
    assert_events("a:1/1 c:0/2 ");
    g_assert_true(qemu_manager_find_by_name(manager, "c", NULL) == a);
    g_assert_false(is_there("/etc/libvirt/qemu/a.xml"));
    g_assert_true(is_there("/etc/libvirt/qemu/autostart/c.xml"));
    g_assert_false(is_there("/etc/libvirt/qemu/autostart/a.xml"));
    g_assert_true(is_there("/var/lib/libvirt/qemu/save/c.save"));
    tear_down(manager);
}

/* killed after the new file was written and before the old one was removed */
static void
test_interrupted_rename(void)
{
    QemuManager *manager = set_up();
    QemuDomain *a = define(manager, "a", UUID_A);
    g_autoptr(VbDomainDef) renamed = vb_domain_copy(a->config);

    g_assert_true(qemu_domain_set_autostart(a, TRUE, NULL));
    put_file("/var/lib/libvirt/qemu/save/a.save");
    g_free(renamed->name);
    renamed->name = g_strdup("z");
    g_usleep(20000); /* a later time stamp, whatever the file system's grain */
    g_assert_true(qemu_manager_store(manager, renamed, NULL));
    qemu_manager_free(manager);
    manager = open_manager();
    g_assert_cmpuint(g_hash_table_size(manager->by_uuid), ==, 1);
    a = qemu_manager_find_by_name(manager, "z", NULL);
    g_assert_nonnull(a);
    g_assert_true(a->is_autostart);
    g_assert_true(qemu_domain_has_managed_save(a));
    g_assert_false(is_there("/etc/libvirt/qemu/a.xml"));
    g_assert_true(is_there("/etc/libvirt/qemu/z.xml"));
    tear_down(manager);
}

typedef struct {
    const char *step;
    const char *after; /* names that a restart finds, sorted */
} Crash;

static void
act(QemuManager *manager, const char *step)
{
    if (g_str_has_prefix(step, "define")) {
        (void)define(manager, "b", UUID_B);
    } else if (g_str_has_prefix(step, "undefine")) {
        (void)qemu_domain_undefine(qemu_manager_find_by_name(manager, "a", NULL), 0, NULL);
    } else {
        (void)qemu_domain_rename(qemu_manager_find_by_name(manager, "a", NULL), "z", 0, NULL);
    }
}

static void
die_at(QemuManager *manager, const char *step)
{
    const pid_t pid = fork();
    int status;

    if (pid == 0) {
        g_setenv("VIRTBUS_CRASH_AT", step, TRUE);
        act(manager, step);
        _exit(0);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp((*(QemuDomain *const *)a)->name, (*(QemuDomain *const *)b)->name);
}

static char *
list_names(QemuManager *manager)
{
    g_autoptr(GPtrArray) list = qemu_manager_list(manager, 0);
    GString *names = g_string_new(NULL);

    g_ptr_array_sort(list, compare_names);
    for (guint i = 0; i < list->len; i++)
        g_string_append(names, ((QemuDomain *)g_ptr_array_index(list, i))->name);
    return g_string_free(names, FALSE);
}

static void
test_crash(gconstpointer data)
{
    const Crash *crash = data;
    QemuManager *manager = set_up();
    g_autofree char *names = NULL;
    g_autofree char *files = path_of("/etc/libvirt/qemu");
    g_autoptr(GDir) dir = NULL;
    guint n_files = 0;
    const char *name;

    g_assert_true(qemu_domain_set_autostart(define(manager, "a", UUID_A), TRUE, NULL));
    die_at(manager, crash->step);
    qemu_manager_free(manager);
    manager = open_manager();
    names = list_names(manager);
    g_assert_cmpstr(names, ==, crash->after);
    dir = g_dir_open(files, 0, NULL);
    while ((name = g_dir_read_name(dir)))
        n_files += g_str_has_suffix(name, ".xml") || strstr(name, "vbtmp") != NULL;
    g_assert_cmpuint(n_files, ==, strlen(crash->after)); /* nothing half-done is left */
    tear_down(manager);
}

static guint
count(QemuManager *manager, guint flags)
{
    g_autoptr(GPtrArray) list = qemu_manager_list(manager, flags);

    return list->len;
}

static void
test_list(void)
{
    QemuManager *manager = set_up();
    QemuDomain *a = define(manager, "a", UUID_A);

    (void)define(manager, "b", UUID_B);
    g_assert_true(qemu_domain_set_autostart(a, TRUE, NULL));
    put_file("/var/lib/libvirt/qemu/snapshot/a/s1.xml");
    g_assert_cmpuint(count(manager, 0), ==, 2);
    g_assert_cmpuint(count(manager, VIR_CONNECT_LIST_DOMAINS_ACTIVE), ==, 0);
    g_assert_cmpuint(count(manager,
                           VIR_CONNECT_LIST_DOMAINS_ACTIVE | VIR_CONNECT_LIST_DOMAINS_INACTIVE),
                     ==, 2);
    g_assert_cmpuint(count(manager, VIR_CONNECT_LIST_DOMAINS_TRANSIENT), ==, 0);
    g_assert_cmpuint(count(manager,
                           VIR_CONNECT_LIST_DOMAINS_SHUTOFF | VIR_CONNECT_LIST_DOMAINS_RUNNING),
                     ==, 2);
    g_assert_cmpuint(count(manager, VIR_CONNECT_LIST_DOMAINS_OTHER), ==, 0);
    g_assert_cmpuint(count(manager, VIR_CONNECT_LIST_DOMAINS_AUTOSTART), ==, 1);
    g_assert_cmpuint(count(manager, VIR_CONNECT_LIST_DOMAINS_NO_AUTOSTART |
                                        VIR_CONNECT_LIST_DOMAINS_INACTIVE),
                     ==, 1);
    g_assert_cmpuint(count(manager, VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT), ==, 1);
    g_assert_cmpuint(count(manager, VIR_CONNECT_LIST_DOMAINS_NO_SNAPSHOT), ==, 1);
    g_assert_cmpuint(count(manager, VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE), ==, 0);
    tear_down(manager);
}

static void
set_metadata(QemuDomain *domain, int type, const char *text)
{
    const QemuMetadata change = {type, text, "k", "urn:x"};
    g_autoptr(GError) error = NULL;

    g_assert_true(qemu_domain_set_metadata(domain, &change, 0, &error));
    g_assert_no_error(error);
}

static void
test_metadata(void)
{
    static const QemuMetadata bad_title = {VIR_DOMAIN_METADATA_TITLE, "a\nb", NULL, NULL};
    QemuManager *manager = set_up();
    QemuDomain *a = define(manager, "a", UUID_A);
    g_autoptr(GError) error = NULL;
    char *text;

    g_assert_null(qemu_domain_get_metadata(a, VIR_DOMAIN_METADATA_TITLE, NULL, 0, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_NO_DOMAIN_METADATA);
    g_clear_error(&error);
    g_assert_false(qemu_domain_set_metadata(a, &bad_title, 0, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_INVALID_ARG);
    g_clear_error(&error);
    g_string_truncate(events, 0);
    set_metadata(a, VIR_DOMAIN_METADATA_TITLE, "a title");
    set_metadata(a, VIR_DOMAIN_METADATA_ELEMENT, "<z a='1'>t</z>");
    assert_events("a:metadata-change a:metadata-change ");
    qemu_manager_free(manager);
    manager = open_manager();
    a = qemu_manager_find_by_name(manager, "a", NULL);
    text = qemu_domain_get_metadata(a, VIR_DOMAIN_METADATA_TITLE, NULL, VIR_DOMAIN_AFFECT_CONFIG,
                                    NULL);
    g_assert_cmpstr(text, ==, "a title");
    g_free(text);
    text = qemu_domain_get_metadata(a, VIR_DOMAIN_METADATA_ELEMENT, "urn:x", 0, NULL);
    g_assert_cmpstr(text, ==, "<z a=\"1\">t</z>");
    g_free(text);
    g_assert_null(qemu_domain_get_metadata(a, VIR_DOMAIN_METADATA_TITLE, NULL,
                                           VIR_DOMAIN_AFFECT_LIVE, &error));
    g_assert_cmpstr(error->message, ==, "Requested operation is not valid: domain is not running");
    tear_down(manager);
}

static void
on_done(QemuDomain *domain, GError *error, gpointer data)
{
    *(char **)data = g_strdup(error ? error->message : "");
}

static void
assert_memory(QemuDomain *domain, guint64 kib, guint flags, const char *message)
{
    char *text = NULL;

    qemu_domain_set_memory(domain, kib, flags, on_done, &text);
    g_assert_cmpstr(text, ==, message);
    g_free(text);
}

static void
test_sizes(void)
{
    QemuManager *manager = set_up();
    QemuDomain *a = define(manager, "a", UUID_A);
    QemuDomainInfo info;
    char *text = NULL;

    assert_memory(a, 131072, VIR_DOMAIN_AFFECT_CONFIG,
                  "invalid argument: cannot set memory higher than max memory");
    assert_memory(a, 1024, VIR_DOMAIN_AFFECT_LIVE,
                  "Requested operation is not valid: domain is not running");
    assert_memory(a, 131072, VIR_DOMAIN_MEM_MAXIMUM | VIR_DOMAIN_AFFECT_CONFIG, "");
    assert_memory(a, 32768, VIR_DOMAIN_AFFECT_CURRENT, "");
    qemu_domain_set_vcpus(a, 3, VIR_DOMAIN_AFFECT_CONFIG, on_done, &text);
    g_assert_nonnull(strstr(
        text,
        "requested vcpus is greater than max allowable vcpus for the persistent domain: 3 > 2"));
    g_free(text);
    qemu_domain_set_vcpus(a, 1, VIR_DOMAIN_AFFECT_CONFIG, on_done, &text);
    g_assert_cmpstr(text, ==, "");
    g_free(text);
    qemu_manager_free(manager);
    manager = open_manager();
    a = qemu_manager_find_by_name(manager, "a", NULL);
    qemu_domain_get_info(a, &info);
    g_assert_cmpint(info.state, ==, VIR_DOMAIN_SHUTOFF);
    g_assert_cmpuint(info.max_memory_kib, ==, 131072);
    g_assert_cmpuint(info.memory_kib, ==, 32768);
    g_assert_cmpuint(info.n_vcpus, ==, 1);
    g_assert_cmpint(qemu_domain_get_vcpu_count(a, VIR_DOMAIN_VCPU_MAXIMUM, NULL), ==, 2);
    tear_down(manager);
}

static void
test_stats(void)
{
    QemuManager *manager = set_up();
    QemuDomain *a = define(manager, "a", UUID_A);
    g_autoptr(GVariant) stats = g_variant_ref_sink(qemu_domain_get_stats(a, 0, 0));
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_variant_print(stats, TRUE);

    g_assert_cmpstr(text, ==,
                    "{'state.state': <5>, 'state.reason': <0>, 'balloon.current': <uint64 65536>, "
                    "'balloon.maximum': <uint64 65536>, 'vcpu.current': <uint32 2>, "
                    "'vcpu.maximum': <uint32 2>, 'block.count': <uint32 0>}");
    g_assert_true(qemu_stats_check(UNKNOWN_STATS, 0, NULL));
    g_assert_false(
        qemu_stats_check(UNKNOWN_STATS, VIR_CONNECT_GET_ALL_DOMAINS_STATS_ENFORCE_STATS, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_ARGUMENT_UNSUPPORTED);
    tear_down(manager);
}

int
main(int argc, char **argv)
{
    static const Crash crashes[] = {
        {"define-before-write", "a"}, {"define-written", "ab"}, {"undefine-before-remove", "a"},
        {"undefine-removed", ""},     {"rename-written", "z"},
    };

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/define/rules", test_rules);
    g_test_add_func("/define/restart", test_restart);
    g_test_add_func("/define/many", test_many);
    g_test_add_func("/define/power-cut", test_power_cut);
    g_test_add_func("/define/undefine", test_undefine);
    g_test_add_func("/define/rename", test_rename);
    g_test_add_func("/define/interrupted-rename", test_interrupted_rename);
    g_test_add_func("/define/list", test_list);
    g_test_add_func("/define/metadata", test_metadata);
    g_test_add_func("/define/sizes", test_sizes);
    g_test_add_func("/define/stats", test_stats);
    for (guint i = 0; i < G_N_ELEMENTS(crashes); i++) {
        g_autofree char *path = g_strconcat("/define/crash/", crashes[i].step, NULL);

        g_test_add_data_func(path, &crashes[i], test_crash);
    }
    return g_test_run();
}
