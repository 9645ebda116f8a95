/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Samples go through every step; what comes out is what libvirt 9.0 with QEMU 7.2 keeps for them (expected/). */
#include <string.h>
#include "base/error.h"
#include "domain/domain.h"
#include "domain/tests/hints.h"

static const char *const samples[] = {"minimal",       "linux-q35",      "legacy-i440fx",
                                      "every-class",   "direct-kernel",  "q35-conventional",
                                      "many-disks-pc", "many-disks-q35", "resctrl"};

static char *
load(const char *folder, const char *name)
{
    g_autofree char *file = g_strdup_printf("%s.xml", name);
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, folder, file, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static VbDomainDef *
prepare(const char *text)
{
    g_autoptr(GError) error = NULL;
    VbDomainDef *def =
        vb_domain_prepare(text, VB_DOMAIN_PARSE_INACTIVE, vb_domain_test_hints(), &error);

    g_assert_no_error(error);
    return def;
}

/* parse, format, parse again: equal; format: stable */
static void
test_round_trip(gconstpointer data)
{
    g_autofree char *text = load("samples", data);
    g_autoptr(GError) error = NULL;
    g_autoptr(VbDomainDef) first = vb_domain_parse(text, 0, &error);
    g_autoptr(VbDomainDef) second = NULL;
    g_autoptr(VbDomainDef) copy = NULL;
    g_autofree char *once = NULL, *twice = NULL, *copied = NULL;

    g_assert_no_error(error);
    once = vb_domain_format(first, VB_DOMAIN_FORMAT_LIVE | VB_DOMAIN_FORMAT_SECURE);
    second = vb_domain_parse(once, 0, &error);
    g_assert_no_error(error);
    g_assert_true(vb_xml_equal(&vb_domain_type, first, second));
    twice = vb_domain_format(second, VB_DOMAIN_FORMAT_LIVE | VB_DOMAIN_FORMAT_SECURE);
    g_assert_cmpstr(once, ==, twice);
    copy = vb_domain_copy(first);
    copied = vb_domain_format(copy, VB_DOMAIN_FORMAT_LIVE | VB_DOMAIN_FORMAT_SECURE);
    g_assert_cmpstr(once, ==, copied);
}

static void assert_same(const char *name, const char *text, const char *expected);

/* written as we write: what libvirt 9.0 does not know is not lost on the way */
static void
test_kept(gconstpointer data)
{
    g_autofree char *text = load("samples", data);
    g_autoptr(GError) error = NULL;
    g_autoptr(VbDomainDef) def = vb_domain_parse(text, 0, &error);
    g_autofree char *shown = NULL;

    g_assert_no_error(error);
    shown = vb_domain_format(def, VB_DOMAIN_FORMAT_LIVE);
    assert_same(data, shown, text);
}

/* says where two texts part, not both of them whole */
static void
assert_same(const char *name, const char *text, const char *expected)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_auto(GStrv) wanted = g_strsplit(expected, "\n", -1);

    for (guint i = 0; wanted[i] || lines[i]; i++) {
        if (g_strcmp0(lines[i], wanted[i]) == 0)
            continue;
        g_test_message("%s, line %u: '%s', expected '%s'", name, i + 1, lines[i], wanted[i]);
        g_test_fail();
        return;
    }
}

static char *
define(const char *text)
{
    g_autoptr(VbDomainDef) def = prepare(text);

    return vb_domain_format(def, VB_DOMAIN_FORMAT_SECURE);
}

/* a definition that is defined again may change once (libvirt sorts its controllers then, and so do we), then stays */
static void
test_expected(gconstpointer data)
{
    g_autofree char *text = load("samples", data);
    g_autofree char *expected = load("expected", data);
    g_autofree char *once = define(text);
    g_autofree char *twice = define(once);
    g_autofree char *thrice = define(twice);

    assert_same(data, once, expected);
    assert_same(data, thrice, twice);
    g_assert_cmpuint(strlen(twice), ==, strlen(once));
}

static void
test_secrets(void)
{
    g_autofree char *text = load("samples", "linux-q35");
    g_autoptr(VbDomainDef) def = prepare(text);
    g_autofree char *open = vb_domain_format(def, 0);
    g_autofree char *secure = vb_domain_format(def, VB_DOMAIN_FORMAT_SECURE);

    g_assert_null(strstr(open, "passwd"));
    g_assert_nonnull(strstr(secure, "passwd='secret'"));
}

/* what only a running guest has is shown live and left out of the definition */
static void
test_live(void)
{
    g_autofree char *text = load("samples", "direct-kernel");
    g_autoptr(VbDomainDef) def = prepare(text);
    VbDomainChr *serial = g_ptr_array_index(def->serials, 0);
    g_autofree char *before = vb_domain_format(def, 0);
    g_autofree char *live = NULL, *inactive = NULL, *cleared = NULL;

    def->id = 7;
    def->has_id = TRUE;
    serial->source.path = g_strdup("/dev/pts/3");
    vb_domain_assign_aliases(def);
    live = vb_domain_format(def, VB_DOMAIN_FORMAT_LIVE);
    inactive = vb_domain_format(def, 0);
    g_assert_nonnull(strstr(live, "<domain type='qemu' id='7'>"));
    g_assert_nonnull(
        strstr(live, "<console type='pty' tty='/dev/pts/3'>\n      <source path='/dev/pts/3'/>\n"
                     "      <target type='serial' port='0'/>\n      <alias name='serial0'/>"));
    g_assert_cmpstr(inactive, ==, before);
    vb_domain_clear_live(def);
    cleared = vb_domain_format(def, 0);
    g_assert_cmpstr(cleared, ==, before);
}

static gboolean
has_alias(const VbDomainDef *def, const char *alias)
{
    g_autofree char *element = g_strdup_printf("<alias name='%s'/>", alias);
    g_autofree char *text = vb_domain_format(def, VB_DOMAIN_FORMAT_LIVE);

    return strstr(text, element) != NULL;
}

static void
test_aliases(void)
{
    static const struct {
        const char *sample;
        const char *aliases[16];
    } cases[] = {
        {"linux-q35",
         {"virtio-disk0", "sata0-0-0", "usb", "ide", "pcie.0", "pci.1", "virtio-serial0", "net0",
          "serial0", "channel0", "channel1", "input0", "sound0", "video0", "redir1", "rng0"}},
        {"legacy-i440fx",
         {"ide0-0-0", "ide0-1-0", "scsi0-0-0", "scsi1-0-0", "fdc0-0-0", "fdc0", "scsi1", "ide",
          "pci.0", "serial1", "parallel0", "watchdog0", "balloon0"}},
        {"every-class",
         {"scsi0-0-0-0", "usb-disk2", "fs0", "net2", "smartcard0", "ccid0", "hostdev1", "hub0",
          "shmem0", "vsock0", "tpm0", "virtio-serial1", "balloon0", "video1"}},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = load("samples", cases[i].sample);
        g_autoptr(VbDomainDef) def = prepare(text);

        vb_domain_assign_aliases(def);
        for (guint a = 0; a < G_N_ELEMENTS(cases[i].aliases) && cases[i].aliases[a]; a++) {
            if (!has_alias(def, cases[i].aliases[a]))
                g_test_fail_printf("%s: no alias %s", cases[i].sample, cases[i].aliases[a]);
        }
    }
}

static void
test_user_alias(void)
{
    g_autoptr(VbDomainDef) def = prepare(
        "<domain type='qemu'><name>a</name><memory>65536</memory><os><type>hvm</type></os><devices>"
        "<interface type='user'><alias name='ua-mine'/></interface>"
        "<interface type='user'><alias name='net7'/></interface></devices></domain>");
    const VbDomainNet *mine = g_ptr_array_index(def->nets, 0),
                      *other = g_ptr_array_index(def->nets, 1);

    g_assert_cmpstr(mine->info.alias, ==, "ua-mine");
    g_assert_null(other->info.alias);
    vb_domain_assign_aliases(def);
    g_assert_cmpstr(mine->info.alias, ==, "ua-mine");
    g_assert_cmpstr(other->info.alias, ==, "net1");
}

static void
test_generated(void)
{
    const char *text =
        "<domain type='qemu'><name>a</name><memory>65536</memory><os><type>hvm</type></os><devices>"
        "<interface type='user'/></devices></domain>";
    g_autoptr(VbDomainDef) one = prepare(text), two = prepare(text);
    const VbDomainNet *net = g_ptr_array_index(one->nets, 0);

    g_assert_true(one->uuid.is_set);
    g_assert_cmpmem(net->mac.bytes, 3, "\x52\x54\x00", 3);
    g_assert_cmpint(memcmp(one->uuid.bytes, two->uuid.bytes, sizeof(one->uuid.bytes)), !=, 0);
}

static void
test_find(void)
{
    g_autofree char *text = load("samples", "linux-q35");
    g_autoptr(VbDomainDef) def = prepare(text);

    g_assert_nonnull(vb_domain_find_disk(def, "vda"));
    g_assert_true(vb_domain_find_disk(def, "/var/lib/images/linux.qcow2") ==
                  vb_domain_find_disk(def, "vda"));
    g_assert_null(vb_domain_find_disk(def, "vdz"));
    g_assert_nonnull(vb_domain_find_net(def, "52:54:00:11:22:33"));
    g_assert_null(vb_domain_find_net(def, "vnet0"));
    g_assert_cmpuint(vb_domain_online_vcpus(def), ==, 2);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/domain/round-trip/newer", "newer", test_round_trip);
    g_test_add_data_func("/domain/kept/newer", "newer", test_kept);
    for (guint i = 0; i < G_N_ELEMENTS(samples); i++) {
        g_autofree char *round_trip = g_strdup_printf("/domain/round-trip/%s", samples[i]);
        g_autofree char *expected = g_strdup_printf("/domain/expected/%s", samples[i]);

        g_test_add_data_func(round_trip, samples[i], test_round_trip);
        g_test_add_data_func(expected, samples[i], test_expected);
    }
    g_test_add_func("/domain/secrets", test_secrets);
    g_test_add_func("/domain/live", test_live);
    g_test_add_func("/domain/aliases", test_aliases);
    g_test_add_func("/domain/user-alias", test_user_alias);
    g_test_add_func("/domain/generated", test_generated);
    g_test_add_func("/domain/find", test_find);
    return g_test_run();
}
