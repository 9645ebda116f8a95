/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request about one network interface, which the kernel answers at once. */
#pragma once
#include <glib.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

typedef struct {
    struct nlmsghdr header;
    struct ifinfomsg info;
    char attributes[512];
} QemuLinkMessage;

/* @type: RTM_*; @flags: NLM_F_*, besides those of a request that is answered */
void qemu_link_message_init(QemuLinkMessage *message, guint16 type, guint16 flags);
/* Returns: the attribute, to be closed when others go into it. All fit: the longest text is an interface's name. */
struct rtattr *qemu_link_message_add(QemuLinkMessage *message, guint16 type, gconstpointer data,
                                     gsize length);
void qemu_link_message_close(QemuLinkMessage *message, struct rtattr *attribute);
/* Sends it and reads the kernel's answer. Returns: 0, or what errno would be. */
int qemu_link_message_send(QemuLinkMessage *message);
