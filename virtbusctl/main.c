/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtbusctl: what stock virsh has no command for. Options, the table of commands, and how a failure is told. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"

static const CtlCommand *const commands[] = {
    &ctl_command_domstats,
    &ctl_command_numa,
    &ctl_command_placement,
    &ctl_command_resctrl,
};

typedef struct {
    char *bus, *hypervisor;
    gboolean is_version;
    char **rest;
} Options;

static char *
describe_call(const CtlCommand *command)
{
    return g_strjoin(" ", command->name, *command->arguments ? command->arguments : NULL, NULL);
}

static char *
describe_commands(void)
{
    GString *text = g_string_new("Commands:\n");
    gsize width = 0;

    for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
        width = MAX(width, strlen(commands[i]->name) + 1 + strlen(commands[i]->arguments));
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *call = describe_call(commands[i]);

        g_string_append_printf(text, "  %-*s  %s\n", (int)width, call, commands[i]->summary);
    }
    return g_string_free(text, FALSE);
}

static const CtlCommand *
find_command(const char *name)
{
    for (guint i = 0; name && i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

/* the bus name and the root object of a hypervisor's daemon; FALSE: no such hypervisor */
static gboolean
choose(const char *hypervisor, Ctl *ctl)
{
    static const struct {
        const char *hypervisor, *name, *root;
    } rows[] = {{"qemu", "org.virtbus.Qemu", "/org/virtbus/qemu"},
                {"xen", "org.virtbus.Xen", "/org/virtbus/xen"}};

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].hypervisor, hypervisor ? hypervisor : "qemu") != 0)
            continue;
        ctl->name = rows[i].name;
        ctl->root = rows[i].root;
        return TRUE;
    }
    return FALSE;
}

static GDBusConnection *
connect_bus(const char *address, GError **error)
{
    if (!address)
        return g_bus_get_sync(G_BUS_TYPE_SYSTEM, NULL, error);
    return g_dbus_connection_new_for_address_sync(
        address,
        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
            G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
        NULL, NULL, error);
}

static CtlStatus
run(const CtlCommand *command, const Options *options, GError **error)
{
    Ctl ctl = {0};
    g_autoptr(GDBusConnection) bus = NULL;
    CtlStatus status;

    if (!choose(options->hypervisor, &ctl)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "unknown hypervisor '%s'",
                    options->hypervisor);
        return CTL_USAGE;
    }
    bus = connect_bus(options->bus, error);
    if (!bus)
        return CTL_FAILED;
    ctl.bus = bus;
    status = command->run(&ctl, options->rest + 1, error);
    if (status == CTL_USAGE) {
        g_autofree char *call = describe_call(command);
        fprintf(stderr, "usage: virtbusctl %s\n", call);
    }
    return status;
}

static CtlStatus
parse_and_run(int *argc, char ***argv, Options *options, GError **error)
{
    const GOptionEntry entries[] = {
        {"bus", 0, 0, G_OPTION_ARG_STRING, &options->bus, "Bus to use; else the system's",
         "ADDRESS"},
        {"hypervisor", 0, 0, G_OPTION_ARG_STRING, &options->hypervisor, "qemu (the default) or xen",
         "NAME"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &options->is_version, "Print the version", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->rest, NULL,
         "COMMAND [ARGUMENT...]"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autofree char *described = describe_commands();
    const CtlCommand *command;

    g_option_context_set_description(context, described);
    g_option_context_add_main_entries(context, entries, NULL);
    /* what stands behind the command is the command's */
    g_option_context_set_strict_posix(context, TRUE);
    if (!g_option_context_parse(context, argc, argv, error))
        return CTL_USAGE;
    if (options->is_version) {
        puts("virtbusctl " VIRTBUS_VERSION);
        return CTL_OK;
    }
    command = options->rest ? find_command(options->rest[0]) : NULL;
    if (command)
        return run(command, options, error);
    if (options->rest)
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "unknown command '%s'",
                    options->rest[0]);
    else
        fputs(described, stderr);
    return CTL_USAGE;
}

int
main(int argc, char **argv)
{
    Options options = {0};
    g_autoptr(GError) error = NULL;
    CtlStatus status;

    setlocale(LC_ALL, "");
    status = parse_and_run(&argc, &argv, &options, &error);
    if (error)
        fprintf(stderr, "error: %s\n", error->message);
    g_free(options.bus);
    g_free(options.hypervisor);
    g_strfreev(options.rest);
    return (int)status;
}
