/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each guest in a scope of its own, made by systemd: neither a stop nor a crash of the daemon, nor a package's upgrade,
 * reaches the emulator; limits and accounts of the guest have a place. The scope takes over which devices the daemon's own
 * unit allows. Without a systemd on the bus guests stay where the daemon is. */
#include <string.h>
#include <unistd.h>

#include "bus/bus-private.h"
#include "helper.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD ".Manager"
#define SERVICE SYSTEMD ".Service"
#define MACHINED "org.freedesktop.machine1"
#define MACHINED_PATH "/org/freedesktop/machine1"
#define CALL_TIMEOUT_MS 10000
#define NAME_MAX_BYTES 64 /* of the guest's name in the unit's; Source: libvirt's machine names */
#define TASKS_MAX 32768   /* threads of one emulator */

struct _QemuBusScopes {
    GDBusConnection *connection;
    GCancellable *cancellable;
    gboolean is_session;
    gboolean is_known; /* whether systemd is there, and what it allows us */
    gboolean is_there;
    char *unit_path;       /* ours */
    char *device_policy;   /* of our unit */
    GVariant *device_rows; /* a(ss) */
    GPtrArray *waiting;    /* of Scope, until it is known */
    GHashTable *jobs;      /* job path -> Scope */
    guint subscription;
};

typedef struct {
    QemuBusScopes *scopes;
    char *guest, *unit;
    int id;
    GArray *pids; /* pid_t */
    QemuConfined done;
    gpointer data;
} Scope;

static void
scope_finish(Scope *scope, const char *complaint)
{
    if (complaint)
        vb_log_warning(scope->guest, "stays in the daemon's control group: %s", complaint);
    scope->done(scope->data);
    g_free(scope->guest);
    g_free(scope->unit);
    g_array_unref(scope->pids);
    g_free(scope);
}

/* Source: systemd.unit(5), "String Escaping for Inclusion in Unit Names" */
static void
append_escaped(GString *text, const char *name)
{
    for (const char *c = name; *c && c < name + NAME_MAX_BYTES; c++) {
        if (g_ascii_isalnum(*c) || *c == '_' || *c == ':' || (*c == '.' && c > name))
            g_string_append_c(text, *c);
        else
            g_string_append_printf(text, "\\x%02x", (guint8)*c);
    }
}

/**
 * qemu_bus_scope_name:
 *
 * Returns: (transfer full): the unit of a guest, as libvirt and machined call it
 */
char *
qemu_bus_scope_name(int id, const char *guest)
{
    GString *text = g_string_new("machine-qemu\\x2d");
    g_string_append_printf(text, "%d\\x2d", id);
    append_escaped(text, guest);
    g_string_append(text, ".scope");
    return g_string_free(text, FALSE);
}

/* ---- systemd-machined ---- */

static void
on_registered(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autofree char *guest = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    if (!reply)
        vb_log_debug(guest, "systemd-machined does not know it: %s", error->message);
}

/* Source: machined takes host names; libvirt's are made alike */
static char *
machine_name(const Scope *scope)
{
    GString *name = g_string_new(NULL);
    g_string_printf(name, "qemu-%d-", scope->id);
    for (const char *c = scope->guest; *c && name->len < NAME_MAX_BYTES; c++)
        if (g_ascii_isalnum(*c) || *c == '-')
            g_string_append_c(name, *c);
    while (name->str[name->len - 1] == '-')
        g_string_truncate(name, name->len - 1);
    return g_string_free(name, FALSE);
}

/* Nobody waits for it. Where machined can run, libvirtd takes over only guests that it knows. */
static void
tell_machined(const Scope *scope)
{
    QemuBusScopes *scopes = scope->scopes;
    if (scopes->is_session)
        return; /* it is the system's */
    g_autofree char *name = machine_name(scope);
    GVariant *no_id = g_variant_new_array(G_VARIANT_TYPE_BYTE, NULL, 0);
    g_dbus_connection_call(scopes->connection, MACHINED, MACHINED_PATH, MACHINED ".Manager",
                           "RegisterMachine",
                           g_variant_new("(s@ayssus)", name, no_id, "virtbus", "vm",
                                         (guint32)g_array_index(scope->pids, pid_t, 0), ""),
                           NULL, G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, scopes->cancellable,
                           on_registered, g_strdup(scope->guest));
}

/* ---- making one ---- */

static void
add_property(GVariantBuilder *builder, const char *name, GVariant *value)
{
    g_variant_builder_add(builder, "(sv)", name, value);
}

static GVariant *
scope_properties(const Scope *scope)
{
    const QemuBusScopes *scopes = scope->scopes;
    const char *guests[] = {"virtbus-guests.service", NULL};
    GVariantBuilder builder;
    g_autofree char *description = g_strconcat("guest ", scope->guest, NULL);
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(sv)"));
    add_property(&builder, "Description", g_variant_new_string(description));
    add_property(&builder, "PIDs",
                 g_variant_new_fixed_array(G_VARIANT_TYPE_UINT32, scope->pids->data,
                                           scope->pids->len, sizeof(guint32)));
    add_property(&builder, "Delegate", g_variant_new_boolean(TRUE)); /* limits of single threads */
    add_property(&builder, "CollectMode", g_variant_new_string("inactive-or-failed"));
    add_property(&builder, "TasksMax", g_variant_new_uint64(TASKS_MAX));
    if (!scopes->is_session) {
        add_property(&builder, "Slice", g_variant_new_string("machine.slice"));
        /* a host that goes down stops what comes later first: there guests are asked to end */
        add_property(&builder, "Before", g_variant_new_strv(guests, -1));
    }
    if (scopes->device_rows) {
        add_property(&builder, "DevicePolicy", g_variant_new_string(scopes->device_policy));
        add_property(&builder, "DeviceAllow", scopes->device_rows);
    }
    return g_variant_builder_end(&builder);
}

static void
on_job_removed(GDBusConnection *connection, const char *sender, const char *path,
               const char *interface, const char *name, GVariant *parameters, gpointer data)
{
    QemuBusScopes *scopes = data;
    const char *job, *result;
    gpointer found;
    if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(uoss)")))
        return;
    g_variant_get(parameters, "(u&o&s&s)", NULL, &job, NULL, &result);
    if (!g_hash_table_steal_extended(scopes->jobs, job, NULL, &found))
        return;
    if (g_str_equal(result, "done"))
        tell_machined(found);
    scope_finish(found, g_str_equal(result, "done") ? NULL : result);
}

static void
on_unit_started(GObject *source, GAsyncResult *result, gpointer data)
{
    Scope *scope = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    if (!reply) {
        gboolean is_over = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        g_dbus_error_strip_remote_error(error);
        scope_finish(scope, is_over ? NULL : error->message);
        return;
    }
    char *job;
    g_variant_get(reply, "(o)", &job);
    g_hash_table_insert(scope->scopes->jobs, job, scope); /* its end is signalled later */
}

static void
make_scope(Scope *scope)
{
    QemuBusScopes *scopes = scope->scopes;
    if (!scopes->is_there) {
        scope_finish(scope, NULL);
        return;
    }
    GVariant *arguments =
        g_variant_new("(ss@a(sv)a(sa(sv)))", scope->unit, "fail", scope_properties(scope), NULL);
    g_dbus_connection_call(scopes->connection, SYSTEMD, SYSTEMD_PATH, MANAGER, "StartTransientUnit",
                           arguments, G_VARIANT_TYPE("(o)"), G_DBUS_CALL_FLAGS_NO_AUTO_START,
                           CALL_TIMEOUT_MS, scopes->cancellable, on_unit_started, scope);
}

/* ---- whether systemd is there, and what our unit may ---- */

static void
settle(QemuBusScopes *scopes, gboolean is_there)
{
    g_autoptr(GPtrArray) waiting = g_steal_pointer(&scopes->waiting);
    scopes->is_known = TRUE;
    scopes->is_there = is_there;
    for (guint i = 0; i < waiting->len; i++)
        make_scope(waiting->pdata[i]);
}

static GVariant *
finish_get(GObject *source, GAsyncResult *result, const char *type, gboolean *ret_is_over)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) inner = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    *ret_is_over = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    if (!reply)
        return NULL;
    g_variant_get(reply, "(v)", &inner);
    return g_variant_is_of_type(inner, G_VARIANT_TYPE(type)) ? g_steal_pointer(&inner) : NULL;
}

static void
get_property(QemuBusScopes *scopes, const char *name, GAsyncReadyCallback done)
{
    g_dbus_connection_call(scopes->connection, SYSTEMD, scopes->unit_path,
                           "org.freedesktop.DBus.Properties", "Get",
                           g_variant_new("(ss)", SERVICE, name), G_VARIANT_TYPE("(v)"),
                           G_DBUS_CALL_FLAGS_NO_AUTO_START, CALL_TIMEOUT_MS, scopes->cancellable,
                           done, scopes);
}

static void
on_device_rows(GObject *source, GAsyncResult *result, gpointer data)
{
    gboolean is_over;
    GVariant *rows = finish_get(source, result, "a(ss)", &is_over);
    if (is_over)
        return;
    ((QemuBusScopes *)data)->device_rows = rows;
    settle(data, TRUE);
}

/* A daemon that is no service, started by hand, has no such property: its guests get scopes without rules. */
static void
on_device_policy(GObject *source, GAsyncResult *result, gpointer data)
{
    QemuBusScopes *scopes = data;
    gboolean is_over;
    g_autoptr(GVariant) policy = finish_get(source, result, "s", &is_over);
    if (is_over)
        return;
    if (policy) {
        scopes->device_policy = g_variant_dup_string(policy, NULL);
        get_property(scopes, "DeviceAllow", on_device_rows);
    } else {
        settle(scopes, TRUE);
    }
}

static void
on_unit(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    QemuBusScopes *scopes = data;
    if (reply) {
        g_variant_get(reply, "(o)", &scopes->unit_path);
        get_property(scopes, "DevicePolicy", on_device_policy);
    } else {
        vb_log_debug(NULL, "guests get no scopes: %s", error->message);
        settle(scopes, FALSE);
    }
}

/* ---- for the manager ---- */

QemuBusScopes *
qemu_bus_scopes_new(GDBusConnection *connection, gboolean is_session)
{
    QemuBusScopes *scopes = g_new0(QemuBusScopes, 1);
    scopes->connection = g_object_ref(connection);
    scopes->cancellable = g_cancellable_new();
    scopes->is_session = is_session;
    scopes->waiting = g_ptr_array_new();
    scopes->jobs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    scopes->subscription =
        g_dbus_connection_signal_subscribe(connection, SYSTEMD, MANAGER, "JobRemoved", SYSTEMD_PATH,
                                           NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_job_removed, scopes,
                                           NULL);
    g_dbus_connection_call(connection, SYSTEMD, SYSTEMD_PATH, MANAGER, "GetUnitByPID",
                           g_variant_new("(u)", (guint32)getpid()), G_VARIANT_TYPE("(o)"),
                           G_DBUS_CALL_FLAGS_NO_AUTO_START, CALL_TIMEOUT_MS, scopes->cancellable,
                           on_unit, scopes);
    return scopes;
}

/* Who waits is told: the answers will not come any more. */
void
qemu_bus_scopes_free(QemuBusScopes *scopes)
{
    GHashTableIter iter;
    gpointer value;
    if (!scopes)
        return;
    g_dbus_connection_signal_unsubscribe(scopes->connection, scopes->subscription);
    g_cancellable_cancel(scopes->cancellable);
    for (guint i = 0; scopes->waiting && i < scopes->waiting->len; i++)
        scope_finish(scopes->waiting->pdata[i], NULL);
    g_clear_pointer(&scopes->waiting, g_ptr_array_unref);
    g_hash_table_iter_init(&iter, scopes->jobs);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        scope_finish(value, NULL);
    g_hash_table_unref(scopes->jobs);
    g_object_unref(scopes->cancellable);
    g_object_unref(scopes->connection);
    g_clear_pointer(&scopes->device_rows, g_variant_unref);
    g_free(scopes->device_policy);
    g_free(scopes->unit_path);
    g_free(scopes);
}

/**
 * qemu_bus_confine:
 * @pid: the guest's emulator; programs beside it come along
 * @done: exactly once, from the loop, when the emulator is in its scope, or stays where it is, which is logged
 */
void
qemu_bus_confine(QemuBusScopes *scopes, QemuDomain *domain, pid_t pid, QemuConfined done,
                 gpointer data)
{
    Scope *scope = g_new0(Scope, 1);
    scope->scopes = scopes;
    scope->guest = g_strdup(domain->name);
    scope->unit = qemu_bus_scope_name(domain->id, domain->name);
    scope->id = domain->id;
    scope->pids = qemu_helpers_get_pids(domain);
    g_array_prepend_val(scope->pids, pid);
    scope->done = done;
    scope->data = data;
    if (scopes->is_known)
        make_scope(scope);
    else
        g_ptr_array_add(scopes->waiting, scope);
}

/* ---- weights ---- */

typedef struct {
    QemuDomain *domain; /* a reference */
    QemuDone done;
    gpointer data;
} Weighing;

static void
on_weighed(GObject *source, GAsyncResult *result, gpointer data)
{
    Weighing *weighing = data;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &failure);
    if (!reply) {
        g_dbus_error_strip_remote_error(failure);
        vb_error_set(&error, VIR_ERR_OPERATION_FAILED, "cannot set the weight of domain '%s': %s",
                     weighing->domain->name, failure->message);
    }
    weighing->done(weighing->domain, error, weighing->data);
    qemu_domain_unref(weighing->domain);
    g_free(weighing);
}

/**
 * qemu_bus_weigh:
 *
 * Weights are systemd's: what is written into a scope's own files is gone when systemd reads its units again.
 */
void
qemu_bus_weigh(QemuBusScopes *scopes, QemuDomain *domain, const QemuWeights *weights, QemuDone done,
               gpointer data)
{
    Weighing *weighing = g_new0(Weighing, 1);
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(sv)"));
    if (weights->cpu)
        add_property(&builder, "CPUWeight", g_variant_new_uint64(weights->cpu));
    if (weights->io)
        add_property(&builder, "IOWeight", g_variant_new_uint64(weights->io));
    *weighing = (Weighing){qemu_domain_ref(domain), done, data};
    g_dbus_connection_call(scopes->connection, SYSTEMD, SYSTEMD_PATH, MANAGER, "SetUnitProperties",
                           g_variant_new("(sb@a(sv))", weights->unit, TRUE,
                                         g_variant_builder_end(&builder)),
                           NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, CALL_TIMEOUT_MS, NULL, on_weighed,
                           weighing);
}
