/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The codec: the first two bytes choose the type, the rest are the value's. What is understood must survive a round. */
#include "codec/types.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    if (size < 2)
        return 0;
    guint index = (guint)(data[0] << 8 | data[1]);
    const ProxyXdrType *type = &proxy_xdr_types[index % proxy_xdr_n_types];
    g_autoptr(GVariant) value = proxy_codec_decode(type, data + 2, size - 2, NULL);
    g_autoptr(GByteArray) wire = g_byte_array_new();
    if (!value)
        return 0;
    g_assert_true(proxy_codec_encode(type, value, wire, NULL));
    g_autoptr(GVariant) back = proxy_codec_decode(type, wire->data, wire->len, NULL);
    g_assert_true(back && g_variant_equal(value, back));
    return 0;
}
