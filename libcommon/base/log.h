/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logging: one line per event. Fields (VIRTBUS_DOMAIN=) go to the journal when it reads our stderr, else the line
 * goes to stderr as text. */
#pragma once
#include <glib.h>

/* @domain_name: the guest it is about, NULL: none; vb_log_guest() names it by its UUID too, which outlives a new name */
#define vb_log_debug(domain_name, ...) vb_log(G_LOG_LEVEL_DEBUG, domain_name, __VA_ARGS__)
#define vb_log_info(domain_name, ...) vb_log(G_LOG_LEVEL_INFO, domain_name, __VA_ARGS__)
#define vb_log_warning(domain_name, ...) vb_log(G_LOG_LEVEL_WARNING, domain_name, __VA_ARGS__)
void vb_log(GLogLevelFlags level, const char *domain_name, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void vb_log_guest(GLogLevelFlags level, const char *domain_name, const char *uuid,
                  const char *format, ...) G_GNUC_PRINTF(4, 5);
void vb_log_set_verbose(gboolean is_verbose); /* show debug lines too */
