/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The processors' caches, level 2 and up. A cache is read once, not once for each CPU that shares it. */
#include "host/host-private.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAX_INDEXES 16 /* of a CPU's caches; x86 has 4 */
#define MIN_INDEXES 3  /* looked for in any case: recorded trees leave out what nobody asked for */
#define MIN_LEVEL 2    /* a core's own first level is of no use to anyone who places guests */

typedef struct {
    GArray *banks;
    VbBitset *covered[MAX_INDEXES]; /* by index: CPUs whose cache is known */
    VbBitset *group;                /* CPUs that share the last cache that was read; NULL */
} Search;

/* "16384K" */
static guint64
parse_size(const char *text)
{
    static const struct {
        char unit;
        guint shift;
    } units[] = {{'K', 10}, {'M', 20}, {'G', 30}};
    char *end;
    guint64 size = g_ascii_strtoull(text, &end, 10);

    for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
        if (*end == units[i].unit)
            size <<= units[i].shift;
    }
    return size;
}

/* Source: kernel, Documentation/ABI/testing/sysfs-devices-system-cpu: Data, Instruction, Unified */
static gboolean
parse_type(const char *text, VbHostBankType *ret_type)
{
    static const char *const words[VB_HOST_N_BANKS] = {
        [VB_HOST_BANK_BOTH] = "Unified",
        [VB_HOST_BANK_CODE] = "Instruction",
        [VB_HOST_BANK_DATA] = "Data",
    };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret_type = (VbHostBankType)i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean
is_known(const GArray *banks, const VbHostCacheBank *bank)
{
    VB_HOST_EACH(VbHostCacheBank, other, banks)
    {
        if (other->id == bank->id && other->level == bank->level && other->type == bank->type)
            return TRUE;
    }
    return FALSE;
}

typedef struct {
    int cpus_folder;
    guint cpu, index;
} Place;

static char *
read_place(const Place *place, const char *name, char *buffer, gsize size)
{
    char path[96];

    g_snprintf(path, sizeof(path), "cpu%u/cache/index%u/%s", place->cpu, place->index, name);
    return vb_host_read_at(place->cpus_folder, path, buffer, size);
}

/* A cache that the kernel does not number or does not describe is left out. */
static gboolean
read_bank(Search *search, const Place *place, guint level)
{
    char id[64], size[64], type[64], list[4096];
    VbHostCacheBank bank = {.level = level};

    if (!read_place(place, "id", id, sizeof(id)) ||
        !read_place(place, "size", size, sizeof(size)) ||
        !read_place(place, "type", type, sizeof(type)) || !parse_type(type, &bank.type) ||
        !read_place(place, "shared_cpu_list", list, sizeof(list)))
        return FALSE;
    bank.id = (guint)g_ascii_strtoull(id, NULL, 10);
    bank.size_b = parse_size(size);
    bank.cpus = vb_bitset_parse(list);
    vb_bitset_union(search->covered[place->index], bank.cpus);
    vb_bitset_free(search->group);
    search->group = vb_bitset_copy(bank.cpus);
    if (is_known(search->banks, &bank))
        vb_bitset_free(bank.cpus);
    else
        g_array_append_val(search->banks, bank);
    return TRUE;
}

/* CPUs that share their last cache have as many before it, at the same indexes: what is of no use of one is of none of all.
 */
static void
skip_useless(Search *search, guint useless)
{
    for (guint i = 0; search->group && i < MAX_INDEXES; i++) {
        if (useless & 1u << i)
            vb_bitset_union(search->covered[i], search->group);
    }
    g_clear_pointer(&search->group, vb_bitset_free);
}

static void
read_cpu(Search *search, int cpus_folder, const VbHostCpu *cpu)
{
    guint useless = 0; /* a bit per index */

    for (guint i = 0; i < MAX_INDEXES; i++) {
        const Place place = {cpus_folder, cpu->id, i};
        char buffer[64];
        guint level;

        if (vb_bitset_has(search->covered[i], cpu->id))
            continue;
        if (!read_place(&place, "level", buffer, sizeof(buffer))) {
            useless |= i < MIN_INDEXES ? 1u << i : ~0u << i;
            if (i >= MIN_INDEXES)
                break;
            continue;
        }
        level = (guint)g_ascii_strtoull(buffer, NULL, 10);
        if (level < MIN_LEVEL || !read_bank(search, &place, level))
            useless |= 1u << i;
    }
    skip_useless(search, useless);
}

static int
compare_banks(gconstpointer a, gconstpointer b)
{
    const VbHostCacheBank *x = a;
    const VbHostCacheBank *y = b;

    if (x->level != y->level)
        return (int)x->level - (int)y->level;
    if (x->type != y->type)
        return (int)x->type - (int)y->type;
    return x->id < y->id ? -1 : x->id > y->id;
}

void
vb_host_read_banks(const VbHost *host, VbHostTopology *topology)
{
    g_autofree char *path = g_build_filename(host->sysfs, "devices/system/cpu", NULL);
    const int cpus_folder = vb_host_open_folder(AT_FDCWD, path);
    Search search = {.banks = topology->banks};

    for (guint i = 0; i < MAX_INDEXES; i++)
        search.covered[i] = vb_bitset_new();
    VB_HOST_EACH(VbHostCpu, cpu, topology->cpus)
    {
        if (cpu->is_online)
            read_cpu(&search, cpus_folder, cpu);
    }
    for (guint i = 0; i < MAX_INDEXES; i++)
        vb_bitset_free(search.covered[i]);
    if (cpus_folder >= 0)
        close(cpus_folder);
    g_array_sort(topology->banks, compare_banks);
}
