/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which vCPUs a definition says are there. Without a list (<vcpus>) they are the lowest ones; a list is made when that does
 * not say enough. The words of refusals, and what is changed, are libvirt's. */
#include "vcpus.h"

#include "base/error.h"

/* ---- reading ---- */

static VbDomainVcpu *
find(const VbDomainDef *def, guint id)
{
    guint position = 0;
    VB_DOMAIN_EACH(VbDomainVcpu, vcpu, def->vcpu_list)
    {
        if ((vcpu->has_id ? vcpu->id : position) == id)
            return vcpu;
        position++;
    }
    return NULL;
}

static gboolean
is_online(const VbDomainDef *def, guint id)
{
    const VbDomainVcpu *vcpu = find(def, id);
    return vcpu ? vcpu->enabled == VB_TRISTATE_YES : id < vb_domain_online_vcpus(def);
}

static gboolean
is_hotpluggable(const VbDomainDef *def, guint id)
{
    const VbDomainVcpu *vcpu = find(def, id);
    return vcpu ? vcpu->hotpluggable == VB_TRISTATE_YES : id >= vb_domain_online_vcpus(def);
}

VbBitset *
qemu_vcpus_online(const VbDomainDef *def)
{
    VbBitset *online = vb_bitset_new();
    for (guint id = 0; id < def->vcpus; id++) {
        if (is_online(def, id))
            vb_bitset_add(online, id);
    }
    return online;
}

gboolean
qemu_vcpus_come_later(const VbDomainDef *def)
{
    for (guint id = 0; id < def->vcpus && VB_DOMAIN_COUNT(def->vcpu_list) > 0; id++) {
        if (is_online(def, id) && is_hotpluggable(def, id))
            return TRUE;
    }
    return FALSE;
}

/* ---- writing ---- */

static void
need_list(VbDomainDef *def)
{
    GPtrArray *list = NULL;
    for (guint id = 0; id < def->vcpus; id++) {
        const VbDomainVcpu *before = find(def, id);
        VbDomainVcpu *vcpu = g_new0(VbDomainVcpu, 1);
        vcpu->id = id;
        vcpu->has_id = TRUE;
        vcpu->order = before ? before->order : 0;
        vcpu->enabled = is_online(def, id) ? VB_TRISTATE_YES : VB_TRISTATE_NO;
        vcpu->hotpluggable = is_hotpluggable(def, id) ? VB_TRISTATE_YES : VB_TRISTATE_NO;
        vb_domain_list_add(&list, vcpu);
    }
    for (guint i = 0; i < VB_DOMAIN_COUNT(def->vcpu_list); i++)
        g_free(def->vcpu_list->pdata[i]);
    g_clear_pointer(&def->vcpu_list, g_ptr_array_unref);
    def->vcpu_list = list;
}

/* the number beside the list */
static void
count(VbDomainDef *def)
{
    guint n = 0;
    VB_DOMAIN_EACH(VbDomainVcpu, vcpu, def->vcpu_list)
    {
        n += vcpu->enabled == VB_TRISTATE_YES;
    }
    def->current_vcpus = n == def->vcpus ? 0 : n;
}

static void
switch_one(VbDomainVcpu *vcpu, gboolean is_on, gboolean is_pluggable)
{
    vcpu->enabled = is_on ? VB_TRISTATE_YES : VB_TRISTATE_NO;
    vcpu->hotpluggable = is_pluggable ? VB_TRISTATE_YES : VB_TRISTATE_NO;
}

void
qemu_vcpus_set_count(VbDomainDef *def, guint n, gboolean is_pluggable)
{
    guint now;
    if (VB_DOMAIN_COUNT(def->vcpu_list) == 0 && !is_pluggable) {
        def->current_vcpus = n == def->vcpus ? 0 : n;
        return;
    }
    need_list(def);
    now = vb_domain_online_vcpus(def);
    VB_DOMAIN_EACH(VbDomainVcpu, vcpu, def->vcpu_list)
    {
        vcpu->order = 0;
        if (vcpu->enabled != VB_TRISTATE_YES && now < n) {
            switch_one(vcpu, TRUE, is_pluggable);
            now++;
        }
    }
    for (guint i = def->vcpus; i > 0 && now > n; i--) {
        VbDomainVcpu *vcpu = def->vcpu_list->pdata[i - 1];
        if (vcpu->enabled != VB_TRISTATE_YES)
            continue;
        switch_one(vcpu, FALSE, TRUE);
        now--;
    }
    count(def);
}

static void
add_offline(VbDomainDef *def, guint id)
{
    VbDomainVcpu *vcpu = g_new0(VbDomainVcpu, 1);
    vcpu->id = id;
    vcpu->has_id = TRUE;
    switch_one(vcpu, FALSE, TRUE);
    vb_domain_list_add(&def->vcpu_list, vcpu);
}

void
qemu_vcpus_set_max(VbDomainDef *def, guint n)
{
    const guint online = vb_domain_online_vcpus(def);
    if (VB_DOMAIN_COUNT(def->vcpu_list) == 0) {
        def->vcpus = n;
        def->current_vcpus = online < n ? online : 0;
        return;
    }
    need_list(def);
    for (guint i = def->vcpus; i > n; i--)
        g_free(g_ptr_array_steal_index(def->vcpu_list, i - 1));
    for (guint id = def->vcpus; id < n; id++)
        add_offline(def, id);
    def->vcpus = n;
    count(def);
}

void
qemu_vcpus_switch(VbDomainDef *def, const VbBitset *map, gboolean is_on)
{
    need_list(def);
    VB_DOMAIN_EACH(VbDomainVcpu, vcpu, def->vcpu_list)
    {
        vcpu->order = 0;
        if (vb_bitset_has(map, vcpu->id))
            switch_one(vcpu, is_on, TRUE);
    }
    count(def);
}

gboolean
qemu_vcpus_check_switch(const VbDomainDef *def, const VbBitset *map, GError **error)
{
    const int first = vb_bitset_next(map, -1);
    VB_BITSET_EACH(id, map)
    {
        if ((guint)id >= def->vcpus)
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "vcpu %d is not present in persistent config", id);
    }
    if (first == 0)
        return vb_error_set(error, VIR_ERR_INVALID_ARG, "vCPU '0' can't be modified");
    for (guint id = (guint)first + 1; id < def->vcpus; id++) {
        if (is_online(def, id) && !is_hotpluggable(def, id) && !vb_bitset_has(map, id))
            return vb_error_set(error, VIR_ERR_INVALID_ARG,
                                "vcpu '%d' can't be modified as it is followed by "
                                "non-hotpluggable online vcpus",
                                first);
    }
    return TRUE;
}

/* ---- a running guest ---- */

static void
drop_pins(VbDomainCputune *tune, const VbBitset *online, const VbBitset *before)
{
    for (guint i = VB_DOMAIN_COUNT(tune->vcpupins); i > 0; i--) {
        VbDomainVcpuPin *pin = tune->vcpupins->pdata[i - 1];
        if (vb_bitset_has(online, pin->vcpu) || !vb_bitset_has(before, pin->vcpu))
            continue;
        g_ptr_array_remove_index(tune->vcpupins, i - 1);
        g_free(pin->cpuset);
        g_free(pin);
    }
}

/* in the order in which they came */
static guint
next_order(const VbDomainDef *def, const VbBitset *online)
{
    guint last = 0;
    VB_DOMAIN_EACH(VbDomainVcpu, vcpu, def->vcpu_list)
    {
        if (vb_bitset_has(online, vcpu->id))
            last = MAX(last, vcpu->order);
    }
    return last + 1;
}

static void
close_gaps(VbDomainDef *def)
{
    guint n = 0;
    for (guint order = 1; order <= 2 * def->vcpus; order++) {
        VB_DOMAIN_EACH(VbDomainVcpu, vcpu, def->vcpu_list)
        {
            if (vcpu->order == order)
                vcpu->order = ++n;
        }
    }
}

void
qemu_vcpus_write_live(VbDomainDef *live, const VbBitset *online, const VbBitset *removable)
{
    g_autoptr(VbBitset) before = qemu_vcpus_online(live);
    if (live->cputune)
        drop_pins(live->cputune, online, before);
    need_list(live);
    VB_DOMAIN_EACH(VbDomainVcpu, vcpu, live->vcpu_list)
    {
        const gboolean is_on = vb_bitset_has(online, vcpu->id);
        switch_one(vcpu, is_on, !is_on || vb_bitset_has(removable, vcpu->id));
        if (!is_on)
            vcpu->order = 0;
        else if (vcpu->order == 0)
            vcpu->order = next_order(live, online);
    }
    close_gaps(live);
    count(live);
}
