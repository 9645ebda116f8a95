/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the firmware says of the machine: SMBIOS, as the kernel shows it below class/dmi/id. */
#include "host/host-private.h"

#include "base/error.h"

typedef struct {
    const char *name; /* of the entry */
    const char *file; /* below class/dmi/id */
} DmiEntry;

typedef struct {
    const char *element;
    const DmiEntry *entries; /* up to one without a name */
} DmiBlock;

static const DmiEntry bios_entries[] = {{"vendor", "bios_vendor"},
                                        {"version", "bios_version"},
                                        {"date", "bios_date"},
                                        {"release", "bios_release"},
                                        {0}};
static const DmiEntry system_entries[] = {
    {"manufacturer", "sys_vendor"}, {"product", "product_name"},
    {"version", "product_version"}, {"serial", "product_serial"},
    {"uuid", "product_uuid"},       {"sku", "product_sku"},
    {"family", "product_family"},   {0}};
static const DmiEntry board_entries[] = {
    {"manufacturer", "board_vendor"}, {"product", "board_name"},    {"version", "board_version"},
    {"serial", "board_serial"},       {"asset", "board_asset_tag"}, {0}};
static const DmiEntry chassis_entries[] = {{"manufacturer", "chassis_vendor"},
                                           {"version", "chassis_version"},
                                           {"serial", "chassis_serial"},
                                           {"asset", "chassis_asset_tag"},
                                           {0}};
static const DmiBlock dmi_blocks[] = {{"bios", bios_entries},
                                      {"system", system_entries},
                                      {"baseBoard", board_entries},
                                      {"chassis", chassis_entries}};

static void
append_block(VbHost *host, GString *out, const DmiBlock *block)
{
    const gsize start = out->len;
    gsize after;

    g_string_append_printf(out, "  <%s>\n", block->element);
    after = out->len;
    for (const DmiEntry *entry = block->entries; entry->name; entry++) {
        g_autofree char *path = g_build_filename("class/dmi/id", entry->file, NULL);
        g_autofree char *value = vb_host_read_word(host->sysfs, path);
        g_autofree char *escaped = value && *value ? g_markup_escape_text(value, -1) : NULL;

        if (escaped)
            g_string_append_printf(out, "    <entry name='%s'>%s</entry>\n", entry->name, escaped);
    }
    if (out->len == after)
        g_string_truncate(out, start);
    else
        g_string_append_printf(out, "  </%s>\n", block->element);
}

/**
 * vb_host_read_sysinfo:
 *
 * Returns: (transfer full): sysinfo XML: what SMBIOS says of the host
 * Errors: CONFIG_UNSUPPORTED the host has no SMBIOS tables
 */
char *
vb_host_read_sysinfo(VbHost *host, GError **error)
{
    g_autoptr(GString) out = g_string_new("<sysinfo type='smbios'>\n");
    const gsize empty = out->len;

    for (guint i = 0; i < G_N_ELEMENTS(dmi_blocks); i++)
        append_block(host, out, &dmi_blocks[i]);
    if (out->len == empty) {
        vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "Host SMBIOS information is not available");
        return NULL;
    }
    g_string_append(out, "</sysinfo>\n");
    return g_strdup(out->str);
}
