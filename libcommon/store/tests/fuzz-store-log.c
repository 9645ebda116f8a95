/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A log's bytes may be anything after a power cut. */
#include "store/record.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    VbStoreRecord record;

    if (vb_store_record_parse(data, size, &record)) {
        g_autofree guint8 *bytes = g_malloc(vb_store_record_size(&record));
        vb_store_record_pack(&record, bytes);
        g_assert_true(memchr(record.name, '/', record.name_length) == NULL);
    }
    return 0;
}
