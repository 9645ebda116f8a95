/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds room: masks of ways that no other group has, bandwidth that no other group was promised. Pure. */
#include "base/error.h"
#include "resctrl.h"

/* What @taken has is no longer free. Bandwidth is a limit: a group without one was promised nothing. */
static void
subtract(VbResctrlSchemata *unused, const VbResctrlSchemata *whole, const VbResctrlSchemata *taken)
{
    for (guint i = 0; i < unused->rows->len; i++) {
        const VbResctrlRow *row = unused->rows->pdata[i];
        for (guint j = 0; j < row->values->len; j++) {
            VbResctrlValue *value = &g_array_index(row->values, VbResctrlValue, j);
            const VbResctrlValue *used =
                vb_resctrl_schemata_find(taken, row->level, row->scope, value->id);
            const VbResctrlValue *most =
                vb_resctrl_schemata_find(whole, row->level, row->scope, value->id);
            if (used && row->level > 0)
                value->value &= ~used->value;
            else if (used && used->value < most->value)
                value->value -= MIN(used->value, value->value);
        }
    }
}

/* every cache and node that the default group names, whole */
static VbResctrlSchemata *
make_whole(const VbResctrlInfo *info, const VbResctrlSchemata *default_group)
{
    VbResctrlSchemata *whole = vb_resctrl_schemata_new();
    for (guint i = 0; i < default_group->rows->len; i++) {
        const VbResctrlRow *row = default_group->rows->pdata[i];
        const VbResctrlCacheControl *control = vb_resctrl_info_find(info, row->level, row->scope);
        for (guint j = 0; j < row->values->len; j++) {
            const VbResctrlValue *value = &g_array_index(row->values, VbResctrlValue, j);
            if (row->level > 0 && control)
                vb_resctrl_schemata_set(whole, row->level, row->scope, value->id, control->mask);
            else if (row->level == 0)
                vb_resctrl_schemata_set(whole, 0, VB_RESCTRL_BOTH, value->id,
                                        info->is_mbps ? value->value : 100);
        }
    }
    return whole;
}

VbResctrlSchemata *
vb_resctrl_unused(const VbResctrlInfo *info, const VbResctrlSchemata *default_group,
                  const GPtrArray *groups)
{
    VbResctrlSchemata *unused = make_whole(info, default_group);
    g_autoptr(VbResctrlSchemata) whole = make_whole(info, default_group);
    subtract(unused, whole, default_group);
    for (guint i = 0; i < groups->len; i++)
        subtract(unused, whole, groups->pdata[i]);
    return unused;
}

static guint64
bank_size(const GArray *banks, guint level, guint id)
{
    for (guint i = 0; i < banks->len; i++) {
        const VbResctrlBank *bank = &g_array_index(banks, VbResctrlBank, i);
        if (bank->level == level && bank->id == id)
            return bank->size;
    }
    return 0;
}

static guint
count_bits(guint64 mask)
{
    return (guint)__builtin_popcountll(mask);
}

/* The smallest run of free ways that fits: large ones stay whole for those who come later. */
static gboolean
find_run(guint64 unused, guint n_ways, guint64 *ret_mask)
{
    guint best = 0, best_length = 65;
    for (guint at = 0; at < 64;) {
        guint length = 0;
        while (at + length < 64 && (unused >> (at + length)) & 1)
            length++;
        if (length >= n_ways && length < best_length) {
            best = at;
            best_length = length;
        }
        at += MAX(length, 1);
    }
    if (best_length == 65)
        return FALSE;
    *ret_mask = (n_ways == 64 ? G_MAXUINT64 : (G_GUINT64_CONSTANT(1) << n_ways) - 1) << best;
    return TRUE;
}

static gboolean
take_ways(const VbResctrlCacheControl *control, guint64 size, VbResctrlSchemata *unused,
          const VbResctrlWish *wish, guint64 *ret_mask, GError **error)
{
    const guint64 granularity = size / count_bits(control->mask);
    VbResctrlValue *free_ways =
        vb_resctrl_schemata_find(unused, wish->level, wish->scope, wish->id);
    const guint64 n_ways = granularity ? wish->amount / granularity : 0;
    if (n_ways == 0 || wish->amount % granularity != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Cache allocation of size %" G_GUINT64_FORMAT
                            " is not divisible by granularity %" G_GUINT64_FORMAT,
                            wish->amount, granularity);
    if (n_ways < control->min_bits)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Cache allocation of size %" G_GUINT64_FORMAT
                            " is smaller than the minimum allowed allocation %" G_GUINT64_FORMAT,
                            wish->amount, granularity * control->min_bits);
    if (!free_ways || n_ways > 64 || !find_run(free_ways->value, (guint)n_ways, ret_mask))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Not enough room for allocation of %" G_GUINT64_FORMAT
                            " bytes for level %u cache %u scope type '%s'",
                            wish->amount, wish->level, wish->id,
                            vb_resctrl_scope_nick(wish->scope));
    free_ways->value &= ~*ret_mask;
    return TRUE;
}

static gboolean
check_cache(const VbResctrlInfo *info, const GArray *banks, const VbResctrlWish *wish,
            GError **error)
{
    if (!vb_resctrl_info_find(info, wish->level, wish->scope))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Cache level %u does not support tuning for scope type '%s'",
                            wish->level, vb_resctrl_scope_nick(wish->scope));
    if (bank_size(banks, wish->level, wish->id) == 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Cache with id %u does not exist for level %u", wish->id, wish->level);
    return TRUE;
}

static gboolean
take_bandwidth(const VbResctrlInfo *info, VbResctrlSchemata *unused, const VbResctrlWish *wish,
               GError **error)
{
    VbResctrlValue *left = vb_resctrl_schemata_find(unused, 0, VB_RESCTRL_BOTH, wish->id);
    if (!info->has_bandwidth)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "RDT Memory Bandwidth allocation unsupported");
    if (wish->amount % info->bandwidth_granularity != 0)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Memory Bandwidth allocation of size %" G_GUINT64_FORMAT
                            " is not divisible by granularity %u",
                            wish->amount, info->bandwidth_granularity);
    if (wish->amount < info->bandwidth_min)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Memory Bandwidth allocation of size %" G_GUINT64_FORMAT
                            " is smaller than the minimum allowed allocation %u",
                            wish->amount, info->bandwidth_min);
    if (!left)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "memory bandwidth node %u does not exist", wish->id);
    if (wish->amount > left->value)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Not enough room for allocation of %" G_GUINT64_FORMAT
                            "%s bandwidth on node %u, available bandwidth %" G_GUINT64_FORMAT,
                            wish->amount, info->is_mbps ? " MB/s" : "%", wish->id, left->value);
    left->value -= wish->amount;
    return TRUE;
}

static gboolean
grant(const VbResctrlInfo *info, const GArray *banks, VbResctrlSchemata *unused,
      const VbResctrlWish *wish, VbResctrlSchemata *granted, GError **error)
{
    guint64 value = wish->amount;
    if (wish->level == 0) {
        if (!take_bandwidth(info, unused, wish, error))
            return FALSE;
    } else if (!check_cache(info, banks, wish, error) ||
               !take_ways(vb_resctrl_info_find(info, wish->level, wish->scope),
                          bank_size(banks, wish->level, wish->id), unused, wish, &value, error)) {
        return FALSE;
    }
    vb_resctrl_schemata_set(granted, wish->level, wish->scope, wish->id, value);
    return TRUE;
}

VbResctrlSchemata *
vb_resctrl_allocate(const VbResctrlInfo *info, const GArray *banks, VbResctrlSchemata *unused,
                    const VbResctrlSchemata *default_group, const GArray *wishes, GError **error)
{
    g_autoptr(VbResctrlSchemata) granted = vb_resctrl_schemata_new();
    for (guint i = 0; i < wishes->len; i++) {
        const VbResctrlWish *wish = &g_array_index(wishes, VbResctrlWish, i);
        if (!grant(info, banks, unused, wish, granted, error))
            return NULL;
    }
    for (guint i = 0; i < default_group->rows->len; i++) {
        const VbResctrlRow *row = default_group->rows->pdata[i];
        for (guint j = 0; j < row->values->len; j++) {
            const VbResctrlValue *value = &g_array_index(row->values, VbResctrlValue, j);
            if (!vb_resctrl_schemata_find(granted, row->level, row->scope, value->id))
                vb_resctrl_schemata_set(granted, row->level, row->scope, value->id, value->value);
        }
    }
    return g_steal_pointer(&granted);
}
