/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parameters of tuning in definitions: one table for each kind. Source: libvirt's VIR_DOMAIN_SCHEDULER_*, VIR_DOMAIN_MEMORY_*
 * and VIR_DOMAIN_BLKIO_* names. */
#include "tuning-params.h"

#include "base/error.h"

#include <string.h>

/* ---- scheduler: numbers in <cputune> ---- */

static gpointer
cputune_member(const VbDomainDef *def, gsize offset)
{
    return def->cputune ? (char *)def->cputune + offset : NULL;
}

static GVariant *
get_unsigned(const QemuTuningParam *param, const VbDomainDef *def)
{
    const guint64 *member = cputune_member(def, param->offset);
    return g_variant_new_uint64(member ? *member : 0);
}

static GVariant *
get_signed(const QemuTuningParam *param, const VbDomainDef *def)
{
    const gint64 *member = cputune_member(def, param->offset);
    return g_variant_new_int64(member ? *member : 0);
}

static void
need_cputune(VbDomainDef *def)
{
    if (!def->cputune)
        def->cputune = g_new0(VbDomainCputune, 1);
}

static gboolean
set_unsigned(const QemuTuningParam *param, VbDomainDef *def, GVariant *value, GError **error)
{
    need_cputune(def);
    *(guint64 *)cputune_member(def, param->offset) = g_variant_get_uint64(value);
    if (param->offset == G_STRUCT_OFFSET(VbDomainCputune, shares))
        def->cputune->has_shares = TRUE;
    return TRUE;
}

static gboolean
set_signed(const QemuTuningParam *param, VbDomainDef *def, GVariant *value, GError **error)
{
    need_cputune(def);
    *(gint64 *)cputune_member(def, param->offset) = g_variant_get_int64(value);
    return TRUE;
}

#define PERIOD(text, member)                                                                       \
    {                                                                                              \
        text, "t", 1000, 1000000, get_unsigned, set_unsigned,                                      \
            G_STRUCT_OFFSET(VbDomainCputune, member)                                               \
    }
#define QUOTA(text, member)                                                                        \
    {                                                                                              \
        text, "x", 1000, 17592186044415, get_signed, set_signed,                                   \
            G_STRUCT_OFFSET(VbDomainCputune, member)                                               \
    }
static const QemuTuningParam scheduler_params[] = {
    {"cpu_shares", "t", 0, 0, get_unsigned, set_unsigned, G_STRUCT_OFFSET(VbDomainCputune, shares)},
    PERIOD("vcpu_period", period),
    QUOTA("vcpu_quota", quota),
    PERIOD("emulator_period", emulator_period),
    QUOTA("emulator_quota", emulator_quota),
    PERIOD("global_period", global_period),
    QUOTA("global_quota", global_quota),
    PERIOD("iothread_period", iothread_period),
    QUOTA("iothread_quota", iothread_quota),
};

/* ---- memory: KiB in the definition ---- */

#define UNLIMITED_KIB G_GUINT64_CONSTANT(9007199254740991) /* VIR_DOMAIN_MEMORY_PARAM_UNLIMITED */

typedef struct {
    gsize offset, has_offset;
} LimitPlace;

static const LimitPlace limits[] = {
    {G_STRUCT_OFFSET(VbDomainDef, memtune_hard_kib),
     G_STRUCT_OFFSET(VbDomainDef, has_memtune_hard)},
    {G_STRUCT_OFFSET(VbDomainDef, memtune_soft_kib),
     G_STRUCT_OFFSET(VbDomainDef, has_memtune_soft)},
    {G_STRUCT_OFFSET(VbDomainDef, memtune_swap_hard_kib),
     G_STRUCT_OFFSET(VbDomainDef, has_memtune_swap_hard)},
};

static GVariant *
get_limit(const QemuTuningParam *param, const VbDomainDef *def)
{
    const char *base = (const char *)def;
    const gboolean has =
        *(const gboolean *)(gconstpointer)(base + limits[param->offset].has_offset);
    const guint64 kib = *(const guint64 *)(gconstpointer)(base + limits[param->offset].offset);
    return g_variant_new_uint64(has ? kib : UNLIMITED_KIB);
}

static gboolean
set_limit(const QemuTuningParam *param, VbDomainDef *def, GVariant *value, GError **error)
{
    char *base = (char *)def;
    const guint64 kib = g_variant_get_uint64(value);
    const gboolean has = kib < UNLIMITED_KIB;
    *(gboolean *)(gpointer)(base + limits[param->offset].has_offset) = has;
    *(guint64 *)(gpointer)(base + limits[param->offset].offset) = has ? kib : 0;
    return TRUE;
}

static const QemuTuningParam memory_params[] = {
    {"hard_limit", "t", 0, 0, get_limit, set_limit, 0},
    {"soft_limit", "t", 0, 0, get_limit, set_limit, 1},
    {"swap_hard_limit", "t", 0, 0, get_limit, set_limit, 2},
};

/* ---- block devices: "path,value,path,value" ---- */

static GVariant *
get_weight(const QemuTuningParam *param, const VbDomainDef *def)
{
    return g_variant_new_uint32(def->blkiotune ? def->blkiotune->weight : 0);
}

static VbDomainBlkiotune *
need_blkiotune(VbDomainDef *def)
{
    if (!def->blkiotune)
        def->blkiotune = g_new0(VbDomainBlkiotune, 1);
    return def->blkiotune;
}

static gboolean
set_weight(const QemuTuningParam *param, VbDomainDef *def, GVariant *value, GError **error)
{
    need_blkiotune(def)->weight = g_variant_get_uint32(value);
    return TRUE;
}

static gboolean
is_wide(gsize offset)
{
    return offset == G_STRUCT_OFFSET(VbDomainBlkioDevice, read_bytes) ||
           offset == G_STRUCT_OFFSET(VbDomainBlkioDevice, write_bytes);
}

static guint64
get_device_value(const VbDomainBlkioDevice *device, gsize offset)
{
    const char *at = (const char *)device + offset;
    return is_wide(offset) ? *(const guint64 *)(gconstpointer)at
                           : *(const guint *)(gconstpointer)at;
}

static GVariant *
get_device(const QemuTuningParam *param, const VbDomainDef *def)
{
    GString *text = g_string_new(NULL);
    VB_DOMAIN_EACH(VbDomainBlkioDevice, device, def->blkiotune ? def->blkiotune->devices : NULL)
    {
        const guint64 value = get_device_value(device, param->offset);
        if (value)
            g_string_append_printf(text, "%s%s,%" G_GUINT64_FORMAT, text->len ? "," : "",
                                   device->path, value);
    }
    return g_variant_new_take_string(g_string_free(text, FALSE));
}

static VbDomainBlkioDevice *
need_device(VbDomainDef *def, const char *path)
{
    VbDomainBlkiotune *tune = need_blkiotune(def);
    VbDomainBlkioDevice *added;
    VB_DOMAIN_EACH(VbDomainBlkioDevice, device, tune->devices)
    {
        if (g_strcmp0(device->path, path) == 0)
            return device;
    }
    added = vb_domain_list_add(&tune->devices, g_new0(VbDomainBlkioDevice, 1));
    added->path = g_strdup(path);
    return added;
}

static gboolean
set_device(const QemuTuningParam *param, VbDomainDef *def, GVariant *value, GError **error)
{
    const char *text = g_variant_get_string(value, NULL);
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    const guint n = g_strv_length(parts);
    const guint64 max = is_wide(param->offset) ? G_MAXUINT64 : G_MAXUINT;
    for (guint i = 0; i < n; i += 2) {
        guint64 number;
        char *at;
        if (*parts[i] != '/' || i + 1 == n ||
            !g_ascii_string_to_unsigned(parts[i + 1], 10, 0, max, &number, NULL))
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "unable to parse blkio device '%s' '%s'", param->name, text);
        at = (char *)need_device(def, parts[i]) + param->offset;
        if (is_wide(param->offset))
            *(guint64 *)(gpointer)at = number;
        else
            *(guint *)(gpointer)at = (guint)number;
    }
    return TRUE;
}

#define DEVICE(text, member)                                                                       \
    {                                                                                              \
        text, "s", 0, 0, get_device, set_device, G_STRUCT_OFFSET(VbDomainBlkioDevice, member)      \
    }
static const QemuTuningParam blkio_params[] = {
    {"weight", "u", 0, 0, get_weight, set_weight, 0}, DEVICE("device_weight", weight),
    DEVICE("device_read_iops_sec", read_iops),        DEVICE("device_write_iops_sec", write_iops),
    DEVICE("device_read_bytes_sec", read_bytes),      DEVICE("device_write_bytes_sec", write_bytes),
};

/* ---- all kinds ---- */

const QemuTuningParam *
qemu_tuning_params(QemuTuningKind kind, guint *ret_n)
{
    static const struct {
        const QemuTuningParam *params;
        guint n;
    } kinds[] = {{scheduler_params, G_N_ELEMENTS(scheduler_params)},
                 {memory_params, G_N_ELEMENTS(memory_params)},
                 {blkio_params, G_N_ELEMENTS(blkio_params)},
                 {qemu_tuning_numa_params, G_N_ELEMENTS(qemu_tuning_numa_params)}};
    *ret_n = kinds[kind].n;
    return kinds[kind].params;
}

static const QemuTuningParam *
find_param(QemuTuningKind kind, const char *name)
{
    guint n;
    const QemuTuningParam *params = qemu_tuning_params(kind, &n);
    for (guint i = 0; i < n; i++) {
        if (strcmp(params[i].name, name) == 0)
            return &params[i];
    }
    return NULL;
}

static gboolean
check_number(const QemuTuningParam *param, GVariant *value, GError **error)
{
    gint64 number;
    if (param->max == 0)
        return TRUE;
    number = *param->type == 'x' ? g_variant_get_int64(value)
                                 : (gint64)MIN(g_variant_get_uint64(value), (guint64)G_MAXINT64);
    return number <= 0 || (number >= param->min && number <= param->max) ||
           vb_error_set(error, VIR_ERR_INVALID_ARG,
                        "value of '%s' is out of range [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
                        "]",
                        param->name, param->min, param->max);
}

gboolean
qemu_tuning_check(QemuTuningKind kind, GVariant *params, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *boxed;
    g_variant_iter_init(&iter, params);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &boxed)) {
        g_autoptr(GVariant) value = boxed;
        const QemuTuningParam *param = find_param(kind, name);
        if (!param)
            return vb_error_set(error, VIR_ERR_INVALID_ARG, "parameter '%s' not supported", name);
        if (strcmp(g_variant_get_type_string(value), param->type) != 0)
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "invalid type '%s' requested for parameter '%s', expected '%s'",
                                g_variant_get_type_string(value), name, param->type);
        if (!check_number(param, value, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
qemu_tuning_write(QemuTuningKind kind, VbDomainDef *def, GVariant *params, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *boxed;
    g_variant_iter_init(&iter, params);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &boxed)) {
        g_autoptr(GVariant) value = boxed;
        const QemuTuningParam *param = find_param(kind, name);
        if (!param->set(param, def, value, error))
            return FALSE;
    }
    if (kind == QEMU_TUNING_MEMORY && def->has_memtune_hard && def->has_memtune_swap_hard &&
        def->memtune_hard_kib > def->memtune_swap_hard_kib)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "memory hard_limit tunable value must be lower than or equal to "
                            "swap_hard_limit");
    return TRUE;
}
