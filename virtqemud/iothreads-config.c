/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* I/O threads in definitions: what may be changed, and the change. The words of refusals are libvirt's. */
#include "iothreads-private.h"

#include "base/bitset.h"
#include "base/error.h"
#include "placement.h"

#include <string.h>

#define DEFAULT_POOL_MAX 64 /* Source: QEMU's iothread object */

/* ---- parameters ---- */

typedef struct {
    const char *name, *property;
    gint64 min;
    gsize offset, has_offset;
    gboolean is_wide; /* guint64, not guint */
} Param;

#define PARAM(name, property, min, member, has, is_wide)                                           \
    {                                                                                              \
        name, property, min, G_STRUCT_OFFSET(VbDomainIothread, member),                            \
            G_STRUCT_OFFSET(VbDomainIothread, has), is_wide                                        \
    }
static const Param params_known[] = {
    PARAM("poll_max_ns", "poll-max-ns", 0, poll_max, has_poll_max, TRUE),
    PARAM("poll_grow", "poll-grow", 0, poll_grow, has_poll_grow, TRUE),
    PARAM("poll_shrink", "poll-shrink", 0, poll_shrink, has_poll_shrink, TRUE),
    PARAM("thread_pool_min", "thread-pool-min", 0, thread_pool_min, has_pool_min, FALSE),
    PARAM("thread_pool_max", "thread-pool-max", 0, thread_pool_max, has_pool_max, FALSE),
};

static const Param *
find_param(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(params_known); i++) {
        if (strcmp(params_known[i].name, name) == 0)
            return &params_known[i];
    }
    return NULL;
}

/* clients of different ages send different types of numbers */
static gboolean
read_number(GVariant *value, gint64 *ret_number)
{
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_INT32:
        *ret_number = g_variant_get_int32(value);
        return TRUE;
    case G_VARIANT_CLASS_UINT32:
        *ret_number = g_variant_get_uint32(value);
        return TRUE;
    case G_VARIANT_CLASS_UINT64:
        *ret_number = (gint64)MIN(g_variant_get_uint64(value), (guint64)G_MAXINT64);
        return TRUE;
    default:
        return FALSE;
    }
}

static gboolean
check_param(const char *name, GVariant *value, GError **error)
{
    const Param *param = find_param(name);
    gint64 number;
    if (!param)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "parameter '%s' not supported", name);
    if (!read_number(value, &number))
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "invalid type '%s' requested for parameter '%s'",
                            g_variant_get_type_string(value), name);
    if (number > G_MAXINT)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "%s (%" G_GINT64_FORMAT ") must be less than or equal to %d",
                            param->property, number, G_MAXINT);
    return number >= param->min ||
           vb_error_set(error, VIR_ERR_INVALID_ARG,
                        "%s (%" G_GINT64_FORMAT ") must be equal to or greater than 0",
                        param->property, number);
}

gboolean
qemu_iothread_check_params(GVariant *params, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *boxed;
    gint64 min, max;
    g_autoptr(GVariant) pool_min = g_variant_lookup_value(params, "thread_pool_min", NULL);
    g_autoptr(GVariant) pool_max = g_variant_lookup_value(params, "thread_pool_max", NULL);
    g_variant_iter_init(&iter, params);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &boxed)) {
        g_autoptr(GVariant) value = boxed;
        if (!check_param(name, value, error))
            return FALSE;
    }
    return !pool_min || !pool_max || !read_number(pool_min, &min) || !read_number(pool_max, &max) ||
           min <= max ||
           vb_error_set(error, VIR_ERR_INVALID_ARG,
                        "thread_pool_min must be smaller or equal to thread_pool_max");
}

static void
write_params(VbDomainIothread *thread, GVariant *params)
{
    GVariantIter iter;
    const char *name;
    GVariant *boxed;
    g_variant_iter_init(&iter, params);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &boxed)) {
        g_autoptr(GVariant) value = boxed;
        const Param *param = find_param(name);
        gint64 number = 0;
        (void)read_number(value, &number); /* checked before */
        *(gboolean *)(gpointer)((char *)thread + param->has_offset) = TRUE;
        if (param->is_wide)
            *(guint64 *)(gpointer)((char *)thread + param->offset) = (guint64)number;
        else
            *(guint *)(gpointer)((char *)thread + param->offset) = (guint)number;
    }
}

/* ---- the list of a definition ---- */

static VbDomainIothread *
find(const VbDomainDef *def, guint id)
{
    VB_DOMAIN_EACH(VbDomainIothread, thread, def->iothread_ids)
    {
        if (thread->id == id)
            return thread;
    }
    return NULL;
}

static gboolean
has(const VbDomainDef *def, guint id)
{
    return find(def, id) || (!def->iothread_ids && id <= def->iothreads);
}

/* a count alone means the numbers from 1 on */
static void
name_all(VbDomainDef *def)
{
    for (guint id = 1; VB_DOMAIN_COUNT(def->iothread_ids) < def->iothreads; id++) {
        VbDomainIothread *added;
        if (find(def, id))
            continue;
        added = vb_domain_list_add(&def->iothread_ids, g_new0(VbDomainIothread, 1));
        added->id = id;
    }
}

static void
drop_pin(VbDomainCputune *tune, guint id)
{
    for (guint i = VB_DOMAIN_COUNT(tune->iothreadpins); i > 0; i--) {
        VbDomainIothreadPin *pin = tune->iothreadpins->pdata[i - 1];
        if (pin->iothread != id)
            continue;
        g_ptr_array_remove_index(tune->iothreadpins, i - 1);
        g_free(pin->cpuset);
        g_free(pin);
    }
}

static void
drop_sched(VbDomainCputune *tune, guint id)
{
    for (guint i = VB_DOMAIN_COUNT(tune->iothreadscheds); i > 0; i--) {
        VbDomainSched *sched = tune->iothreadscheds->pdata[i - 1];
        g_autoptr(VbBitset) ids = vb_bitset_parse(sched->ids);
        if (!vb_bitset_has(ids, id))
            continue;
        vb_bitset_remove(ids, id);
        g_free(sched->ids);
        sched->ids = vb_bitset_format(ids);
        if (vb_bitset_count(ids) > 0)
            continue;
        g_ptr_array_remove_index(tune->iothreadscheds, i - 1);
        g_free(sched->ids);
        g_free(sched->scheduler);
        g_free(sched);
    }
}

static void
remove_thread(VbDomainDef *def, guint id)
{
    VbDomainIothread *thread = find(def, id);
    if (thread && g_ptr_array_remove(def->iothread_ids, thread))
        g_free(thread);
    def->iothreads = VB_DOMAIN_COUNT(def->iothread_ids);
    if (def->iothreads == 0)
        g_clear_pointer(&def->iothread_ids, g_ptr_array_unref);
    if (def->cputune) {
        drop_pin(def->cputune, id);
        drop_sched(def->cputune, id);
    }
}

void
qemu_iothread_write(VbDomainDef *def, const QemuIothreadChange *change)
{
    name_all(def);
    switch (change->kind) {
    case QEMU_IOTHREAD_ADD: {
        VbDomainIothread *added =
            vb_domain_list_add(&def->iothread_ids, g_new0(VbDomainIothread, 1));
        added->id = change->id;
        def->iothreads = VB_DOMAIN_COUNT(def->iothread_ids);
        break;
    }
    case QEMU_IOTHREAD_DELETE:
        remove_thread(def, change->id);
        break;
    case QEMU_IOTHREAD_SET:
        write_params(find(def, change->id), change->params);
        break;
    }
}

/* ---- what may be ---- */

static gboolean
check_unused(const VbDomainDef *def, guint id, GError **error)
{
    VB_DOMAIN_EACH(VbDomainDisk, disk, def->disks)
    {
        if (disk->iothread == id)
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "cannot remove IOThread %u since it is being used by disk '%s'", id,
                                disk->dst);
    }
    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    {
        if (controller->iothread == id)
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "cannot remove IOThread '%u' since it is being used by controller",
                                id);
    }
    return TRUE;
}

gboolean
qemu_iothread_check(const VbDomainDef *def, const QemuIothreadChange *change, GError **error)
{
    const gboolean is_there = has(def, change->id);
    if (change->kind == QEMU_IOTHREAD_ADD)
        return !is_there ||
               vb_error_set(error, VIR_ERR_INVALID_ARG,
                            "an IOThread is already using iothread_id '%u'", change->id);
    if (!is_there)
        return vb_error_set(error, VIR_ERR_INVALID_ARG,
                            change->kind == QEMU_IOTHREAD_SET
                                ? "cannot find IOThread '%u' in iothreadids"
                                : "cannot find IOThread '%u' in iothreadids list",
                            change->id);
    return change->kind != QEMU_IOTHREAD_DELETE || check_unused(def, change->id, error);
}

/* ---- the emulator ---- */

static gboolean
grows_over_max(const VbDomainDef *def, const QemuIothreadChange *change)
{
    const VbDomainIothread *thread = find(def, change->id);
    const gint64 max = thread && thread->has_pool_max ? thread->thread_pool_max : DEFAULT_POOL_MAX;
    g_autoptr(GVariant) value = g_variant_lookup_value(change->params, "thread_pool_min", NULL);
    gint64 min;
    return value && read_number(value, &min) && min > max;
}

/* The emulator takes one after the other, and never a minimum above the maximum. */
GPtrArray *
qemu_iothread_properties(const VbDomainDef *def, const QemuIothreadChange *change)
{
    GPtrArray *properties = g_ptr_array_new_with_free_func(g_free);
    const gboolean is_reversed = grows_over_max(def, change);
    const guint n = G_N_ELEMENTS(params_known);
    for (guint i = 0; i < n; i++) {
        const Param *param = &params_known[is_reversed ? n - 1 - i : i];
        g_autoptr(GVariant) value = g_variant_lookup_value(change->params, param->name, NULL);
        gint64 number;
        if (value && read_number(value, &number))
            g_ptr_array_add(properties,
                            g_strdup_printf("%s %" G_GINT64_FORMAT, param->property, number));
    }
    return properties;
}
