/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits of disks as parameters: one table. Source: libvirt's VIR_DOMAIN_BLOCK_IOTUNE_* names, and what libvirt 9.0
 * accepts, keeps and refuses. */
#include "iotune-private.h"

#include "base/error.h"
#include "define.h"

#include <string.h>

/* of libvirt's QEMU driver: what the emulator takes at most */
#define MAX_LIMIT G_GUINT64_CONSTANT(1000000000000000)

/* Parameters of a family are set together: what is not named of it becomes 0. */
typedef enum {
    BYTES,
    IOPS,
    BYTES_MAX,
    IOPS_MAX,
    SIZE,
    GROUP,
    TOTAL_BYTES_LENGTH,
    READ_BYTES_LENGTH,
    WRITE_BYTES_LENGTH,
    TOTAL_IOPS_LENGTH,
    READ_IOPS_LENGTH,
    WRITE_IOPS_LENGTH,
} Family;

typedef struct {
    const char *name;
    gsize offset;
    Family family;
} Param;

#define ROW(member, family)                                                                        \
    {                                                                                              \
#member, G_STRUCT_OFFSET(VbDomainDiskIotune, member), family                               \
    }
/* in libvirt's order; the name is the only text */
static const Param params_table[] = {
    ROW(total_bytes_sec, BYTES),
    ROW(read_bytes_sec, BYTES),
    ROW(write_bytes_sec, BYTES),
    ROW(total_iops_sec, IOPS),
    ROW(read_iops_sec, IOPS),
    ROW(write_iops_sec, IOPS),
    ROW(total_bytes_sec_max, BYTES_MAX),
    ROW(read_bytes_sec_max, BYTES_MAX),
    ROW(write_bytes_sec_max, BYTES_MAX),
    ROW(total_iops_sec_max, IOPS_MAX),
    ROW(read_iops_sec_max, IOPS_MAX),
    ROW(write_iops_sec_max, IOPS_MAX),
    ROW(size_iops_sec, SIZE),
    ROW(group_name, GROUP),
    ROW(total_bytes_sec_max_length, TOTAL_BYTES_LENGTH),
    ROW(read_bytes_sec_max_length, READ_BYTES_LENGTH),
    ROW(write_bytes_sec_max_length, WRITE_BYTES_LENGTH),
    ROW(total_iops_sec_max_length, TOTAL_IOPS_LENGTH),
    ROW(read_iops_sec_max_length, READ_IOPS_LENGTH),
    ROW(write_iops_sec_max_length, WRITE_IOPS_LENGTH),
};

/* a limit, how far bursts may go beyond it, and for how long */
static const struct {
    const char *name, *max_name;
    gsize offset, max_offset, length_offset;
    Family family;
} bursts[] = {
#define BURST(member, family)                                                                      \
    {                                                                                              \
#member, #member "_max", G_STRUCT_OFFSET(VbDomainDiskIotune, member),                      \
            G_STRUCT_OFFSET(VbDomainDiskIotune, member##_max),                                     \
            G_STRUCT_OFFSET(VbDomainDiskIotune, member##_max_length), family                       \
    }
    BURST(total_bytes_sec, BYTES), BURST(read_bytes_sec, BYTES), BURST(write_bytes_sec, BYTES),
    BURST(total_iops_sec, IOPS),   BURST(read_iops_sec, IOPS),   BURST(write_iops_sec, IOPS),
};

static guint64 *
number_at(VbDomainDiskIotune *tune, gsize offset)
{
    return (guint64 *)(gpointer)((char *)tune + offset);
}

static guint64
read_number(const VbDomainDiskIotune *tune, gsize offset)
{
    return *(const guint64 *)(gconstpointer)((const char *)tune + offset);
}

static const Param *
find_param(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(params_table); i++) {
        if (strcmp(params_table[i].name, name) == 0)
            return &params_table[i];
    }
    return NULL;
}

static gboolean
read_param(const Param *param, GVariant *value, VbDomainDiskIotune *tune, GError **error)
{
    const char *type = param->family == GROUP ? "s" : "t";
    if (strcmp(g_variant_get_type_string(value), type) != 0)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "invalid type '%s' requested for parameter '%s', expected '%s'",
                            g_variant_get_type_string(value), param->name, type);
    if (param->family == GROUP) { /* the variant lives longer than @tune */
        tune->group_name = (char *)(gpointer)g_variant_get_string(value, NULL);
        return TRUE;
    }
    if (g_variant_get_uint64(value) > MAX_LIMIT)
        return vb_error_set(error, VIR_ERR_ARGUMENT_UNSUPPORTED,
                            "block I/O throttle limit value must be no more than "
                            "%" G_GUINT64_FORMAT,
                            MAX_LIMIT);
    *number_at(tune, param->offset) = g_variant_get_uint64(value);
    return TRUE;
}

static gboolean
check_sums(const VbDomainDiskIotune *tune, GError **error)
{
    const struct {
        guint64 total, read, write;
        const char *name;
    } rows[] = {
        {tune->total_bytes_sec, tune->read_bytes_sec, tune->write_bytes_sec, "bytes_sec"},
        {tune->total_iops_sec, tune->read_iops_sec, tune->write_iops_sec, "iops_sec"},
        {tune->total_bytes_sec_max, tune->read_bytes_sec_max, tune->write_bytes_sec_max,
         "bytes_sec_max"},
        {tune->total_iops_sec_max, tune->read_iops_sec_max, tune->write_iops_sec_max,
         "iops_sec_max"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].total && (rows[i].read || rows[i].write))
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "total and read/write of %s cannot be set at the same time",
                                rows[i].name);
    }
    return TRUE;
}

gboolean
qemu_iotune_read(GVariant *params, VbDomainDiskIotune *ret_tune, guint *ret_touched, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *boxed;
    *ret_tune = (VbDomainDiskIotune){0};
    *ret_touched = 0;
    g_variant_iter_init(&iter, params);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &boxed)) {
        g_autoptr(GVariant) value = boxed;
        const Param *param = find_param(name);
        if (!param)
            return vb_error_set(error, VIR_ERR_INVALID_ARG, "parameter '%s' not supported", name);
        if (!read_param(param, value, ret_tune, error))
            return FALSE;
        *ret_touched |= 1u << param->family;
    }
    return check_sums(ret_tune, error);
}

void
qemu_iotune_fill(VbDomainDiskIotune *tune, const VbDomainDiskIotune *old, guint touched)
{
    for (guint i = 0; i < G_N_ELEMENTS(params_table); i++) {
        const Param *param = &params_table[i];
        if (touched & (1u << param->family))
            continue;
        if (param->family == GROUP)
            tune->group_name = old->group_name;
        else
            *number_at(tune, param->offset) = read_number(old, param->offset);
    }
}

gboolean
qemu_iotune_check(const VbDomainDiskIotune *tune, guint touched, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(bursts); i++) {
        const guint64 limit = read_number(tune, bursts[i].offset);
        const guint64 max = read_number(tune, bursts[i].max_offset);
        if (max == 0)
            continue;
        if (limit == 0 && (touched & (1u << bursts[i].family)))
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "cannot reset '%s' when '%s' is set", bursts[i].name,
                                bursts[i].max_name);
        if (limit == 0)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "value '%s' cannot be set if '%s' is not set", bursts[i].max_name,
                                bursts[i].name);
        if (max < limit)
            return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                                "value '%s' cannot be smaller than '%s'", bursts[i].max_name,
                                bursts[i].name);
    }
    return check_sums(tune, error);
}

void
qemu_iotune_copy(VbDomainDiskIotune *to, const VbDomainDiskIotune *from)
{
    char *name = g_strdup(from->group_name);
    g_free(to->group_name);
    *to = *from;
    to->group_name = name;
}

/* ---- getting ---- */

/* bursts last a second where nothing is said: the emulator's own rule (QEMU: util/throttle.c) */
static guint64
effective_number(const VbDomainDiskIotune *tune, gsize offset, gboolean is_live)
{
    const guint64 value = read_number(tune, offset);
    for (guint i = 0; i < G_N_ELEMENTS(bursts) && is_live && value == 0; i++) {
        if (bursts[i].length_offset == offset && read_number(tune, bursts[i].max_offset))
            return 1;
    }
    return value;
}

static const VbDomainDisk *
find_disk(QemuDomain *domain, const VbDomainDef *def, const char *name, GError **error)
{
    const VbDomainDisk *disk = vb_domain_find_disk(def, name);
    if (!disk)
        vb_error_set(error, VIR_ERR_INVALID_ARG,
                     def == domain->live ? "disk '%s' not found in domain"
                                         : "disk '%s' was not found in the domain config",
                     name);
    return disk;
}

GVariant *
qemu_iotune_get(QemuDomain *domain, const char *name, guint flags, GError **error)
{
    static const VbDomainDiskIotune none;
    VbDomainDef *live = NULL, *config = NULL;
    const VbDomainDiskIotune *tune = &none;
    const VbDomainDisk *disk = NULL;
    GVariantBuilder values;
    if (!qemu_check_flags(flags & ~(guint)VIR_TYPED_PARAM_STRING_OKAY, QEMU_IOTUNE_IMPACT,
                          "qemuDomainGetBlockIoTune", error) ||
        !qemu_domain_pick_defs(domain, flags & QEMU_IOTUNE_IMPACT, &live, &config, error))
        return NULL;
    if (*name && !(disk = find_disk(domain, live ? live : config, name, error)))
        return NULL;
    if (disk)
        tune = vb_domain_disk_iotune(disk);
    g_variant_builder_init(&values, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < G_N_ELEMENTS(params_table); i++) {
        const Param *param = &params_table[i];
        GVariant *value =
            param->family == GROUP
                ? g_variant_new_string(tune->group_name ? tune->group_name : "")
                : g_variant_new_uint64(effective_number(tune, param->offset, live != NULL));
        g_variant_builder_add(&values, "{sv}", param->name, value);
    }
    return g_variant_builder_end(&values);
}
