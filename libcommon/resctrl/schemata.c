/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Schemata as the kernel writes and reads them: one line per resource, "L3CODE:0=ff;1=ff", "MB:0=100;1=100". */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "resctrl.h"

static const char *const scope_suffixes[] = {"", "CODE", "DATA"};

const char *
vb_resctrl_scope_nick(VbResctrlScope scope)
{
    static const char *const nicks[] = {"both", "code", "data"};
    return nicks[scope];
}

static void
free_row(gpointer data)
{
    VbResctrlRow *row = data;
    g_array_unref(row->values);
    g_free(row);
}

VbResctrlSchemata *
vb_resctrl_schemata_new(void)
{
    VbResctrlSchemata *schemata = g_new0(VbResctrlSchemata, 1);
    schemata->rows = g_ptr_array_new_with_free_func(free_row);
    return schemata;
}

void
vb_resctrl_schemata_free(VbResctrlSchemata *schemata)
{
    if (!schemata)
        return;
    g_ptr_array_unref(schemata->rows);
    g_free(schemata);
}

static VbResctrlRow *
find_row(const VbResctrlSchemata *schemata, guint level, VbResctrlScope scope)
{
    for (guint i = 0; i < schemata->rows->len; i++) {
        VbResctrlRow *row = schemata->rows->pdata[i];
        if (row->level == level && row->scope == scope)
            return row;
    }
    return NULL;
}

static VbResctrlRow *
add_row(VbResctrlSchemata *schemata, guint level, VbResctrlScope scope)
{
    VbResctrlRow *row = g_new0(VbResctrlRow, 1);
    row->level = level;
    row->scope = scope;
    row->values = g_array_new(FALSE, TRUE, sizeof(VbResctrlValue));
    g_ptr_array_add(schemata->rows, row);
    return row;
}

VbResctrlValue *
vb_resctrl_schemata_find(const VbResctrlSchemata *schemata, guint level, VbResctrlScope scope,
                         guint id)
{
    const VbResctrlRow *row = find_row(schemata, level, scope);
    for (guint i = 0; row && i < row->values->len; i++) {
        VbResctrlValue *value = &g_array_index(row->values, VbResctrlValue, i);
        if (value->id == id)
            return value;
    }
    return NULL;
}

void
vb_resctrl_schemata_set(VbResctrlSchemata *schemata, guint level, VbResctrlScope scope, guint id,
                        guint64 value)
{
    VbResctrlValue *old = vb_resctrl_schemata_find(schemata, level, scope, id);
    VbResctrlRow *row = find_row(schemata, level, scope);
    const VbResctrlValue added = {id, value};
    guint at = 0;
    if (old) {
        old->value = value;
        return;
    }
    if (!row)
        row = add_row(schemata, level, scope);
    while (at < row->values->len && g_array_index(row->values, VbResctrlValue, at).id < id)
        at++;
    g_array_insert_val(row->values, at, added);
}

/* "L3", "L2CODE", "MB"; FALSE: a resource of a newer kernel */
static gboolean
parse_resource(const char *name, guint *ret_level, VbResctrlScope *ret_scope)
{
    *ret_scope = VB_RESCTRL_BOTH;
    *ret_level = 0;
    if (strcmp(name, "MB") == 0)
        return TRUE;
    if (name[0] != 'L' || name[1] < '1' || name[1] > '9')
        return FALSE;
    *ret_level = (guint)(name[1] - '0');
    for (guint i = 0; i < G_N_ELEMENTS(scope_suffixes); i++) {
        *ret_scope = (VbResctrlScope)i;
        if (strcmp(name + 2, scope_suffixes[i]) == 0)
            return TRUE;
    }
    return FALSE;
}

/* "0=ff" */
static gboolean
parse_value(const char *text, guint base, VbResctrlValue *ret_value)
{
    g_auto(GStrv) parts = g_strsplit(text, "=", 2);
    guint64 id;
    if (g_strv_length(parts) != 2)
        return FALSE;
    g_strstrip(parts[0]);
    g_strstrip(parts[1]);
    if (!g_ascii_string_to_unsigned(parts[0], 10, 0, G_MAXUINT, &id, NULL))
        return FALSE;
    ret_value->id = (guint)id;
    return g_ascii_string_to_unsigned(parts[1], base, 0, G_MAXUINT64, &ret_value->value, NULL);
}

static gboolean
parse_line(VbResctrlSchemata *schemata, char *line)
{
    char *colon = strchr(line, ':');
    g_auto(GStrv) values = NULL;
    VbResctrlScope scope;
    guint level;
    if (!colon)
        return FALSE;
    *colon = '\0';
    if (!parse_resource(g_strstrip(line), &level, &scope))
        return TRUE;
    values = g_strsplit(g_strstrip(colon + 1), ";", -1);
    for (guint i = 0; values[i] && *values[i]; i++) {
        VbResctrlValue value;
        if (!parse_value(values[i], level == 0 ? 10 : 16, &value))
            return FALSE;
        vb_resctrl_schemata_set(schemata, level, scope, value.id, value.value);
    }
    return TRUE;
}

VbResctrlSchemata *
vb_resctrl_schemata_parse(const char *text, GError **error)
{
    g_autoptr(VbResctrlSchemata) schemata = vb_resctrl_schemata_new();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_autofree char *whole = g_strdup(g_strstrip(lines[i]));
        if (*whole && !parse_line(schemata, lines[i])) {
            vb_error_set(error, VIR_ERR_INTERNAL_ERROR, "Invalid resctrl schemata: '%s'", whole);
            return NULL;
        }
    }
    return g_steal_pointer(&schemata);
}

char *
vb_resctrl_schemata_format(const VbResctrlSchemata *schemata)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < schemata->rows->len; i++) {
        const VbResctrlRow *row = schemata->rows->pdata[i];
        if (row->values->len == 0)
            continue;
        if (row->level == 0)
            g_string_append(text, "MB:");
        else
            g_string_append_printf(text, "L%u%s:", row->level, scope_suffixes[row->scope]);
        for (guint j = 0; j < row->values->len; j++) {
            const VbResctrlValue *value = &g_array_index(row->values, VbResctrlValue, j);
            g_string_append_printf(text,
                                   row->level == 0 ? "%s%u=%" G_GUINT64_FORMAT
                                                   : "%s%u=%" G_GINT64_MODIFIER "x",
                                   j ? ";" : "", value->id, value->value);
        }
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}
