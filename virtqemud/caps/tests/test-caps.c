/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Capabilities: the cache file's round trip, what invalidates it, failing emulators, and a real probe where an emulator
 * is installed. */
#include "caps/caps-private.h"
#include <glib/gstdio.h>
#include <string.h>

#define MACHINES                                                                                   \
    "[{\"name\":\"pc-q35-7.2\",\"alias\":\"q35\",\"cpu-max\":288},{\"name\":\"none\",\"cpu-max\":" \
    "1},"                                                                                          \
    "{\"name\":\"pc-i440fx-7.2\",\"alias\":\"pc\",\"is-default\":true,\"cpu-max\":255,\"default-"  \
    "ram-id\":\"pc.ram\"}]"
#define MODELS                                                                                     \
    "[{\"name\":\"qemu64\",\"unavailable-features\":[]},"                                          \
    "{\"name\":\"EPYC\",\"unavailable-features\":[\"sha-ni\",\"vaes\"],\"deprecated\":true}]"

static QemuCaps *
make_caps(void)
{
    QemuCaps *caps = qemu_caps_new("/usr/bin/qemu-system-x86_64");
    g_autoptr(VbJson) machines = vb_json_parse(MACHINES, -1, NULL);
    g_autoptr(VbJson) models = vb_json_parse(MODELS, -1, NULL);

    caps->arch = g_strdup("x86_64");
    caps->version = 7002022;
    qemu_caps_take_machines(caps, machines);
    qemu_caps_take_cpu_models(caps, QEMU_ACCEL_TCG, models);
    qemu_caps_add_type(caps, "virtio-blk-pci");
    qemu_caps_add_type(caps, "virtio-rng-pci");
    qemu_caps_add_type(caps, "virtio-rng-device");
    g_hash_table_add(caps->commands, g_strdup("blockdev-reopen"));
    g_hash_table_add(caps->options, g_strdup("sandbox.spawn"));
    g_hash_table_add(caps->facts, g_strdup("schema:netdev_add/arg-type/+stream"));
    return caps;
}

static gboolean
has_flag(const GPtrArray *flags, const char *flag)
{
    guint n = 0;

    for (guint i = 0; i < flags->len; i++)
        n += g_str_equal(flags->pdata[i], flag);
    g_assert_cmpuint(n, <=, 1);
    return n == 1;
}

static void
check_flags(const QemuCaps *caps)
{
    g_autoptr(GPtrArray) flags = qemu_caps_libvirt_flags(caps);

    g_assert_true(has_flag(flags, "netdev.stream"));
    g_assert_true(has_flag(flags, "no-hpet"));
    g_assert_true(has_flag(flags, "compat-deprecated"));
    g_assert_true(has_flag(flags, "virtio-rng")); /* has two of the types that stand for it */
    g_assert_false(has_flag(flags, "kvm"));
    g_assert_false(has_flag(flags, "sdl"));
    g_assert_false(has_flag(flags, "seccomp-sandbox"));
    g_assert_false(has_flag(flags, "virtio-blk-pci.scsi"));
    g_assert_false(has_flag(flags, "incremental-backup")); /* takes two facts, one is there */
}

static void
check_caps(const QemuCaps *caps)
{
    const QemuCpuModel *model;

    g_assert_cmpuint(qemu_caps_get_version(caps), ==, 7002022);
    g_assert_cmpuint(qemu_caps_get_machines(caps)->len, ==, 2);
    g_assert_cmpstr(qemu_caps_get_default_machine(caps)->name, ==, "pc-i440fx-7.2");
    g_assert_cmpstr(qemu_caps_get_default_machine(caps)->default_ram_id, ==, "pc.ram");
    g_assert_cmpuint(qemu_caps_find_machine(caps, "q35")->max_cpus, ==, 288);
    g_assert_null(qemu_caps_find_machine(caps, "none"));
    model = qemu_caps_find_cpu_model(caps, QEMU_ACCEL_TCG, "EPYC");
    g_assert_cmpstr(model->unavailable[1], ==, "vaes");
    g_assert_true(model->is_deprecated);
    g_assert_true(qemu_caps_has_device(caps, "virtio-blk-pci"));
    g_assert_false(qemu_caps_has_device(caps, "virtio-blk"));
    g_assert_true(qemu_caps_has_option(caps, "sandbox", "spawn"));
    g_assert_false(qemu_caps_has_accel(caps, QEMU_ACCEL_KVM));
    check_flags(caps);
}

static void
test_file(void)
{
    g_autoptr(QemuCaps) caps = make_caps();
    g_autofree char *text = qemu_caps_to_json(caps, "id 1");
    g_autoptr(QemuCaps) again =
        qemu_caps_from_json(text, strlen(text), qemu_caps_get_path(caps), "id 1");

    check_caps(caps);
    g_assert_nonnull(again);
    check_caps(again);
}

/* every cut of the file, another identity and another program are "not known" */
static void
test_file_damage(void)
{
    g_autoptr(QemuCaps) caps = make_caps();
    g_autofree char *text = qemu_caps_to_json(caps, "id 1");
    gsize length = strlen(text);

    for (gsize cut = 0; cut < length; cut += 7)
        g_assert_null(qemu_caps_from_json(text, cut, qemu_caps_get_path(caps), "id 1"));
    g_assert_null(qemu_caps_from_json(text, length, qemu_caps_get_path(caps), "id 2"));
    g_assert_null(qemu_caps_from_json(text, length, "/usr/bin/other", "id 1"));
}

static void
test_identity(void)
{
    g_autofree char *folder = g_dir_make_tmp("caps-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "qemu", NULL);
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    g_autofree char *other_host = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_null(qemu_caps_identity(path, "host 1", &error));
    g_assert_true(vb_error_matches(error, VIR_ERR_SYSTEM_ERROR));
    g_assert_true(g_file_set_contents(path, "one", -1, NULL));
    first = qemu_caps_identity(path, "host 1", NULL);
    g_assert_true(g_file_set_contents(path, "three", -1, NULL));
    second = qemu_caps_identity(path, "host 1", NULL);
    g_assert_cmpstr(first, !=, second);
    other_host = qemu_caps_identity(path, "host 2", NULL);
    g_assert_cmpstr(other_host, !=, second);
    (void)g_remove(path);
    (void)g_rmdir(folder);
}

/* ---- the cache ---- */

typedef struct {
    GMainLoop *loop;
    QemuCaps *caps;
    char *message;
} Answer;

static void
on_answer(QemuCaps *caps, const GError *error, gpointer data)
{
    Answer *answer = data;

    answer->caps = caps ? qemu_caps_ref(caps) : NULL;
    answer->message = error ? g_strdup(error->message) : NULL;
    g_main_loop_quit(answer->loop);
}

static Answer
ask(QemuCapsCache *cache, const char *emulator)
{
    Answer answer = {.loop = g_main_loop_new(NULL, FALSE)};

    qemu_caps_cache_get(cache, emulator, QEMU_ACCEL_TCG, on_answer, &answer);
    g_assert_null(answer.message);
    g_main_loop_run(answer.loop);
    g_main_loop_unref(answer.loop);
    return answer;
}

static QemuCapsCache *
make_cache(const char *folder, QemuAccelChoice accel)
{
    const QemuCapsConfig config = {.cache_dir = folder, .run_dir = folder, .accel = accel};

    return qemu_caps_cache_new(&config);
}

static void
remove_folder(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);

        (void)g_remove(path);
    }
    (void)g_rmdir(folder);
}

/* an emulator that ends at once: its own words are in the error, and the next request tries again */
static void
test_broken_emulator(void)
{
    g_autofree char *folder = g_dir_make_tmp("caps-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "qemu", NULL);
    QemuCapsCache *cache = make_cache(folder, QEMU_ACCEL_CHOICE_TCG);
    g_autofree char *missing = g_build_filename(folder, "missing", NULL);
    Answer answer;

    g_assert_true(
        g_file_set_contents(path, "#!/bin/sh\necho out of order >&2\nexit 1\n", -1, NULL));
    g_assert_cmpint(g_chmod(path, 0755), ==, 0);
    for (guint i = 0; i < 2; i++) {
        answer = ask(cache, path);
        g_assert_null(answer.caps);
        g_assert_nonnull(strstr(answer.message, "out of order"));
        g_free(answer.message);
    }
    answer = ask(cache, missing);
    g_assert_nonnull(strstr(answer.message, "Cannot check QEMU binary"));
    g_free(answer.message);
    g_assert_null(qemu_caps_cache_peek(cache, path));
    qemu_caps_cache_free(cache);
    remove_folder(folder);
}

static void
test_real_emulator(void)
{
    g_autofree char *folder = g_dir_make_tmp("caps-XXXXXX", NULL);
    QemuCapsCache *cache = make_cache(folder, QEMU_ACCEL_CHOICE_TCG);
    g_autofree char *emulator = g_strdup(qemu_caps_cache_get_default_emulator(cache, NULL));
    g_autoptr(QemuCaps) known = NULL;
    Answer answer;

    if (!emulator) {
        g_test_skip("no emulator for this host is installed");
    } else {
        g_assert_null(qemu_caps_cache_peek(cache, emulator));
        answer = ask(cache, emulator);
        g_assert_cmpstr(answer.message, ==, NULL);
        g_assert_cmpuint(qemu_caps_get_version(answer.caps), >, 5000000);
        g_assert_nonnull(qemu_caps_get_default_machine(answer.caps));
        g_assert_true(qemu_caps_has_command(answer.caps, "query-status"));
        qemu_caps_unref(answer.caps);
        /* a second daemon reads the file */
        qemu_caps_cache_free(cache);
        cache = make_cache(folder, QEMU_ACCEL_CHOICE_TCG);
        known = qemu_caps_cache_peek(cache, emulator);
        g_assert_nonnull(known);
    }
    qemu_caps_cache_free(cache);
    remove_folder(folder);
}

/* ---- the schema ---- */

static const char schema_text[] =
    "[{\"name\":\"add\",\"meta-type\":\"command\",\"arg-type\":\"1\",\"ret-type\":\"4\","
    "\"features\":[\"json\"]},"
    "{\"name\":\"1\",\"meta-type\":\"object\",\"members\":[{\"name\":\"type\",\"type\":\"2\"},{"
    "\"name\":\"all\",\"type\":\"[3]\"}],"
    "\"tag\":\"type\",\"variants\":[{\"case\":\"file\",\"type\":\"3\"}]},"
    "{\"name\":\"2\",\"meta-type\":\"enum\",\"values\":[\"file\",\"host\"]},"
    "{\"name\":\"3\",\"meta-type\":\"object\",\"members\":[{\"name\":\"path\",\"type\":\"str\"}]},"
    "{\"name\":\"[3]\",\"meta-type\":\"array\",\"element-type\":\"3\"},"
    "{\"name\":\"[x]\",\"meta-type\":\"array\",\"element-type\":\"[x]\"},"
    "{\"name\":\"loop\",\"meta-type\":\"command\",\"arg-type\":\"[x]\"},"
    "{\"name\":\"str\",\"meta-type\":\"builtin\"},{\"meta-type\":\"broken\"},7]";

static void
test_schema(void)
{
    static const char *const there[] = {"add",
                                        "add/arg-type",
                                        "add/$json",
                                        "add/arg-type/type/^host",
                                        "add/arg-type/+file/path",
                                        "add/arg-type/all/path"};
    static const char *const missing[] = {"",
                                          "sub",
                                          "add/$xml",
                                          "add/ret-type",
                                          "add/arg-type/type/^net",
                                          "add/arg-type/+host",
                                          "add/arg-type/path",
                                          "add/arg-type/type/^host/more",
                                          "add/arg-type/all/path/more",
                                          "add/members",
                                          "loop/arg-type/x"};
    g_autoptr(VbJson) json = vb_json_parse(schema_text, -1, NULL);
    QemuSchema *schema = qemu_schema_new(json);

    for (guint i = 0; i < G_N_ELEMENTS(there); i++)
        g_assert_true(qemu_schema_has(schema, there[i]));
    for (guint i = 0; i < G_N_ELEMENTS(missing); i++)
        g_assert_false(qemu_schema_has(schema, missing[i]));
    qemu_schema_free(schema);
}

static void
check_fact(const char *fact, gpointer n)
{
    g_assert_true(g_str_has_prefix(fact, "schema:"));
    (*(guint *)n)++;
}

static void
test_wanted_facts(void)
{
    guint n = 0;

    qemu_caps_each_wanted_fact("schema:", check_fact, &n);
    g_assert_cmpuint(n, >, 30);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/caps/file", test_file);
    g_test_add_func("/caps/file-damage", test_file_damage);
    g_test_add_func("/caps/schema", test_schema);
    g_test_add_func("/caps/wanted-facts", test_wanted_facts);
    g_test_add_func("/caps/identity", test_identity);
    g_test_add_func("/caps/broken-emulator", test_broken_emulator);
    g_test_add_func("/caps/real-emulator", test_real_emulator);
    return g_test_run();
}
