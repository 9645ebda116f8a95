/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of Domain1 about what goes on inside a guest, told by its agent or seen from outside; data: the QemuDomain. */
#include "agent-commands.h"
#include "bus/bus-private.h"
#include "guest-info.h"

static void
replied(QemuDomain *domain, GVariant *reply, const GError *error, gpointer data)
{
    if (error)
        vb_call_fail(data, g_error_copy(error));
    else
        vb_call_return(data, reply);
}

static QemuAgentCall
defer(gpointer domain, VbCall *call, guint flags)
{
    vb_call_defer(call);
    return (QemuAgentCall){domain, replied, call, flags};
}

static guint
get_flags(GVariant *args)
{
    guint flags;
    g_variant_get(args, "(u)", &flags);
    return flags;
}

/* those that take flags and nothing else */
#define AGENT_METHOD(name, function)                                                               \
    GVariant *qemu_bus_domain_##name(gpointer data, VbCall *call, GVariant *args, GError **error)  \
    {                                                                                              \
        QemuAgentCall agent = defer(data, call, get_flags(args));                                  \
        function(&agent);                                                                          \
        return NULL;                                                                               \
    }

/* what the guest uses of its vCPUs, which only a running one can say */
static gboolean
check_guest_vcpus(QemuDomain *domain, guint flags, GError **error)
{
    return !(flags & VIR_DOMAIN_VCPU_CONFIG) && qemu_domain_is_active(domain)
               ? TRUE
               : vb_error_set(error, VIR_ERR_INVALID_ARG,
                              "vCPU count provided by the guest agent can only be requested for "
                              "live domains");
}

/* asking the agent is not looking on */
static void
may_ask_agent(VbCall *call, GError *refusal, gpointer data)
{
    g_autoptr(QemuDomain) domain = data;
    const QemuAgentCall agent = {domain, replied, call, get_flags(vb_call_get_args(call))};
    if (refusal)
        vb_call_fail(call, refusal);
    else
        qemu_agent_count_vcpus(&agent);
}

GVariant *
qemu_bus_domain_count_guest_vcpus(QemuDomain *domain, VbCall *call, guint flags, GError **error)
{
    if (vb_call_get_caller(call)->is_readonly)
        vb_error_set(error, VIR_ERR_OPERATION_DENIED,
                     "read only access prevents virDomainGetVcpusFlags");
    else if (check_guest_vcpus(domain, flags, error)) {
        vb_call_defer(call);
        vb_call_authorize(call, VB_ACTION_MANAGE, may_ask_agent, qemu_domain_ref(domain));
    }
    return NULL;
}

GVariant *
qemu_bus_domain_resize_guest_vcpus(QemuDomain *domain, VbCall *call, guint n_vcpus, guint flags,
                                   GError **error)
{
    if (flags & (VIR_DOMAIN_VCPU_CONFIG | VIR_DOMAIN_VCPU_MAXIMUM))
        vb_error_set(error, VIR_ERR_INVALID_ARG,
                     "setting the vCPU count by guest agent is only supported for live domains");
    else if (qemu_domain_check_active(domain, error)) {
        QemuAgentCall agent = defer(domain, call, flags);
        qemu_agent_resize_vcpus(&agent, n_vcpus);
    }
    return NULL;
}

AGENT_METHOD(get_time, qemu_agent_get_time)
AGENT_METHOD(get_filesystems, qemu_agent_get_fsinfo)
AGENT_METHOD(get_guest_vcpus, qemu_agent_get_vcpus)

GVariant *
qemu_bus_domain_set_time(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    gint64 seconds;
    guint nanoseconds, flags;
    g_variant_get(args, "(xuu)", &seconds, &nanoseconds, &flags);
    QemuAgentCall agent = defer(data, call, flags);
    qemu_agent_set_time(&agent, seconds, nanoseconds);
    return NULL;
}

/* The agent's answer runs commands inside the guest: not for those who may only read */
static gboolean
check_may_ask(VbCall *call, const char *function, GError **error)
{
    if (!vb_call_get_caller(call)->is_readonly)
        return TRUE;
    return vb_error_set(error, VIR_ERR_OPERATION_DENIED, "%s", function);
}

static void
may_ask_addresses(VbCall *call, GError *refusal, gpointer data)
{
    g_autoptr(QemuDomain) domain = data;
    const QemuAgentCall agent = {domain, replied, call, 0};
    if (refusal)
        vb_call_fail(call, refusal);
    else
        qemu_agent_get_addresses(&agent);
}

GVariant *
qemu_bus_domain_get_addresses(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint source, flags;
    g_variant_get(args, "(uu)", &source, &flags);
    if (source != VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)
        return qemu_domain_get_addresses(data, source, flags, error);
    if (!qemu_check_flags(flags, 0, "qemuDomainInterfaceAddresses", error) ||
        !check_may_ask(call, "virDomainInterfaceAddresses", error))
        return NULL;
    vb_call_defer(call);
    vb_call_authorize(call, VB_ACTION_MANAGE, may_ask_addresses, qemu_domain_ref(data));
    return NULL;
}

/* flags: 1 lease, 2 agent; 0: agent */
GVariant *
qemu_bus_domain_get_hostname(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const guint known = VIR_DOMAIN_GET_HOSTNAME_LEASE | VIR_DOMAIN_GET_HOSTNAME_AGENT;
    guint flags = get_flags(args);
    if (!qemu_check_flags(flags, known, "qemuDomainGetHostname", error))
        return NULL;
    if (flags & VIR_DOMAIN_GET_HOSTNAME_LEASE) {
        g_autofree char *name = qemu_domain_get_leased_hostname(data, error);
        return name ? g_variant_new("(s)", name) : NULL;
    }
    QemuAgentCall agent = defer(data, call, 0);
    qemu_agent_get_hostname(&agent);
    return NULL;
}

/* file systems */

static GVariant *
freeze_or_thaw(gpointer data, VbCall *call, GVariant *args,
               void (*function)(const QemuAgentCall *, const char *const *))
{
    g_autofree const char **mountpoints = NULL;
    guint flags;
    g_variant_get(args, "(^a&su)", &mountpoints, &flags);
    QemuAgentCall agent = defer(data, call, flags);
    function(&agent, mountpoints);
    return NULL;
}

GVariant *
qemu_bus_domain_freeze_filesystems(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return freeze_or_thaw(data, call, args, qemu_agent_fsfreeze);
}

GVariant *
qemu_bus_domain_thaw_filesystems(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return freeze_or_thaw(data, call, args, qemu_agent_fsthaw);
}

GVariant *
qemu_bus_domain_trim_filesystems(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *mountpoint;
    guint64 minimum;
    guint flags;
    g_variant_get(args, "(&stu)", &mountpoint, &minimum, &flags);
    QemuAgentCall agent = defer(data, call, flags);
    qemu_agent_fstrim(&agent, mountpoint, minimum);
    return NULL;
}

/* users */

GVariant *
qemu_bus_domain_set_user_password(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *user, *password;
    guint flags;
    g_variant_get(args, "(&s&su)", &user, &password, &flags);
    QemuAgentCall agent = defer(data, call, flags);
    qemu_agent_set_password(&agent, user, password);
    return NULL;
}

GVariant *
qemu_bus_domain_get_authorized_ssh_keys(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *user;
    guint flags;
    g_variant_get(args, "(&su)", &user, &flags);
    QemuAgentCall agent = defer(data, call, flags);
    qemu_agent_get_ssh_keys(&agent, user);
    return NULL;
}

GVariant *
qemu_bus_domain_set_authorized_ssh_keys(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *user;
    g_autofree const char **keys = NULL;
    guint flags;
    g_variant_get(args, "(&s^a&su)", &user, &keys, &flags);
    QemuAgentCall agent = defer(data, call, flags);
    qemu_agent_set_ssh_keys(&agent, user, keys);
    return NULL;
}

/* the rest */

GVariant *
qemu_bus_domain_set_guest_vcpus(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *cpumap;
    int state;
    guint flags;
    g_variant_get(args, "(&siu)", &cpumap, &state, &flags);
    QemuAgentCall agent = defer(data, call, flags);
    qemu_agent_set_vcpus(&agent, cpumap, state);
    return NULL;
}

GVariant *
qemu_bus_domain_get_guest_info(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint types, flags;
    g_variant_get(args, "(uu)", &types, &flags);
    QemuAgentCall agent = defer(data, call, flags);
    qemu_agent_get_info(&agent, types);
    return NULL;
}

GVariant *
qemu_bus_domain_agent_command(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    const char *command;
    int timeout_s;
    guint flags;
    g_variant_get(args, "(&siu)", &command, &timeout_s, &flags);
    QemuAgentCall agent = defer(data, call, flags);
    qemu_agent_raw(&agent, command, timeout_s);
    return NULL;
}

GVariant *
qemu_bus_domain_set_agent_timeout(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    int timeout_s;
    guint flags;
    g_variant_get(args, "(iu)", &timeout_s, &flags);
    return qemu_agent_set_timeout(data, timeout_s, flags, error) ? g_variant_new("(i)", 0) : NULL;
}

GVariant *
qemu_bus_domain_suspend_guest(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    guint target, flags;
    guint64 duration;
    g_variant_get(args, "(utu)", &target, &duration, &flags);
    QemuAgentCall agent = defer(data, call, flags);
    qemu_agent_suspend(&agent, target, duration);
    return NULL;
}

GVariant *
qemu_bus_domain_wake_up(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    vb_call_defer(call);
    qemu_domain_wake_up(data, get_flags(args), qemu_bus_done, call);
    return NULL;
}
