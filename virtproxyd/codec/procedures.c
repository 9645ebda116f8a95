/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lookup in the generated tables: procedures by number and by name, types by shape. */
#include "codec/types.h"

#include <string.h>

/**
 * proxy_procedure_find:
 * @program: program number of the wire protocol
 * @number: procedure number
 *
 * Returns: (nullable): the procedure's row, static
 */
const ProxyProcedure *
proxy_procedure_find(guint32 program, int number)
{
    for (guint i = 0; i < proxy_n_programs; i++) {
        const ProxyProgramRows *rows = &proxy_programs[i];
        if (rows->program == program && number >= 1 && number <= rows->count)
            return &proxy_procedures[rows->first + number - 1];
    }
    return NULL;
}

/**
 * proxy_procedure_by_name:
 * @name: as in the table: "DOMAIN_CREATE", "QEMU:DOMAIN_MONITOR_COMMAND"
 *
 * Returns: (nullable): the procedure's row, static
 */
const ProxyProcedure *
proxy_procedure_by_name(const char *name)
{
    guint low = 0, high = proxy_n_procedures;
    while (low < high) {
        guint middle = (low + high) / 2;
        const ProxyProcedure *procedure = &proxy_procedures[proxy_procedures_by_name[middle]];
        int order = strcmp(name, procedure->name);
        if (order == 0)
            return procedure;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/**
 * proxy_codec_gtype:
 * @type: a type of the table
 *
 * Returns: the type of its values' GVariant form, static
 */
const GVariantType *
proxy_codec_gtype(const ProxyXdrType *type)
{
    return (const GVariantType *)(proxy_xdr_pool + type->gtype);
}

guint
proxy_codec_n_fields(const ProxyXdrType *type)
{
    return type->n_fields;
}

const char *
proxy_codec_field_name(const ProxyXdrType *type, guint index)
{
    g_return_val_if_fail(index < type->n_fields, NULL);
    return proxy_xdr_pool + proxy_xdr_fields[type->first_field + index].name;
}

const ProxyXdrType *
proxy_codec_field_type(const ProxyXdrType *type, guint index)
{
    g_return_val_if_fail(index < type->n_fields, NULL);
    return &proxy_xdr_types[proxy_xdr_fields[type->first_field + index].type];
}
