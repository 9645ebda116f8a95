/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The quick reader takes what libxml2 takes, as it takes it, and nothing else. */
#include <string.h>
#include <time.h>
#include "xml/tree.h"
#include "tree-same.h"

/* a document, and whether it is plain */
static const struct {
    const char *text;
    gboolean is_plain;
} documents[] = {
    {"<a/>", TRUE},
    {"<!-- it's <so> & so -->\n<a b='1' c=\"it's\"\n d = '&lt;&gt;&amp;&quot;&apos;'>\n "
     "<b/>\n</a>\n",
     TRUE},
    {"<a><b>x</b><b>  </b><b>\n</b><b></b></a>", TRUE},
    {"<a>\n  <!-- x -->\n  <b c='d'\n  e='f'/>\n</a>", TRUE},
    {"<a><b>1 &lt; 2 &amp;&amp; 3\n&gt; 2</b>\n<c/></a>", TRUE},
    {"<a><metadata>\n <x:y xmlns:x='urn:x'>z \xc3\xa4 <x:y/></x:y>\n <!-- n "
     "-->\n</metadata><c\n/></a>",
     TRUE},
    {"<a><metadata/><b><metadata><c/></metadata></b></a>", TRUE},
    {"<a><metadata></metadata></a>", TRUE},
    /* libxml2's: not plain */
    {"<?xml version='1.0'?><a/>", FALSE},
    {"<a b='\xc3\xa4'/>", FALSE},
    {"<a>&#65;</a>", FALSE},
    {"<a b='&#65;'/>", FALSE},
    {"<a b='x\ny'/>", FALSE},
    {"<a>x\r\ny</a>", FALSE},
    {"<a>x<b/>y</a>", FALSE},
    {"<a> <b/>y</a>", FALSE},
    {"<a><!-- x --></a>", FALSE},
    {"<a>x<!-- x -->y</a>", FALSE},
    {"<a><![CDATA[x]]></a>", FALSE},
    {"<a xmlns='urn:a'/>", FALSE},
    {"<x:a xmlns:x='urn:a'/>", FALSE},
    {"<a><?x y?></a>", FALSE},
    {"<a><metadata><metadata/></metadata><metadata>x</metadata></a>", FALSE},
    /* libxml2's to refuse */
    {"", FALSE},
    {"x", FALSE},
    {"<a>", FALSE},
    {"<a></b>", FALSE},
    {"<a></ab>", FALSE},
    {"<a/><b/>", FALSE},
    {"<a/>x", FALSE},
    {"<a b='1'c='2'/>", FALSE},
    {"<a b='1' b='2'/>", FALSE},
    {"<a b='<'/>", FALSE},
    {"<a b='1/>", FALSE},
    {"<a b=1/>", FALSE},
    {"<a b/>", FALSE},
    {"<a / >", FALSE},
    {"<1/>", FALSE},
    {"<a>]]></a>", FALSE},
    {"<a>&x;</a>", FALSE},
    {"<a>& </a>", FALSE},
    {"<a>\x01</a>", FALSE},
    {"<a><metadata><x:y/></a>", FALSE},
    {"<a><metadata><x></metadata></a>", FALSE},
    {"<!-- a -- b --><a/>", FALSE},
    {"<!DOCTYPE a><a/>", FALSE},
};

static void
test_documents(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(documents); i++) {
        const char *text = documents[i].text;

        if (tree_same(text, strlen(text), "metadata") != documents[i].is_plain)
            g_error("%s %s", text, documents[i].is_plain ? "is not taken" : "is taken");
    }
    g_assert_false(tree_same("<a\0/>", 5, NULL));
}

/* every beginning of a document, and every document with one byte missing or spoilt */
static void
test_broken(void)
{
    const char *const text = documents[1].text;
    const gsize length = strlen(text);

    for (gsize i = 0; i < length; i++) {
        g_autofree char *spoilt = g_strdup(text);

        (void)tree_same(text, i, NULL);
        for (const char *with = "<>/='\"&!- x"; *with; with++) {
            spoilt[i] = *with;
            (void)tree_same(spoilt, length, NULL);
        }
        memmove(spoilt + i, spoilt + i + 1, length - i);
        (void)tree_same(spoilt, length - 1, NULL);
    }
}

/* beyond what it may take, it takes nothing */
static void
test_bounds(void)
{
    GString *deep = g_string_new(NULL);
    GString *wide = g_string_new("<a");

    for (guint i = 0; i < 70; i++)
        g_string_append(deep, "<a>");
    for (guint i = 0; i < 70; i++)
        g_string_append(deep, "</a>");
    for (guint i = 0; i < 70; i++)
        g_string_append_printf(wide, " b%u='x'", i);
    g_string_append(wide, "/>");
    g_assert_false(tree_same(deep->str, deep->len, NULL));
    g_assert_false(tree_same(wide->str, wide->len, NULL));
    g_string_free(deep, TRUE);
    g_string_free(wide, TRUE);
}

static char *
path_in(const char *text, guint depth, guint nth)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(VbXmlTree) tree = vb_xml_tree_read(text, strlen(text), "test", &error);
    const VbXmlElement *element;

    g_assert_no_error(error);
    element = tree->root;
    while (depth-- > 0)
        element = element->children;
    while (nth-- > 0)
        element = element->next;
    return vb_xml_element_path(element);
}

static void
test_path(void)
{
    static const struct {
        const char *text;
        guint depth, nth;
        const char *path;
    } rows[] = {
        {"<a/>", 0, 0, "/a"},
        {"<a><b/></a>", 1, 0, "/a/b"},
        {"<a><b/><c/><b/></a>", 1, 0, "/a/b[1]"},
        {"<a><b/><c/><b/></a>", 1, 1, "/a/c"},
        {"<a><b/><c/><b/><b/></a>", 1, 2, "/a/b[2]"},
        {"<a xmlns:x='urn:x'><b/><x:b/><x:b/></a>", 1, 0, "/a/b"},
        {"<a xmlns:x='urn:x'><b/><x:b/><x:b/></a>", 1, 2, "/a/x:b[2]"},
        {"<a><b xmlns='urn:b'/><c/></a>", 1, 0, "/a/*[1]"},
        {"<a><b><c/><c/></b><b/></a>", 2, 1, "/a/b[1]/c[2]"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = path_in(rows[i].text, rows[i].depth, rows[i].nth);
        g_assert_cmpstr(path, ==, rows[i].path);
    }
}

/* one pass: pairs of so many would take seconds */
static void
test_path_of_many(void)
{
    const guint n = 90000;
    GString *text = g_string_new("<a>");
    g_autofree char *path = NULL;
    clock_t start;

    for (guint i = 0; i < n; i++)
        g_string_append(text, "<b/>");
    g_string_append(text, "</a>");
    start = clock();
    path = path_in(text->str, 1, n - 1);
    g_assert_cmpint(clock() - start, <, 2 * CLOCKS_PER_SEC);
    g_assert_cmpstr(path, ==, "/a/b[90000]");
    g_string_free(text, TRUE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tree/documents", test_documents);
    g_test_add_func("/tree/broken", test_broken);
    g_test_add_func("/tree/bounds", test_bounds);
    g_test_add_func("/tree/path", test_path);
    g_test_add_func("/tree/path-of-many", test_path_of_many);
    return g_test_run();
}
