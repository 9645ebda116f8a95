/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of libvirt's parts an error is said to come from. */
#include "rpc/private.h"

#include "base/error.h"

#include <string.h>

/* codes that only one part of libvirt uses */
static const struct {
    int code;
    int domain;
} by_code[] = {
    {VIR_ERR_RPC, VIR_FROM_RPC},
    {VIR_ERR_AUTH_FAILED, VIR_FROM_POLKIT},
    {VIR_ERR_AUTH_CANCELLED, VIR_FROM_POLKIT},
    {VIR_ERR_AUTH_UNAVAILABLE, VIR_FROM_POLKIT},
};

/* what is refused before it reaches a driver comes from the front of the library, or from its reading of XML */
static const int front_codes[] = {
    VIR_ERR_NO_SUPPORT, VIR_ERR_OPERATION_DENIED, VIR_ERR_NO_NAME,
    VIR_ERR_XML_ERROR,  VIR_ERR_XML_DETAIL,       VIR_ERR_XML_INVALID_SCHEMA,
};

static const struct {
    const char *prefix;
    int driver;
    int front;
} by_procedure[] = {
    {"DOMAIN_SNAPSHOT_", VIR_FROM_QEMU, VIR_FROM_DOMAIN_SNAPSHOT},
    {"DOMAIN_CHECKPOINT_", VIR_FROM_QEMU, VIR_FROM_DOMAIN_CHECKPOINT},
    {"DOMAIN_", VIR_FROM_QEMU, VIR_FROM_DOMAIN},
    {"NETWORK_", VIR_FROM_NETWORK, VIR_FROM_NETWORK},
    {"STORAGE_", VIR_FROM_STORAGE, VIR_FROM_STORAGE},
    {"NODE_DEVICE_", VIR_FROM_NODEDEV, VIR_FROM_NODEDEV},
    {"INTERFACE_", VIR_FROM_INTERFACE, VIR_FROM_INTERFACE},
    {"SECRET_", VIR_FROM_SECRET, VIR_FROM_SECRET},
    {"NWFILTER_", VIR_FROM_NWFILTER, VIR_FROM_NWFILTER},
    {"", VIR_FROM_QEMU, VIR_FROM_NONE},
};

/**
 * proxy_error_domain:
 * @code: VIR_ERR_*
 * @procedure: the call that failed
 *
 * Returns: VIR_FROM_*
 */
int
proxy_error_domain(int code, const ProxyProcedure *procedure)
{
    gboolean is_front = FALSE;
    guint row = 0;
    for (guint i = 0; i < G_N_ELEMENTS(by_code); i++) {
        if (by_code[i].code == code)
            return by_code[i].domain;
    }
    for (guint i = 0; i < G_N_ELEMENTS(front_codes); i++)
        is_front |= front_codes[i] == code;
    while (!g_str_has_prefix(procedure->name, by_procedure[row].prefix))
        row++;
    return is_front ? by_procedure[row].front : by_procedure[row].driver;
}
