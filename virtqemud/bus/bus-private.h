/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of virtqemud/bus share. */
#pragma once
#include "base/error.h"
#include "bus/bus.h"
#include "define.h"
#include "host.h"
#include "stats.h"
#include "vb-dbus-info.h"

#define HYPERVISOR_INTERFACE "org.virtbus.Hypervisor1"
#define DOMAIN_INTERFACE "org.virtbus.Domain1"
#define SNAPSHOT_INTERFACE "org.virtbus.DomainSnapshot1"

typedef struct _QemuBusScopes QemuBusScopes;
typedef struct _QemuBusStop QemuBusStop;
typedef struct _QemuBusRecord QemuBusRecord; /* statistics of a guest; bus-all-stats.c */

struct _QemuBus {
    GHashTable *snapshots; /* QemuSnapshot -> VbObject */
    VbService *service;
    QemuManager *manager;
    VbObject *root;
    GHashTable *callers;             /* who end guests with their connection; set of AutoDestroy */
    GHashTable *domains;             /* QemuDomain -> VbObject */
    guint version;                   /* of the default emulator; 0: not known */
    struct _QemuBusNodedev *nodedev; /* whom hostdev.c asks */
    QemuBusScopes *scopes;           /* NULL: without a bus */
    GSList *stops;                   /* of QemuBusStop: callers that wait until no guest runs */
    struct _VbHostWatch *host_watch; /* NULL: the kernel's events cannot be heard */

    /* QemuDomain -> QemuBusRecord */
    GHashTable *records;
};

extern const VbInterface qemu_bus_hypervisor_interface; /* its handlers get the QemuBus */
extern const VbInterface qemu_bus_domain_interface;     /* its handlers get the QemuDomain */

extern const VbInterface qemu_bus_snapshot_interface; /* its handlers get the QemuSnapshot */

/* bus-snapshot.c */
char *qemu_bus_snapshot_path(const QemuDomain *domain, const char *name);
GVariant *qemu_bus_snapshot_paths(const GPtrArray *snapshots);        /* (transfer floating) (ao) */
GVariant *qemu_bus_snapshot_names(const GPtrArray *snapshots);        /* (transfer floating) (as) */
gboolean qemu_bus_explain_snapshot(const char *path, GError **error); /* TRUE: it is one's path */
void qemu_bus_snapshot_added(QemuSnapshot *snapshot, gpointer bus);
void qemu_bus_snapshot_removed(QemuSnapshot *snapshot, gpointer bus);
void qemu_bus_snapshot_changed(QemuSnapshot *snapshot, guint changes, gpointer bus);

/* paths */
char *qemu_bus_domain_path(const char *uuid_text);
QemuDomain *qemu_bus_find_domain(QemuBus *bus, const char *path, GError **error);
GVariant *qemu_bus_paths(GPtrArray *domains); /* (transfer floating) ao, of QemuDomain */

/* bus-domain-life.c */
void qemu_bus_auto_destroy(QemuDomain *domain, VbCall *call);
void qemu_bus_forget_callers(QemuBus *bus); /* the bus ends before their connections do */

/* replies of asynchronous core functions; data: the deferred VbCall */
void qemu_bus_done(QemuDomain *domain, GError *error, gpointer data);
void qemu_bus_done_text(QemuDomain *domain, const char *text, GError *error, gpointer data);
void qemu_bus_done_document(const char *text, const GError *error, gpointer data);
GVariant *qemu_bus_reply_fd(VbCall *call,
                            int fd); /* (transfer full) @fd; (transfer floating): handle */

/* bus-domain-save.c */
GVariant *qemu_bus_method_define_save_image_xml(gpointer data, VbCall *call, GVariant *args,
                                                GError **error);
GVariant *qemu_bus_method_get_save_image_xml(gpointer data, VbCall *call, GVariant *args,
                                             GError **error);
GVariant *qemu_bus_method_restore_with_params(gpointer data, VbCall *call, GVariant *args,
                                              GError **error);
GVariant *qemu_bus_method_restore(gpointer data, VbCall *call, GVariant *args, GError **error);

/* bus-domain-stats.c: @read runs once the facts of @kinds are as fresh as the deadline allows */
typedef GVariant *(*QemuBusRead)(QemuDomain *domain, GVariant *args, GError **error);
GVariant *qemu_bus_read_fresh(VbCall *call, QemuDomain *domain, guint kinds, QemuBusRead read);

/* bus-all-stats.c */
void qemu_bus_record_free(gpointer record);
GVariant *qemu_bus_method_get_all_stats(gpointer data, VbCall *call, GVariant *args,
                                        GError **error);

/* bus-scope.c */
/* bus-nodedev.c */
typedef struct _QemuBusNodedev QemuBusNodedev;
QemuBusNodedev *qemu_bus_nodedev_new(GDBusConnection *connection); /* NULL: without a bus */
void qemu_bus_nodedev_free(QemuBusNodedev *nodedev);
void qemu_bus_hand_over(QemuBusNodedev *nodedev, const QemuHandOver *request, QemuHandedOver done,
                        gpointer data);

QemuBusScopes *qemu_bus_scopes_new(GDBusConnection *connection, gboolean is_session);
void qemu_bus_scopes_free(QemuBusScopes *scopes);
void qemu_bus_confine(QemuBusScopes *scopes, QemuDomain *domain, pid_t pid, QemuConfined done,
                      gpointer data);
void qemu_bus_weigh(QemuBusScopes *scopes, QemuDomain *domain, const QemuWeights *weights,
                    QemuDone done, gpointer data);
char *qemu_bus_scope_name(int id, const char *guest);

/* bus-stop.c */
void qemu_bus_check_stops(QemuBus *bus);
void qemu_bus_drop_stops(QemuBus *bus); /* their callers get what is true now */
GVariant *qemu_bus_method_stop_guests(gpointer data, VbCall *call, GVariant *args, GError **error);

/* bus-events.c */
void qemu_bus_send_event(QemuBus *bus, const VbEvent *event);
GVariant *qemu_bus_method_events_since(gpointer data, VbCall *call, GVariant *args, GError **error);

/* bus-domain-agent.c: VIR_DOMAIN_VCPU_GUEST */
GVariant *qemu_bus_domain_count_guest_vcpus(QemuDomain *domain, VbCall *call, guint flags,
                                            GError **error);
GVariant *qemu_bus_domain_resize_guest_vcpus(QemuDomain *domain, VbCall *call, guint n_vcpus,
                                             guint flags, GError **error);

/* the rows of Domain1: name in the XML, function, action */
#define QEMU_BUS_DOMAIN_METHODS(ROW)                                                               \
    ROW("Create", create, VB_ACTION_MANAGE)                                                        \
    ROW("Shutdown", shutdown, VB_ACTION_MANAGE)                                                    \
    ROW("Reboot", reboot, VB_ACTION_MANAGE)                                                        \
    ROW("SetScheduler", set_scheduler, VB_ACTION_MANAGE)                                           \
    ROW("GetMemoryParameters", get_memory_parameters, VB_ACTION_READ)                              \
    ROW("SetMemoryParameters", set_memory_parameters, VB_ACTION_MANAGE)                            \
    ROW("GetBlkioParameters", get_blkio_parameters, VB_ACTION_READ)                                \
    ROW("SetBlkioParameters", set_blkio_parameters, VB_ACTION_MANAGE)                              \
    ROW("GetBlockIoTune", get_block_io_tune, VB_ACTION_READ)                                       \
    ROW("SetBlockIoTune", set_block_io_tune, VB_ACTION_MANAGE)                                     \
    ROW("GetInterfaceParameters", get_interface_parameters, VB_ACTION_READ)                        \
    ROW("SetInterfaceParameters", set_interface_parameters, VB_ACTION_MANAGE)                      \
    ROW("SetThrottleGroup", set_throttle_group, VB_ACTION_MANAGE)                                  \
    ROW("DeleteThrottleGroup", delete_throttle_group, VB_ACTION_MANAGE)                            \
    ROW("GetNumaParameters", get_numa_parameters, VB_ACTION_READ)                                  \
    ROW("SetNumaParameters", set_numa_parameters, VB_ACTION_MANAGE)                                \
    ROW("PinVcpu", pin_vcpu, VB_ACTION_MANAGE)                                                     \
    ROW("PinEmulator", pin_emulator, VB_ACTION_MANAGE)                                             \
    ROW("PinIothread", pin_iothread, VB_ACTION_MANAGE)                                             \
    ROW("GetIothreads", get_iothreads, VB_ACTION_READ)                                             \
    ROW("SetVcpu", set_vcpu, VB_ACTION_MANAGE)                                                     \
    ROW("GetPerfEvents", get_perf_events, VB_ACTION_READ)                                          \
    ROW("SetPerfEvents", set_perf_events, VB_ACTION_MANAGE)                                        \
    ROW("StartDirtyRateCalculation", start_dirty_rate_calculation, VB_ACTION_MANAGE)               \
    ROW("AddIothread", add_iothread, VB_ACTION_MANAGE)                                             \
    ROW("DeleteIothread", delete_iothread, VB_ACTION_MANAGE)                                       \
    ROW("SetIothreadParameters", set_iothread_parameters, VB_ACTION_MANAGE)                        \
    ROW("SetResctrlMonitoring", set_resctrl_monitoring, VB_ACTION_MANAGE)                          \
    ROW("Reset", reset, VB_ACTION_MANAGE)                                                          \
    ROW("Destroy", destroy, VB_ACTION_MANAGE)                                                      \
    ROW("Suspend", suspend, VB_ACTION_MANAGE)                                                      \
    ROW("Resume", resume, VB_ACTION_MANAGE)                                                        \
    ROW("Undefine", undefine, VB_ACTION_MANAGE)                                                    \
    ROW("Rename", rename, VB_ACTION_MANAGE)                                                        \
    ROW("GetXml", get_xml, VB_ACTION_READ)                                                         \
    ROW("GetInfo", get_info, VB_ACTION_READ)                                                       \
    ROW("GetControlInfo", get_control_info, VB_ACTION_READ)                                        \
    ROW("GetStats", get_stats, VB_ACTION_READ)                                                     \
    ROW("GetMemoryStats", get_memory_stats, VB_ACTION_READ)                                        \
    ROW("SetMemoryStatsPeriod", set_memory_stats_period, VB_ACTION_MANAGE)                         \
    ROW("GetBlockStats", get_block_stats, VB_ACTION_READ)                                          \
    ROW("GetBlockStatsFlags", get_block_stats_flags, VB_ACTION_READ)                               \
    ROW("GetBlockInfo", get_block_info, VB_ACTION_READ)                                            \
    ROW("GetInterfaceStats", get_interface_stats, VB_ACTION_READ)                                  \
    ROW("GetVcpus", get_vcpus, VB_ACTION_READ)                                                     \
    ROW("GetVcpuCount", get_vcpu_count, VB_ACTION_READ)                                            \
    ROW("GetCpuStats", get_cpu_stats, VB_ACTION_READ)                                              \
    ROW("SetMemory", set_memory, VB_ACTION_MANAGE)                                                 \
    ROW("SetVcpus", set_vcpus, VB_ACTION_MANAGE)                                                   \
    ROW("GetVcpuPinning", get_vcpu_pinning, VB_ACTION_READ)                                        \
    ROW("GetEmulatorPinning", get_emulator_pinning, VB_ACTION_READ)                                \
    ROW("GetSchedulerType", get_scheduler_type, VB_ACTION_READ)                                    \
    ROW("GetScheduler", get_scheduler, VB_ACTION_READ)                                             \
    ROW("GetAddresses", get_addresses, VB_ACTION_READ)                                             \
    ROW("GetHostname", get_hostname, VB_ACTION_MANAGE)                                             \
    ROW("GetTime", get_time, VB_ACTION_MANAGE)                                                     \
    ROW("SetTime", set_time, VB_ACTION_MANAGE)                                                     \
    ROW("GetFilesystems", get_filesystems, VB_ACTION_MANAGE)                                       \
    ROW("FreezeFilesystems", freeze_filesystems, VB_ACTION_MANAGE)                                 \
    ROW("ThawFilesystems", thaw_filesystems, VB_ACTION_MANAGE)                                     \
    ROW("TrimFilesystems", trim_filesystems, VB_ACTION_MANAGE)                                     \
    ROW("SetUserPassword", set_user_password, VB_ACTION_MANAGE)                                    \
    ROW("GetAuthorizedSshKeys", get_authorized_ssh_keys, VB_ACTION_MANAGE)                         \
    ROW("SetAuthorizedSshKeys", set_authorized_ssh_keys, VB_ACTION_MANAGE)                         \
    ROW("GetGuestVcpus", get_guest_vcpus, VB_ACTION_MANAGE)                                        \
    ROW("SetGuestVcpus", set_guest_vcpus, VB_ACTION_MANAGE)                                        \
    ROW("GetGuestInfo", get_guest_info, VB_ACTION_MANAGE)                                          \
    ROW("AgentCommand", agent_command, VB_ACTION_MANAGE)                                           \
    ROW("SetAgentTimeout", set_agent_timeout, VB_ACTION_MANAGE)                                    \
    ROW("SuspendGuest", suspend_guest, VB_ACTION_MANAGE)                                           \
    ROW("WakeUp", wake_up, VB_ACTION_MANAGE)                                                       \
    ROW("GetDiskErrors", get_disk_errors, VB_ACTION_READ)                                          \
    ROW("AttachDevice", attach_device, VB_ACTION_MANAGE)                                           \
    ROW("DetachDevice", detach_device, VB_ACTION_MANAGE)                                           \
    ROW("DetachDeviceAlias", detach_device_alias, VB_ACTION_MANAGE)                                \
    ROW("UpdateDevice", update_device, VB_ACTION_MANAGE)                                           \
    ROW("GetMetadata", get_metadata, VB_ACTION_READ)                                               \
    ROW("SetMetadata", set_metadata, VB_ACTION_MANAGE)                                             \
    ROW("InjectNmi", inject_nmi, VB_ACTION_MANAGE)                                                 \
    ROW("SendKey", send_key, VB_ACTION_MANAGE)                                                     \
    ROW("Screenshot", screenshot, VB_ACTION_MANAGE)                                                \
    ROW("OpenConsole", open_console, VB_ACTION_MANAGE)                                             \
    ROW("OpenGraphics", open_graphics, VB_ACTION_MANAGE)                                           \
    ROW("GetMessages", get_messages, VB_ACTION_READ)                                               \
    ROW("GetSecurityLabel", get_security_label, VB_ACTION_READ)                                    \
    ROW("ManagedSave", managed_save, VB_ACTION_MANAGE)                                             \
    ROW("ManagedSaveRemove", managed_save_remove, VB_ACTION_MANAGE)                                \
    ROW("Save", save, VB_ACTION_MANAGE)                                                            \
    ROW("SaveWithParams", save_with_params, VB_ACTION_MANAGE)                                      \
    ROW("DefineManagedSaveXml", define_managed_save_xml, VB_ACTION_MANAGE)                         \
    ROW("GetManagedSaveXml", get_managed_save_xml, VB_ACTION_READ)                                 \
    ROW("CreateSnapshot", create_snapshot, VB_ACTION_MANAGE)                                       \
    ROW("ListSnapshots", list_snapshots, VB_ACTION_READ)                                           \
    ROW("ListSnapshotNames", list_snapshot_names, VB_ACTION_READ)                                  \
    ROW("CountSnapshots", count_snapshots, VB_ACTION_READ)                                         \
    ROW("LookupSnapshot", lookup_snapshot, VB_ACTION_READ)                                         \
    ROW("GetCurrentSnapshot", get_current_snapshot, VB_ACTION_READ)                                \
    ROW("ListCheckpoints", list_checkpoints, VB_ACTION_READ)                                       \
    ROW("LookupCheckpoint", lookup_checkpoint, VB_ACTION_READ)                                     \
    ROW("GetJobInfo", get_job_info, VB_ACTION_READ)                                                \
    ROW("GetJobStats", get_job_stats, VB_ACTION_READ)                                              \
    ROW("AbortJob", abort_job, VB_ACTION_MANAGE)                                                   \
    ROW("MonitorCommand", monitor_command, VB_ACTION_MANAGE)

#define QEMU_BUS_DECLARE(name, function, action)                                                   \
    GVariant *qemu_bus_domain_##function(gpointer data, VbCall *call, GVariant *args,              \
                                         GError **error);
QEMU_BUS_DOMAIN_METHODS(QEMU_BUS_DECLARE)
