/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wire values <-> D-Bus values, as a route's steps say. Pure functions. */
#pragma once
#include "backend/route.h"

/* how objects are named on the wire; the mirror knows */
typedef struct {
    const char *domain_prefix; /* "/org/virtbus/qemu/domain/" */
    GVariant *(*domain)(
        gpointer data, const char *path); /* (transfer full) (sayi), or NULL when it is not known */
    gpointer data;
} ProxyNames;

GVariant *proxy_convert_in(const ProxyRoute *route, const ProxyNames *names, GVariant *args,
                           GError **error);
GVariant *proxy_convert_out(const ProxyRoute *route, const ProxyNames *names, GVariant *args,
                            GVariant *reply, GError **error);

/* single values */
char *proxy_convert_domain_path(const ProxyNames *names, GVariant *wire_domain);
char *proxy_convert_snapshot_path(const ProxyNames *names, GVariant *wire_snapshot);
GVariant *
proxy_convert_number(GVariant *value,
                     const char *type); /* (transfer full) NULL when out of range or no number */
void proxy_convert_uuid_text(const guint8 *uuid, char ret_text[37]);
gboolean proxy_convert_uuid_parse(const char *text,
                                  guint8 ret_uuid[16]); /* dashes or underscores */
