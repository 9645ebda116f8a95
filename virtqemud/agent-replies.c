/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Replies of the guest agent, read. Source of the shapes: QEMU docs/interop/qemu-ga-ref; of the names: libvirt's
 * VIR_DOMAIN_GUEST_INFO_*. */
#include "agent-replies.h"

#include "vb-constants.h"
#include <string.h>

#define MAX_ITEMS 256 /* Source: REMOTE_DOMAIN_FSINFO_MAX, REMOTE_DOMAIN_IP_ADDR_MAX and twins */

static const char *
text(const VbJson *object, const char *key)
{
    const char *value = vb_json_get_string(object, key);

    return value ? value : "";
}

/* ---- interfaces ---- */

static void
add_address(const VbJson *address, GVariantBuilder *addresses)
{
    const char *type = text(address, "ip-address-type");
    gboolean is_v6 = strcmp(type, "ipv6") == 0;

    if (vb_json_get_string(address, "ip-address") && (is_v6 || strcmp(type, "ipv4") == 0))
        g_variant_builder_add(addresses, "(isu)",
                              is_v6 ? VIR_IP_ADDR_TYPE_IPV6 : VIR_IP_ADDR_TYPE_IPV4,
                              text(address, "ip-address"),
                              (guint32)vb_json_get_uint(address, "prefix", 0));
}

static GVariant *
read_interface(const VbJson *interface)
{
    GVariantBuilder addresses;
    guint n = 0;

    g_variant_builder_init(&addresses, G_VARIANT_TYPE("a(isu)"));
    for (const VbJson *at = vb_json_first(vb_json_get(interface, "ip-addresses"));
         at && n < MAX_ITEMS; at = vb_json_next(at), n++)
        add_address(at, &addresses);
    return g_variant_new("(ssa(isu))", text(interface, "name"), text(interface, "hardware-address"),
                         &addresses);
}

GVariant *
qemu_agent_read_addresses(const VbJson *interfaces)
{
    GVariantBuilder list;
    guint n = 0;

    if (vb_json_get_kind(interfaces) != VB_JSON_ARRAY)
        return NULL;
    g_variant_builder_init(&list, G_VARIANT_TYPE("a(ssa(isu))"));
    for (const VbJson *at = vb_json_first(interfaces); at && n < MAX_ITEMS;
         at = vb_json_next(at), n++)
        g_variant_builder_add_value(&list, read_interface(at));
    return g_variant_builder_end(&list);
}

/* ---- file systems ---- */

static gboolean
is_same_pci(const VbDomainDeviceInfo *info, const VbJson *pci)
{
    return info->address.type == VB_DOMAIN_ADDRESS_PCI &&
           info->address.pci.domain == vb_json_get_uint(pci, "domain", G_MAXUINT) &&
           info->address.pci.bus == vb_json_get_uint(pci, "bus", G_MAXUINT) &&
           info->address.pci.slot == vb_json_get_uint(pci, "slot", G_MAXUINT) &&
           info->address.pci.function == vb_json_get_uint(pci, "function", G_MAXUINT);
}

static gboolean
is_controller_at(const VbDomainDef *live, guint index, const VbJson *pci)
{
    VB_DOMAIN_EACH(VbDomainController, controller, live->controllers)
    if (controller->index == index && is_same_pci(&controller->info, pci))
        return TRUE;
    return FALSE;
}

/* the target of the disk that the guest sees at this place; NULL: none of ours. Buses behind bridges are numbered by the
 * guest's firmware, so that only those on the root bus are found. */
static const char *
find_target(const VbDomainDef *live, const VbJson *place)
{
    const VbJson *pci = vb_json_get(place, "pci-controller");

    VB_DOMAIN_EACH(VbDomainDisk, disk, live->disks)
    {
        const VbDomainAddress *address = &disk->info.address;

        if (is_same_pci(&disk->info, pci))
            return disk->dst;
        if (address->type == VB_DOMAIN_ADDRESS_DRIVE &&
            address->drive.bus == vb_json_get_uint(place, "bus", G_MAXUINT) &&
            address->drive.target == vb_json_get_uint(place, "target", G_MAXUINT) &&
            address->drive.unit == vb_json_get_uint(place, "unit", G_MAXUINT) &&
            is_controller_at(live, address->drive.controller, pci))
            return disk->dst;
    }
    return NULL;
}

static GVariant *
read_filesystem(const VbJson *filesystem, const VbDomainDef *live)
{
    GVariantBuilder targets;
    guint n = 0;

    g_variant_builder_init(&targets, G_VARIANT_TYPE_STRING_ARRAY);
    for (const VbJson *at = vb_json_first(vb_json_get(filesystem, "disk")); at && n < MAX_ITEMS;
         at = vb_json_next(at), n++)
        if (find_target(live, at))
            g_variant_builder_add(&targets, "s", find_target(live, at));
    return g_variant_new("(sssas)", text(filesystem, "mountpoint"), text(filesystem, "name"),
                         text(filesystem, "type"), &targets);
}

GVariant *
qemu_agent_read_fsinfo(const VbJson *filesystems, const VbDomainDef *live)
{
    GVariantBuilder list;
    guint n = 0;

    if (vb_json_get_kind(filesystems) != VB_JSON_ARRAY)
        return NULL;
    g_variant_builder_init(&list, G_VARIANT_TYPE("a(sssas)"));
    for (const VbJson *at = vb_json_first(filesystems); at && n < MAX_ITEMS;
         at = vb_json_next(at), n++)
        g_variant_builder_add_value(&list, read_filesystem(at, live));
    return g_variant_builder_end(&list);
}

/* ---- virtual CPUs ---- */

static void
add_number(GString *list, guint number)
{
    g_string_append_printf(list, "%s%u", list->len ? "," : "", number);
}

static void
add_list(GVariantBuilder *params, const char *name, const GString *list)
{
    g_autofree char *normal = vb_bitmap_normalise(list->str, 65535);

    g_variant_builder_add(params, "{sv}", name, g_variant_new_string(normal ? normal : ""));
}

char *
qemu_agent_read_vcpus(const VbJson *vcpus, GVariantBuilder *params)
{
    g_autoptr(GString) all = g_string_new(NULL), online = g_string_new(NULL),
                       offlinable = g_string_new(NULL);

    if (vb_json_get_kind(vcpus) != VB_JSON_ARRAY || vb_json_get_length(vcpus) > 65536)
        return g_strdup("guest agent reported no list of vCPUs");
    for (const VbJson *at = vb_json_first(vcpus); at; at = vb_json_next(at)) {
        guint64 id = vb_json_get_uint(at, "logical-id", G_MAXUINT64);

        if (id > 65535)
            return g_strdup("guest agent reported unexpected vCPU ids");
        add_number(all, (guint)id);
        if (vb_json_get_bool(at, "online", FALSE))
            add_number(online, (guint)id);
        if (vb_json_get_bool(at, "can-offline", FALSE))
            add_number(offlinable, (guint)id);
    }
    add_list(params, "vcpus", all);
    add_list(params, "online", online);
    add_list(params, "offlinable", offlinable);
    return NULL;
}

/* ---- parts of the guest's description ---- */

static void G_GNUC_PRINTF(3, 4)
    add_value(GVariantBuilder *params, GVariant *value, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *name = g_strdup_vprintf(format, args);
    va_end(args);
    g_variant_builder_add(params, "{sv}", name, value);
}

static void
add_text(GVariantBuilder *params, const VbJson *object, const char *key, const char *name)
{
    if (vb_json_get_string(object, key))
        add_value(params, g_variant_new_string(text(object, key)), "%s", name);
}

static guint
count(const VbJson *list)
{
    return vb_json_get_kind(list) == VB_JSON_ARRAY ? MIN(vb_json_get_length(list), MAX_ITEMS) : 0;
}

static GVariant *
number(guint value)
{
    return g_variant_new_uint32(value);
}

static void
read_users(const VbJson *reply, const VbDomainDef *live, GVariantBuilder *params)
{
    const VbJson *at = vb_json_first(reply);
    guint n = count(reply);

    add_value(params, number(n), "user.count");
    for (guint i = 0; i < n; i++, at = vb_json_next(at)) {
        g_autofree char *name = g_strdup_printf("user.%u.name", i);
        g_autofree char *domain = g_strdup_printf("user.%u.domain", i);

        add_text(params, at, "user", name);
        add_text(params, at, "domain", domain);
        add_value(params,
                  g_variant_new_uint64(
                      (guint64)CLAMP(vb_json_get_double(at, "login-time", 0) * 1000, 0, 1e17)),
                  "user.%u.login-time", i);
    }
}

static void
read_os(const VbJson *reply, const VbDomainDef *live, GVariantBuilder *params)
{
    static const char *const keys[] = {
        "id",      "name",    "pretty-name", "version",        "version-id",
        "machine", "variant", "variant-id",  "kernel-release", "kernel-version"};

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *name = g_strconcat("os.", keys[i], NULL);

        add_text(params, reply, keys[i], name);
    }
}

static void
read_timezone(const VbJson *reply, const VbDomainDef *live, GVariantBuilder *params)
{
    add_text(params, reply, "zone", "timezone.name");
    add_value(params, g_variant_new_int32((gint32)vb_json_get_int(reply, "offset", 0)),
              "timezone.offset");
}

static void
read_hostname(const VbJson *reply, const VbDomainDef *live, GVariantBuilder *params)
{
    add_text(params, reply, "host-name", "hostname");
}

static void
read_filesystem_disks(const VbJson *disks, const VbDomainDef *live, guint index,
                      GVariantBuilder *params)
{
    const VbJson *at = vb_json_first(disks);
    guint n = count(disks);

    add_value(params, number(n), "fs.%u.disk.count", index);
    for (guint i = 0; i < n; i++, at = vb_json_next(at)) {
        g_autofree char *serial = g_strdup_printf("fs.%u.disk.%u.serial", index, i);
        g_autofree char *device = g_strdup_printf("fs.%u.disk.%u.device", index, i);
        const char *target = find_target(live, at);

        if (target)
            add_value(params, g_variant_new_string(target), "fs.%u.disk.%u.alias", index, i);
        add_text(params, at, "serial", serial);
        add_text(params, at, "dev", device);
    }
}

static void
read_filesystems(const VbJson *reply, const VbDomainDef *live, GVariantBuilder *params)
{
    static const char *const keys[][2] = {{"name", "name"},
                                          {"mountpoint", "mountpoint"},
                                          {"type", "fstype"}};
    const VbJson *at = vb_json_first(reply);
    guint n = count(reply);

    add_value(params, number(n), "fs.count");
    for (guint i = 0; i < n; i++, at = vb_json_next(at)) {
        for (guint k = 0; k < G_N_ELEMENTS(keys); k++) {
            g_autofree char *name = g_strdup_printf("fs.%u.%s", i, keys[k][1]);

            add_text(params, at, keys[k][0], name);
        }
        if (vb_json_get(at, "total-bytes"))
            add_value(params, g_variant_new_uint64(vb_json_get_uint(at, "total-bytes", 0)),
                      "fs.%u.total-bytes", i);
        if (vb_json_get(at, "used-bytes"))
            add_value(params, g_variant_new_uint64(vb_json_get_uint(at, "used-bytes", 0)),
                      "fs.%u.used-bytes", i);
        read_filesystem_disks(vb_json_get(at, "disk"), live, i, params);
    }
}

static void
read_disk(const VbJson *disk, const VbDomainDef *live, guint index, GVariantBuilder *params)
{
    const VbJson *dependencies = vb_json_get(disk, "dependencies");
    const VbJson *address = vb_json_get(disk, "address");
    const VbJson *at = vb_json_first(dependencies);
    const char *target = address ? find_target(live, address) : NULL;
    g_autofree char *name = g_strdup_printf("disk.%u.name", index);
    g_autofree char *serial = g_strdup_printf("disk.%u.serial", index);
    g_autofree char *alias = g_strdup_printf("disk.%u.guest_alias", index);
    g_autofree char *bus = g_strdup_printf("disk.%u.guest_bus", index);
    guint n = count(dependencies);

    add_text(params, disk, "name", name);
    add_value(params, g_variant_new_boolean(vb_json_get_bool(disk, "partition", FALSE)),
              "disk.%u.partition", index);
    if (n > 0)
        add_value(params, number(n), "disk.%u.dependency.count", index);
    for (guint i = 0; i < n; i++, at = vb_json_next(at))
        add_value(params, g_variant_new_string(vb_json_as_string(at) ? vb_json_as_string(at) : ""),
                  "disk.%u.dependency.%u.name", index, i);
    add_text(params, address, "serial", serial);
    if (target)
        add_value(params, g_variant_new_string(target), "disk.%u.alias", index);
    add_text(params, disk, "alias", alias);
    add_text(params, address, "bus-type", bus);
}

static void
read_disks(const VbJson *reply, const VbDomainDef *live, GVariantBuilder *params)
{
    const VbJson *at = vb_json_first(reply);
    guint n = count(reply);

    add_value(params, number(n), "disk.count");
    for (guint i = 0; i < n; i++, at = vb_json_next(at))
        read_disk(at, live, i, params);
}

static void
read_interface_addresses(const VbJson *addresses, guint index, GVariantBuilder *params)
{
    const VbJson *at = vb_json_first(addresses);
    guint n = count(addresses);

    add_value(params, number(n), "if.%u.addr.count", index);
    for (guint i = 0; i < n; i++, at = vb_json_next(at)) {
        add_value(params, g_variant_new_string(text(at, "ip-address-type")), "if.%u.addr.%u.type",
                  index, i);
        add_value(params, g_variant_new_string(text(at, "ip-address")), "if.%u.addr.%u.addr", index,
                  i);
        add_value(params, number((guint32)vb_json_get_uint(at, "prefix", 0)),
                  "if.%u.addr.%u.prefix", index, i);
    }
}

static void
read_interfaces(const VbJson *reply, const VbDomainDef *live, GVariantBuilder *params)
{
    const VbJson *at = vb_json_first(reply);
    guint n = count(reply);

    add_value(params, number(n), "if.count");
    for (guint i = 0; i < n; i++, at = vb_json_next(at)) {
        g_autofree char *name = g_strdup_printf("if.%u.name", i);
        g_autofree char *hardware = g_strdup_printf("if.%u.hwaddr", i);

        add_text(params, at, "name", name);
        add_text(params, at, "hardware-address", hardware);
        read_interface_addresses(vb_json_get(at, "ip-addresses"), i, params);
    }
}

static void
read_load(const VbJson *reply, const VbDomainDef *live, GVariantBuilder *params)
{
    static const char *const keys[] = {"1m", "5m", "15m"};

    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *key = g_strconcat("load", keys[i], NULL);

        if (vb_json_get(reply, key))
            add_value(params, g_variant_new_double(vb_json_get_double(reply, key, 0)), "load.%s",
                      keys[i]);
    }
}

static const QemuAgentInfoPart parts[] = {
    {VIR_DOMAIN_GUEST_INFO_USERS, "guest-get-users", read_users},
    {VIR_DOMAIN_GUEST_INFO_OS, "guest-get-osinfo", read_os},
    {VIR_DOMAIN_GUEST_INFO_TIMEZONE, "guest-get-timezone", read_timezone},
    {VIR_DOMAIN_GUEST_INFO_HOSTNAME, "guest-get-host-name", read_hostname},
    {VIR_DOMAIN_GUEST_INFO_FILESYSTEM, "guest-get-fsinfo", read_filesystems},
    {VIR_DOMAIN_GUEST_INFO_DISKS, "guest-get-disks", read_disks},
    {VIR_DOMAIN_GUEST_INFO_INTERFACES, "guest-network-get-interfaces", read_interfaces},
    {VIR_DOMAIN_GUEST_INFO_LOAD, "guest-get-load", read_load},
};

const QemuAgentInfoPart *
qemu_agent_info_parts(guint *ret_n)
{
    *ret_n = G_N_ELEMENTS(parts);
    return parts;
}
