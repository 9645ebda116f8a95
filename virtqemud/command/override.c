/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <qemu:override>: properties of a device that the user sets past the model. Works on the finished line: the device's
 * JSON is taken apart and put together again. */
#include "command/build.h"
#include <string.h>

static gboolean
add_override(VbJsonWriter *json, const VbDomainOverride *property, GError **error)
{
    const char *value = property->value ? property->value : "";
    guint64 number = 0;
    gint64 signed_number = 0;

    switch ((VbDomainOverrideType)property->type) {
    case VB_DOMAIN_OVERRIDE_STRING:
        vb_json_add_string(json, property->name, value);
        return TRUE;
    case VB_DOMAIN_OVERRIDE_UNSIGNED:
        if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, &number, NULL))
            break;
        vb_json_add_uint(json, property->name, number);
        return TRUE;
    case VB_DOMAIN_OVERRIDE_SIGNED:
        if (!g_ascii_string_to_signed(value, 10, G_MININT64, G_MAXINT64, &signed_number, NULL))
            break;
        vb_json_add_int(json, property->name, signed_number);
        return TRUE;
    case VB_DOMAIN_OVERRIDE_BOOL:
        if (!g_str_equal(value, "true") && !g_str_equal(value, "false"))
            break;
        vb_json_add_bool(json, property->name, g_str_equal(value, "true"));
        return TRUE;
    case VB_DOMAIN_OVERRIDE_NONE:
    case VB_DOMAIN_OVERRIDE_REMOVE:
        return TRUE;
    }
    return vb_error_set(error, VIR_ERR_XML_ERROR,
                        "invalid value '%s' for 'value' attribute of '%s'", value, property->name);
}

static gboolean
is_overridden(const VbDomainDeviceOverride *override, const char *key)
{
    VB_DOMAIN_EACH(VbDomainOverride, property, override->frontend)
    if (g_strcmp0(property->name, key) == 0)
        return TRUE;
    return FALSE;
}

static char *
rewrite(const VbJson *device, const VbDomainDeviceOverride *override, GError **error)
{
    g_autoptr(VbJsonWriter) json = vb_json_writer_new();

    vb_json_begin_object(json, NULL);
    for (const VbJson *member = vb_json_first(device); member; member = vb_json_next(member))
        if (!is_overridden(override, vb_json_get_key(member)))
            vb_json_add_node(json, vb_json_get_key(member), member);
    VB_DOMAIN_EACH(VbDomainOverride, property, override->frontend)
    if (!add_override(json, property, error))
        return NULL;
    vb_json_end(json);
    return vb_json_writer_finish(json);
}

static gboolean
override_device(QemuBuild *build, const VbDomainDeviceOverride *override, GError **error)
{
    for (guint i = 0; i + 1 < build->argv->len; i++) {
        const char *value = build->argv->pdata[i + 1];
        g_autoptr(VbJson) device = NULL;
        char *changed;

        if (!g_str_equal(build->argv->pdata[i], "-device") || value[0] != '{')
            continue;
        device = vb_json_parse(value, -1, NULL);
        if (!device || g_strcmp0(vb_json_get_string(device, "id"), override->alias) != 0)
            continue;
        changed = rewrite(device, override, error);
        if (!changed)
            return FALSE;
        g_free(build->argv->pdata[i + 1]);
        build->argv->pdata[i + 1] = changed;
    }
    return TRUE;
}

gboolean
qemu_build_override(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainDeviceOverride, override, build->def->qemu_overrides)
    if (!override_device(build, override, error))
        return FALSE;
    return TRUE;
}
