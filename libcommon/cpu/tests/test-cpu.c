/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables, baseline, comparison and refusals of CPU descriptions, with made-up processors and the one it runs on. */
#include "base/error.h"
#include "cpu/cpu.h"
#include <string.h>

static VbCpuDescription *
parse(const char *xml)
{
    GError *error = NULL;
    VbCpuDescription *description = vb_cpu_parse(xml, VB_CPU_ANY, &error);

    g_assert_no_error(error);
    return description;
}

static char *
baseline(const VbCpuBaseline *how, const char *const *xmls, GError **error)
{
    g_autoptr(GPtrArray) list =
        g_ptr_array_new_with_free_func((GDestroyNotify)vb_cpu_description_free);

    for (guint i = 0; xmls[i]; i++)
        g_ptr_array_add(list, parse(xmls[i]));
    return vb_cpu_baseline(how, list, error);
}

static void
test_tables(void)
{
    for (guint i = 0; i < vb_cpu_n_features(); i++) {
        g_assert_cmpint(vb_cpu_feature_find(vb_cpu_feature(i)->name), ==, (int)i);
        g_assert_cmpuint(vb_cpu_feature(i)->bit, <, 32);
    }
    g_assert_cmpint(vb_cpu_feature_find("sse4_1"), ==, vb_cpu_feature_find("sse4.1"));
    g_assert_cmpint(vb_cpu_feature_find("nope"), ==, -1);
    for (guint i = 0; i < vb_cpu_n_models(); i++) {
        const VbCpuModel *model = vb_cpu_model(i);
        g_auto(GStrv) words = g_strsplit(model->more ? model->more : "", " ", -1);
        const VbCpuModel *base = model->base ? vb_cpu_model_find(model->base) : NULL;

        g_assert_true(vb_cpu_model_find(model->name) == model);
        g_assert_true(!model->base || (base && base < model));
        for (guint k = 0; words[k]; k++)
            g_assert_cmpint(vb_cpu_feature_find(words[k]), >=, 0);
        g_assert_cmpuint(vb_cpu_set_count(vb_cpu_model_features(model)), >, 2);
    }
}

static void
test_names(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) x86 = vb_cpu_model_names("x86_64", &error);
    g_auto(GStrv) any = vb_cpu_model_names("aarch64", &error);

    g_assert_no_error(error);
    g_assert_cmpstr(x86[0], ==, "486");
    g_assert_true(g_strv_contains((const char *const *)x86, "EPYC-Milan"));
    g_assert_null(any[0]);
    g_assert_null(vb_cpu_model_names("riscv64", &error));
    g_assert_true(vb_error_matches(error, VIR_ERR_NO_SUPPORT));
    g_clear_error(&error);
    g_assert_null(vb_cpu_model_names("nope", &error));
    g_assert_cmpstr(error->message, ==, "invalid argument: cannot find architecture nope");
}

static void
test_baseline(void)
{
    static const VbCpuBaseline plain = {0};
    static const char *const intel[] = {
        "<cpu><arch>x86_64</arch><model>Haswell</model><vendor>Intel</vendor></cpu>",
        "<cpu><arch>x86_64</arch><model>Nehalem</model><vendor>Intel</vendor><feature "
        "name='aes'/></cpu>",
        NULL};
    static const char *const mixed[] = {"<cpu><model>athlon</model><vendor>Intel</vendor></cpu>",
                                        "<cpu><model>athlon</model></cpu>", NULL};
    static const char *const removed[] = {"<cpu><model>Skylake-Server-IBRS</model></cpu>",
                                          "<cpu><model>EPYC</model></cpu>", NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *text = baseline(&plain, intel, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(text, ==,
                    "<cpu mode='custom' match='exact'>\n"
                    "  <model fallback='allow'>Westmere</model>\n"
                    "  <vendor>Intel</vendor>\n"
                    "</cpu>\n");
    g_free(text);
    text = baseline(&plain, removed, &error);
    g_assert_no_error(error);
    g_assert_nonnull(
        strstr(text, "name='osvw'/>\n  <feature policy='disable' name='monitor'/>\n</cpu>"));
    g_assert_null(baseline(&plain, mixed, &error));
    g_assert_cmpstr(error->message, ==, "operation failed: CPU vendors do not match");
}

static void
test_flags(void)
{
    static const VbCpuBaseline migratable = {.is_migratable = TRUE};
    static const VbCpuBaseline expanded = {.is_expanded = TRUE};
    static const char *const one[] = {"<cpu><model>kvm64</model><feature name='invtsc'/></cpu>",
                                      NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *text = baseline(&migratable, one, &error);
    g_autofree char *full = baseline(&expanded, one, &error);

    g_assert_no_error(error);
    g_assert_null(strstr(text, "feature"));
    g_assert_nonnull(strstr(text, "<model fallback='forbid'>kvm64</model>"));
    g_assert_nonnull(strstr(full, "<feature policy='require' name='invtsc'/>"));
    g_assert_true(strstr(full, "'apic'") < strstr(full, "'clflush'"));
}

static gboolean
allow_all(const VbCpuModel *model, gpointer data)
{
    return !g_str_equal(model->name, "Westmere");
}

static VbCpuSet
block_aes(const VbCpuModel *model, gpointer data)
{
    return vb_cpu_set_from_words("aes");
}

static void
test_offer(void)
{
    static const VbCpuOffer offer = {.is_allowed = allow_all, .blockers = block_aes};
    static const VbCpuBaseline how = {.offer = &offer};
    static const char *const one[] = {"<cpu><model>Westmere</model></cpu>", NULL};
    g_autoptr(GError) error = NULL;
    g_autofree char *text = baseline(&how, one, &error);

    g_assert_no_error(error);
    g_assert_nonnull(strstr(text, "<model fallback='forbid'>Nehalem</model>\n"
                                  "  <feature policy='disable' name='aes'/>"));
}

static int
compare(const char *xml, const char *provided, gboolean is_error, GError **error)
{
    g_autoptr(VbCpuDescription) wanted = parse(xml);
    const VbCpuData data = {.vendor = "AMD", .features = vb_cpu_set_from_words(provided)};
    const VbCpuCompare how = {.provided = &data,
                              .arch = "x86_64",
                              .is_incompatible_an_error = is_error};

    return vb_cpu_compare(&how, wanted, error);
}

static void
test_compare(void)
{
    g_autoptr(GError) error = NULL;
    const char *model = "<cpu><model>486</model></cpu>";
    const char *strict = "<cpu match='strict'><model>486</model></cpu>";

    g_assert_cmpint(compare(model, "fpu vme pse", FALSE, NULL), ==, VIR_CPU_COMPARE_IDENTICAL);
    g_assert_cmpint(compare(model, "fpu vme pse aes", FALSE, NULL), ==, VIR_CPU_COMPARE_SUPERSET);
    g_assert_cmpint(compare(strict, "fpu vme pse aes", FALSE, NULL), ==,
                    VIR_CPU_COMPARE_INCOMPATIBLE);
    g_assert_cmpint(compare(model, "fpu", FALSE, NULL), ==, VIR_CPU_COMPARE_INCOMPATIBLE);
    g_assert_cmpint(compare("<cpu mode='host-model'/>", "", FALSE, NULL), ==,
                    VIR_CPU_COMPARE_SUPERSET);
    g_assert_cmpint(compare(model, "fpu", TRUE, &error), ==, VIR_CPU_COMPARE_ERROR);
    g_assert_cmpstr(error->message, ==,
                    "the CPU is incompatible with host CPU: Host CPU does not provide required "
                    "features: vme, pse");
    g_clear_error(&error);
    g_assert_cmpint(compare("<cpu><model>486</model><feature policy='forbid' name='aes'/></cpu>",
                            "fpu vme pse aes", TRUE, &error),
                    ==, VIR_CPU_COMPARE_ERROR);
    g_assert_cmpstr(
        error->message, ==,
        "the CPU is incompatible with host CPU: Host CPU provides forbidden features: aes");
}

static void
test_refusals(void)
{
    static const struct {
        const char *xml, *message;
        VbCpuKind kind;
    } cases[] = {
        {"<cpu/>", "XML error: Missing CPU architecture", VB_CPU_HOST},
        {"<cpu><arch>x86_64</arch></cpu>", "XML error: Missing CPU model name", VB_CPU_HOST},
        {"<cpu mode='custom'/>",
         "unsupported configuration: Attribute mode is only allowed for guest CPU", VB_CPU_HOST},
        {"<cpu mode='x'/>", "unsupported configuration: Invalid mode attribute 'x'", VB_CPU_ANY},
        {"<cpu match='x'/>",
         "XML error: Invalid value for attribute 'match' in element 'cpu': 'x'.", VB_CPU_ANY},
        {"<cpu><vendor>AMD</vendor></cpu>", "XML error: CPU vendor specified without CPU model",
         VB_CPU_ANY},
        {"<cpu><model>486</model><feature name='a' policy='x'/></cpu>",
         "unsupported configuration: Invalid CPU feature policy", VB_CPU_ANY},
        {"<cpu><model>486</model><feature name='a'/><feature name='a'/></cpu>",
         "XML error: CPU feature 'a' specified more than once", VB_CPU_ANY},
        {"<foo/>", "XML error: expecting root element of 'cpu', not 'foo'", VB_CPU_ANY},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(vb_cpu_parse(cases[i].xml, cases[i].kind, &error));
        g_assert_cmpstr(error->message, ==, cases[i].message);
    }
}

static void
test_host(void)
{
    VbCpuData data;
    VbCpuChoice choice;
    const VbCpuDecode query = {.data = &data, .is_host = TRUE};

    if (!vb_cpu_read_host(&data)) {
        g_test_skip("not an x86 processor");
        return;
    }
    g_assert_true(vb_cpu_set_has(&data.features, vb_cpu_feature_find("fpu")));
    g_assert_true(vb_cpu_decode(&query, &choice));
    g_assert_cmpuint(vb_cpu_set_count(choice.disable), ==, 0);
}

/* QEMU 7.2's "Westmere" as a Linux guest sees it */
static void
test_recorded(void)
{
    static const char text[] = "CPU:\n"
                               "   0x00000000 0x00: eax=0x0000000b ebx=0x756e6547 ecx=0x6c65746e "
                               "edx=0x49656e69\n"
                               "   0x00000001 0x00: eax=0x000206c1 ebx=0x00010800 ecx=0x82982203 "
                               "edx=0x178bfbfd\n"
                               "   0x00000006 0x00: eax=0x00000004 ebx=0x00000000 ecx=0x00000000 "
                               "edx=0x00000000\n"
                               "   0x80000001 0x00: eax=0x000206c1 ebx=0x00000000 ecx=0x00000001 "
                               "edx=0x20100800\n"
                               "   0x80000008 0x00: eax=0x00003028 ebx=0x00000000 ecx=0x00000000 "
                               "edx=0x00000000\n";
    VbCpuData data;
    VbCpuChoice choice;
    const VbCpuDecode query = {.data = &data, .is_host = TRUE};
    g_autofree char *features = NULL;

    g_assert_false(vb_cpu_read_recorded("", &data));
    g_assert_true(vb_cpu_read_recorded(text, &data));
    g_assert_cmpstr(data.vendor, ==, "Intel");
    g_assert_cmpuint(data.family, ==, 6);
    g_assert_cmpuint(data.model, ==, 44);
    g_assert_cmpuint(data.stepping, ==, 1);
    g_assert_cmpuint(data.address_bits, ==, 40);
    g_assert_true(vb_cpu_decode(&query, &choice));
    g_assert_cmpstr(choice.model->name, ==, "Westmere");
    features = vb_cpu_set_to_string(choice.require);
    g_assert_cmpstr(features, ==, "ht, pclmuldq, hypervisor, arat");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpu/tables", test_tables);
    g_test_add_func("/cpu/names", test_names);
    g_test_add_func("/cpu/baseline", test_baseline);
    g_test_add_func("/cpu/flags", test_flags);
    g_test_add_func("/cpu/offer", test_offer);
    g_test_add_func("/cpu/compare", test_compare);
    g_test_add_func("/cpu/refusals", test_refusals);
    g_test_add_func("/cpu/host", test_host);
    g_test_add_func("/cpu/recorded", test_recorded);
    return g_test_run();
}
