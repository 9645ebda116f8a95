/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads /proc: processor time, memory and affinity of threads, counters of network interfaces. Owns nothing. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "procfs.h"

static char *
read_task_file(const char *procfs, pid_t pid, pid_t tid, const char *name)
{
    g_autofree char *path = tid ? g_strdup_printf("%s/%d/task/%d/%s", procfs, pid, tid, name)
                                : g_strdup_printf("%s/%d/%s", procfs, pid, name);
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

/**
 * qemu_procfs_read_stat:
 * @procfs: "/proc"
 * @pid: the process
 * @tid: one of its threads, 0: all of it
 * @ret_stat: (out): untouched on failure
 *
 * Returns: FALSE when it is gone
 * Source: proc(5), /proc/pid/stat: fields 14, 15 (clock ticks), 24 (pages), 39
 */
gboolean
qemu_procfs_read_stat(const char *procfs, pid_t pid, pid_t tid, QemuProcStat *ret_stat)
{
    g_autofree char *text = read_task_file(procfs, pid, tid, "stat");
    const char *rest = text ? strrchr(text, ')') : NULL; /* the name may hold anything */
    g_auto(GStrv) fields = rest && rest[1] ? g_strsplit(rest + 2, " ", 0) : NULL;
    const guint n = fields ? g_strv_length(fields) : 0;
    const guint64 tick_ns = G_GUINT64_CONSTANT(1000000000) / (guint64)sysconf(_SC_CLK_TCK);

    if (n < 22)
        return FALSE;
    ret_stat->user_ns = g_ascii_strtoull(fields[11], NULL, 10) * tick_ns;
    ret_stat->system_ns = g_ascii_strtoull(fields[12], NULL, 10) * tick_ns;
    ret_stat->rss_kib =
        g_ascii_strtoull(fields[21], NULL, 10) * ((guint64)sysconf(_SC_PAGESIZE) / 1024);
    ret_stat->cpu = n > 36 ? (int)g_ascii_strtoll(fields[36], NULL, 10) : -1;
    return TRUE;
}

/**
 * qemu_procfs_read_delays:
 * @procfs: "/proc"
 * @pid: the process
 * @tid: one of its threads
 * @ret_wait_ns: (out): waited for anything; needs the kernel's scheduler statistics, else 0
 * @ret_delay_ns: (out): waited for a processor
 *
 * Source: kernel Documentation/scheduler/sched-stats.rst; /proc/pid/sched "wait_sum" is in milliseconds
 */
void
qemu_procfs_read_delays(const char *procfs, pid_t pid, pid_t tid, guint64 *ret_wait_ns,
                        guint64 *ret_delay_ns)
{
    g_autofree char *schedstat = read_task_file(procfs, pid, tid, "schedstat");
    g_autofree char *sched = read_task_file(procfs, pid, tid, "sched");
    const char *found = sched ? strstr(sched, "wait_sum") : NULL;

    *ret_wait_ns = 0;
    *ret_delay_ns = 0;
    if (schedstat)
        (void)sscanf(schedstat, "%*u %" G_GUINT64_FORMAT, ret_delay_ns);
    found = found ? strchr(found, ':') : NULL;
    if (found)
        *ret_wait_ns = (guint64)(g_ascii_strtod(found + 1, NULL) * 1000000);
}

guint
qemu_procfs_parse_list(const char *list, guint8 *bits, guint n_bits)
{
    guint n = 0;

    while (g_ascii_isdigit(*list)) {
        char *end;
        const guint64 first = g_ascii_strtoull(list, &end, 10);
        guint64 last = first;

        if (*end == '-')
            last = g_ascii_strtoull(end + 1, &end, 10);
        for (guint64 i = first; i <= last && i < n_bits; i++) {
            bits[i / 8] |= (guint8)(1 << (i % 8));
            n++;
        }
        list = *end == ',' ? end + 1 : end;
    }
    return n;
}

guint8 *
qemu_procfs_read_affinity(const char *procfs, pid_t pid, pid_t tid, guint n_bytes)
{
    g_autofree char *status = read_task_file(procfs, pid, tid, "status");
    guint8 *bits = g_malloc0(MAX(n_bytes, 1));
    const char *found = status ? strstr(status, "Cpus_allowed_list:") : NULL;

    if (found) {
        found += strlen("Cpus_allowed_list:");
        while (*found == ' ' || *found == '\t')
            found++;
        (void)qemu_procfs_parse_list(found, bits, n_bytes * 8);
    }
    return bits;
}

static gboolean
parse_net_line(const char *line, char **ret_name, QemuNetStat *ret_stat)
{
    const char *colon = strrchr(line, ':');
    QemuNetStat stat = {0};
    int n;

    if (!colon)
        return FALSE;
    n = sscanf(colon + 1,
               "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
               " %*d %*d %*d %*d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
               " %" G_GINT64_FORMAT,
               &stat.rx_bytes, &stat.rx_packets, &stat.rx_errs, &stat.rx_drop, &stat.tx_bytes,
               &stat.tx_packets, &stat.tx_errs, &stat.tx_drop);
    if (n != 8)
        return FALSE;
    *ret_name = g_strstrip(g_strndup(line, (gsize)(colon - line)));
    *ret_stat = stat;
    return TRUE;
}

/**
 * qemu_procfs_read_net:
 * @procfs: "/proc"
 *
 * Returns: (transfer full): QemuNetStat by interface name, as the host counts; empty when there is nothing to read
 * Source: proc(5), /proc/net/dev
 */
GHashTable *
qemu_procfs_read_net(const char *procfs)
{
    g_autofree char *path = g_build_filename(procfs, "net", "dev", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return table;
    lines = g_strsplit(text, "\n", 0);
    for (guint i = 0; lines[i]; i++) {
        QemuNetStat stat;
        char *name;

        if (parse_net_line(lines[i], &name, &stat))
            g_hash_table_insert(table, name, g_memdup2(&stat, sizeof(stat)));
    }
    return table;
}
