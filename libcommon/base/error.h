/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one error domain. A GError's code is the VIR_ERR_* number of vb-constants.h; its message is the whole text
 * that a libvirt user reads. The table in error.c joins number, D-Bus name and libvirt's wording. */
#pragma once
#include <glib.h>
#include "vb-constants.h"

#define VB_ERROR (vb_error_quark())
GQuark vb_error_quark(void);

/* setting */
/* @detail_format gives the detail only: (VIR_ERR_OPERATION_INVALID, "domain is not running") reads
 * "Requested operation is not valid: domain is not running". Returns FALSE always, for "return vb_error_set(...)". */
gboolean vb_error_set(GError **error, int code, const char *detail_format, ...) G_GNUC_PRINTF(3, 4);
/* FALSE with INVALID_ARG for bits beside @known, in libvirt's words */
gboolean vb_error_check_flags(GError **error, guint flags, guint known, const char *function);
/* Without a detail: "Domain not found". Returns FALSE always. */
gboolean vb_error_set_plain(GError **error, int code);
/* The same with errno's text appended: "cannot open file 'X': No such file or directory" under VIR_ERR_SYSTEM_ERROR. */
gboolean vb_error_set_errno(GError **error, int errsv, const char *detail_format, ...)
    G_GNUC_PRINTF(3, 4);
gboolean vb_error_matches(const GError *error, int code);
int vb_error_get_code(const GError *error); /* of any domain: what a caller is told */

/* structure: what the text was made of; kept beside the error, shown by GetLastError on D-Bus */
/* @reason: stable symbol such as "DiskNotReadable"; @object: guest, device path or "element path, line N"; may be NULL */
void vb_error_set_reason(GError *error, const char *reason, const char *object);
void vb_error_add_cause(GError *error, const char *cause);
const char *vb_error_get_reason(const GError *error);
const char *vb_error_get_object(const GError *error);
const char *const *
vb_error_get_causes(const GError *error); /* NULL-terminated, outermost first; never NULL */
/* (transfer floating) a{sv}: code i, name s, message s, reason s, object s, causes as */
GVariant *vb_error_to_variant(const GError *error);

/* D-Bus names: org.virtbus.Error.NoDomain <-> VIR_ERR_NO_DOMAIN */
const char *vb_error_code_to_dbus(int code);
int vb_error_code_from_dbus(const char *name); /* -1 when it is none of ours */
int vb_error_code_max(void);
