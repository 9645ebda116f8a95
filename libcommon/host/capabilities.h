/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <host> section of the capabilities document. */
#pragma once
#include "host/host.h"

/* What control of caches and memory bandwidth adds. Each writes whole lines at @depth (vb_text_line()), or nothing. */
typedef struct {
    void (*write_bank)(GString *text, guint depth, const VbHostCacheBank *bank,
                       gpointer data); /* inside <bank> */
    void (*write_cache_monitor)(GString *text, guint depth,
                                gpointer data); /* after the banks, inside <cache> */
    void (*write_memory_bandwidth)(GString *text, guint depth, const VbHostTopology *topology,
                                   gpointer data); /* after </cache> */
    gpointer data;
} VbHostControl;

typedef struct {
    const char *arch;              /* "x86_64" */
    const char *const *transports; /* migration, NULL-terminated: "tcp" */
    const VbHostControl *control;  /* NULL: none; its functions may be NULL too */
} VbHostCapabilities;

/* Appends <host>...</host> at depth 1. Reads page counts anew, the rest from what is known. */
void vb_host_format_capabilities(VbHost *host, const VbHostCapabilities *how, GString *text);
