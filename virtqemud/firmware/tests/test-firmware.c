/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which descriptors count, what they may say, which image a definition gets, and the file of its variables. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "firmware/firmware.h"

#define NVRAM_DIR "/nvram"

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
read_set(const char *name)
{
    g_autofree char *folder =
        g_build_filename(g_getenv("FIRMWARE_TEST_FOLDER"), "sets", name, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)qemu_firmware_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *entry;

    g_assert_nonnull(dir);
    while ((entry = g_dir_read_name(dir)))
        g_ptr_array_add(names, g_build_filename(folder, entry, NULL));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;

        g_assert_true(g_file_get_contents(names->pdata[i], &text, NULL, NULL));
        g_ptr_array_add(all, qemu_firmware_parse(text, -1, &error));
        g_assert_no_error(error);
    }
    g_ptr_array_unref(names);
    return all;
}

static VbDomainDef *
make_def(const char *attributes, const char *inside, const char *machine, const char *rest)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *xml =
        g_strdup_printf("<domain type='qemu'><name>g</name><memory>65536</memory><os%s>"
                        "<type arch='x86_64' machine='%s'>hvm</type>%s</os>%s</domain>",
                        attributes, machine, inside, rest);
    VbDomainDef *def = vb_domain_parse(xml, VB_DOMAIN_PARSE_INACTIVE, &error);

    g_assert_no_error(error);
    return def;
}

#define EFI " firmware='efi'"
#define BIOS " firmware='bios'"
#define Q35 "pc-q35-7.2"
#define PC "pc-i440fx-7.2"
#define WISH(name, state) "<feature enabled='" state "' name='" name "'/>"
#define WISHES(list) "<firmware>" list "</firmware>"
#define PFLASH(path) "<loader readonly='yes' type='pflash'>" path "</loader>"

static const struct {
    const char *set, *attributes, *inside, *machine, *rest;
    const char *image, *variables; /* NULL: none; image NULL: refused */
    const char *smm, *secure;
} choices[] = {
    {"host", EFI, "", Q35, "", "/fw/code.secure.fd", "/fw/vars.keys.fd", "yes", "yes"},
    {"host", EFI, "", PC, "", "/fw/code.fd", "/fw/vars.fd", NULL, NULL},
    {"host", EFI, WISHES(WISH("secure-boot", "no")), Q35, "", "/fw/code.fd", "/fw/vars.fd", NULL,
     NULL},
    {"host", EFI, WISHES(WISH("enrolled-keys", "no")), Q35, "", "/fw/code.secure.fd", "/fw/vars.fd",
     "yes", "yes"},
    {"host", EFI, WISHES(WISH("enrolled-keys", "no") WISH("secure-boot", "no")), Q35, "",
     "/fw/code.fd", "/fw/vars.fd", NULL, NULL},
    {"host", EFI, WISHES(WISH("secure-boot", "yes")), PC, "", NULL, NULL, NULL, NULL},
    {"host", EFI, "<loader secure='yes'/>", Q35, "", "/fw/code.secure.fd", "/fw/vars.keys.fd",
     "yes", "yes"},
    {"host", EFI, "<loader secure='yes'/>", PC, "", NULL, NULL, NULL, NULL},
    {"host", EFI, "<loader stateless='yes'/>", Q35, "", "/fw/stateless.fd", NULL, NULL, NULL},
    {"host", EFI, "<loader stateless='no'/>", PC, "", "/fw/code.fd", "/fw/vars.fd", NULL, NULL},
    {"host", EFI, "", Q35, "<pm><suspend-to-mem enabled='yes'/></pm>", "/fw/code.secure.fd",
     "/fw/vars.keys.fd", "yes", "yes"},
    {"host", EFI, "", Q35, "<pm><suspend-to-disk enabled='yes'/></pm>", NULL, NULL, NULL, NULL},
    {"host", EFI, "", Q35, "<launchSecurity type='sev'><policy>0x0001</policy></launchSecurity>",
     "/fw/code.fd", "/fw/vars.fd", NULL, NULL},
    {"host", EFI, "<loader stateless='yes'/>", Q35,
     "<launchSecurity type='sev'><policy>0x0007</policy></launchSecurity>", "/fw/stateless.fd",
     NULL, NULL, NULL},
    {"host", EFI, "", Q35, "<launchSecurity type='sev'><policy>0x0007</policy></launchSecurity>",
     NULL, NULL, NULL, NULL},
    {"host", EFI, "", "isapc", "", NULL, NULL, NULL, NULL},
    {"host", BIOS, "", Q35, "", "/fw/bios.bin", NULL, NULL, NULL},
    {"host", BIOS, "<loader stateless='no'/>", Q35, "", NULL, NULL, NULL, NULL},
    {"host", "", PFLASH("/fw/code.fd"), PC, "", "/fw/code.fd", "/fw/vars.fd", NULL, NULL},
    {"host", "", PFLASH("/fw/code.secure.fd"), Q35, "", "/fw/code.secure.fd", "/fw/vars.keys.fd",
     "yes", "yes"},
    {"host", "", PFLASH("/fw/code.secure.fd"), PC, "", "/fw/code.secure.fd", NULL, NULL, NULL},
    {"host", "", PFLASH("/own/code.fd"), Q35, "", "/own/code.fd", NULL, NULL, NULL},
    {"host", "", PFLASH("/fw/code.fd") "<nvram template='/own/vars.fd'/>", Q35, "", "/fw/code.fd",
     "/own/vars.fd", NULL, NULL},
    {"qcow2", EFI, "", Q35, "", "/fw/code.qcow2", "/fw/vars.qcow2", NULL, NULL},
    {"qcow2", EFI, "<loader format='raw'/>", Q35, "", "/fw/code.fd", "/fw/vars.fd", NULL, NULL},
    {"qcow2", EFI, WISHES(WISH("secure-boot", "yes")), Q35, "", NULL, NULL, NULL, NULL},
};

static const char *
state_name(VbTristate state)
{
    return state == VB_TRISTATE_YES ? "yes" : state == VB_TRISTATE_NO ? "no" : NULL;
}

static void
test_choices(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(choices); i++) {
        g_autoptr(GPtrArray) all = read_set(choices[i].set);
        g_autoptr(VbDomainDef) def =
            make_def(choices[i].attributes, choices[i].inside, choices[i].machine, choices[i].rest);
        g_autoptr(GError) error = NULL;
        const gboolean was_auto = def->os.firmware != NULL;

        g_test_message("case %u", i);
        g_assert_cmpint(qemu_firmware_fill(def, all, NVRAM_DIR, &error), ==,
                        choices[i].image != NULL);
        if (!choices[i].image) {
            g_assert_error(error, VB_ERROR, VIR_ERR_OPERATION_FAILED);
            g_assert_nonnull(strstr(error->message, "Unable to find any firmware to satisfy '"));
            continue;
        }
        g_assert_no_error(error);
        g_assert_null(def->os.firmware);
        g_assert_cmpstr(def->os.loader->path, ==, choices[i].image);
        g_assert_cmpstr(def->os.nvram ? def->os.nvram->template_path : NULL, ==,
                        choices[i].variables);
        g_assert_cmpstr(state_name(def->features.smm), ==, choices[i].smm);
        g_assert_cmpstr(state_name(def->os.loader->secure), ==, choices[i].secure);
        if (was_auto && choices[i].variables)
            g_assert_cmpstr(def->os.nvram->path, ==, NVRAM_DIR "/g_VARS.fd");
    }
}

static void
test_formats(void)
{
    g_autoptr(GPtrArray) all = read_set("qcow2");
    g_autoptr(VbDomainDef) def = make_def(EFI, "", Q35, "");
    g_autoptr(VbDomainDef) raw = make_def(EFI, "<loader format='raw'/>", Q35, "");

    g_assert_true(qemu_firmware_fill(def, all, NVRAM_DIR, NULL));
    g_assert_cmpstr(def->os.loader->format, ==, "qcow2");
    g_assert_cmpstr(def->os.nvram->template_format, ==, "qcow2");
    g_assert_cmpstr(def->os.nvram->format, ==, "qcow2");
    g_assert_true(qemu_firmware_fill(raw, all, NVRAM_DIR, NULL));
    g_assert_null(raw->os.loader->format);
    g_assert_null(raw->os.nvram->format);
}

static void
test_smm_forbidden(void)
{
    g_autoptr(GPtrArray) all = read_set("host");
    g_autoptr(VbDomainDef) def =
        make_def(EFI, "", Q35, "<features><acpi/><smm state='off'/></features>");
    g_autoptr(GError) error = NULL;

    g_assert_false(qemu_firmware_fill(def, all, NVRAM_DIR, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_OPERATION_INVALID);
    g_assert_cmpstr(error->message, ==,
                    "Requested operation is not valid: domain has SMM turned off but chosen "
                    "firmware requires it");
}

static void
test_summary(void)
{
    g_autoptr(GPtrArray) all = read_set("host");
    QemuFirmwareSummary q35 = qemu_firmware_summarize(all, "x86_64", Q35);
    QemuFirmwareSummary pc = qemu_firmware_summarize(all, "x86_64", PC);
    QemuFirmwareSummary arm = qemu_firmware_summarize(all, "aarch64", "virt-7.2");

    g_assert_true(q35.has_bios && q35.has_efi && q35.has_secure);
    g_assert_cmpuint(q35.images->len, ==, 5);
    g_assert_cmpstr(q35.images->pdata[1], ==, "/fw/code.secure.fd");
    g_assert_true(pc.has_bios && pc.has_efi && !pc.has_secure);
    g_assert_cmpuint(pc.images->len, ==, 2);
    g_assert_true(!arm.has_bios && arm.has_efi && arm.images->len == 1);
    g_ptr_array_unref(q35.images);
    g_ptr_array_unref(pc.images);
    g_ptr_array_unref(arm.images);
}

static void
test_broken(void)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{",
        "{\"interface-types\":[\"strange\"],\"mapping\":{\"device\":\"memory\",\"filename\":\"/"
        "a\"}}",
        "{\"interface-types\":[\"bios\"]}",
        "{\"interface-types\":[\"bios\"],\"mapping\":{\"device\":\"tape\"}}",
        "{\"interface-types\":[\"bios\"],\"mapping\":{\"device\":\"memory\"}}",
        "{\"mapping\":{\"device\":\"flash\",\"executable\":{\"filename\":\"/a\"}}}",
        "{\"mapping\":{\"device\":\"flash\",\"executable\":{\"filename\":\"/"
        "a\",\"format\":\"raw\"}}}",
        "{\"mapping\":{\"device\":\"flash\",\"mode\":\"odd\",\"executable\":"
        "{\"filename\":\"/a\",\"format\":\"raw\"}}}",
        "{\"mapping\":{\"device\":\"memory\",\"filename\":\"/"
        "a\"},\"targets\":[{\"machines\":[\"*\"]}]}",
    };

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;

        g_test_message("text %u", i);
        g_assert_null(qemu_firmware_parse(texts[i], -1, &error));
        g_assert_nonnull(error);
    }
}

static void
put(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static gboolean
lists(const QemuInteropPlace *place, const char *path)
{
    g_autoptr(GPtrArray) paths = qemu_interop_list(place, "firmware");

    for (guint i = 0; i < paths->len; i++)
        if (g_str_equal(paths->pdata[i], path))
            return TRUE;
    return FALSE;
}

static guint
read_count(const char *root, gboolean is_session)
{
    const QemuInteropPlace place = {.root = root, .is_session = is_session};
    g_autoptr(GPtrArray) all = qemu_firmware_read_all(&place);

    return all->len;
}

/* (transfer full) below a folder of the test's own, which goes with it */
static char *
make_folder(const char *name)
{
    char *path = g_build_filename(g_get_user_cache_dir(), "vbt", name, NULL);
    g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
    return path;
}

static void
test_places(void)
{
    g_autofree char *root = make_folder("firmware");
    g_autofree char *host = g_build_filename(root, "etc/qemu/firmware", NULL);
    g_autofree char *user = g_build_filename(g_get_user_config_dir(), "qemu/firmware", NULL);
    const QemuInteropPlace system_wide = {.root = root};
    const QemuInteropPlace session = {.root = root, .is_session = TRUE};
    g_autofree char *host_a = g_build_filename(host, "vbt-a.json", NULL);
    g_autofree char *host_b = g_build_filename(host, "vbt-b.json", NULL);
    g_autofree char *host_text = g_build_filename(host, "vbt-c.txt", NULL);
    g_autofree char *user_a = g_build_filename(user, "vbt-a.json", NULL);
    guint known;

    put(host, "vbt-a.json", "{}");
    put(host, "vbt-b.json", "{}");
    put(host, "vbt-c.txt", "{}");
    put(user, "vbt-a.json", "{}");
    put(user, "vbt-b.json", ""); /* hides the host's */
    g_assert_true(lists(&system_wide, host_a) && lists(&system_wide, host_b));
    g_assert_false(lists(&system_wide, host_text) || lists(&system_wide, user_a));
    g_assert_true(lists(&session, user_a));
    g_assert_false(lists(&session, host_a) || lists(&session, host_b));
    /* what nobody understands hides nothing else: the host's own are there, these two are not */
    known = read_count(root, FALSE);
    put(host, "vbt-b.json",
        "{\"interface-types\":[\"uefi\"],\"mapping\":{\"device\":\"memory\",\"filename\":\"/a\"}}");
    g_assert_cmpuint(read_count(root, FALSE), ==, known + 1);
    g_assert_cmpuint(read_count(root, TRUE), ==, known); /* hidden by the user's */
}

static char *
make_nvram_def(const char *dir, const char *template_path, VbDomainDef **ret_def)
{
    g_autofree char *inside =
        g_strdup_printf(PFLASH("/own/code.fd") "<nvram%s%s%s>%s/g_VARS.fd</nvram>",
                        template_path ? " template='" : "", template_path ? template_path : "",
                        template_path ? "'" : "", dir);

    *ret_def = make_def("", inside, Q35, "");
    return qemu_nvram_path(*ret_def, dir);
}

static void
test_nvram(void)
{
    g_autofree char *root = make_folder("nvram");
    g_autofree char *dir = g_build_filename(root, "nvram", NULL);
    g_autofree char *template_path = g_build_filename(root, "vars.fd", NULL);
    g_autoptr(VbDomainDef) def = NULL, bare = NULL;
    g_autofree char *path = make_nvram_def(dir, template_path, &def);
    g_autofree char *same = make_nvram_def(dir, NULL, &bare);
    g_autofree char *text = NULL, *kept = NULL, *again = NULL;
    g_autoptr(GError) error = NULL;
    GStatBuf info;

    g_assert_false(qemu_nvram_make(def, dir, FALSE, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_SYSTEM_ERROR);
    g_assert_nonnull(strstr(error->message, "Failed to open file '"));
    g_clear_error(&error);
    g_assert_false(qemu_nvram_make(bare, dir, FALSE, &error));
    g_assert_cmpstr(error->message, ==,
                    "operation failed: unable to find any master var store for loader: "
                    "/own/code.fd");
    g_clear_error(&error);

    g_assert_true(g_file_set_contents(template_path, "new", -1, NULL));
    g_assert_true(qemu_nvram_make(def, dir, FALSE, &error));
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "new");
    g_assert_cmpint(g_stat(path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600);
    /* the guest's own from now on */
    g_assert_true(g_file_set_contents(path, "written", -1, NULL));
    g_assert_true(qemu_nvram_make(def, dir, FALSE, &error));
    g_assert_true(qemu_nvram_make(bare, dir, FALSE, &error));
    g_assert_true(g_file_get_contents(path, &kept, NULL, NULL));
    g_assert_cmpstr(kept, ==, "written");
    g_assert_true(qemu_nvram_make(def, dir, TRUE, &error));
    g_assert_true(g_file_get_contents(path, &again, NULL, NULL));
    g_assert_cmpstr(again, ==, "new");
    g_assert_no_error(error);
}

static void
test_nvram_elsewhere(void)
{
    g_autoptr(VbDomainDef) def =
        make_def("", PFLASH("/own/code.fd") "<nvram type='block'><source dev='/dev/x'/></nvram>",
                 Q35, "");
    g_autoptr(VbDomainDef) file =
        make_def("", PFLASH("/own/code.fd") "<nvram type='file'><source file='/a/b.fd'/></nvram>",
                 Q35, "");
    g_autoptr(VbDomainDef) automatic = make_def(EFI, "", Q35, "");
    g_autoptr(VbDomainDef) none = make_def("", "", Q35, "");
    g_autofree char *path = qemu_nvram_path(def, NVRAM_DIR);
    g_autofree char *file_path = qemu_nvram_path(file, NVRAM_DIR);
    g_autofree char *automatic_path = qemu_nvram_path(automatic, NVRAM_DIR);
    g_autofree char *none_path = qemu_nvram_path(none, NVRAM_DIR);
    g_autoptr(GError) error = NULL;

    g_assert_null(path);
    g_assert_cmpstr(file_path, ==, "/a/b.fd");
    g_assert_cmpstr(automatic_path, ==, NVRAM_DIR "/g_VARS.fd");
    g_assert_null(none_path);
    g_assert_true(qemu_nvram_make(def, NVRAM_DIR, FALSE, &error)); /* the user's own affair */
    g_assert_false(qemu_nvram_make(def, NVRAM_DIR, TRUE, &error));
    g_assert_error(error, VB_ERROR, VIR_ERR_OPERATION_UNSUPPORTED);
}

/* as the emulator takes it, which runs in the root folder */
static void
test_nvram_relative(void)
{
    g_autoptr(VbDomainDef) def =
        make_def("",
                 PFLASH("/own/code.fd") "<nvram template='/none/vars.fd' templateFormat='raw' "
                                        "format='qcow2'>vbt-none.fd</nvram>",
                 Q35, "");
    g_autofree char *path = qemu_nvram_path(def, NVRAM_DIR);
    g_autofree char *dir = make_folder("nvram-relative");
    g_autoptr(GError) error = NULL;
    g_assert_cmpstr(path, ==, "/vbt-none.fd");
    g_assert_false(qemu_nvram_make(def, dir, FALSE, &error));
    g_assert_nonnull(strstr(error->message, "cannot convert NVRAM template: "));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
    g_test_add_func("/firmware/choices", test_choices);
    g_test_add_func("/firmware/formats", test_formats);
    g_test_add_func("/firmware/smm-forbidden", test_smm_forbidden);
    g_test_add_func("/firmware/summary", test_summary);
    g_test_add_func("/firmware/broken", test_broken);
    g_test_add_func("/firmware/places", test_places);
    g_test_add_func("/firmware/nvram", test_nvram);
    g_test_add_func("/firmware/nvram-elsewhere", test_nvram_elsewhere);
    g_test_add_func("/firmware/nvram-relative", test_nvram_relative);
    return g_test_run();
}
