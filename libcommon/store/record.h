/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One record of the definition log: what a file is to hold from now on, or that it is to go. */
#pragma once
#include <glib.h>
#include <sys/types.h>

#define VB_STORE_RECORD_BLOCK                                                                      \
    4096 /* a record starts on a block of its own: writing it never touches an older one */

typedef enum { VB_STORE_RECORD_WRITE = 1, VB_STORE_RECORD_REMOVE = 2 } VbStoreOperation;

typedef struct {
    guint64 sequence;
    gint64 time_ns; /* CLOCK_REALTIME; the file itself was written before */
    VbStoreOperation operation;
    mode_t mode;
    char boot_id[37]; /* "": not known */
    const char *name; /* of the file, without folder; in a parsed record not terminated */
    guint name_length;
    const char *content;
    gsize length;
} VbStoreRecord;

/* bytes that the record takes, a multiple of the block */
gsize vb_store_record_size(const VbStoreRecord *record);
/* writes vb_store_record_size() bytes */
void vb_store_record_pack(const VbStoreRecord *record, guint8 *bytes);
/* FALSE: there is no whole record at @bytes. Name and content point into @bytes. */
gboolean vb_store_record_parse(const guint8 *bytes, gsize length, VbStoreRecord *record);
