/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The definition side of the manager (manager-define.c): stored definitions, committed before the call returns. */
#pragma once
#include "manager.h"

/* Before define, create and parse: asks for the capabilities of the emulator that @xml names, so that parsing need not
 * wait. @done runs once; at once when they are known, or when @xml is broken (parsing says how). */
typedef void (*QemuManagerPrepared)(gpointer data);
void qemu_manager_prepare(QemuManager *manager, const char *xml, QemuManagerPrepared done,
                          gpointer data);

/* The same, and hands over what was read on the way: (transfer full), as it is written; NULL: broken, parsing says how */
typedef void (*QemuManagerRead)(VbDomainDef *def, gpointer data);
void qemu_manager_read(QemuManager *manager, const char *xml, QemuManagerRead done, gpointer data);

gboolean
qemu_manager_load(QemuManager *manager,
                  GError **error); /* everything in etc/libvirt/qemu; bad files are logged */
/* (transfer none); emits lifecycle "defined" added or updated */
QemuDomain *qemu_manager_define(QemuManager *manager, const char *xml, guint flags, GError **error);
/* takes @def, which qemu_manager_read() gave */
QemuDomain *qemu_manager_define_read(QemuManager *manager, VbDomainDef *def, GError **error);
/* parse, defaults, addresses, validation: the way every definition enters. (transfer full) */
VbDomainDef *qemu_manager_parse(QemuManager *manager, const char *xml, guint flags, GError **error);
VbDomainDef *qemu_manager_parse_image(QemuManager *manager, const char *xml, GError **error);
gboolean qemu_domain_undefine(QemuDomain *domain, guint flags, GError **error);
gboolean qemu_domain_rename(QemuDomain *domain, const char *new_name, guint flags, GError **error);
gboolean qemu_domain_set_autostart(QemuDomain *domain, gboolean is_autostart, GError **error);
gboolean qemu_domain_set_autostart_once(QemuDomain *domain, gboolean is_once, GError **error);
GPtrArray *
qemu_manager_list(QemuManager *manager,
                  guint flags); /* of borrowed QemuDomain, virConnectListAllDomainsFlags */
gboolean qemu_domain_has_managed_save(const QemuDomain *domain);
char *qemu_domain_get_xml(QemuDomain *domain, guint flags, GError **error); /* virDomainXMLFlags */

/* type: virDomainMetadataType; flags: virDomainModificationImpact; @metadata NULL or "": remove */
typedef struct {
    int type;
    const char *metadata;
    const char *key; /* ELEMENT: prefix under which it is stored */
    const char *uri; /* ELEMENT: its namespace */
} QemuMetadata;
char *qemu_domain_get_metadata(QemuDomain *domain, int type, const char *uri, guint flags,
                               GError **error);
gboolean qemu_domain_set_metadata(QemuDomain *domain, const QemuMetadata *change, guint flags,
                                  GError **error);

/* Writes @def as a stored definition, durably. FALSE: the file is as it was. */
gboolean qemu_manager_store(const QemuManager *manager, const VbDomainDef *def, GError **error);
/* The same for a change of a guest that has one, and tells of it. Takes @next. */
gboolean qemu_domain_store_config(QemuDomain *domain, VbDomainDef *next, GError **error);
typedef gboolean (*QemuConfigFunc)(VbDomainDef *next, gpointer data, GError **error);
gboolean qemu_domain_change_config(QemuDomain *domain, QemuConfigFunc change, gpointer data,
                                   GError **error);
/* Removes the stored definition of @name, durably; a missing one is fine. */
gboolean qemu_manager_unstore(const QemuManager *manager, const char *name, GError **error);
/* the definitions that @flags (virDomainModificationImpact) mean; both may come back set; checked as libvirt does */
gboolean qemu_domain_pick_defs(QemuDomain *domain, guint flags, VbDomainDef **ret_live,
                               VbDomainDef **ret_config, GError **error);
gboolean qemu_manager_finish_rename(const QemuManager *manager, const char *old_name,
                                    const char *new_name, GError **error);

/* files of a guest: (transfer full) */
char *qemu_manager_config_path(const QemuManager *manager,
                               const char *name); /* etc/libvirt/qemu/NAME.xml */
char *qemu_manager_autostart_path(const QemuManager *manager, const char *name);
char *qemu_manager_autostart_once_path(const QemuManager *manager,
                                       const char *name); /* etc/libvirt/qemu/autostart/NAME.xml */
char *qemu_manager_save_path(const QemuManager *manager,
                             const char *name); /* var/lib/libvirt/qemu/save/NAME.save */
guint qemu_manager_count_metadata(const QemuManager *manager, const char *kind,
                                  const char *name); /* "snapshot", "checkpoint" */
void qemu_manager_remove_metadata(const QemuManager *manager, const char *kind, const char *name);
/* VIR_ERR_INVALID_ARG "unsupported flags (0x..) in function NAME" */
gboolean qemu_check_flags(guint flags, guint known, const char *function, GError **error);
/* what defaults need to know of emulators */
void qemu_manager_fill_hints(QemuManager *manager, VbDomainCapsHints *hints);
