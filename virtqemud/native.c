/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domxml-to-native: the way of a start up to the command line, without starting anything. Owns nothing. */
#include "native.h"

#include "base/error.h"
#include "command/command.h"
#include "define.h"
#include "firmware/firmware.h"

typedef struct {
    QemuManager *manager;
    char *xml;
    VbDomainDef *def;
    QemuCapsTextDone done;
    gpointer data;
} Native;

static void
finish(Native *native, const char *text, const GError *error)
{
    native->done(text, error, native->data);
    vb_domain_free(native->def);
    g_free(native->xml);
    g_free(native);
}

/* Nobody opens taps for a line that is only shown: as libvirt, every interface becomes a plain tap with the card's model
 * and MAC and a new address. */
static gboolean
make_nets_plain(VbDomainDef *def, GError **error)
{
    for (guint i = 0; i < VB_DOMAIN_COUNT(def->nets); i++) {
        VbDomainNet *old = def->nets->pdata[i];
        VbDomainNet *net = vb_xml_new(&vb_domain_net_type);
        net->type = VB_DOMAIN_NET_ETHERNET;
        net->model = g_strdup(old->model);
        net->mac = old->mac;
        def->nets->pdata[i] = net;
        vb_xml_free(&vb_domain_net_type, old);
    }
    return vb_domain_assign_addresses(def, error);
}

/* Source: libvirt shows these ports for those that a start would choose */
#define SHOWN_SPICE_PORT 5901

static void
show_ports(VbDomainDef *def)
{
    VB_DOMAIN_EACH(VbDomainGraphics, graphics, def->graphics)
    {
        const VbDomainListen *listen =
            VB_DOMAIN_COUNT(graphics->listens) > 0 ? graphics->listens->pdata[0] : NULL;

        if (graphics->type == VB_DOMAIN_GRAPHICS_SPICE && graphics->port <= 0 &&
            graphics->autoport == VB_TRISTATE_YES &&
            (!listen || listen->type == VB_DOMAIN_LISTEN_ADDRESS ||
             listen->type == VB_DOMAIN_LISTEN_NETWORK))
            graphics->port = SHOWN_SPICE_PORT;
    }
}

/* Cookies would be in a file of the guest; the host's secrets are nobody's here. */
static char *
show_secret(const QemuSecret *secret, gpointer data, GError **error)
{
    return secret->cookies ? g_build_filename(data, secret->id, NULL) : NULL;
}

/* A few small files are read; the variables are not made. */
static gboolean
choose_firmware(Native *native, GError **error)
{
    const QemuInteropPlace place = {.root = native->manager->root,
                                    .is_session = native->manager->is_session};
    g_autofree char *nvram_dir = g_build_filename(native->manager->lib_dir, "nvram", NULL);
    g_autoptr(GPtrArray) all = NULL;

    if (!qemu_firmware_is_open(native->def))
        return TRUE;
    all = qemu_firmware_read_all(&place);
    return qemu_firmware_fill(native->def, all, nvram_dir, error);
}

/* Below --root the daemon's own files lie in another place: shown is where they are for a system that lives there. */
static char *
show_command(const Native *native, const QemuCommand *command)
{
    static const char *const folders[] = {"/var/lib/libvirt/qemu/", "/run/libvirt/qemu/"};
    g_autofree char *plain = qemu_command_to_shell(command);
    g_autoptr(GString) text = g_string_new(plain);

    for (guint i = 0; native->manager->root && i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *own = g_strconcat(native->manager->root, folders[i], NULL);
        g_string_replace(text, own, folders[i], 0);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
caps_known(QemuCaps *caps, const GError *failure, gpointer data)
{
    Native *native = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *name =
        g_utf8_substring(native->def->name, 0, MIN(20, g_utf8_strlen(native->def->name, -1)));
    g_autofree char *folder = g_strdup_printf("domain--1-%s", name);
    g_autofree char *domain_dir = g_build_filename(native->manager->lib_dir, folder, NULL);
    g_autofree char *channel_dir = g_build_filename(native->manager->channel_dir, folder, NULL);
    const QemuCommandOptions options = {.domain_dir = domain_dir,
                                        .run_dir = native->manager->run_dir,
                                        .channel_dir = channel_dir,
                                        .monitor_fd = -1,
                                        .find_secret = show_secret,
                                        .secret_data = domain_dir,
                                        .has_master_key = TRUE};
    if (!caps) {
        finish(native, NULL, failure);
        return;
    }
    if (!choose_firmware(native, &error) || !make_nets_plain(native->def, &error)) {
        finish(native, NULL, error);
        return;
    }
    show_ports(native->def);
    vb_domain_assign_aliases(native->def);
    qemu_command_number_images(native->def);
    g_autoptr(QemuCommand) command = qemu_command_build(native->def, caps, &options, &error);
    g_autofree char *text = command ? show_command(native, command) : NULL;
    finish(native, text, error);
}

static void
prepared(gpointer data)
{
    Native *native = data;
    g_autoptr(GError) error = NULL;
    native->def = qemu_manager_parse(native->manager, native->xml, 0, &error);
    if (!native->def) {
        finish(native, NULL, error);
        return;
    }
    qemu_caps_cache_get(native->manager->caps, native->def->emulator,
                        native->def->virt_type == VB_DOMAIN_VIRT_KVM ? QEMU_ACCEL_KVM
                                                                     : QEMU_ACCEL_TCG,
                        caps_known, native);
}

/**
 * qemu_native_from_xml:
 *
 * Errors: INVALID_ARG unknown format; those of a definition
 */
void
qemu_native_from_xml(QemuManager *manager, const char *format, const char *xml,
                     QemuCapsTextDone done, gpointer data)
{
    Native *native = g_new0(Native, 1);
    native->manager = manager;
    native->xml = g_strdup(xml);
    native->done = done;
    native->data = data;
    if (!g_str_equal(format, "qemu-argv")) {
        g_autoptr(GError) error = NULL;
        vb_error_set(&error, VIR_ERR_INVALID_ARG, "unsupported config type %s", format);
        finish(native, NULL, error);
        return;
    }
    qemu_manager_prepare(manager, native->xml, prepared, native);
}
