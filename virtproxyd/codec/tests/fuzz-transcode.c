/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From D-Bus to XDR: the first two bytes choose a procedure, the rest are its reply's body. What is written can be read. */
#include "codec/types.h"
#include "codec/xdr.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static gboolean
name_domain(gpointer data, const char *path, GByteArray *out)
{
    if (path[0] != '/')
        return FALSE;
    proxy_xdr_put_counted(out, "name", 4);
    proxy_xdr_put_bytes(out, "0123456789abcdef", 16);
    proxy_xdr_put_word(out, 1);
    return TRUE;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    if (size < 2)
        return 0;
    guint index = (guint)(data[0] << 8 | data[1]);
    const ProxyXdrType *type = proxy_procedures[index % proxy_n_procedures].ret;
    if (!type)
        return 0;
    const char *gtype = (const char *)proxy_codec_gtype(type);
    g_autofree char *signature = g_strndup(gtype + 1, strlen(gtype) - 2);
    const ProxyBody body = {index & 0x8000 ? "a(oa{sv})" : signature, data + 2, size - 2};
    g_autoptr(GByteArray) wire = g_byte_array_new();
    if (!proxy_codec_transcode(type, &body, name_domain, NULL, wire, NULL))
        return 0;
    g_assert_cmpuint(wire->len % 4, ==, 0);
    return 0;
}
