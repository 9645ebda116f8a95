/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logging to the journal with fields, or to stderr. Owns the verbosity; any thread. */
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

static gboolean log_is_verbose;

void
vb_log_set_verbose(gboolean is_verbose)
{
    log_is_verbose = is_verbose;
}

/* Source: syslog(3) priorities */
static int
get_priority(GLogLevelFlags level)
{
    if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
        return 3;
    if (level & G_LOG_LEVEL_WARNING)
        return 4;
    return level & G_LOG_LEVEL_DEBUG ? 7 : 6;
}

static gboolean
is_journal(void)
{
    static int answer = -1;
    if (answer < 0)
        answer = g_log_writer_is_journald(STDERR_FILENO);
    return answer;
}

static void
send_to_journal(GLogLevelFlags level, const char *domain_name, const char *uuid, const char *text)
{
    char priority[2] = {(char)('0' + get_priority(level)), '\0'};
    GLogField fields[5] = {
        {"PRIORITY", priority, -1},
        {"MESSAGE", text, -1},
        {"SYSLOG_IDENTIFIER", g_get_prgname() ? g_get_prgname() : "virtbus", -1},
    };
    gsize n = 3;
    if (domain_name)
        fields[n++] = (GLogField){"VIRTBUS_DOMAIN", domain_name, -1};
    if (uuid)
        fields[n++] = (GLogField){"VIRTBUS_UUID", uuid, -1};
    g_log_writer_journald(level, fields, n, NULL);
}

static void
log_text(GLogLevelFlags level, const char *domain_name, const char *uuid, const char *text)
{
    if (is_journal()) {
        send_to_journal(level, domain_name, uuid, text);
        return;
    }
    g_autofree char *escaped = g_strescape(text, NULL); /* a guest's words must not forge lines */
    fprintf(stderr, "%s[%d]: %s%s%s%s\n", g_get_prgname() ? g_get_prgname() : "virtbus",
            (int)getpid(), get_priority(level) <= 4 ? "warning: " : "",
            domain_name ? domain_name : "", domain_name ? ": " : "", escaped);
}

/**
 * vb_log:
 * @level: G_LOG_LEVEL_*; debug lines show with --verbose only
 * @domain_name: (nullable): the guest it is about
 * @format: one line, without a newline
 */
void
vb_log(GLogLevelFlags level, const char *domain_name, const char *format, ...)
{
    va_list args;
    if ((level & G_LOG_LEVEL_DEBUG) && !log_is_verbose)
        return;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    log_text(level, domain_name, NULL, text);
}

/**
 * vb_log_guest:
 * @level: as for vb_log()
 * @domain_name: the guest's name now
 * @uuid: the guest's, with dashes
 * @format: one line, without a newline
 */
void
vb_log_guest(GLogLevelFlags level, const char *domain_name, const char *uuid, const char *format,
             ...)
{
    va_list args;
    if ((level & G_LOG_LEVEL_DEBUG) && !log_is_verbose)
        return;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    log_text(level, domain_name, uuid, text);
}
