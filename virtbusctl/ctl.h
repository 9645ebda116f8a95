/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the commands of virtbusctl share: the connection, calls, tables. A command is one file and a row in main.c. */
#pragma once
#include <gio/gio.h>

typedef struct {
    GDBusConnection *bus;
    const char *name; /* "org.virtbus.Qemu" */
    const char *root; /* "/org/virtbus/qemu" */
} Ctl;

/* exit statuses, as virtbusctl(1) says */
typedef enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_NO = 3 } CtlStatus;

typedef struct {
    const char *name;      /* "numa" */
    const char *arguments; /* "VCPUS MEMORY" */
    const char *summary;   /* one line */
    /* @argv: what stands behind the command's name, NULL-terminated. CTL_USAGE prints the usage; with @error: why not */
    CtlStatus (*run)(Ctl *ctl, char **argv, GError **error);
} CtlCommand;

extern const CtlCommand ctl_command_domstats;
extern const CtlCommand ctl_command_numa;
extern const CtlCommand ctl_command_placement;
extern const CtlCommand ctl_command_resctrl;

/* Calls a method and waits for its reply. @args: (transfer floating) or NULL; @type: of the reply. (transfer full) */
GVariant *ctl_call(Ctl *ctl, const char *path, const char *method, GVariant *args, const char *type,
                   GError **error);
/* (transfer full) a{sv}: every property of an interface */
GVariant *ctl_get_all(Ctl *ctl, const char *path, const char *interface, GError **error);

/* A table of text, columns as wide as needed, numbers to the right: cell by cell, the first row is the heading. */
typedef struct _CtlTable CtlTable;
CtlTable *ctl_table_new(const char *title); /* a line above it; NULL: none */
void ctl_table_add(CtlTable *table, const char *format, ...) G_GNUC_PRINTF(2, 3);
void ctl_table_end_row(CtlTable *table);
void ctl_table_free(CtlTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CtlTable, ctl_table_free)
void ctl_table_print(const CtlTable *table); /* nothing when there is only a heading */

/* "0-3,8" of an array of numbers (au); (transfer full), "-" when empty */
char *ctl_ranges(GVariant *numbers);
