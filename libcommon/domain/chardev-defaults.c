/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fill-ins of character devices, and the pairing of the first console with the first serial port. */
#include <string.h>
#include "base/error.h"
#include "domain/defaults.h"

static gboolean
is_serial_console(const VbDomainChr *console)
{
    return console->console_target == VB_DOMAIN_CONSOLE_TARGET_NONE ||
           console->console_target == VB_DOMAIN_CONSOLE_TARGET_SERIAL;
}

static VbDomainChr *
first(GPtrArray *list)
{
    return VB_DOMAIN_COUNT(list) ? g_ptr_array_index(list, 0) : NULL;
}

/* the console is the serial port under another name: it shows what the port has */
static VbDomainChr *
console_of(const VbDomainChr *serial)
{
    VbDomainChr *console = vb_xml_copy(&vb_domain_serial_type, serial);

    console->serial_target = VB_DOMAIN_SERIAL_TARGET_NONE;
    g_clear_pointer(&console->serial_model, g_free);
    console->console_target = VB_DOMAIN_CONSOLE_TARGET_SERIAL;
    return console;
}

static void
replace_first(GPtrArray *list, VbDomainChr *console)
{
    vb_xml_free(&vb_domain_console_type, g_ptr_array_index(list, 0));
    list->pdata[0] = console;
}

/**
 * vb_domain_sync_console:
 * @def: a domain whose first serial port may have got a path, a port or an alias
 *
 * Makes the first console show what the first serial port has, where the two are one device.
 */
void
vb_domain_sync_console(VbDomainDef *def)
{
    VbDomainChr *serial = first(def->serials), *console = first(def->consoles);

    if (!serial || !console || !is_serial_console(console))
        return;
    console = console_of(serial);
    if (serial->source.type == VB_DOMAIN_CHR_PTY)
        console->tty = g_strdup(serial->source.path);
    replace_first(def->consoles, console);
}

/* consoles are numbered as they come, whatever they say */
static void
number_consoles(GPtrArray *list)
{
    guint next = 0;

    VB_DOMAIN_EACH(VbDomainChr, console, list)
    {
        console->port = next++;
        console->has_port = TRUE;
    }
}

gboolean
vb_domain_fill_consoles(const VbDomainFill *fill, GError **error)
{
    VbDomainDef *def = fill->def;
    VbDomainChr *console = first(def->consoles);

    if (strcmp(def->os.type, "hvm") != 0)
        return TRUE;
    number_consoles(def->consoles);
    for (guint i = 1; i < VB_DOMAIN_COUNT(def->consoles); i++) {
        const VbDomainChr *other = g_ptr_array_index(def->consoles, i);

        if (other->console_target == VB_DOMAIN_CONSOLE_TARGET_SERIAL)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "Only the first console can be a serial port");
    }
    if (console && is_serial_console(console) && !first(def->serials)) {
        VbDomainChr *serial = vb_xml_copy(&vb_domain_console_type, console);

        serial->console_target = VB_DOMAIN_CONSOLE_TARGET_NONE;
        vb_domain_list_add(&def->serials, serial);
    }
    return TRUE;
}

/* a port that is not given follows the highest of those before it */
static void
fill_ports(GPtrArray *list)
{
    guint next = 0;

    VB_DOMAIN_EACH(VbDomainChr, chr, list)
    {
        if (!chr->has_port)
            chr->port = next;
        next = MAX(next, chr->port + 1);
        chr->has_port = TRUE;
    }
}

static int
compare_endpoints(gconstpointer a, gconstpointer b)
{
    const VbDomainChrEndpoint *left = *(VbDomainChrEndpoint *const *)a,
                              *right = *(VbDomainChrEndpoint *const *)b;

    return g_strcmp0(left->mode, right->mode);
}

static void
fill_source(VbDomainChrSource *source)
{
    if (!source->type)
        source->type = VB_DOMAIN_CHR_PTY;
    VB_DOMAIN_EACH(VbDomainChrEndpoint, endpoint, source->udp)
    vb_domain_fill_string(&endpoint->mode, "connect");
    if (source->udp)
        g_ptr_array_sort(source->udp, compare_endpoints); /* bind first */
    if (source->type == VB_DOMAIN_CHR_TCP) {
        vb_domain_fill_string(&source->protocol, "raw");
        vb_domain_fill_string(&source->mode, "connect");
    }
    if (source->type == VB_DOMAIN_CHR_UNIX) {
        if (source->path)
            vb_domain_fill_string(&source->mode, "connect");
        else
            g_clear_pointer(&source->mode, g_free);
    }
}

static void
fill_serial(const VbDomainFill *fill, VbDomainChr *serial)
{
    static const VbDomainSerialTarget by_address[VB_DOMAIN_ADDRESS_LAST] = {
        [VB_DOMAIN_ADDRESS_USB] = VB_DOMAIN_SERIAL_TARGET_USB,
        [VB_DOMAIN_ADDRESS_PCI] = VB_DOMAIN_SERIAL_TARGET_PCI,
        [VB_DOMAIN_ADDRESS_SPAPR_VIO] = VB_DOMAIN_SERIAL_TARGET_SPAPR_VIO,
    };
    static const char *const models[VB_DOMAIN_SERIAL_TARGET_LAST] = {
        [VB_DOMAIN_SERIAL_TARGET_ISA] = "isa-serial",
        [VB_DOMAIN_SERIAL_TARGET_USB] = "usb-serial",
        [VB_DOMAIN_SERIAL_TARGET_PCI] = "pci-serial",
        [VB_DOMAIN_SERIAL_TARGET_SPAPR_VIO] = "spapr-vty",
        [VB_DOMAIN_SERIAL_TARGET_ISA_DEBUG] = "isa-debugcon",
    };

    if (!serial->serial_target)
        serial->serial_target = (int)by_address[serial->info.address.type];
    if (!serial->serial_target && fill->is_x86)
        serial->serial_target = VB_DOMAIN_SERIAL_TARGET_ISA;
    vb_domain_fill_string(&serial->serial_model, models[serial->serial_target]);
}

/* paths that were made up for a run, by us or by libvirt, are made up anew: CHANNEL_DIR/domain-7-guest/NAME */
static void
drop_generated_path(const VbDomainFill *fill, VbDomainChr *channel)
{
    static const char *const standard = "/var/lib/libvirt/qemu/channel/target";
    const char *rest = channel->source.path;
    const char *dir = rest && g_str_has_prefix(rest, standard) ? standard
                      : fill->hints                            ? fill->hints->channel_dir
                                                               : NULL;
    const char *slash;

    if (!dir || !rest || !channel->target_name || channel->source.type != VB_DOMAIN_CHR_UNIX ||
        !g_str_has_prefix(rest, dir) || rest[strlen(dir)] != '/')
        return;
    rest += strlen(dir) + 1;
    slash = strchr(rest, '/');
    if (slash ? !g_str_has_prefix(rest, "domain-") || strcmp(slash + 1, channel->target_name) != 0
              : !g_str_has_suffix(rest, channel->target_name) ||
                    strlen(rest) == strlen(channel->target_name) ||
                    rest[strlen(rest) - strlen(channel->target_name) - 1] != '.')
        return;
    g_clear_pointer(&channel->source.path, g_free);
    g_clear_pointer(&channel->source.mode, g_free);
}

static void
fill_channel(VbDomainChr *channel)
{
    if (channel->channel_target == VB_DOMAIN_CHANNEL_TARGET_VIRTIO &&
        channel->source.type == VB_DOMAIN_CHR_SPICEVMC)
        vb_domain_fill_string(&channel->target_name, "com.redhat.spice.0");
}

/* the first console belongs to the first serial port: without one when it is given, with one when it is missing */
static void
pair_console(VbDomainDef *def)
{
    VbDomainChr *serial = first(def->serials), *console = first(def->consoles);

    if (serial && (serial->serial_target == VB_DOMAIN_SERIAL_TARGET_ISA_DEBUG ||
                   (!console && (serial->serial_target == VB_DOMAIN_SERIAL_TARGET_USB ||
                                 serial->serial_target == VB_DOMAIN_SERIAL_TARGET_PCI))))
        return;
    if (serial && console && is_serial_console(console))
        replace_first(def->consoles, console_of(serial));
    else if (serial && (!console || !is_serial_console(console)) &&
             strcmp(def->os.type, "hvm") == 0)
        vb_domain_list_insert(&def->consoles, 0, console_of(serial));
}

gboolean
vb_domain_fill_chardevs(const VbDomainFill *fill, GError **error)
{
    VbDomainDef *def = fill->def;
    GPtrArray *const lists[] = {def->serials, def->parallels, def->consoles, def->channels};

    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        VB_DOMAIN_EACH(VbDomainChr, chr, lists[i])
        fill_source(&chr->source);
    }
    VB_DOMAIN_EACH(VbDomainRedirdev, redirdev, def->redirdevs)
    {
        fill_source(&redirdev->source);
        vb_domain_fill_string(&redirdev->bus, "usb");
    }
    VB_DOMAIN_EACH(VbDomainSmartcard, card, def->smartcards)
    {
        if (card->source.type)
            fill_source(&card->source);
    }
    VB_DOMAIN_EACH(VbDomainRng, rng, def->rngs)
    {
        if (rng->backend == VB_DOMAIN_RNG_BACKEND_EGD)
            fill_source(&rng->source);
    }
    fill_ports(def->serials);
    fill_ports(def->parallels);
    VB_DOMAIN_EACH(VbDomainChr, serial, def->serials)
    fill_serial(fill, serial);
    VB_DOMAIN_EACH(VbDomainChr, channel, def->channels)
    {
        fill_channel(channel);
        drop_generated_path(fill, channel);
    }
    pair_console(def);
    VB_DOMAIN_EACH(VbDomainChr, console, def->consoles)
    {
        if (!console->console_target)
            console->console_target = VB_DOMAIN_CONSOLE_TARGET_SERIAL;
    }
    return TRUE;
}
