/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a record: a head of fixed size in the host's byte order, name, content, zeros up to the block's end. The
 * checksum covers all of it, so that a record of which a power cut left a part is none. */
#include "store/record.h"

#include <string.h>

#define MAGIC                                                                                      \
    G_GUINT64_CONSTANT(0x31676f6c62767262) /* other byte orders and versions are no records */
#define NAME_LIMIT 255                     /* NAME_MAX of Linux */
#define CONTENT_LIMIT (64 * 1024 * 1024)

typedef struct {
    guint64 magic;
    guint64 checksum; /* of the padded record with this field zero */
    guint64 sequence;
    gint64 time_ns;
    guint32 operation;
    guint32 mode;
    guint32 name_length;
    guint32 content_length;
    char boot_id[40];
} Head;

G_STATIC_ASSERT(sizeof(Head) == 88);

/* Finds torn and mixed writes; no defence against forgery. 8 bytes at a time: @length is a multiple of 8. */
static guint64
checksum(const guint8 *bytes, gsize length)
{
    guint64 sum = length;

    for (gsize i = 0; i < length; i += sizeof(guint64)) {
        guint64 word;
        memcpy(&word, bytes + i, sizeof word);
        sum = (sum ^ word) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
        sum ^= sum >> 29;
    }
    return sum;
}

static gsize
padded_size(guint64 name_length, guint64 content_length)
{
    const gsize used = sizeof(Head) + name_length + content_length;

    return (used + VB_STORE_RECORD_BLOCK - 1) / VB_STORE_RECORD_BLOCK * VB_STORE_RECORD_BLOCK;
}

gsize
vb_store_record_size(const VbStoreRecord *record)
{
    return padded_size(record->name_length, record->length);
}

void
vb_store_record_pack(const VbStoreRecord *record, guint8 *bytes)
{
    const gsize size = vb_store_record_size(record);
    const gsize used = sizeof(Head) + record->name_length + record->length;
    Head head = {
        .magic = MAGIC,
        .sequence = record->sequence,
        .time_ns = record->time_ns,
        .operation = record->operation,
        .mode = record->mode,
        .name_length = record->name_length,
        .content_length = (guint32)record->length,
    };

    g_strlcpy(head.boot_id, record->boot_id, sizeof head.boot_id);
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, record->name, record->name_length);
    if (record->length)
        memcpy(bytes + sizeof head + record->name_length, record->content, record->length);
    memset(bytes + used, 0, size - used);
    head.checksum = checksum(bytes, size);
    memcpy(bytes, &head, sizeof head);
}

static gboolean
is_own_name(const char *name, guint length)
{
    const gboolean is_dots =
        length > 0 && name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));

    return length > 0 && !is_dots && !memchr(name, '/', length) && !memchr(name, '\0', length);
}

static gboolean
sums_up(const Head *head, const guint8 *bytes, gsize size)
{
    g_autofree guint8 *copy = g_memdup2(bytes, size);
    Head zeroed = *head;

    zeroed.checksum = 0;
    memcpy(copy, &zeroed, sizeof zeroed);
    return checksum(copy, size) == head->checksum;
}

gboolean
vb_store_record_parse(const guint8 *bytes, gsize length, VbStoreRecord *record)
{
    Head head;
    const char *name = (const char *)bytes + sizeof head;

    if (length < sizeof head)
        return FALSE;
    memcpy(&head, bytes, sizeof head);
    if (head.magic != MAGIC || head.name_length > NAME_LIMIT ||
        head.content_length > CONTENT_LIMIT ||
        padded_size(head.name_length, head.content_length) > length ||
        !memchr(head.boot_id, '\0', sizeof record->boot_id))
        return FALSE;
    if (!sums_up(&head, bytes, padded_size(head.name_length, head.content_length)) ||
        !is_own_name(name, head.name_length) ||
        (head.operation != VB_STORE_RECORD_WRITE && head.operation != VB_STORE_RECORD_REMOVE))
        return FALSE;
    *record = (VbStoreRecord){
        .sequence = head.sequence,
        .time_ns = head.time_ns,
        .operation = (VbStoreOperation)head.operation,
        .mode = (mode_t)head.mode & 07777,
        .name = name,
        .name_length = head.name_length,
        .content = name + head.name_length,
        .length = head.content_length,
    };
    g_strlcpy(record->boot_id, head.boot_id, sizeof record->boot_id);
    return TRUE;
}
