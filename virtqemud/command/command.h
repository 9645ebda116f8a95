/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain definition becomes QEMU's command line: same devices, order, ids and addresses as libvirt 9.0 gives. */
#pragma once
#include <glib.h>
#include "caps/caps.h"
#include "domain/domain.h"

/* Descriptors that the caller opened for a device; @fd is its number in the emulator's process. */
typedef enum {
    QEMU_COMMAND_FD_TAP,    /* a queue of an interface */
    QEMU_COMMAND_FD_VHOST,  /* /dev/vhost-net for a queue */
    QEMU_COMMAND_FD_VDPA,   /* a vhost-vdpa device */
    QEMU_COMMAND_FD_SOCKET, /* listening or connected socket of a character device */
} QemuCommandFdKind;

typedef struct {
    QemuCommandFdKind kind;
    const char *alias; /* of the device: "net0", "serial0" */
    int fd;
    const char *name; /* of a descriptor that the monitor was handed (getfd); NULL: it is @fd */
} QemuCommandFd;

/* A secret that the emulator needs: one that the host keeps (@uuid or @usage), or cookies of the definition. */
typedef struct {
    const char *id;   /* of the object: "libvirt-1-storage-auth-secret0" */
    const char *type; /* what it must be for: "volume", "ceph", "iscsi"; NULL with cookies */
    const char *uuid, *usage;
    const GPtrArray *cookies; /* VbDomainStorageCookie; NULL: none */
    gboolean is_base64;       /* what the file is to hold */
} QemuSecret;

typedef struct {
    const char *
        domain_dir; /* per-guest folder, e.g. ROOT/var/lib/libvirt/qemu/domain-1-NAME: sockets, master key */
    const char *run_dir; /* ROOT/run/libvirt/qemu: sockets of TPMs */
    const char
        *channel_dir; /* ROOT/run/libvirt/qemu/channel/1-NAME: sockets of channels without a path */
    int monitor_fd; /* listening socket of the QMP monitor; -1: libvirt's text for a command line that is only shown */
    const QemuCommandFd *fds;
    guint n_fds;
    const char *incoming; /* -incoming URI, or NULL */
    gboolean
        has_master_key; /* DOMAIN_DIR/master-key.aes: what secrets on the monitor are encrypted with */
    /* Returns (transfer full): a file that holds the secret, for the emulator alone; NULL: there is no such secret, or
     * @error says what is wrong with it */
    char *(*find_secret)(const QemuSecret *secret, gpointer data, GError **error);
    gpointer secret_data;
    /* Returns (transfer full): the node of a SCSI unit of the host, "/dev/sg2"; NULL: there is none */
    char *(*find_scsi)(const VbDomainHostdev *hostdev, gpointer data);
    gpointer scsi_data;
    gboolean has_sandbox; /* -sandbox on,...: qemu.conf's seccomp_sandbox */
} QemuCommandOptions;

typedef struct {
    GPtrArray *argv; /* char *, NULL-terminated; argv[0] is the emulator */
    GPtrArray *env;  /* "NAME=value", NULL-terminated: the whole environment */
} QemuCommand;

void qemu_command_free(QemuCommand *command);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuCommand, qemu_command_free)

/* @def: with defaults, aliases, addresses and, for graphics, ports */
QemuCommand *qemu_command_build(const VbDomainDef *def, const QemuCaps *caps,
                                const QemuCommandOptions *options, GError **error);
/* of passt, by the guest's folder and the interface's alias (transfer full) */
char *qemu_command_passt_socket(const char *run_dir, const char *domain_dir, const char *alias);
/* folder for the files that back a guest's memory (transfer full) */
char *qemu_command_memory_dir(const char *domain_dir);
gboolean qemu_command_needs_memory_dir(const VbDomainDef *def); /* may a file be made there? */
/* environment and arguments, quoted for a shell: in one line as domxml-to-native prints it ... */
char *qemu_command_to_shell(const QemuCommand *command);
/* ... and with an option per line, as the guest's log file has it */
char *qemu_command_to_log(const QemuCommand *command);
/* Numbers the images of a guest that is about to start (VbDomainDiskSource.index), as libvirt does: node names are made
 * of them. Images that have a number keep it. */
void qemu_command_number_images(VbDomainDef *def);
/* TRUE: a transient disk has its overlay, FILE.TRANSIENT-NAME */
gboolean qemu_command_is_covered(const VbDomainDef *def, const VbDomainDisk *disk);
/* "libvirt-2-format": the node of the guest's view of an image (transfer full) */
char *qemu_command_image_node(const VbDomainDiskSource *source);
