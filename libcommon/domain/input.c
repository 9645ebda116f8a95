/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of <input> and <hub>. */
#include "domain/domain.h"

VB_ENUM(vb_domain_input_type_enum, "input device type", "mouse", "tablet", "keyboard",
        "passthrough", "evdev");
VB_ENUM(vb_domain_input_bus_enum, "input bus type", NULL, "ps2", "usb", "xen", "parallels",
        "virtio", "none");
VB_ENUM(vb_domain_input_model_enum, "input model", NULL, "virtio", "virtio-transitional",
        "virtio-non-transitional");

#define I VbDomainInput
static const VbXmlField input_fields[] = {
    VB_XML_ENUMV(I, type, "@type", vb_domain_input_type_enum,
                 .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED | VB_XML_UNSUPPORTED,
                 .abi = "input device type"),
    VB_XML_ENUMV(I, bus, "@bus", vb_domain_input_bus_enum, .flags = VB_XML_UNSUPPORTED,
                 .abi = "input device bus"),
    VB_XML_ENUMV(I, model, "@model", vb_domain_input_model_enum, .abi = "input device model '"),
    VB_XML_EMBED(I, virtio, "driver", vb_domain_virtio_type),
    VB_XML_STR(I, evdev, "source/@evdev",
               VB_XML_WHEN(I, type, VB_XML_BIT(VB_DOMAIN_INPUT_PASSTHROUGH)),
               .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(I, source_dev, "source/@dev",
               VB_XML_WHEN(I, type, VB_XML_BIT(VB_DOMAIN_INPUT_EVDEV)),
               .flags = VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(I, grab, "source/@grab"),
    VB_XML_STR(I, grab_toggle, "source/@grabToggle"),
    VB_XML_SWITCH(I, repeat, "source/@repeat"),
    VB_XML_EMBED(I, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_input_type, VbDomainInput, "input", input_fields,
            .doc = "Mouse, tablet or keyboard.");

static const VbXmlField hub_fields[] = {
    VB_XML_STR(VbDomainHub, type, "@type", .flags = VB_XML_REQUIRED, .abi = "input device type"),
    VB_XML_EMBED(VbDomainHub, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_hub_type, VbDomainHub, "hub", hub_fields, .doc = "A USB hub.");
