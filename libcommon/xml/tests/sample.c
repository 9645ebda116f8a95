/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of the made-up element. */
#include "sample.h"

VB_ENUM(sample_mode_enum, "sample mode", "fast", "slow", "idle");
VB_ENUM(sample_kind_enum, "item kind", NULL, "file", "block");
VB_ENUM(sample_address_enum, "address type", NULL, "pci", "drive");

static const VbXmlField address_fields[] = {
    VB_XML_ENUMV(SampleAddress, type, "@type", sample_address_enum,
                 .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_UINT(SampleAddress, slot, "@slot", .flags = VB_XML_HEX, .width = 2, .max = 31,
                VB_XML_HAS(SampleAddress, has_slot),
                VB_XML_WHEN(SampleAddress, type, VB_XML_BIT(1))),
    VB_XML_UINT(SampleAddress, unit, "@unit", VB_XML_HAS(SampleAddress, has_unit),
                VB_XML_WHEN(SampleAddress, type, VB_XML_BIT(2))),
};
static VB_XML_TYPE(address_type, SampleAddress, "address", address_fields);

static void
item_init(gpointer self)
{
    ((SampleItem *)self)->kind = 1;
}

static const VbXmlType item_type;
static const VbXmlField item_fields[] = {
    VB_XML_ENUMV(SampleItem, kind, "@kind", sample_kind_enum, .doc = "Where the data is."),
    VB_XML_STR(SampleItem, file, "source/@file", VB_XML_WHEN(SampleItem, kind, VB_XML_BIT(1))),
    VB_XML_STR(SampleItem, dev, "source/@dev", VB_XML_WHEN(SampleItem, kind, VB_XML_BIT(2))),
    VB_XML_STRUCT(SampleItem, backing, "backing", item_type),
    VB_XML_STR(SampleItem, target, "target/@dev", .flags = VB_XML_REQUIRED),
    VB_XML_STR(SampleItem, target, "@target", .flags = VB_XML_PARSE_ONLY),
    VB_XML_BOOL(SampleItem, is_readonly, "readonly"),
    VB_XML_STR(SampleItem, alias, "alias/@name", .flags = VB_XML_LIVE_ONLY | VB_XML_NOT_COMPARED),
    VB_XML_EMBED(SampleItem, address, "address", address_type),
};
static const VbXmlType item_type = {"item",
                                    sizeof(SampleItem),
                                    item_fields,
                                    G_N_ELEMENTS(item_fields),
                                    .doc = "Something that has a place.",
                                    .init = item_init};

static const VbXmlField server_fields[] = {
    VB_XML_UINT(SampleServer, port, "@port", VB_XML_HAS(SampleServer, has_port), .max = 65535),
    VB_XML_STR(SampleServer, password, "@passwd", .flags = VB_XML_SECRET),
};
static VB_XML_TYPE(server_type, SampleServer, "server", server_fields);

static const VbXmlField word_fields[] = {
    VB_XML_STR(SampleWord, word, "@value", .flags = VB_XML_REQUIRED | VB_XML_EMIT_EMPTY),
};
static VB_XML_TYPE(word_type, SampleWord, "arg", word_fields);

static gboolean
letter_parse(const char *text, gpointer value)
{
    if (*text < 'A' || *text > 'Z' || text[1])
        return FALSE;
    *(guint *)value = (guint)(*text - 'A') + 1;
    return TRUE;
}

static char *
letter_format(gconstpointer value)
{
    const guint number = *(const guint *)value;

    return number ? g_strdup_printf("%c", (char)('A' + number - 1)) : NULL;
}

static void
letter_copy(gpointer to, gconstpointer from)
{
    *(guint *)to = *(const guint *)from;
}

static gboolean
letter_equal(gconstpointer a, gconstpointer b)
{
    return *(const guint *)a == *(const guint *)b;
}

static const VbXmlCustom letter = {.parse = letter_parse,
                                   .format = letter_format,
                                   .copy = letter_copy,
                                   .equal = letter_equal,
                                   .title = "a letter"};

static const VbXmlField sample_fields[] = {
    VB_XML_INT(Sample, id, "@id", VB_XML_HAS(Sample, has_id),
               .flags = VB_XML_LIVE_ONLY | VB_XML_NOT_COMPARED),
    VB_XML_STR(Sample, name, "name", .flags = VB_XML_REQUIRED,
               .doc = "Unique name | of the sample."),
    VB_XML_UUIDV(Sample, uuid, "uuid"),
    VB_XML_STR(Sample, title, "title"),
    VB_XML_RAW(Sample, raw, "metadata"),
    VB_XML_SIZE(Sample, memory_kib, "memory", .max = G_MAXINT64),
    VB_XML_BITMAP(Sample, cpuset, "vcpu/@cpuset", .max = 1023),
    VB_XML_UINT(Sample, vcpus, "vcpu"),
    VB_XML_INT(Sample, count, "numbers/@count", .min = -5, .max = 5),
    VB_XML_INT64(Sample, offset, "numbers/@offset"),
    VB_XML_UINT64(Sample, mask, "numbers/@mask", .flags = VB_XML_HEX),
    VB_XML_ENUMV(Sample, mode, "numbers/@mode", sample_mode_enum, .flags = VB_XML_UNSUPPORTED),
    VB_XML_PRESENT(Sample, has_acpi, "features/acpi"),
    VB_XML_PRESENT(Sample, has_apic, "features/apic"),
    VB_XML_SWITCH(Sample, apic_eoi, "features/apic/@eoi"),
    VB_XML_BOOL(Sample, is_enabled, "features/@enabled"),
    VB_XML_MACV(Sample, mac, "net/mac/@address"),
    VB_XML_STR(Sample, label, "net/label", .flags = VB_XML_EMIT_EMPTY),
    VB_XML_CUSTOM(Sample, upper, "net/@letter", letter),
    VB_XML_STRUCT(Sample, server, "devices/server", server_type),
    VB_XML_LIST(Sample, items, "devices/item", item_type, .max = 100),
    VB_XML_LIST(Sample, words, "qemu:commandline/qemu:arg", word_type),
};
VB_XML_TYPE(sample_type, Sample, "sample", sample_fields, .doc = "A made-up element.");
