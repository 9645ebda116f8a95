/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values as org.libvirt has them on D-Bus <-> as libvirt's wire has them. Pure functions. */
#pragma once
#include <gio/gio.h>

#define PROXY_BUS_ROOT "/org/libvirt/QEMU"
#define PROXY_BUS_DOMAIN PROXY_BUS_ROOT "/domain"
#define PROXY_BUS_SNAPSHOT PROXY_BUS_ROOT "/domainsnapshot"
#define PROXY_BUS_NODEDEV PROXY_BUS_ROOT "/nodedev"

/* (transfer full), not floating; NULL with INVALID_ARG: the value is not what the wire can carry */
GVariant *proxy_bus_to_wire(GVariant *value, const GVariantType *wire, GError **error);
/* the same for what comes back; RPC: there is no such conversion */
GVariant *proxy_bus_from_wire(GVariant *wire, const GVariantType *type, GError **error);
/* what the object at @path is on the wire: a domain, a snapshot, a device's name. NULL: not one of ours */
GVariant *proxy_bus_object_to_wire(const char *path);
guint proxy_bus_host_cpus(void); /* bits of a CPU map */
