/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One device of a running guest as monitor commands: what the command line would have said, and how to take it back. */
#pragma once
#include "command/command.h"
#include "domain/devices.h"

typedef struct {
    char *command, *arguments; /* QMP */
    char *undo, *undo_arguments;
    guint
        back; /* when it fails: how many steps to go back and try again, for a while; 0: it has failed */
} QemuPlugStep;

/* (transfer full): of QemuPlugStep, in the order of adding. @def holds @device; fds->name is what the monitor calls a
 * descriptor. @class: VbDomainDeviceClass. */
GPtrArray *qemu_command_plug_device(const VbDomainDef *def, const QemuCaps *caps,
                                    const QemuCommandOptions *options, const VbDomainDevice *device,
                                    GError **error);
/* the same for the images of a disk alone: a medium */
GPtrArray *qemu_command_plug_medium(const VbDomainDef *def, const QemuCaps *caps,
                                    const QemuCommandOptions *options, const VbDomainDisk *disk,
                                    GError **error);
/* Limits of a running guest's disks (transfer full): arguments of block_set_io_throttle (NULL: nothing to limit), and of
 * object-add and qom-set for groups. */
char *qemu_command_iotune_arguments(const VbDomainDisk *disk, gboolean is_change);
char *qemu_command_throttle_group(const VbDomainDiskIotune *group);
char *qemu_command_throttle_limits(const VbDomainDiskIotune *group);
GPtrArray *qemu_command_plug_steps_new(void); /* an empty one */
/* TRUE for classes that a running guest can be given */
gboolean qemu_command_can_plug(int class);
