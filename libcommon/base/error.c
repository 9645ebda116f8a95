/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The error domain: one table joins libvirt's number, the D-Bus name and libvirt's wording; what else is known of an
 * error (reason, object, causes) travels with the GError. Knows nothing of D-Bus connections. */
#include "base/error.h"

#include <gio/gio.h>
#include <string.h>

#define ERROR_PREFIX "org.virtbus.Error."

typedef struct {
    const char *dbus_name; /* below ERROR_PREFIX: the code's name in camel case */
    const char *plain;     /* the text without a detail */
    const char *detailed;  /* with one; "%s" stands for it once */
} ErrorRow;

#define PLAIN(dbus_name, text)                                                                     \
    {                                                                                              \
        dbus_name, text, text ": %s"                                                               \
    }

/* Source: the wording of Debian 12's libvirt 9.0; the last three codes are those of later releases */
static const ErrorRow error_rows[] = {
    [VIR_ERR_INTERNAL_ERROR] = PLAIN("InternalError", "internal error"),
    [VIR_ERR_NO_MEMORY] = PLAIN("NoMemory", "out of memory"),
    [VIR_ERR_NO_SUPPORT] =
        PLAIN("NoSupport", "this function is not supported by the connection driver"),
    [VIR_ERR_UNKNOWN_HOST] = {"UnknownHost", "unknown host", "unknown host %s"},
    [VIR_ERR_NO_CONNECT] = {"NoConnect", "no connection driver available",
                            "no connection driver available for %s"},
    [VIR_ERR_INVALID_CONN] = {"InvalidConn", "invalid connection pointer in",
                              "invalid connection pointer in %s"},
    [VIR_ERR_INVALID_DOMAIN] = {"InvalidDomain", "invalid domain pointer in",
                                "invalid domain pointer in %s"},
    [VIR_ERR_INVALID_ARG] = PLAIN("InvalidArg", "invalid argument"),
    [VIR_ERR_OPERATION_FAILED] = PLAIN("OperationFailed", "operation failed"),
    [VIR_ERR_GET_FAILED] = PLAIN("GetFailed", "GET operation failed"),
    [VIR_ERR_POST_FAILED] = PLAIN("PostFailed", "POST operation failed"),
    [VIR_ERR_HTTP_ERROR] = {"HttpError", "got unknown HTTP error code",
                            "got unknown HTTP error code %s"},
    [VIR_ERR_SEXPR_SERIAL] = PLAIN("SexprSerial", "failed to serialize S-Expr"),
    [VIR_ERR_NO_XEN] = {"NoXen", "could not use Xen hypervisor entry",
                        "could not use Xen hypervisor entry %s"},
    [VIR_ERR_XEN_CALL] = {"XenCall", "failed Xen syscall", "failed Xen syscall %s"},
    [VIR_ERR_OS_TYPE] = {"OsType", "unknown OS type", "unknown OS type %s"},
    [VIR_ERR_NO_KERNEL] = PLAIN("NoKernel", "missing kernel information"),
    [VIR_ERR_NO_ROOT] = {"NoRoot", "missing root device information",
                         "missing root device information in %s"},
    [VIR_ERR_NO_SOURCE] = {"NoSource", "missing source information for device",
                           "missing source information for device %s"},
    [VIR_ERR_NO_TARGET] = {"NoTarget", "missing target information for device",
                           "missing target information for device %s"},
    [VIR_ERR_NO_NAME] = {"NoName", "missing name information", "missing name information in %s"},
    [VIR_ERR_NO_OS] = {"NoOs", "missing operating system information",
                       "missing operating system information for %s"},
    [VIR_ERR_NO_DEVICE] = {"NoDevice", "missing devices information",
                           "missing devices information for %s"},
    [VIR_ERR_NO_XENSTORE] = {"NoXenstore", "could not connect to Xen Store",
                             "could not connect to Xen Store %s"},
    [VIR_ERR_DRIVER_FULL] = {"DriverFull", "too many drivers registered",
                             "too many drivers registered in %s"},
    [VIR_ERR_CALL_FAILED] = PLAIN("CallFailed", "library call failed"),
    [VIR_ERR_XML_ERROR] = {"XmlError", "XML description is invalid or not well formed",
                           "XML error: %s"},
    [VIR_ERR_DOM_EXIST] = {"DomExist", "this domain exists already", "domain %s exists already"},
    [VIR_ERR_OPERATION_DENIED] = {"OperationDenied", "operation forbidden for read only access",
                                  "operation forbidden: %s"},
    [VIR_ERR_OPEN_FAILED] = {"OpenFailed", "failed to open configuration file",
                             "failed to open configuration file %s"},
    [VIR_ERR_READ_FAILED] = {"ReadFailed", "failed to read configuration file",
                             "failed to read configuration file %s"},
    [VIR_ERR_PARSE_FAILED] = {"ParseFailed", "failed to parse configuration file",
                              "failed to parse configuration file %s"},
    [VIR_ERR_CONF_SYNTAX] = PLAIN("ConfSyntax", "configuration file syntax error"),
    [VIR_ERR_WRITE_FAILED] = PLAIN("WriteFailed", "failed to write configuration file"),
    [VIR_ERR_XML_DETAIL] = {"XmlDetail", "parser error", "%s"},
    [VIR_ERR_INVALID_NETWORK] = {"InvalidNetwork", "invalid network pointer in",
                                 "invalid network pointer in %s"},
    [VIR_ERR_NETWORK_EXIST] = {"NetworkExist", "this network exists already",
                               "network %s exists already"},
    [VIR_ERR_SYSTEM_ERROR] = {"SystemError", "system call error", "%s"},
    [VIR_ERR_RPC] = {"Rpc", "RPC error", "%s"},
    [VIR_ERR_GNUTLS_ERROR] = {"GnutlsError", "GNUTLS call error", "%s"},
    [VIR_WAR_NO_NETWORK] = PLAIN("WarNoNetwork", "Failed to find the network"),
    [VIR_ERR_NO_DOMAIN] = PLAIN("NoDomain", "Domain not found"),
    [VIR_ERR_NO_NETWORK] = PLAIN("NoNetwork", "Network not found"),
    [VIR_ERR_INVALID_MAC] = PLAIN("InvalidMac", "invalid MAC address"),
    [VIR_ERR_AUTH_FAILED] = PLAIN("AuthFailed", "authentication failed"),
    [VIR_ERR_INVALID_STORAGE_POOL] = {"InvalidStoragePool", "invalid storage pool pointer in",
                                      "invalid storage pool pointer in %s"},
    [VIR_ERR_INVALID_STORAGE_VOL] = {"InvalidStorageVol", "invalid storage volume pointer in",
                                     "invalid storage volume pointer in %s"},
    [VIR_WAR_NO_STORAGE] = PLAIN("WarNoStorage", "Failed to find a storage driver"),
    [VIR_ERR_NO_STORAGE_POOL] = PLAIN("NoStoragePool", "Storage pool not found"),
    [VIR_ERR_NO_STORAGE_VOL] = PLAIN("NoStorageVol", "Storage volume not found"),
    [VIR_WAR_NO_NODE] = PLAIN("WarNoNode", "Failed to find a node driver"),
    [VIR_ERR_INVALID_NODE_DEVICE] = {"InvalidNodeDevice", "invalid node device pointer",
                                     "invalid node device pointer in %s"},
    [VIR_ERR_NO_NODE_DEVICE] = PLAIN("NoNodeDevice", "Node device not found"),
    [VIR_ERR_NO_SECURITY_MODEL] = PLAIN("NoSecurityModel", "Security model not found"),
    [VIR_ERR_OPERATION_INVALID] = PLAIN("OperationInvalid", "Requested operation is not valid"),
    [VIR_WAR_NO_INTERFACE] = PLAIN("WarNoInterface", "Failed to find the interface"),
    [VIR_ERR_NO_INTERFACE] = PLAIN("NoInterface", "Interface not found"),
    [VIR_ERR_INVALID_INTERFACE] = {"InvalidInterface", "invalid interface pointer in",
                                   "invalid interface pointer in %s"},
    [VIR_ERR_MULTIPLE_INTERFACES] =
        PLAIN("MultipleInterfaces", "multiple matching interfaces found"),
    [VIR_WAR_NO_NWFILTER] = PLAIN("WarNoNwfilter", "Failed to start the nwfilter driver"),
    [VIR_ERR_INVALID_NWFILTER] = PLAIN("InvalidNwfilter", "Invalid network filter"),
    [VIR_ERR_NO_NWFILTER] = PLAIN("NoNwfilter", "Network filter not found"),
    [VIR_ERR_BUILD_FIREWALL] = PLAIN("BuildFirewall", "Error while building firewall"),
    [VIR_WAR_NO_SECRET] = PLAIN("WarNoSecret", "Failed to find a secret storage driver"),
    [VIR_ERR_INVALID_SECRET] = PLAIN("InvalidSecret", "Invalid secret"),
    [VIR_ERR_NO_SECRET] = PLAIN("NoSecret", "Secret not found"),
    [VIR_ERR_CONFIG_UNSUPPORTED] = PLAIN("ConfigUnsupported", "unsupported configuration"),
    [VIR_ERR_OPERATION_TIMEOUT] = PLAIN("OperationTimeout", "Timed out during operation"),
    [VIR_ERR_MIGRATE_PERSIST_FAILED] =
        PLAIN("MigratePersistFailed", "Failed to make domain persistent after migration"),
    [VIR_ERR_HOOK_SCRIPT_FAILED] = PLAIN("HookScriptFailed", "Hook script execution failed"),
    [VIR_ERR_INVALID_DOMAIN_SNAPSHOT] = PLAIN("InvalidDomainSnapshot", "Invalid domain snapshot"),
    [VIR_ERR_NO_DOMAIN_SNAPSHOT] = PLAIN("NoDomainSnapshot", "Domain snapshot not found"),
    [VIR_ERR_INVALID_STREAM] = {"InvalidStream", "invalid stream pointer",
                                "invalid stream pointer in %s"},
    [VIR_ERR_ARGUMENT_UNSUPPORTED] = PLAIN("ArgumentUnsupported", "argument unsupported"),
    [VIR_ERR_STORAGE_PROBE_FAILED] = PLAIN("StorageProbeFailed", "Storage pool probe failed"),
    [VIR_ERR_STORAGE_POOL_BUILT] = PLAIN("StoragePoolBuilt", "Storage pool already built"),
    [VIR_ERR_SNAPSHOT_REVERT_RISKY] = PLAIN("SnapshotRevertRisky", "revert requires force"),
    [VIR_ERR_OPERATION_ABORTED] = PLAIN("OperationAborted", "operation aborted"),
    [VIR_ERR_AUTH_CANCELLED] = PLAIN("AuthCancelled", "authentication cancelled"),
    [VIR_ERR_NO_DOMAIN_METADATA] = PLAIN("NoDomainMetadata", "metadata not found"),
    [VIR_ERR_MIGRATE_UNSAFE] = PLAIN("MigrateUnsafe", "Unsafe migration"),
    [VIR_ERR_OVERFLOW] = PLAIN("Overflow", "numerical overflow"),
    [VIR_ERR_BLOCK_COPY_ACTIVE] = PLAIN("BlockCopyActive", "block copy still active"),
    [VIR_ERR_OPERATION_UNSUPPORTED] = PLAIN("OperationUnsupported", "Operation not supported"),
    [VIR_ERR_SSH] = PLAIN("Ssh", "SSH transport error"),
    [VIR_ERR_AGENT_UNRESPONSIVE] = PLAIN("AgentUnresponsive", "Guest agent is not responding"),
    [VIR_ERR_RESOURCE_BUSY] = PLAIN("ResourceBusy", "resource busy"),
    [VIR_ERR_ACCESS_DENIED] = PLAIN("AccessDenied", "access denied"),
    [VIR_ERR_DBUS_SERVICE] = PLAIN("DbusService", "error from service"),
    [VIR_ERR_STORAGE_VOL_EXIST] = {"StorageVolExist", "this storage volume exists already",
                                   "storage volume %s exists already"},
    [VIR_ERR_CPU_INCOMPATIBLE] = PLAIN("CpuIncompatible", "the CPU is incompatible with host CPU"),
    [VIR_ERR_XML_INVALID_SCHEMA] =
        PLAIN("XmlInvalidSchema", "XML document failed to validate against schema"),
    [VIR_ERR_MIGRATE_FINISH_OK] = PLAIN("MigrateFinishOk", "migration successfully aborted"),
    [VIR_ERR_AUTH_UNAVAILABLE] = PLAIN("AuthUnavailable", "authentication unavailable"),
    [VIR_ERR_NO_SERVER] = PLAIN("NoServer", "Server not found"),
    [VIR_ERR_NO_CLIENT] = PLAIN("NoClient", "Client not found"),
    [VIR_ERR_AGENT_UNSYNCED] =
        PLAIN("AgentUnsynced", "guest agent replied with wrong id to guest-sync command"),
    [VIR_ERR_LIBSSH] = PLAIN("Libssh", "libssh transport error"),
    [VIR_ERR_DEVICE_MISSING] = PLAIN("DeviceMissing", "device not found"),
    [VIR_ERR_INVALID_NWFILTER_BINDING] =
        PLAIN("InvalidNwfilterBinding", "Invalid network filter binding"),
    [VIR_ERR_NO_NWFILTER_BINDING] = PLAIN("NoNwfilterBinding", "Network filter binding not found"),
    [VIR_ERR_INVALID_DOMAIN_CHECKPOINT] =
        PLAIN("InvalidDomainCheckpoint", "Invalid domain checkpoint"),
    [VIR_ERR_NO_DOMAIN_CHECKPOINT] = PLAIN("NoDomainCheckpoint", "Domain checkpoint not found"),
    [VIR_ERR_NO_DOMAIN_BACKUP] = PLAIN("NoDomainBackup", "Domain backup job id not found"),
    [VIR_ERR_INVALID_NETWORK_PORT] = PLAIN("InvalidNetworkPort", "Invalid network port pointer"),
    [VIR_ERR_NETWORK_PORT_EXIST] = {"NetworkPortExist", "this network port exists already",
                                    "network port %s exists already"},
    [VIR_ERR_NO_NETWORK_PORT] = PLAIN("NoNetworkPort", "network port not found"),
    [VIR_ERR_NO_HOSTNAME] = PLAIN("NoHostname", "no hostname found"),
    [VIR_ERR_CHECKPOINT_INCONSISTENT] = PLAIN("CheckpointInconsistent", "checkpoint inconsistent"),
    [VIR_ERR_MULTIPLE_DOMAINS] = PLAIN("MultipleDomains", "multiple matching domains found"),
    [VIR_ERR_NO_NETWORK_METADATA] = PLAIN("NoNetworkMetadata", "metadata not found"),
    [VIR_ERR_AGENT_COMMAND_TIMEOUT] = PLAIN("AgentCommandTimeout", "guest agent command timed out"),
    [VIR_ERR_AGENT_COMMAND_FAILED] = PLAIN("AgentCommandFailed", "guest agent command failed"),
};

typedef struct {
    char *reason;
    char *object;
    GPtrArray *causes; /* of char *, NULL-terminated; NULL: none */
} VbErrorPrivate;

static void
vb_error_private_init(VbErrorPrivate *extra)
{
    memset(extra, 0, sizeof *extra);
}

static void
vb_error_private_copy(const VbErrorPrivate *source, VbErrorPrivate *target)
{
    target->reason = g_strdup(source->reason);
    target->object = g_strdup(source->object);
    if (source->causes)
        target->causes =
            g_ptr_array_copy(source->causes, (GCopyFunc)(void (*)(void))g_strdup, NULL);
    if (target->causes)
        g_ptr_array_set_free_func(target->causes, g_free);
}

static void
vb_error_private_clear(VbErrorPrivate *extra)
{
    g_free(extra->reason);
    g_free(extra->object);
    g_clear_pointer(&extra->causes, g_ptr_array_unref);
}

G_DEFINE_EXTENDED_ERROR(VbError, vb_error) /* defines vb_error_quark() */

static VbErrorPrivate *
get_extra(const GError *error)
{
    if (!error || error->domain != VB_ERROR)
        return NULL;
    return vb_error_get_private(error);
}

static const ErrorRow *
get_row(int code)
{
    if (code > 0 && code < (int)G_N_ELEMENTS(error_rows) && error_rows[code].dbus_name)
        return &error_rows[code];
    return &error_rows[VIR_ERR_INTERNAL_ERROR];
}

static char *
compose(int code, const char *detail)
{
    const ErrorRow *row = get_row(code);
    if (!detail || !*detail)
        return g_strdup(row->plain);
    const char *at = strstr(row->detailed, "%s");
    g_autofree char *valid = g_utf8_make_valid(detail, -1);
    return g_strdup_printf("%.*s%s%s", (int)(at - row->detailed), row->detailed, valid, at + 2);
}

static void
set_text(GError **error, int code, const char *detail)
{
    if (!error)
        return;
    g_autofree char *text = compose(code, detail);
    g_set_error_literal(error, VB_ERROR, code, text);
}

/**
 * vb_error_set:
 * @error: (out) (optional): where it goes
 * @code: VIR_ERR_*
 * @detail_format: the detail alone; a detail that comes out empty gives the text without one
 *
 * Returns: FALSE, always
 */
gboolean
vb_error_set(GError **error, int code, const char *detail_format, ...)
{
    va_list args;
    va_start(args, detail_format);
    g_autofree char *detail = g_strdup_vprintf(detail_format, args);
    va_end(args);
    set_text(error, code, detail);
    return FALSE;
}

/**
 * vb_error_check_flags:
 * @error: (out) (optional): where it goes
 * @flags: of a call
 * @known: all that may be set
 * @function: libvirt's, which it names
 *
 * Returns: FALSE with INVALID_ARG in @error when there are others. libvirt has this text without what the code says.
 */
gboolean
vb_error_check_flags(GError **error, guint flags, guint known, const char *function)
{
    if (!(flags & ~known))
        return TRUE;
    g_set_error(error, VB_ERROR, VIR_ERR_INVALID_ARG, "unsupported flags (0x%x) in function %s",
                flags & ~known, function);
    return FALSE;
}

/**
 * vb_error_set_plain:
 * @error: (out) (optional): where it goes
 * @code: VIR_ERR_*
 *
 * The text without a detail: "Domain not found".
 *
 * Returns: FALSE, always
 */
gboolean
vb_error_set_plain(GError **error, int code)
{
    set_text(error, code, NULL);
    return FALSE;
}

/**
 * vb_error_set_errno:
 * @error: (out) (optional): where it goes
 * @errsv: errno of the call that failed
 * @detail_format: what was tried, on what
 *
 * Returns: FALSE, always, with VIR_ERR_SYSTEM_ERROR set
 */
gboolean
vb_error_set_errno(GError **error, int errsv, const char *detail_format, ...)
{
    va_list args;
    va_start(args, detail_format);
    g_autofree char *what = g_strdup_vprintf(detail_format, args);
    va_end(args);
    g_autofree char *detail = g_strdup_printf("%s: %s", what, g_strerror(errsv));
    set_text(error, VIR_ERR_SYSTEM_ERROR, detail);
    return FALSE;
}

gboolean
vb_error_matches(const GError *error, int code)
{
    return g_error_matches(error, VB_ERROR, code);
}

/**
 * vb_error_set_reason:
 * @error: one of ours; others are left alone
 * @reason: (nullable): stable symbol such as "DiskNotReadable"
 * @object: (nullable): what it is about: guest, device path, or "element path, line N"
 */
void
vb_error_set_reason(GError *error, const char *reason, const char *object)
{
    VbErrorPrivate *extra = get_extra(error);
    if (!extra)
        return;
    g_free(extra->reason);
    extra->reason = g_strdup(reason);
    g_free(extra->object);
    extra->object = g_strdup(object);
}

/**
 * vb_error_add_cause:
 * @error: one of ours; others are left alone
 * @cause: what lies one step further in, in its own words
 */
void
vb_error_add_cause(GError *error, const char *cause)
{
    VbErrorPrivate *extra = get_extra(error);
    if (!extra || !cause)
        return;
    if (!extra->causes) {
        extra->causes = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(extra->causes, NULL);
    }
    g_ptr_array_insert(extra->causes, (int)extra->causes->len - 1, g_utf8_make_valid(cause, -1));
}

const char *
vb_error_get_reason(const GError *error)
{
    const VbErrorPrivate *extra = get_extra(error);
    return extra ? extra->reason : NULL;
}

const char *
vb_error_get_object(const GError *error)
{
    const VbErrorPrivate *extra = get_extra(error);
    return extra ? extra->object : NULL;
}

const char *const *
vb_error_get_causes(const GError *error)
{
    static const char *const none[] = {NULL};
    const VbErrorPrivate *extra = get_extra(error);
    return extra && extra->causes ? (const char *const *)extra->causes->pdata : none;
}

/**
 * vb_error_get_code:
 * @error: any error
 *
 * Returns: the VIR_ERR_* number that a caller is told: an error of GIO is what the system said
 */
int
vb_error_get_code(const GError *error)
{
    if (error->domain == VB_ERROR)
        return error->code;
    if (error->domain == G_IO_ERROR && error->code == G_IO_ERROR_TIMED_OUT)
        return VIR_ERR_OPERATION_TIMEOUT;
    if (error->domain == G_IO_ERROR || error->domain == G_FILE_ERROR ||
        error->domain == G_SPAWN_ERROR)
        return VIR_ERR_SYSTEM_ERROR;
    if (error->domain == G_DBUS_ERROR)
        return VIR_ERR_DBUS_SERVICE;
    return VIR_ERR_INTERNAL_ERROR;
}

static void
add_string(GVariantBuilder *builder, const char *key, const char *value)
{
    g_autofree char *valid = g_utf8_make_valid(value ? value : "", -1);
    g_variant_builder_add(builder, "{sv}", key, g_variant_new_string(valid));
}

/**
 * vb_error_to_variant:
 * @error: any error
 *
 * Shape: a{sv}: code i, name s (D-Bus), message s, reason s, object s ("" for none), causes as
 * Returns: (transfer floating)
 */
GVariant *
vb_error_to_variant(const GError *error)
{
    GVariantBuilder builder;
    int code = vb_error_get_code(error);
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&builder, "{sv}", "code", g_variant_new_int32(code));
    add_string(&builder, "name", vb_error_code_to_dbus(code));
    add_string(&builder, "message", error->message);
    add_string(&builder, "reason", vb_error_get_reason(error));
    add_string(&builder, "object", vb_error_get_object(error));
    g_variant_builder_add(&builder, "{sv}", "causes",
                          g_variant_new_strv(vb_error_get_causes(error), -1));
    return g_variant_builder_end(&builder);
}

/**
 * vb_error_code_to_dbus:
 * @code: VIR_ERR_*; an unknown one gives the name of VIR_ERR_INTERNAL_ERROR
 *
 * Returns: (transfer none): "org.virtbus.Error.NoDomain"
 */
const char *
vb_error_code_to_dbus(int code)
{
    static char *names[G_N_ELEMENTS(error_rows)];
    gsize index = (gsize)(get_row(code) - error_rows);
    if (!names[index])
        names[index] = g_strconcat(ERROR_PREFIX, error_rows[index].dbus_name, NULL);
    return names[index];
}

/**
 * vb_error_code_from_dbus:
 * @name: a D-Bus error name
 *
 * Returns: VIR_ERR_*, or -1 when it is none of ours
 */
int
vb_error_code_from_dbus(const char *name)
{
    if (!name || !g_str_has_prefix(name, ERROR_PREFIX))
        return -1;
    const char *tail = name + strlen(ERROR_PREFIX);
    for (int code = 1; code < (int)G_N_ELEMENTS(error_rows); code++) {
        if (g_strcmp0(error_rows[code].dbus_name, tail) == 0)
            return code;
    }
    return -1;
}

int
vb_error_code_max(void)
{
    return (int)G_N_ELEMENTS(error_rows) - 1;
}
