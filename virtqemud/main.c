/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtqemud: wiring only. */
#include <string.h>

#include "base/error.h"
#include "bus/bus.h"
#include "define.h"

typedef struct {
    VbHost *host;
    QemuCapsCache *caps;
    QemuManager *manager;
    QemuBus *bus;
    char *accel; /* --accel */
} Daemon;

static gboolean
parse_accel(const char *word, QemuAccelChoice *ret_choice, GError **error)
{
    static const char *const words[] = {
        [QEMU_ACCEL_CHOICE_AUTO] = "auto",
        [QEMU_ACCEL_CHOICE_TCG] = "tcg",
        [QEMU_ACCEL_CHOICE_KVM] = "kvm",
    };
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_strcmp0(word ? word : "auto", words[i]) == 0) {
            *ret_choice = (QemuAccelChoice)i;
            return TRUE;
        }
    }
    return vb_error_set(error, VIR_ERR_INVALID_ARG, "unknown accelerator '%s'", word);
}

static QemuCapsCache *
open_caps(VbService *service, VbHost *host, QemuAccelChoice accel)
{
    g_autofree char *cache_dir = vb_service_path(service, "/var/cache/virtbus/capabilities");
    g_autofree char *run_dir = vb_service_path(service, "/run/virtbus");
    g_autofree char *root = vb_service_path(service, "");
    const QemuCapsConfig config = {
        .cache_dir = cache_dir,
        .run_dir = run_dir,
        .host = host,
        .procfs = vb_service_procfs(service),
        .resctrl = vb_service_resctrl(service),
        .root = root,
        .is_session = vb_service_is_session(service),
        .accel = accel,
    };
    return qemu_caps_cache_new(&config);
}

/* Autostart waits for the loop: the daemon serves while guests start. */
static gboolean
autostart(gpointer data)
{
    qemu_manager_autostart(((Daemon *)data)->manager);
    return G_SOURCE_REMOVE;
}

static gboolean
start(VbService *service, gpointer data, GError **error)
{
    Daemon *daemon = data;
    QemuAccelChoice accel = QEMU_ACCEL_CHOICE_AUTO;
    g_autofree char *root = vb_service_path(service, "");
    if (!parse_accel(daemon->accel, &accel, error))
        return FALSE;
    daemon->host = vb_host_new(vb_service_sysfs(service), vb_service_procfs(service));
    daemon->caps = open_caps(service, daemon->host, accel);
    const QemuManagerConfig config = {
        .root = root,
        .procfs = vb_service_procfs(service),
        .sysfs = vb_service_sysfs(service),
        .resctrl = vb_service_resctrl(service),
        .host = daemon->host,
        .caps = daemon->caps,
        .is_session = vb_service_is_session(service),
    };
    daemon->manager = qemu_manager_new(&config, error);
    if (!daemon->manager)
        return FALSE;
    daemon->bus = qemu_bus_new(service, daemon->manager);
    if (!qemu_manager_load(daemon->manager, error))
        return FALSE;
    qemu_manager_recover(daemon->manager);
    g_idle_add(autostart, daemon);
    return TRUE;
}

/* Guests go on running. Calls that wait for one of them fail here, while they can still be answered. */
static void
stop(VbService *service, gpointer data)
{
    Daemon *daemon = data;
    g_clear_pointer(&daemon->bus, qemu_bus_free);
    g_clear_pointer(&daemon->manager, qemu_manager_free);
    g_clear_pointer(&daemon->caps, qemu_caps_cache_free);
    g_clear_pointer(&daemon->host, vb_host_free);
}

int
main(int argc, char **argv)
{
    Daemon daemon = {0};
    const GOptionEntry options[] = {
        {"accel", 0, 0, G_OPTION_ARG_STRING, &daemon.accel,
         "auto: offer KVM if a guest runs with it; tcg: never; kvm: without trying", "NAME"},
        G_OPTION_ENTRY_NULL,
    };
    const VbServiceInfo info = {
        .name = "virtqemud",
        .bus_name = QEMU_BUS_NAME,
        .root_path = QEMU_BUS_ROOT,
        .has_peer_socket = TRUE,
        .options = options,
        .start = start,
        .stop = stop,
        .name_guest = qemu_bus_name_guest,
        .explain_missing = qemu_bus_explain_missing,
    };
    int status = vb_service_run(&info, argc, argv, &daemon);
    g_clear_pointer(&daemon.bus, qemu_bus_free); /* a start that failed half way */
    g_clear_pointer(&daemon.manager, qemu_manager_free);
    g_clear_pointer(&daemon.caps, qemu_caps_cache_free);
    g_clear_pointer(&daemon.host, vb_host_free);
    g_free(daemon.accel);
    return status;
}
