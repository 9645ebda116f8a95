/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which procedure a member of org.libvirt stands for, and how its values travel: read from the annotation
 * org.virtbus.Rpc (README.md has its grammar). */
#pragma once
#include "codec/codec.h"
#include <gio/gio.h>

#define PROXY_BUS_ANNOTATION "org.virtbus.Rpc"

typedef struct {
    const ProxyProcedure *procedure; /* NULL: the value is known without asking */
    char *constant;                  /* "false", "uuid", "name" */
    char **args;                     /* tokens; NULL: the object, then the arguments in order */
    char **outs;                     /* tokens; NULL: the fields of the reply in order */
} ProxyBusRoute;

/* @index: of the procedure, where a property names one to read and one to write it */
ProxyBusRoute *proxy_bus_route_new(GDBusAnnotationInfo **annotations, guint index, GError **error);
void proxy_bus_route_free(ProxyBusRoute *route);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProxyBusRoute, proxy_bus_route_free)

/* (transfer full): the procedure's arguments; @object: (nullable) in wire form; @values: tuple of what was given */
GVariant *proxy_bus_route_in(const ProxyBusRoute *route, GVariant *object, GVariant *values,
                             GError **error);
/* (transfer full): tuple of @types, which are as many as @n; @reply: wire tuple, NULL: none. @skip: outs at the front
 * that are left out */
GVariant *proxy_bus_route_out(const ProxyBusRoute *route, GVariant *reply, guint skip,
                              const GVariantType *const *types, guint n, GError **error);
/* (transfer full): one of them */
GVariant *proxy_bus_route_out_one(const ProxyBusRoute *route, GVariant *reply, guint index,
                                  const GVariantType *type, GError **error);
/* number of an event's kind, from its first argument */
int proxy_bus_route_event_id(const ProxyBusRoute *route);
