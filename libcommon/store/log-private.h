/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the log: the file of it, which has two halves. While one takes records, what the other one recorded is made
 * durable in place; then it is empty. */
#pragma once
#include "store/log.h"
#include "store/record.h"
#include "store/spare.h"

#define VB_STORE_LOG_HALF (2 * 1024 * 1024)
#define VB_STORE_LOG_SIZE (2 * VB_STORE_LOG_HALF)
#define VB_STORE_LOG_MODE 0600

/* Makes the empty log file, its blocks written. Returns its descriptor, or -1 with errno. */
int vb_store_log_make(const char *path);
/* Opens the log file; -1 when there is none that can be used. */
int vb_store_log_open_file(const char *path);
/* fsync of the files @names (char *) in @folder, those that are still there, and of the folder. Returns 0 or an errno. */
int vb_store_log_settle(const char *folder, const GPtrArray *names);
/* Half @half of the file @fd holds no records any more. Returns 0 or an errno. */
int vb_store_log_forget(int fd, guint half);
/* Brings the files of @folder up to what the log @fd says, durably, and empties the log. FALSE: it must be kept. */
gboolean vb_store_log_replay(int fd, const char *folder, const char *boot_id);
