/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small devices: watchdog, memory balloon, random numbers, panic, vsock, USB redirection, shared folders. */
#include "command/build.h"
#include <string.h>

/* Closes @json with the device's address; frees it either way. */
static gboolean
finish(QemuBuild *build, VbJsonWriter *json, const VbDomainDeviceInfo *info, GError **error)
{
    if (!qemu_build_add_address(build, json, info, error)) {
        vb_json_writer_free(json);
        return FALSE;
    }
    qemu_build_take_json(build, "-device", json);
    return TRUE;
}

/* ---- watchdog ---- */

static gboolean
take_watchdog(QemuBuild *build, const VbDomainWatchdog *watchdog, GError **error)
{
    static const char *const drivers[VB_DOMAIN_WATCHDOG_LAST] = {
        [VB_DOMAIN_WATCHDOG_I6300ESB] = "i6300esb",
        [VB_DOMAIN_WATCHDOG_IB700] = "ib700",
        [VB_DOMAIN_WATCHDOG_DIAG288] = "diag288",
    };
    const char *driver = drivers[watchdog->model];
    VbJsonWriter *json;

    if (watchdog->model == VB_DOMAIN_WATCHDOG_ITCO) {
        qemu_build_option(build, "-global", "ICH9-LPC.noreboot=off");
        return TRUE;
    }
    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    vb_json_add_string(json, "id", watchdog->info.alias);
    return finish(build, json, &watchdog->info, error);
}

gboolean
qemu_build_watchdogs(QemuBuild *build, GError **error)
{
    /* a dump is the daemon's work: the guest stops, the event does the rest */
    static const char *const actions[] = {
        [VB_DOMAIN_WATCHDOG_ACTION_DEFAULT] = "reset",
        [VB_DOMAIN_WATCHDOG_ACTION_RESET] = "reset",
        [VB_DOMAIN_WATCHDOG_ACTION_SHUTDOWN] = "shutdown",
        [VB_DOMAIN_WATCHDOG_ACTION_POWEROFF] = "poweroff",
        [VB_DOMAIN_WATCHDOG_ACTION_PAUSE] = "pause",
        [VB_DOMAIN_WATCHDOG_ACTION_DUMP] = "pause",
        [VB_DOMAIN_WATCHDOG_ACTION_NONE] = "none",
        [VB_DOMAIN_WATCHDOG_ACTION_INJECT_NMI] = "inject-nmi",
    };
    const VbDomainWatchdog *last = NULL;

    VB_DOMAIN_EACH(VbDomainWatchdog, watchdog, build->def->watchdogs)
    {
        if (!take_watchdog(build, watchdog, error))
            return FALSE;
        last = watchdog;
    }
    if (last)
        qemu_build_option(build, "-watchdog-action", actions[last->action]);
    return TRUE;
}

/* ---- balloon ---- */

gboolean
qemu_build_memballoon(QemuBuild *build, GError **error)
{
    const VbDomainMemballoon *balloon = build->def->memballoon;
    g_autofree char *driver = NULL;
    VbJsonWriter *json;

    if (!balloon || balloon->model == VB_DOMAIN_MEMBALLOON_NONE)
        return TRUE;
    if (balloon->model == VB_DOMAIN_MEMBALLOON_XEN)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Memory balloon device type '%s' is not supported by "
                            "this version of qemu",
                            "xen");
    driver =
        qemu_build_virtio_driver("virtio-balloon", &balloon->info,
                                 balloon->model == VB_DOMAIN_MEMBALLOON_VIRTIO_TRANSITIONAL
                                     ? QEMU_VIRTIO_TRANSITIONAL
                                 : balloon->model == VB_DOMAIN_MEMBALLOON_VIRTIO_NON_TRANSITIONAL
                                     ? QEMU_VIRTIO_NON_TRANSITIONAL
                                     : QEMU_VIRTIO_PLAIN);
    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    qemu_build_add_virtio(json, &balloon->virtio);
    vb_json_add_string(json, "id", balloon->info.alias);
    qemu_build_add_tristate(json, "deflate-on-oom", balloon->autodeflate);
    qemu_build_add_tristate(json, "free-page-reporting", balloon->free_page_reporting);
    return finish(build, json, &balloon->info, error);
}

/* ---- random numbers ---- */

static gboolean
take_rng_backend(QemuBuild *build, const VbDomainRng *rng, const char *id, GError **error)
{
    static const char *const types[] = {
        [VB_DOMAIN_RNG_BACKEND_RANDOM] = "rng-random",
        [VB_DOMAIN_RNG_BACKEND_EGD] = "rng-egd",
        [VB_DOMAIN_RNG_BACKEND_BUILTIN] = "rng-builtin",
    };
    g_autofree char *chardev = g_strdup_printf("char%s", rng->info.alias);
    VbJsonWriter *json;

    if (rng->backend == VB_DOMAIN_RNG_BACKEND_EGD) {
        QemuChardevInfo info = {.id = chardev, .alias = rng->info.alias};
        char *text = qemu_build_chardev(build, &rng->source, &info, error);

        if (!text)
            return FALSE;
        qemu_build_take_option(build, "-chardev", text);
    }
    json = qemu_build_object_new(types[rng->backend], id);
    if (rng->backend == VB_DOMAIN_RNG_BACKEND_RANDOM)
        vb_json_add_string(json, "filename",
                           rng->device && *rng->device ? rng->device : "/dev/random");
    if (rng->backend == VB_DOMAIN_RNG_BACKEND_EGD)
        vb_json_add_string(json, "chardev", chardev);
    qemu_build_take_json(build, "-object", json);
    return TRUE;
}

static gboolean
take_rng(QemuBuild *build, const VbDomainRng *rng, GError **error)
{
    static const QemuVirtioKind kinds[] = {
        [VB_DOMAIN_RNG_VIRTIO] = QEMU_VIRTIO_PLAIN,
        [VB_DOMAIN_RNG_VIRTIO_TRANSITIONAL] = QEMU_VIRTIO_TRANSITIONAL,
        [VB_DOMAIN_RNG_VIRTIO_NON_TRANSITIONAL] = QEMU_VIRTIO_NON_TRANSITIONAL,
    };
    g_autofree char *driver = qemu_build_virtio_driver("virtio-rng", &rng->info, kinds[rng->model]);
    g_autofree char *object = g_strdup_printf("obj%s", rng->info.alias);
    VbJsonWriter *json;

    if (!qemu_build_need_device(build, driver, error) ||
        !take_rng_backend(build, rng, object, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    qemu_build_add_virtio(json, &rng->virtio);
    vb_json_add_string(json, "rng", object);
    vb_json_add_string(json, "id", rng->info.alias);
    if (rng->rate_bytes) {
        vb_json_add_uint(json, "max-bytes", rng->rate_bytes);
        vb_json_add_uint(json, "period", rng->rate_period_ms ? rng->rate_period_ms : 1000);
    }
    return finish(build, json, &rng->info, error);
}

gboolean
qemu_build_rngs(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainRng, rng, build->def->rngs)
    if (!take_rng(build, rng, error))
        return FALSE;
    return TRUE;
}

/* ---- panic ---- */

gboolean
qemu_build_panics(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainPanic, panic, build->def->panics)
    {
        VbJsonWriter *json;

        if (panic->model == VB_DOMAIN_PANIC_HYPERV) /* a CPU feature: see cpu.c */
            continue;
        if (panic->model == VB_DOMAIN_PANIC_PVPANIC) {
            json = qemu_build_device_new("pvpanic-pci");
            if (!finish(build, json, &panic->info, error))
                return FALSE;
            continue;
        }
        if (panic->model != VB_DOMAIN_PANIC_ISA && panic->model != VB_DOMAIN_PANIC_DEFAULT)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "the QEMU binary does not support the panic device");
        json = qemu_build_device_new("pvpanic");
        if (panic->info.address.type == VB_DOMAIN_ADDRESS_ISA && panic->info.address.isa.has_iobase)
            vb_json_add_uint(json, "ioport", panic->info.address.isa.iobase);
        qemu_build_take_json(build, "-device", json);
    }
    return TRUE;
}

/* ---- vsock ---- */

gboolean
qemu_build_vsock(QemuBuild *build, GError **error)
{
    const VbDomainVsock *vsock = build->def->vsock;
    g_autofree char *fd = NULL;
    g_autofree char *driver = NULL;
    VbJsonWriter *json;

    if (!vsock)
        return TRUE;
    driver = qemu_build_virtio_driver("vhost-vsock", &vsock->info,
                                      g_strcmp0(vsock->model, "virtio-transitional") == 0
                                          ? QEMU_VIRTIO_TRANSITIONAL
                                      : g_strcmp0(vsock->model, "virtio-non-transitional") == 0
                                          ? QEMU_VIRTIO_NON_TRANSITIONAL
                                          : QEMU_VIRTIO_PLAIN);
    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    json = qemu_build_device_new(driver);
    qemu_build_add_virtio(json, &vsock->virtio);
    vb_json_add_string(json, "id", vsock->info.alias);
    vb_json_add_uint(json, "guest-cid", vsock->cid);
    fd = qemu_build_find_fd_name(build, QEMU_COMMAND_FD_VHOST, vsock->info.alias, 0);
    vb_json_add_string(json, "vhostfd", fd);
    return finish(build, json, &vsock->info, error);
}

/* ---- USB redirection ---- */

static void
append_filter_number(GString *text, int digits, const char *value)
{
    if (value)
        g_string_append_printf(text, "0x%0*X:", digits, (guint)g_ascii_strtoull(value, NULL, 0));
    else
        g_string_append(text, "-1:");
}

static char *
redir_filter_text(const VbDomainRedirFilter *filter)
{
    GString *text;

    if (!filter || VB_DOMAIN_COUNT(filter->filters) == 0)
        return NULL;
    text = g_string_new(NULL);
    VB_DOMAIN_EACH(VbDomainUsbFilter, rule, filter->filters)
    {
        g_auto(GStrv) version = rule->version ? g_strsplit(rule->version, ".", 2) : NULL;

        if (text->len > 0)
            g_string_append_c(text, '|');
        append_filter_number(text, 2, rule->class_id);
        append_filter_number(text, 4, rule->vendor_id);
        append_filter_number(text, 4, rule->product_id);
        if (version && version[0] && version[1])
            g_string_append_printf(text,
                                   "0x%02X%02X:", (guint)g_ascii_strtoull(version[0], NULL, 16),
                                   (guint)g_ascii_strtoull(version[1], NULL, 16));
        else
            g_string_append(text, "-1:");
        g_string_append_c(text, rule->allow == VB_TRISTATE_YES ? '1' : '0');
    }
    return g_string_free(text, FALSE);
}

gboolean
qemu_build_redirdevs(QemuBuild *build, GError **error)
{
    g_autofree char *filter = redir_filter_text(build->def->redir_filter);

    VB_DOMAIN_EACH(VbDomainRedirdev, redirdev, build->def->redirdevs)
    {
        g_autofree char *chardev = g_strdup_printf("char%s", redirdev->info.alias);
        QemuChardevInfo info = {.id = chardev,
                                .alias = redirdev->info.alias,
                                .spice_name = "usbredir"};
        VbJsonWriter *json;
        char *text;

        if (!qemu_build_need_device(build, "usb-redir", error))
            return FALSE;
        text = qemu_build_chardev(build, &redirdev->source, &info, error);
        if (!text)
            return FALSE;
        qemu_build_take_option(build, "-chardev", text);
        json = qemu_build_device_new("usb-redir");
        vb_json_add_string(json, "chardev", chardev);
        vb_json_add_string(json, "id", redirdev->info.alias);
        vb_json_add_string(json, "filter", filter);
        qemu_build_add_boot_index(build, json, &redirdev->info);
        if (!finish(build, json, &redirdev->info, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- shared folders ---- */

/* always octal with four digits */
static void
append_mode(GString *text, const char *key, const char *mode)
{
    if (mode)
        g_string_append_printf(text, ",%s=%04o", key, (guint)g_ascii_strtoull(mode, NULL, 8));
}

static void
take_fsdev(QemuBuild *build, const VbDomainFilesystem *fs)
{
    const char *mode = fs->accessmode ? fs->accessmode : "passthrough";
    gboolean is_handle = g_strcmp0(fs->driver_type, "handle") == 0;
    GString *text = g_string_new(is_handle ? "handle" : "local");

    if (!is_handle)
        qemu_build_append(text, "security_model", g_str_equal(mode, "squash") ? "none" : mode);
    qemu_build_append(text, "multidevs", fs->multidevs);
    append_mode(text, "fmode", fs->fmode);
    append_mode(text, "dmode", fs->dmode);
    qemu_build_append(text, "writeout", fs->driver_wrpolicy);
    g_string_append_printf(text, ",id=fsdev-%s", fs->info.alias);
    qemu_build_append(text, "path", fs->source_dir);
    if (fs->is_readonly)
        g_string_append(text, ",readonly"); /* what libvirt writes, and all QEMUs take */
    qemu_build_take_option(build, "-fsdev", g_string_free(text, FALSE));
}

static gboolean
take_9p(QemuBuild *build, const VbDomainFilesystem *fs, GError **error)
{
    g_autofree char *driver =
        qemu_build_virtio_driver("virtio-9p", &fs->info,
                                 g_strcmp0(fs->model, "virtio-transitional") == 0
                                     ? QEMU_VIRTIO_TRANSITIONAL
                                 : g_strcmp0(fs->model, "virtio-non-transitional") == 0
                                     ? QEMU_VIRTIO_NON_TRANSITIONAL
                                     : QEMU_VIRTIO_PLAIN);
    g_autofree char *fsdev = g_strdup_printf("fsdev-%s", fs->info.alias);
    VbJsonWriter *json;

    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    take_fsdev(build, fs);
    json = qemu_build_device_new(driver);
    qemu_build_add_virtio(json, &fs->virtio);
    vb_json_add_string(json, "id", fs->info.alias);
    vb_json_add_string(json, "fsdev", fsdev);
    vb_json_add_string(json, "mount_tag", fs->target_dir);
    return finish(build, json, &fs->info, error);
}

/* Another process serves the folder over a socket: the user's, or one that somebody starts before the emulator. */
static gboolean
take_virtiofs(QemuBuild *build, const VbDomainFilesystem *fs, GError **error)
{
    g_autofree char *driver =
        qemu_build_virtio_driver("vhost-user-fs", &fs->info, QEMU_VIRTIO_PLAIN);
    g_autofree char *chardev = g_strdup_printf("chr-vu-%s", fs->info.alias);
    g_autofree char *name = g_strdup_printf("%s-fs.sock", fs->info.alias);
    g_autofree char *path = g_build_filename(build->options->domain_dir, name, NULL);
    GString *text;
    VbJsonWriter *json;

    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    text = g_string_new("socket");
    qemu_build_append(text, "id", chardev);
    qemu_build_append(text, "path", fs->source_socket ? fs->source_socket : path);
    qemu_build_take_option(build, "-chardev", g_string_free(text, FALSE));
    json = qemu_build_device_new(driver);
    qemu_build_add_virtio(json, &fs->virtio);
    vb_json_add_string(json, "id", fs->info.alias);
    vb_json_add_string(json, "chardev", chardev);
    if (fs->driver_queue)
        vb_json_add_uint(json, "queue-size", fs->driver_queue);
    vb_json_add_string(json, "tag", fs->target_dir);
    qemu_build_add_boot_index(build, json, &fs->info);
    return finish(build, json, &fs->info, error);
}

gboolean
qemu_build_filesystems(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainFilesystem, fs, build->def->filesystems)
    {
        if (g_strcmp0(fs->driver_type, "virtiofs") == 0) {
            if (!take_virtiofs(build, fs, error))
                return FALSE;
            continue;
        }
        if (build->options->monitor_fd >= 0 && g_strcmp0(fs->driver_type, "handle") == 0)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "the 'handle' driver is not supported with this "
                                "QEMU binary");
        if (fs->type && !g_str_equal(fs->type, "mount"))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "only supports mount filesystem type");
        if (!take_9p(build, fs, error))
            return FALSE;
    }
    return TRUE;
}
