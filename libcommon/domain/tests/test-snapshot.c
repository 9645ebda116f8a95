/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <domainsnapshot>: samples as libvirt writes them come out as they went in; what contradicts is refused; disks are aligned
 * with the guest's. */
#include <string.h>
#include "base/error.h"
#include "domain/snapshot.h"

#define STORED (VB_SNAPSHOT_PARSE_REDEFINE | VB_SNAPSHOT_PARSE_STORED)

static char *
load(const char *name)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "snapshots", "samples", name, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

static VbSnapshotDef *
parse(const char *text, guint flags)
{
    g_autoptr(GError) error = NULL;
    VbSnapshotDef *def = vb_snapshot_parse(text, flags, &error);

    g_assert_no_error(error);
    return def;
}

static void
test_stored(gconstpointer name)
{
    g_autofree char *text = load(name);
    g_autoptr(VbSnapshotDef) def = parse(text, STORED);
    g_autoptr(VbSnapshotDef) copy = vb_snapshot_copy(def);
    const guint flags = VB_SNAPSHOT_FORMAT_SECURE | VB_SNAPSHOT_FORMAT_STORED;
    g_autofree char *out = vb_snapshot_format(copy, NULL, flags);

    g_assert_cmpstr(out, ==, text);
    g_assert_true(vb_snapshot_validate(text, NULL));
}

static void
test_new(void)
{
    g_autofree char *text = load("new.xml");
    g_autofree char *expected = load("new.expected.xml");
    g_autoptr(VbSnapshotDef) def = parse(text, 0);
    g_autofree char *out = vb_snapshot_format(def, NULL, 0);
    g_autofree char *with_guest = NULL;

    g_assert_cmpstr(out, ==, expected);
    g_assert_true(vb_snapshot_validate(text, NULL));
    g_assert_true(vb_snapshot_is_external(def));
    with_guest = vb_snapshot_format(def, "9d37b878-a7cc-9f9a-b78f-49b3abad25a8", 0);
    g_assert_nonnull(strstr(with_guest, "  <domain>\n    <uuid>9d37b878-a7cc-9f9a-b78f-49b3abad25a8"
                                        "</uuid>\n  </domain>\n"));
}

/* what a new snapshot says of its history is not its own to say */
static void
test_history_is_dropped(void)
{
    g_autofree char *text = load("stored.xml");
    g_autoptr(VbSnapshotDef) def = parse(text, 0);

    g_assert_cmpint(def->state, ==, 0);
    g_assert_null(def->parent);
    g_assert_null(def->domain);
    g_assert_null(def->inactive_domain);
    g_assert_false(def->has_creation_time);
    g_assert_false(def->has_active);
}

static const struct {
    const char *xml;
    guint flags;
    const char *words;
} refusals[] = {
    {"<domain/>", 0, "XML error: expecting root element of 'domainsnapshot', not 'domain'"},
    {"<domainsnapshot><memory snapshot='external'/></domainsnapshot>", 0,
     "XML error: external memory snapshots require a filename"},
    {"<domainsnapshot><memory snapshot='external' file='x'/></domainsnapshot>", 0,
     "XML error: memory snapshot file path (x) must be absolute"},
    {"<domainsnapshot><memory snapshot='no' file='/x'/></domainsnapshot>", 0,
     "XML error: memory filename '/x' requires external snapshot"},
    {"<domainsnapshot><name>a</name></domainsnapshot>", STORED,
     "XML error: missing creationTime from existing snapshot"},
    {"<domainsnapshot><name>a</name><creationTime>1</creationTime></domainsnapshot>", STORED,
     "XML error: missing state from existing snapshot"},
    {"<domainsnapshot><name>a</name><creationTime>1</creationTime><state>disk-snapshot</state>"
     "<memory file='/x'/></domainsnapshot>",
     STORED, "XML error: memory state cannot be saved with offline or disk-only snapshot"},
};

static void
test_refusals(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(vb_snapshot_parse(refusals[i].xml, refusals[i].flags, &error));
        g_assert_cmpstr(error->message, ==, refusals[i].words);
    }
}

static void
test_schema(void)
{
    static const char *const bad[] = {
        "<domainsnapshot><disks><disk/></disks></domainsnapshot>",
        "<domainsnapshot><disks><disk name='vda'><source file='/x' "
        "startupPolicy='optional'/></disk>"
        "</disks></domainsnapshot>",
        "<domainsnapshot><disks><disk name='vda' type='network'><source protocol='rbd' name='a/b'>"
        "<seclabel model='dac' relabel='no'/></source></disk></disks></domainsnapshot>",
    };

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(vb_snapshot_validate(bad[i], &error));
        g_assert_true(vb_error_matches(error, VIR_ERR_XML_INVALID_SCHEMA));
    }
}

/* ---- disks ---- */

static const char guest[] =
    "<domain type='qemu'><name>g</name><devices>"
    "<disk type='file' device='disk'><source file='/i/a.b/root'/><target dev='vda'/></disk>"
    "<disk type='file' device='disk'><source file='/i/data.qcow2'/><target dev='vdb'/></disk>"
    "<disk type='block' device='disk'><source dev='/dev/sdx'/><target dev='vdc'/></disk>"
    "<disk type='file' device='disk' snapshot='no'><source file='/i/x'/><target dev='vdd'/></disk>"
    "<disk type='file' device='cdrom'><target dev='sda'/><readonly/></disk>"
    "</devices></domain>";

typedef struct {
    const char *disks;
    int fallback;
    gboolean must_match;
    const char *result; /* name:location:path of each, or why not */
} AlignCase;

static const AlignCase aligned[] = {
    {"", VB_SNAPSHOT_INTERNAL, TRUE, "vda:internal: vdb:internal: vdc:internal: vdd:no: sda:no: "},
    {"<disk name='vdc' snapshot='no'/>", VB_SNAPSHOT_EXTERNAL, FALSE,
     "vda:external:/i/a.b/root.s vdb:external:/i/data.s vdc:no: vdd:no: sda:no: "},
    {"<disk name='/i/data.qcow2'/><disk name='vdc' snapshot='no'/>", VB_SNAPSHOT_EXTERNAL, FALSE,
     "vda:external:/i/a.b/root.s vdb:external:/i/data.s vdc:no: vdd:no: sda:no: "},
    {"", VB_SNAPSHOT_EXTERNAL, FALSE,
     "unsupported configuration: cannot generate external snapshot name for disk 'vdc' on a "
     "'block' "
     "device"},
    {"<disk name='vdz'/>", VB_SNAPSHOT_INTERNAL, TRUE,
     "unsupported configuration: no disk named 'vdz'"},
    {"<disk name='vda'/><disk name='/i/a.b/root'/>", VB_SNAPSHOT_INTERNAL, TRUE,
     "unsupported configuration: disk 'vda' specified twice"},
    {"<disk name='vda' snapshot='external'/>", VB_SNAPSHOT_INTERNAL, TRUE,
     "unsupported configuration: disk 'vda' must use snapshot mode 'internal'"},
    {"<disk name='vda' snapshot='no'><source file='/n'/></disk>", VB_SNAPSHOT_EXTERNAL, FALSE,
     "unsupported configuration: file '/n' for disk 'vda' requires use of external snapshot mode"},
};

static void
test_align(gconstpointer data)
{
    const AlignCase *row = data;
    g_autofree char *text =
        g_strdup_printf("<domainsnapshot><name>s</name><disks>%s</disks></domainsnapshot>",
                        row->disks);
    g_autoptr(VbSnapshotDef) def = parse(text, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(VbDomainDef) domain = vb_domain_parse(guest, 0, &error);
    GString *result = g_string_new(NULL);

    g_assert_no_error(error);
    if (!vb_snapshot_align_disks(def, domain, row->fallback, row->must_match, &error))
        g_string_append(result, error->message);
    for (guint i = 0; !error && i < def->disks->len; i++) {
        const VbSnapshotDisk *disk = def->disks->pdata[i];
        const char *path = vb_domain_source_path(&disk->source);

        g_string_append_printf(result, "%s:%s:%s ", disk->name,
                               vb_enum_to_nick(&vb_snapshot_location_enum, disk->snapshot),
                               path ? path : "");
    }
    g_assert_cmpstr(result->str, ==, row->result);
    g_string_free(result, TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/snapshot/stored", "stored.xml", test_stored);
    g_test_add_data_func("/snapshot/old", "old.xml", test_stored);
    g_test_add_func("/snapshot/new", test_new);
    g_test_add_func("/snapshot/history", test_history_is_dropped);
    g_test_add_func("/snapshot/refusals", test_refusals);
    g_test_add_func("/snapshot/schema", test_schema);
    for (guint i = 0; i < G_N_ELEMENTS(aligned); i++) {
        g_autofree char *path = g_strdup_printf("/snapshot/align/%u", i);

        g_test_add_data_func(path, &aligned[i], test_align);
    }
    return g_test_run();
}
