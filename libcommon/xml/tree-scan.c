/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads plain documents, which nearly all are, at a tenth of the cost: ASCII, elements and attributes without namespaces,
 * the five named entities. It never judges: whatever is not plain, or not well-formed, is left to libxml2, which reads
 * it or says what is wrong. What it does take it takes as libxml2 would; fuzz-xml compares the two.
 *
 * Names and values are the bytes of a copy of the text, ended in place by zeros. */
#include <string.h>
#include "xml/reader.h"
#include "xml/tree.h"

/* within libxml2's and the reader's bounds, which are not this file's to report */
#define MAX_SIZE (10 * 1024 * 1024)
#define MAX_DEPTH 60
#define MAX_NODES 50000
#define MAX_ATTRIBUTES 64
#define MAX_LINE 65000
#define MAX_NAME 1000

enum { BLANK = 1, NAME_START = 2, NAME = 4, VALUE = 8, TEXT = 16 };

typedef struct {
    VbXmlTree *tree;
    const char *raw;
    char *at;
    guint line;
    guint depth;
    guint n_nodes;
    VbXmlElement *parent;
    VbXmlElement **link;  /* where the next element goes */
    gboolean has_comment; /* in an element that has no other child so far */
} Scan;

static guint8 classes[256];

static void
make_classes(void)
{
    static gsize is_made;

    if (!g_once_init_enter(&is_made))
        return;
    for (int c = 1; c < 128; c++) {
        const gboolean is_blank = c == ' ' || c == '\n' || c == '\t';

        classes[c] = (guint8)((is_blank ? BLANK : 0) |
                              (g_ascii_isalpha(c) || c == '_' ? NAME_START | NAME : 0) |
                              (g_ascii_isdigit(c) || c == '-' || c == '.' ? NAME : 0) |
                              (c >= ' ' && !strchr("<&'\"", c) ? VALUE : 0) |
                              ((c >= ' ' || is_blank) && !strchr("<&>", c) ? TEXT : 0));
    }
    g_once_init_leave(&is_made, 1);
}

static inline gboolean
is_of(char c, guint8 class)
{
    return (classes[(guint8)c] & class) != 0;
}

/* whether there were any */
static gboolean
skip_blanks(Scan *scan)
{
    const char *start = scan->at;

    for (; is_of(*scan->at, BLANK); scan->at++)
        scan->line += *scan->at == '\n';
    return scan->at > start;
}

static char *
take_name(Scan *scan, char **ret_end)
{
    char *start = scan->at;

    if (!is_of(*start, NAME_START))
        return NULL;
    while (is_of(*scan->at, NAME))
        scan->at++;
    *ret_end = scan->at;
    return scan->at - start <= MAX_NAME ? start : NULL;
}

/* an entity at @at becomes one character at @to; the length of its name, or 0 */
static gsize
take_entity(const char *at, char *to)
{
    static const struct {
        const char *name;
        char character;
    } entities[] = {
        {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};

    for (guint i = 0; i < G_N_ELEMENTS(entities); i++) {
        const gsize length = strlen(entities[i].name);

        if (strncmp(at, entities[i].name, length) != 0)
            continue;
        *to = entities[i].character;
        return length;
    }
    return 0;
}

/* up to a character that is neither of @class nor an entity; NULL: not plain. *@at is left there. */
static gboolean
take_run(char **at, guint8 class, char other, char **ret_end)
{
    char *to;

    while (is_of(**at, class) || (**at == other && other))
        (*at)++;
    to = *at;
    while (**at == '&' || is_of(**at, class) || (**at == other && other)) {
        gsize length = 1;

        if (**at == '&')
            length = take_entity(*at, to);
        else
            *to = **at;
        if (length == 0)
            return FALSE;
        *at += length;
        to++;
    }
    *ret_end = to;
    return TRUE;
}

static char *
take_value(Scan *scan)
{
    const char quote = *scan->at;
    char *start = ++scan->at;
    char *end;

    if ((quote != '\'' && quote != '"') ||
        !take_run(&scan->at, VALUE, quote == '"' ? '\'' : '"', &end) || *scan->at != quote)
        return NULL;
    scan->at++;
    *end = '\0';
    return start;
}

/* a name that is there twice is an error; one that declares a namespace is nothing for us */
static gboolean
is_new(const VbXmlElement *element, const VbXmlAttribute *attribute)
{
    guint n = 0;

    for (const VbXmlAttribute *other = element->attributes; other != attribute;
         other = other->next) {
        if (++n > MAX_ATTRIBUTES ||
            (other->name[0] == attribute->name[0] && strcmp(other->name, attribute->name) == 0))
            return FALSE;
    }
    return strcmp(attribute->name, "xmlns") != 0;
}

static gboolean
take_attributes(Scan *scan, VbXmlElement *element)
{
    VbXmlAttribute **link = &element->attributes;

    for (;;) {
        const gboolean has_blank = skip_blanks(scan);
        VbXmlAttribute *attribute;
        char *end;

        if (*scan->at == '>' || *scan->at == '/')
            return TRUE;
        attribute = vb_xml_tree_alloc(scan->tree, sizeof(VbXmlAttribute));
        attribute->name = take_name(scan, &end);
        if (!has_blank || !attribute->name)
            return FALSE;
        (void)skip_blanks(scan);
        if (*scan->at++ != '=')
            return FALSE;
        (void)skip_blanks(scan);
        attribute->value = take_value(scan);
        *end = '\0';
        *link = attribute;
        link = &attribute->next;
        if (!attribute->value || !is_new(element, attribute))
            return FALSE;
        scan->n_nodes++;
    }
}

/* The root's child whose content is kept: libxml2 reads it by itself. Where it ends is a guess, which is right when that
 * much is a document. */
static gboolean
take_raw(Scan *scan, VbXmlElement *element)
{
    g_autofree char *end_tag = g_strdup_printf("</%s>", element->name);
    const char *end = strstr(scan->at, end_tag);
    g_autofree char *text = NULL;

    if (scan->tree->doc || element->attributes || !end)
        return FALSE;
    end += strlen(end_tag);
    text = g_strdup_printf("<%s>%.*s", element->name, (int)(end - scan->at), scan->at);
    scan->tree->doc = vb_xml_read(text, strlen(text), "", NULL);
    element->raw = scan->tree->doc ? xmlDocGetRootElement(scan->tree->doc) : NULL;
    for (; scan->at < end; scan->at++)
        scan->line += *scan->at == '\n';
    return element->raw != NULL;
}

/* after "<": the tag, or all of an element that is empty or kept raw */
static gboolean
take_start(Scan *scan)
{
    VbXmlElement *element = vb_xml_tree_alloc(scan->tree, sizeof(VbXmlElement));
    gboolean is_empty;
    char *end;

    element->name = take_name(scan, &end);
    if (!element->name || *scan->at == ':' || !take_attributes(scan, element) ||
        ++scan->n_nodes > MAX_NODES || scan->depth >= MAX_DEPTH || scan->line > MAX_LINE)
        return FALSE;
    element->text = "";
    element->parent = scan->parent;
    element->line = scan->line;
    *scan->link = element;
    scan->link = &element->next;
    scan->has_comment = FALSE;
    is_empty = *scan->at == '/';
    scan->at += is_empty;
    if (*scan->at++ != '>')
        return FALSE;
    *end = '\0';
    if (is_empty)
        return TRUE;
    if (scan->raw && scan->depth == 1 && strcmp(element->name, scan->raw) == 0)
        return take_raw(scan, element);
    scan->parent = element;
    scan->link = &element->children;
    scan->depth++;
    return TRUE;
}

/* after "</" */
static gboolean
take_end(Scan *scan)
{
    VbXmlElement *element = scan->parent;
    const gsize length = element ? strlen(element->name) : 0;

    if (!element || strncmp(scan->at, element->name, length) != 0)
        return FALSE;
    scan->at += length;
    (void)skip_blanks(scan);
    if (*scan->at++ != '>' || (scan->has_comment && !element->children))
        return FALSE;
    scan->has_comment = FALSE;
    scan->parent = element->parent;
    scan->link = &element->next;
    scan->depth--;
    return TRUE;
}

/* after "<!" */
static gboolean
take_comment(Scan *scan)
{
    if (scan->at[0] != '-' || scan->at[1] != '-')
        return FALSE;
    for (scan->at += 2; scan->at[0] != '-' || scan->at[1] != '-'; scan->at++) {
        if (!is_of(*scan->at, TEXT) && !strchr("<&>", *scan->at))
            return FALSE;
        if (!*scan->at)
            return FALSE;
        scan->line += *scan->at == '\n';
    }
    scan->at += 2;
    scan->has_comment = TRUE;
    scan->n_nodes++;
    return *scan->at++ == '>';
}

/* Up to "<", which is eaten. Text has its element for itself; blanks are text where there is nothing else. */
static gboolean
take_text(Scan *scan)
{
    char *start = scan->at;
    char *end;

    (void)skip_blanks(scan);
    if (*scan->at != '<') {
        const char *rest = scan->at;

        if (!scan->parent || scan->parent->children || scan->has_comment)
            return FALSE;
        if (!take_run(&scan->at, TEXT, 0, &end) || scan->at[0] != '<' || scan->at[1] != '/')
            return FALSE;
        for (; rest < end; rest++)
            scan->line += *rest == '\n';
    } else {
        end = scan->at;
    }
    scan->at++;
    if (scan->parent && !scan->parent->children && *scan->at == '/' && end > start) {
        *end = '\0';
        scan->parent->text = start;
        scan->n_nodes++;
    }
    return scan->n_nodes <= MAX_NODES;
}

static gboolean
scan_document(Scan *scan)
{
    for (;;) {
        (void)(scan->parent || skip_blanks(scan));
        if (!scan->parent && !*scan->at)
            return scan->tree->root != NULL;
        if (!take_text(scan))
            return FALSE;
        if (*scan->at == '/') {
            scan->at++;
            if (!take_end(scan))
                return FALSE;
        } else if (*scan->at == '!') {
            scan->at++;
            if (!take_comment(scan))
                return FALSE;
        } else if ((!scan->parent && scan->tree->root) || !take_start(scan)) {
            return FALSE;
        }
    }
}

/**
 * vb_xml_tree_scan:
 * @text: XML
 * @length: bytes
 * @raw: (nullable): name of the root's child whose content is to be kept as libxml2 has it
 *
 * Returns: (transfer full) (nullable): the tree; NULL when the document is not plain, which says nothing about it
 */
VbXmlTree *
vb_xml_tree_scan(const char *text, gsize length, const char *raw)
{
    g_autoptr(VbXmlTree) tree = NULL;
    Scan scan = {.raw = raw, .line = 1};

    if (length > MAX_SIZE || memchr(text, '\0', length))
        return NULL;
    make_classes();
    scan.tree = tree = vb_xml_tree_new();
    scan.link = &tree->root;
    scan.at = vb_xml_tree_keep(tree, text, length);
    return scan_document(&scan) ? g_steal_pointer(&tree) : NULL;
}
