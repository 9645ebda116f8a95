/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a definition with 60 devices costs: memory, which is checked, and time, which is only said (machines differ). And
 * that one with thousands costs no more than their number. */
#include <malloc.h>
#include <string.h>
#include <time.h>
#include "domain/domain.h"
#include "domain/tests/hints.h"

#define N_DISKS 30
#define N_NETS 30
#define N_HELD 64
#define N_ROUNDS 100
/* what a definition may cost */
#define LIMIT_BYTES (40 * 1024)

static char *
make_text(void)
{
    GString *text =
        g_string_new("<domain type='qemu'><name>cost</name><memory unit='GiB'>1</memory>"
                     "<vcpu>2</vcpu><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>"
                     "<features><acpi/><apic/></features><devices>");

    for (guint i = 0; i < N_DISKS; i++)
        g_string_append_printf(
            text,
            "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>"
            "<source file='/images/disk%u.qcow2'/><target dev='sd%c%c' bus='scsi'/></disk>",
            i, 'a' + i / 26, 'a' + i % 26);
    g_string_append(text, "<controller type='scsi' index='0' model='virtio-scsi'/>");
    for (guint i = 0; i < N_NETS; i++)
        g_string_append_printf(text,
                               "<interface type='bridge'><mac address='52:54:00:00:00:%02x'/>"
                               "<source bridge='br0'/><model type='virtio'/></interface>",
                               i);
    g_string_append(text, "</devices></domain>");
    return g_string_free(text, FALSE);
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

static void
test_memory(void)
{
    g_autofree char *text = make_text();
    VbDomainDef *held[N_HELD];
    gsize before;

    vb_domain_free(prepare(text)); /* tables are compiled on first use */
    before = mallinfo2().uordblks;
    for (guint i = 0; i < N_HELD; i++)
        held[i] = prepare(text);
    before = (mallinfo2().uordblks - before) / N_HELD;
    for (guint i = 0; i < N_HELD; i++)
        vb_domain_free(held[i]);
    g_test_message("%zu bytes per definition", before);
#if !defined(__SANITIZE_ADDRESS__)
    g_assert_cmpuint(before, <=, LIMIT_BYTES);
#endif
}

static void
test_time(void)
{
    g_autofree char *text = make_text();
    g_autoptr(VbDomainDef) full = prepare(text);
    g_autofree char *stored = vb_domain_format(full, 0);
    const gint64 start = g_get_monotonic_time();

    for (guint i = 0; i < N_ROUNDS; i++) {
        g_autoptr(VbDomainDef) def = prepare(stored);
        g_autofree char *again = vb_domain_format(def, 0);

        g_assert_nonnull(again);
    }
    g_test_message("%.3f ms to read, check and write",
                   (double)(g_get_monotonic_time() - start) / N_ROUNDS / 1000);
}

#define N_MANY 4000
#define SPAPR "<controller type='scsi' model='ibmvscsi' index='%u'/>"
#define MODULE                                                                                     \
    "<memory model='dimm'><target><size unit='MiB'>1</size><node>0</node></target></memory>"

/* The first and the last of each kind; one of them has a place of its own. Triples of so many would take half a minute. */
static void
test_many(void)
{
    GString *text = g_string_new(
        "<domain type='qemu'><name>many</name><maxMemory slots='4001' unit='GiB'>64</maxMemory>"
        "<memory unit='GiB'>16</memory><vcpu>2</vcpu><cpu><numa><cell cpus='0-1' memory='8' "
        "unit='GiB'/></numa></cpu><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>"
        "<devices><controller type='scsi' model='ibmvscsi' index='4000'>"
        "<address type='spapr-vio' reg='0x3000'/></controller>"
        "<memory model='dimm'><target><size unit='MiB'>1</size><node>0</node></target>"
        "<address type='dimm' slot='1'/></memory>");
    const clock_t start = clock();
    g_autofree char *full = NULL;

    for (guint i = 0; i < N_MANY; i++)
        g_string_append_printf(text, SPAPR MODULE, i);
    g_string_append(text, "</devices></domain>");
    g_autoptr(VbDomainDef) def = prepare(text->str);
    g_assert_cmpint(clock() - start, <, 4 * CLOCKS_PER_SEC);
    full = vb_domain_format(def, 0);
    g_assert_nonnull(strstr(full, "reg='0x00002000'"));
    g_assert_nonnull(strstr(full, "reg='0x00004000'"));
    g_assert_nonnull(strstr(full, "reg='0x00fa2000'"));
    g_assert_null(strstr(full, "reg='0x00fa3000'"));
    g_assert_nonnull(strstr(full, "slot='0'/>"));
    g_assert_nonnull(strstr(full, "slot='4000'/>"));
    g_string_free(text, TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain/cost/memory", test_memory);
    g_test_add_func("/domain/cost/time", test_time);
    g_test_add_func("/domain/cost/many", test_many);
    return g_test_run();
}
