/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tap as the port of a Linux bridge: which VLANs it carries, and whether it is kept apart from other isolated ports. */
#pragma once
#include "domain.h"

/**
 * qemu_bridge_port_set:
 * @bridge: that @net's device is a port of
 * @net: with the name of its device on the host
 *
 * Sets what the definition says, on a port that has just joined.
 *
 * Errors: CONFIG_UNSUPPORTED tags on a bridge that does not look at them; SYSTEM_ERROR the kernel refuses
 */
gboolean qemu_bridge_port_set(const char *bridge, const VbDomainNet *net, GError **error);
/* the same for a port that is in use, whose definition follows; @wanted may get the old tags */
gboolean qemu_bridge_port_change(VbDomainNet *net, VbDomainNet *wanted, GError **error);
gboolean qemu_bridge_port_is_same(const VbDomainNet *a, const VbDomainNet *b);
