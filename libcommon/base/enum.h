/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Enum tables: a nick (the word in XML or on D-Bus) per value, indices 0..n-1, NULL for a gap. */
#pragma once
#include <glib.h>

typedef struct {
    const char *name; /* for messages: "disk bus" */
    const char *const *nicks;
    guint n_nicks;
} VbEnum;

/* VB_ENUM(disk_bus_enum, "disk bus", "none", "ide", "scsi", ...); index 0 usually means "not given" */
#define VB_ENUM(symbol, title, ...)                                                                \
    static const char *const symbol##_nicks[] = {__VA_ARGS__};                                     \
    const VbEnum symbol = {title, symbol##_nicks, G_N_ELEMENTS(symbol##_nicks)}

const char *vb_enum_to_nick(const VbEnum *table, int value);  /* NULL when out of range */
int vb_enum_from_nick(const VbEnum *table, const char *nick); /* -1 when unknown */
