/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits of network cards in the kernel, by tc(8): a class of the queue that the device sends from, and a policeman at its
 * entrance. Source: the same commands and numbers as libvirt 9.0, so that the host looks the same. Each is one request to
 * the kernel, answered at once: it is waited for, as the ioctls of net.c are. */
#include "bandwidth.h"

#include "base/error.h"
#include "base/log.h"
#include "domain-private.h"

#include <string.h>
#include <unistd.h>

#define MTU 1500
#define MAX_BURST_KIB (G_MAXUINT32 / 1024) /* tc counts bytes in 32 bits */

/* @format: words between single spaces. What it prints on success is of no interest. */
G_GNUC_PRINTF(2, 3)
static gboolean
tc(GError **error, const char *format, ...)
{
    const int flags = G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_CLOEXEC_PIPES;
    g_autofree char *line = NULL, *words = NULL;
    g_autoptr(GError) failure = NULL;
    g_auto(GStrv) argv = NULL;
    int status = 0;
    va_list args;
    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    argv = g_strsplit(line, " ", -1);
    if (!g_spawn_sync(NULL, argv, NULL, (GSpawnFlags)flags, NULL, NULL, NULL, &words, &status,
                      &failure))
        return vb_error_set_errno(error,
                                  g_error_matches(failure, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT)
                                      ? ENOENT
                                      : EIO,
                                  "Cannot find '%s' in path", argv[0]);
    return g_spawn_check_wait_status(status, &failure) ||
           vb_error_set(error, VIR_ERR_INTERNAL_ERROR,
                        "Child process (%s) unexpected exit status %d: %s", line,
                        failure->domain == G_SPAWN_EXIT_ERROR ? failure->code : -1, words);
}

/* A kernel may lack these: flows share the limit less fairly then, and the limit stands. */
static void
add_fairness(const char *name)
{
    g_autoptr(GError) error = NULL;
    if (!tc(&error, "tc qdisc add dev %s parent 1:1 handle 2: sfq perturb 10", name) ||
        !tc(&error, "tc filter add dev %s parent 1:0 protocol all prio 1 handle 1 fw flowid 1",
            name))
        vb_log_warning(NULL, "the limit of %s has no fair queue: %s", name, error->message);
}

/* what the device sends */
static gboolean
set_egress(const char *name, const VbDomainBandwidth *rate, GError **error)
{
    g_autoptr(GString) more = g_string_new(NULL);
    const guint64 quantum = MAX(rate->average * 1024 / 8 / MTU, 1);
    if (rate->peak)
        g_string_append_printf(more, " ceil %" G_GUINT64_FORMAT "kbps", rate->peak);
    if (rate->burst)
        g_string_append_printf(more, " burst %" G_GUINT64_FORMAT "kb", rate->burst);
    if (!tc(error, "tc qdisc add dev %s root handle 1: htb default 1", name) ||
        !tc(error,
            "tc class add dev %s parent 1: classid 1:1 htb rate %" G_GUINT64_FORMAT
            "kbps%s quantum %" G_GUINT64_FORMAT,
            name, rate->average, more->str, quantum))
        return FALSE;
    add_fairness(name);
    return TRUE;
}

/* what comes in through the device */
static gboolean
set_ingress(const char *name, const VbDomainBandwidth *rate, GError **error)
{
    const guint64 burst = rate->burst ? rate->burst : MIN(rate->average, MAX_BURST_KIB);
    return tc(error, "tc qdisc add dev %s ingress", name) &&
           tc(error,
              "tc filter add dev %s parent ffff: protocol all u32 match u32 0 0 police rate "
              "%" G_GUINT64_FORMAT "kbps burst %" G_GUINT64_FORMAT "kb mtu 64kb drop flowid :1",
              name, rate->average, burst);
}

/* Without limits tc says so, and that is fine. */
void
qemu_bandwidth_remove(const char *name)
{
    (void)tc(NULL, "tc qdisc del dev %s root", name);
    (void)tc(NULL, "tc qdisc del dev %s ingress", name);
}

/* unless the device goes with the guest anyway */
static void
owe(QemuDomain *domain, const char *name)
{
    g_autofree char *tap = g_strdup_printf("tap %s", name);
    g_autofree char *macvtap = g_strdup_printf("macvtap %s ", name);
    g_autofree char *limits = g_strdup_printf("limits %s", name);
    for (guint i = 0; i < domain->owed->len; i++) {
        const char *owed = domain->owed->pdata[i];
        if (strcmp(owed, tap) == 0 || g_str_has_prefix(owed, macvtap) || strcmp(owed, limits) == 0)
            return;
    }
    qemu_domain_owe(domain, "limits", name);
}

gboolean
qemu_bandwidth_set(QemuDomain *domain, const VbDomainNet *net, const VbDomainBandwidth *in,
                   const VbDomainBandwidth *out, GError **error)
{
    /* a tap sends what the guest receives; a macvtap stands where the guest stands */
    const gboolean is_guest_side = net->type == VB_DOMAIN_NET_DIRECT;
    const VbDomainBandwidth *egress = is_guest_side ? out : in;
    const VbDomainBandwidth *ingress = is_guest_side ? in : out;
    const char *name = net->target_dev;
    if (geteuid() != 0)
        return vb_error_set(error, VIR_ERR_OPERATION_UNSUPPORTED,
                            "Network bandwidth tuning is not available in session mode");
    if (in && in->floor)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "floor attribute is not supported for this config");
    owe(domain, name);
    qemu_bandwidth_remove(name);
    if ((!egress || egress->average == 0 || set_egress(name, egress, error)) &&
        (!ingress || ingress->average == 0 || set_ingress(name, ingress, error)))
        return TRUE;
    qemu_bandwidth_remove(name);
    return FALSE;
}

static void
replace(VbDomainBandwidth **member, const VbDomainBandwidth *rate)
{
    VbDomainBandwidth *copy = rate ? g_memdup2(rate, sizeof *rate) : NULL;
    g_free(*member);
    *member = copy;
}

gboolean
qemu_bandwidth_change(QemuDomain *domain, VbDomainNet *net, const VbDomainBandwidth *in,
                      const VbDomainBandwidth *out, GError **error)
{
    VbDomainNetMore *more = VB_XML_NEED(net->more);
    if (!qemu_bandwidth_set(domain, net, in, out, error)) {
        (void)qemu_bandwidth_set(domain, net, more->bandwidth_in, more->bandwidth_out, NULL);
        return FALSE;
    }
    replace(&more->bandwidth_in, in);
    replace(&more->bandwidth_out, out);
    qemu_domain_save(domain);
    return TRUE;
}

static gboolean
is_same_rate(const VbDomainBandwidth *a, const VbDomainBandwidth *b)
{
    static const VbDomainBandwidth none;
    a = a ? a : &none;
    b = b ? b : &none;
    return a->average == b->average && a->peak == b->peak && a->burst == b->burst &&
           a->floor == b->floor;
}

gboolean
qemu_bandwidth_is_same(const VbDomainNet *a, const VbDomainNet *b)
{
    const VbDomainNetMore *one = vb_domain_net_more(a), *other = vb_domain_net_more(b);
    return is_same_rate(one->bandwidth_in, other->bandwidth_in) &&
           is_same_rate(one->bandwidth_out, other->bandwidth_out);
}
