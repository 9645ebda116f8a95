/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices: the host's side (-chardev), and the guest's serial and parallel ports, channels, consoles. */
#include "command/build.h"

/* ---- host side ---- */

typedef gboolean (*ChardevWriter)(QemuBuild *build, GString *text, const VbDomainChrSource *source,
                                  const QemuChardevInfo *info, GError **error);

static void
begin(GString *text, const char *backend, const QemuChardevInfo *info)
{
    g_string_append(text, backend);
    qemu_build_append(text, "id", info->id);
}

static gboolean
write_null(QemuBuild *build, GString *text, const VbDomainChrSource *source,
           const QemuChardevInfo *info, GError **error)
{
    begin(text, "null", info);
    return TRUE;
}

static gboolean
write_vc(QemuBuild *build, GString *text, const VbDomainChrSource *source,
         const QemuChardevInfo *info, GError **error)
{
    begin(text, "vc", info);
    return TRUE;
}

static gboolean
write_pty(QemuBuild *build, GString *text, const VbDomainChrSource *source,
          const QemuChardevInfo *info, GError **error)
{
    begin(text, "pty", info);
    return TRUE;
}

static gboolean
write_dev(QemuBuild *build, GString *text, const VbDomainChrSource *source,
          const QemuChardevInfo *info, GError **error)
{
    begin(text, info->is_parallel ? "parallel" : "serial", info);
    qemu_build_append(text, "path", source->path);
    return TRUE;
}

static gboolean
write_file(QemuBuild *build, GString *text, const VbDomainChrSource *source,
           const QemuChardevInfo *info, GError **error)
{
    begin(text, "file", info);
    qemu_build_append(text, "path", source->path);
    qemu_build_append(text, "append", qemu_build_on_off(source->append));
    return TRUE;
}

static gboolean
write_pipe(QemuBuild *build, GString *text, const VbDomainChrSource *source,
           const QemuChardevInfo *info, GError **error)
{
    begin(text, "pipe", info);
    qemu_build_append(text, "path", source->path);
    return TRUE;
}

static gboolean
write_stdio(QemuBuild *build, GString *text, const VbDomainChrSource *source,
            const QemuChardevInfo *info, GError **error)
{
    begin(text, "stdio", info);
    return TRUE;
}

static gboolean
write_udp(QemuBuild *build, GString *text, const VbDomainChrSource *source,
          const QemuChardevInfo *info, GError **error)
{
    const VbDomainChrEndpoint *to = NULL;
    const VbDomainChrEndpoint *from = NULL;

    VB_DOMAIN_EACH(VbDomainChrEndpoint, end, source->udp)
    {
        if (g_strcmp0(end->mode, "bind") == 0)
            from = end;
        else
            to = end;
    }
    begin(text, "udp", info);
    qemu_build_append(text, "host", to && to->host ? to->host : "");
    qemu_build_append(text, "port", to && to->service ? to->service : "");
    qemu_build_append(text, "localaddr", from && from->host ? from->host : "");
    qemu_build_append(text, "localport", from && from->service ? from->service : "0");
    return TRUE;
}

static void
append_socket_mode(GString *text, const VbDomainChrSource *source)
{
    /* a unix socket whose path we choose is ours to listen on */
    gboolean is_ours = source->type == VB_DOMAIN_CHR_UNIX && !source->mode && !source->path;

    if (is_ours || g_strcmp0(source->mode, "bind") == 0)
        g_string_append(text, ",server=on,wait=off");
    else if (source->reconnect == VB_TRISTATE_YES)
        g_string_append_printf(text, ",reconnect=%u", source->reconnect_timeout_s);
    else if (source->reconnect == VB_TRISTATE_NO)
        g_string_append(text, ",reconnect=0");
}

static gboolean
write_tcp(QemuBuild *build, GString *text, const VbDomainChrSource *source,
          const QemuChardevInfo *info, GError **error)
{
    g_autofree char *tls = NULL;

    if (source->tls == VB_TRISTATE_YES)
        tls = qemu_build_take_tls(build, info->id, g_strcmp0(source->mode, "bind") == 0);
    begin(text, "socket", info);
    qemu_build_append(text, "host", source->host);
    qemu_build_append(text, "port", source->service);
    if (g_strcmp0(source->protocol, "telnet") == 0)
        g_string_append(text, ",telnet=on");
    append_socket_mode(text, source);
    qemu_build_append(text, "tls-creds", tls);
    return TRUE;
}

static gboolean
write_unix(QemuBuild *build, GString *text, const VbDomainChrSource *source,
           const QemuChardevInfo *info, GError **error)
{
    g_autofree char *fd = qemu_build_find_fd_name(build, QEMU_COMMAND_FD_SOCKET, info->alias, 0);

    begin(text, "socket", info);
    if (fd)
        g_string_append_printf(text, ",fd=%s", fd);
    else
        qemu_build_append(text, "path", source->path ? source->path : info->default_path);
    append_socket_mode(text, source);
    return TRUE;
}

static gboolean
write_spicevmc(QemuBuild *build, GString *text, const VbDomainChrSource *source,
               const QemuChardevInfo *info, GError **error)
{
    begin(text, "spicevmc", info);
    qemu_build_append(text, "name", info->spice_name);
    return TRUE;
}

static gboolean
write_spiceport(QemuBuild *build, GString *text, const VbDomainChrSource *source,
                const QemuChardevInfo *info, GError **error)
{
    begin(text, "spiceport", info);
    qemu_build_append(text, "name", source->channel);
    return TRUE;
}

static gboolean
write_vdagent(QemuBuild *build, GString *text, const VbDomainChrSource *source,
              const QemuChardevInfo *info, GError **error)
{
    begin(text, "qemu-vdagent", info);
    qemu_build_append(text, "name", "vdagent");
    qemu_build_append(text, "clipboard", qemu_build_on_off(source->clipboard));
    if (source->mouse_mode)
        qemu_build_append(text, "mouse", g_str_equal(source->mouse_mode, "client") ? "on" : "off");
    return TRUE;
}

static gboolean
write_dbus(QemuBuild *build, GString *text, const VbDomainChrSource *source,
           const QemuChardevInfo *info, GError **error)
{
    begin(text, "dbus", info);
    qemu_build_append(text, "name", source->channel);
    return TRUE;
}

static const ChardevWriter chardev_writers[VB_DOMAIN_CHR_LAST] = {
    [VB_DOMAIN_CHR_NONE] = write_pty,
    [VB_DOMAIN_CHR_NULL] = write_null,
    [VB_DOMAIN_CHR_VC] = write_vc,
    [VB_DOMAIN_CHR_PTY] = write_pty,
    [VB_DOMAIN_CHR_DEV] = write_dev,
    [VB_DOMAIN_CHR_FILE] = write_file,
    [VB_DOMAIN_CHR_PIPE] = write_pipe,
    [VB_DOMAIN_CHR_STDIO] = write_stdio,
    [VB_DOMAIN_CHR_UDP] = write_udp,
    [VB_DOMAIN_CHR_TCP] = write_tcp,
    [VB_DOMAIN_CHR_UNIX] = write_unix,
    [VB_DOMAIN_CHR_SPICEVMC] = write_spicevmc,
    [VB_DOMAIN_CHR_SPICEPORT] = write_spiceport,
    [VB_DOMAIN_CHR_QEMU_VDAGENT] = write_vdagent,
    [VB_DOMAIN_CHR_DBUS] = write_dbus,
};

/* The value of -chardev (transfer full). */
char *
qemu_build_chardev(QemuBuild *build, const VbDomainChrSource *source, const QemuChardevInfo *info,
                   GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (!chardev_writers[source->type]) {
        vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "unsupported chardev '%s'",
                     vb_enum_to_nick(&vb_domain_chr_type_enum, source->type));
        return NULL;
    }
    if (!chardev_writers[source->type](build, text, source, info, error))
        return NULL;
    qemu_build_append(text, "logfile", source->log_file);
    if (source->log_file)
        qemu_build_append(text, "logappend", qemu_build_on_off(source->log_append));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* ---- guest side ---- */

static char *
channel_default_path(QemuBuild *build, const VbDomainChr *chr)
{
    g_autofree char *name = NULL;

    if (!build->options->channel_dir)
        return NULL;
    if (!chr->target_name)
        name = g_strdup_printf("vioser-%02u-%02u-%02u.sock",
                               chr->info.address.virtio_serial.controller,
                               chr->info.address.virtio_serial.bus,
                               chr->info.address.virtio_serial.port);
    return g_build_filename(build->options->channel_dir, chr->target_name ? chr->target_name : name,
                            NULL);
}

static gboolean
take_host_side(QemuBuild *build, const VbDomainChr *chr, gboolean is_parallel, GError **error)
{
    g_autofree char *id = g_strdup_printf("char%s", chr->info.alias);
    g_autofree char *path = channel_default_path(build, chr);
    QemuChardevInfo info = {.id = id,
                            .alias = chr->info.alias,
                            .default_path = path,
                            .spice_name = "vdagent",
                            .is_parallel = is_parallel};
    char *text = qemu_build_chardev(build, &chr->source, &info, error);

    if (!text)
        return FALSE;
    qemu_build_take_option(build, "-chardev", text);
    return TRUE;
}

static VbJsonWriter *
guest_side_new(const char *driver, const VbDomainChr *chr)
{
    g_autofree char *chardev = g_strdup_printf("char%s", chr->info.alias);
    VbJsonWriter *json = qemu_build_device_new(driver);

    vb_json_add_string(json, "chardev", chardev);
    vb_json_add_string(json, "id", chr->info.alias);
    return json;
}

static gboolean
take_guest_side(QemuBuild *build, VbJsonWriter *json, const VbDomainChr *chr, GError **error)
{
    if (!qemu_build_add_address(build, json, &chr->info, error)) {
        vb_json_writer_free(json);
        return FALSE;
    }
    qemu_build_take_json(build, "-device", json);
    return TRUE;
}

static gboolean
take_serial(QemuBuild *build, const VbDomainChr *chr, GError **error)
{
    static const char *const drivers[VB_DOMAIN_SERIAL_TARGET_LAST] = {
        [VB_DOMAIN_SERIAL_TARGET_NONE] = "isa-serial",
        [VB_DOMAIN_SERIAL_TARGET_ISA] = "isa-serial",
        [VB_DOMAIN_SERIAL_TARGET_USB] = "usb-serial",
        [VB_DOMAIN_SERIAL_TARGET_PCI] = "pci-serial",
        [VB_DOMAIN_SERIAL_TARGET_ISA_DEBUG] = "isa-debugcon",
    };
    const char *driver = drivers[chr->serial_target];
    VbJsonWriter *json;

    if (!driver)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "unsupported serial target type '%s'",
                            vb_enum_to_nick(&vb_domain_serial_target_enum, chr->serial_target));
    if (!qemu_build_need_device(build, driver, error) || !take_host_side(build, chr, FALSE, error))
        return FALSE;
    json = guest_side_new(driver, chr);
    if (g_str_equal(driver, "isa-serial"))
        vb_json_add_uint(json, "index", chr->port);
    return take_guest_side(build, json, chr, error);
}

gboolean
qemu_build_serials(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainChr, chr, build->def->serials)
    if (!take_serial(build, chr, error))
        return FALSE;
    return TRUE;
}

gboolean
qemu_build_parallels(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainChr, chr, build->def->parallels)
    if (!take_host_side(build, chr, TRUE, error) ||
        !take_guest_side(build, guest_side_new("isa-parallel", chr), chr, error))
        return FALSE;
    return TRUE;
}

static void
take_guestfwd(QemuBuild *build, const VbDomainChr *chr)
{
    g_autofree char *text = g_strdup_printf("tcp:%s:%s-chardev:char%s", chr->target_address,
                                            chr->target_port, chr->info.alias);
    VbJsonWriter *json = vb_json_writer_new();

    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "type", "user");
    vb_json_begin_array(json, "guestfwd");
    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "str", text);
    vb_json_end(json);
    vb_json_end(json);
    vb_json_add_string(json, "id", chr->info.alias);
    qemu_build_take_json(build, "-netdev", json);
}

static gboolean
take_channel(QemuBuild *build, const VbDomainChr *chr, GError **error)
{
    g_autofree char *chardev = g_strdup_printf("char%s", chr->info.alias);
    g_autoptr(VbJsonWriter) json = NULL;

    if (!take_host_side(build, chr, FALSE, error))
        return FALSE;
    if (chr->channel_target == VB_DOMAIN_CHANNEL_TARGET_GUESTFWD) {
        take_guestfwd(build, chr);
        return TRUE;
    }
    if (chr->channel_target != VB_DOMAIN_CHANNEL_TARGET_VIRTIO)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "unsupported channel target type '%s'",
                            vb_enum_to_nick(&vb_domain_channel_target_enum, chr->channel_target));
    json = qemu_build_device_new("virtserialport");
    if (!qemu_build_add_address(build, json, &chr->info, error))
        return FALSE;
    vb_json_add_string(json, "chardev", chardev);
    vb_json_add_string(json, "id", chr->info.alias);
    vb_json_add_string(json, "name",
                       chr->source.type == VB_DOMAIN_CHR_SPICEVMC && !chr->target_name
                           ? "com.redhat.spice.0"
                           : chr->target_name);
    qemu_build_take_json(build, "-device", g_steal_pointer(&json));
    return TRUE;
}

gboolean
qemu_build_channels(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainChr, chr, build->def->channels)
    if (!take_channel(build, chr, error))
        return FALSE;
    return TRUE;
}

static gboolean
take_virtio_console(QemuBuild *build, const VbDomainChr *chr, GError **error)
{
    g_autofree char *chardev = g_strdup_printf("char%s", chr->info.alias);
    g_autoptr(VbJsonWriter) json = qemu_build_device_new("virtconsole");

    if (!take_host_side(build, chr, FALSE, error) ||
        !qemu_build_add_address(build, json, &chr->info, error))
        return FALSE;
    vb_json_add_string(json, "chardev", chardev);
    vb_json_add_string(json, "id", chr->info.alias);
    qemu_build_take_json(build, "-device", g_steal_pointer(&json));
    return TRUE;
}

/* A console of type serial is the first serial port seen again. */
gboolean
qemu_build_consoles(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainChr, chr, build->def->consoles)
    {
        if (chr->console_target == VB_DOMAIN_CONSOLE_TARGET_SERIAL ||
            chr->console_target == VB_DOMAIN_CONSOLE_TARGET_NONE)
            continue;
        if (chr->console_target != VB_DOMAIN_CONSOLE_TARGET_VIRTIO)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "unsupported console target type %s",
                                vb_enum_to_nick(&vb_domain_console_target_enum,
                                                chr->console_target));
        if (!take_virtio_console(build, chr, error))
            return FALSE;
    }
    return TRUE;
}
