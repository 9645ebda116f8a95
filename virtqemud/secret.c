/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets for emulators. They are looked up where libvirt's secret driver keeps them (/etc/libvirt/secrets: UUID.xml says
 * what one is for, UUID.base64 has its value), and handed over in a file of the guest's own folder, until it runs. */
#include "secret.h"

#include "base/error.h"
#include "manager.h"
#include "store/store.h"
#include "xml/xml.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define SUFFIX "-secret0"

enum { MAX_FILE = 1 << 20 }; /* far more than a key or a password */

typedef struct {
    char *uuid;
    char *type;
    char *volume, *name, *target; /* what it is for, as its type says it */
} Kept;

static const VbXmlField kept_fields[] = {
    VB_XML_STR(Kept, uuid, "uuid"),           VB_XML_STR(Kept, type, "usage/@type"),
    VB_XML_STR(Kept, volume, "usage/volume"), VB_XML_STR(Kept, name, "usage/name"),
    VB_XML_STR(Kept, target, "usage/target"),
};
static VB_XML_TYPE(kept_type, Kept, "secret", kept_fields, .document = "secret_definition");

static void
kept_free(Kept *kept)
{
    vb_xml_free(&kept_type, kept);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Kept, kept_free)

/* ---- the store ---- */

static char *
store_folder(const QemuManager *manager)
{
    g_autofree char *parent = g_path_get_dirname(manager->config_dir);
    return g_build_filename(parent, "secrets", NULL);
}

/* NULL without @error: there is none */
static Kept *
read_definition(const char *folder, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *text = NULL;
    gsize length;
    if (!g_file_test(path, G_FILE_TEST_EXISTS) ||
        !vb_store_read(path, MAX_FILE, &text, &length, error))
        return NULL;
    return vb_xml_parse(&kept_type, text, (gssize)length, error);
}

static const char *
usage_of(const Kept *kept)
{
    return kept->volume ? kept->volume : kept->target ? kept->target : kept->name;
}

static Kept *
find_by_uuid(const char *folder, const char *uuid, GError **error)
{
    g_autofree char *name = g_strconcat(uuid, ".xml", NULL);
    GError *failure = NULL;
    Kept *kept = g_uuid_string_is_valid(uuid) ? read_definition(folder, name, &failure) : NULL;
    if (failure)
        g_propagate_error(error, failure);
    else if (!kept)
        vb_error_set(error, VIR_ERR_NO_SECRET, "no secret with matching uuid '%s'", uuid);
    return kept;
}

/* One that cannot be read is none of those that can. */
static Kept *
find_by_usage(const char *folder, const char *type, const char *usage, GError **error)
{
    g_autoptr(GPtrArray) names = vb_store_list(folder, ".xml", error);
    if (!names)
        return NULL;
    for (guint i = 0; i < names->len; i++) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(Kept) kept = read_definition(folder, names->pdata[i], &failure);
        if (failure)
            g_warning("secret %s: %s", (const char *)names->pdata[i], failure->message);
        if (kept && kept->uuid && g_strcmp0(kept->type, type) == 0 &&
            g_strcmp0(usage_of(kept), usage) == 0)
            return g_steal_pointer(&kept);
    }
    vb_error_set(error, VIR_ERR_NO_SECRET, "no secret with matching usage '%s'",
                 usage ? usage : "");
    return NULL;
}

static GBytes *
read_value(const char *folder, const char *uuid, GError **error)
{
    g_autofree char *name = g_strconcat(uuid, ".base64", NULL);
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *text = NULL;
    gsize length;
    guchar *value;
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        vb_error_set(error, VIR_ERR_NO_SECRET, "secret '%s' does not have a value", uuid);
        return NULL;
    }
    if (!vb_store_read(path, MAX_FILE, &text, &length, error))
        return NULL;
    value = g_base64_decode(text, &length);
    return g_bytes_new_take(value, length);
}

/**
 * qemu_secret_read:
 * @manager: whose host
 * @secret: which one, and of what type
 *
 * A few small files are read.
 *
 * Returns: (transfer full): its value; NULL with @error set
 * Errors: NO_SECRET none, or without a value; INVALID_ARG it is for something else; what the system says
 */
GBytes *
qemu_secret_read(const QemuManager *manager, const QemuSecret *secret, GError **error)
{
    g_autofree char *folder = store_folder(manager);
    g_autoptr(Kept) kept = secret->uuid ? find_by_uuid(folder, secret->uuid, error)
                                        : find_by_usage(folder, secret->type, secret->usage, error);
    const char *uuid;
    if (!kept)
        return NULL;
    uuid = secret->uuid ? secret->uuid : kept->uuid;
    if (kept->type && !g_str_equal(kept->type, secret->type)) {
        vb_error_set(error, VIR_ERR_INVALID_ARG,
                     "secret with uuid %s is of type '%s' not expected '%s' type", uuid, kept->type,
                     secret->type);
        return NULL;
    }
    return read_value(folder, uuid, error);
}

/* ---- for the emulator ---- */

/* as an HTTP client sends them */
static GBytes *
join_cookies(const GPtrArray *cookies)
{
    g_autoptr(GString) text = g_string_new(NULL);
    VB_DOMAIN_EACH(VbDomainStorageCookie, cookie, cookies)
    {
        g_string_append_printf(text, "%s%s=%s", text->len ? "; " : "", cookie->name, cookie->value);
    }
    return g_string_free_to_bytes(g_steal_pointer(&text));
}

char *
qemu_secret_provide(const QemuSecret *secret, gpointer data, GError **error)
{
    const QemuDomain *domain = data;
    g_autofree char *folder = qemu_manager_domain_dir(domain->manager, domain);
    g_autofree char *path = g_build_filename(folder, secret->id, NULL);
    g_autoptr(GBytes) value = secret->cookies ? join_cookies(secret->cookies)
                                              : qemu_secret_read(domain->manager, secret, error);
    g_autofree char *text = NULL;
    const char *content;
    gsize length;
    if (!value)
        return NULL;
    content = g_bytes_get_data(value, &length);
    if (secret->is_base64) {
        text = g_base64_encode((const guchar *)content, length);
        content = text;
        length = strlen(text);
    }
    return vb_store_write_volatile(path, content, length, 0600, error) ? g_steal_pointer(&path)
                                                                       : NULL;
}

char *
qemu_secret_name(const QemuSecret *secret, gpointer data, GError **error)
{
    return g_strdup(secret->id);
}

void
qemu_secrets_forget(const QemuDomain *domain)
{
    g_autofree char *folder = qemu_manager_domain_dir(domain->manager, domain);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = vb_store_list(folder, SUFFIX, &error);
    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);
        if (g_unlink(path) < 0)
            g_warning("cannot remove %s: %s", path, g_strerror(errno));
    }
    if (error)
        g_warning("%s", error->message);
}
