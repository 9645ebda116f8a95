/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TCP ports of graphics: the first that is free on the host and not promised to another guest. */
#include "prepare.h"

#include "base/error.h"
#include "domain-private.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Source: qemu.conf's defaults of remote_display_port_min, _max, remote_websocket_port_min */
#define DISPLAY_MIN 5900
#define WEBSOCKET_MIN 5700
#define PORT_MAX 65535

static gboolean
uses_port(const VbDomainDef *def, int port)
{
    VB_DOMAIN_EACH(VbDomainGraphics, graphics, def->graphics)
    {
        if (graphics->port == port || graphics->tls_port == port || graphics->websocket == port)
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_promised(QemuManager *manager, int port)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, manager->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const QemuDomain *domain = value;
        if (domain->live && uses_port(domain->live, port))
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_free(int family, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    int one = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return TRUE; /* no such family here: nobody listens in it */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    const struct sockaddr *address =
        family == AF_INET ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
    gboolean is_bound = bind(fd, address, family == AF_INET ? sizeof v4 : sizeof v6) == 0;
    close(fd);
    return is_bound;
}

static int
find_port(QemuDomain *domain, int first, GError **error)
{
    for (int port = first; port <= PORT_MAX; port++) {
        if (!is_promised(domain->manager, port) && is_free(AF_INET, port) &&
            is_free(AF_INET6, port))
            return port;
    }
    vb_error_set(error, VIR_ERR_OPERATION_FAILED,
                 "Unable to find an unused port in range 'display' (%d-%d)", first, PORT_MAX);
    return -1;
}

static gboolean
listens_on_network(const VbDomainGraphics *graphics)
{
    if (graphics->socket)
        return FALSE;
    VB_DOMAIN_EACH(VbDomainListen, listen, graphics->listens)
    {
        return listen->type != VB_DOMAIN_LISTEN_SOCKET && listen->type != VB_DOMAIN_LISTEN_NONE;
    }
    return TRUE;
}

static gboolean
give_ports(QemuDomain *domain, VbDomainGraphics *graphics, GError **error)
{
    gboolean is_vnc = graphics->type == VB_DOMAIN_GRAPHICS_VNC;
    gboolean is_auto = graphics->autoport == VB_TRISTATE_YES || graphics->port == -1;
    if (!is_vnc && graphics->type != VB_DOMAIN_GRAPHICS_SPICE)
        return TRUE;
    if (!listens_on_network(graphics))
        return TRUE;
    if (is_auto) {
        graphics->port = find_port(domain, DISPLAY_MIN, error);
        graphics->has_port = TRUE;
    }
    if (graphics->port < 0)
        return FALSE;
    if (is_vnc && graphics->has_websocket && graphics->websocket == -1)
        graphics->websocket = find_port(domain, WEBSOCKET_MIN, error);
    return !is_vnc || !graphics->has_websocket || graphics->websocket >= 0;
}

/* Source: qemu.conf's defaults of vnc_listen and spice_listen */
static void
fill_listen(VbDomainGraphics *graphics)
{
    VB_DOMAIN_EACH(VbDomainListen, listen, graphics->listens)
    {
        if (listen->type == VB_DOMAIN_LISTEN_ADDRESS && !listen->address)
            listen->address = g_strdup("127.0.0.1");
        if (listen == graphics->listens->pdata[0] && listen->address && !graphics->listen)
            graphics->listen = g_strdup(listen->address);
    }
}

gboolean
qemu_prepare_graphics(QemuDomain *domain, GError **error)
{
    VB_DOMAIN_EACH(VbDomainGraphics, graphics, domain->live->graphics)
    {
        if (!give_ports(domain, graphics, error))
            return FALSE;
        fill_listen(graphics);
    }
    return TRUE;
}
