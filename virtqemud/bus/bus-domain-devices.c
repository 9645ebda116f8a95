/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Domain1 that reach into a running guest: sizes, input, consoles, screens, monitor. */
#include "bus/bus-private.h"
#include <string.h>
#include <unistd.h>

/* sizes */

GVariant *
qemu_bus_domain_set_memory(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint64 kib;
    guint flags;
    g_variant_get(args, "(tu)", &kib, &flags);
    vb_call_defer(call);
    qemu_domain_set_memory(data, kib, flags, qemu_bus_done, call);
    return NULL;
}

GVariant *
qemu_bus_domain_set_vcpus(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint n_vcpus, flags;
    g_variant_get(args, "(uu)", &n_vcpus, &flags);
    if (flags & VIR_DOMAIN_VCPU_GUEST)
        return qemu_bus_domain_resize_guest_vcpus(data, call, n_vcpus, flags, error);
    vb_call_defer(call);
    qemu_domain_set_vcpus(data, n_vcpus, flags, qemu_bus_done, call);
    return NULL;
}

GVariant *
qemu_bus_domain_set_memory_stats_period(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    int period_s;
    guint flags;
    g_variant_get(args, "(iu)", &period_s, &flags);
    vb_call_defer(call);
    qemu_domain_set_stats_period(data, period_s, flags, qemu_bus_done, call);
    return NULL;
}

/* input and output */

#define MAX_KEYS 16 /* libvirt-domain.h, VIR_DOMAIN_SEND_KEY_MAX_KEYS */

GVariant *
qemu_bus_domain_send_key(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    QemuKeys keys = {0};
    guint flags;
    gsize n = 0;
    g_autoptr(GVariant) codes = NULL;
    g_variant_get(args, "(uu@auu)", &keys.codeset, &keys.hold_ms, &codes, &flags);
    keys.keycodes = g_variant_get_fixed_array(codes, &n, sizeof *keys.keycodes);
    if (!qemu_check_flags(flags, 0, "virDomainSendKey", error))
        return NULL;
    if (n == 0 || n > MAX_KEYS) {
        vb_error_set(error, VIR_ERR_INVALID_ARG, "nkeycodes in virDomainSendKey must be 1 to %d",
                     MAX_KEYS);
        return NULL;
    }
    keys.n_keycodes = (guint)n;
    vb_call_defer(call);
    qemu_domain_send_key(data, &keys, qemu_bus_done, call);
    return NULL;
}

static void
screenshot_taken(QemuDomain *domain, int fd, GError *error, gpointer data)
{
    char magic[4];
    if (error) {
        vb_call_fail(data, g_error_copy(error));
        return;
    }
    const char *mime = pread(fd, magic, sizeof magic, 0) == sizeof magic &&
                               memcmp(magic, "\x89PNG", sizeof magic) == 0
                           ? "image/png"
                           : "image/x-portable-pixmap";
    vb_call_return(data, g_variant_new("(s@h)", mime, qemu_bus_reply_fd(data, fd)));
}

GVariant *
qemu_bus_domain_screenshot(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint screen, flags;
    g_variant_get(args, "(uu)", &screen, &flags);
    vb_call_defer(call);
    qemu_domain_screenshot(data, screen, flags, screenshot_taken, call);
    return NULL;
}

GVariant *
qemu_bus_domain_open_console(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *device;
    guint flags;
    g_variant_get(args, "(&su)", &device, &flags);
    int fd = qemu_domain_open_console(data, device, flags, error);
    return fd < 0 ? NULL : g_variant_new("(@h)", qemu_bus_reply_fd(call, fd));
}

static void
graphics_opened(QemuDomain *domain, int fd, GError *error, gpointer data)
{
    if (error)
        vb_call_fail(data, g_error_copy(error));
    else
        vb_call_return(data, g_variant_new("(@h)", qemu_bus_reply_fd(data, fd)));
}

GVariant *
qemu_bus_domain_open_graphics(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint index, flags;
    g_variant_get(args, "(uu)", &index, &flags);
    vb_call_defer(call);
    qemu_domain_open_graphics(data, index, flags, graphics_opened, call);
    return NULL;
}

/* the monitor */

GVariant *
qemu_bus_domain_monitor_command(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *command;
    guint flags;
    g_variant_get(args, "(&su)", &command, &flags);
    vb_call_defer(call);
    qemu_domain_monitor_command(data, command, flags, qemu_bus_done_text, call);
    return NULL;
}
