/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <input> and <hub>. */
#pragma once
#include "domain/device-info.h"

typedef enum {
    VB_DOMAIN_INPUT_MOUSE,
    VB_DOMAIN_INPUT_TABLET,
    VB_DOMAIN_INPUT_KEYBOARD,
    VB_DOMAIN_INPUT_PASSTHROUGH,
    VB_DOMAIN_INPUT_EVDEV,
    VB_DOMAIN_INPUT_LAST
} VbDomainInputType;
typedef enum {
    VB_DOMAIN_INPUT_BUS_DEFAULT,
    VB_DOMAIN_INPUT_BUS_PS2,
    VB_DOMAIN_INPUT_BUS_USB,
    VB_DOMAIN_INPUT_BUS_XEN,
    VB_DOMAIN_INPUT_BUS_PARALLELS,
    VB_DOMAIN_INPUT_BUS_VIRTIO,
    VB_DOMAIN_INPUT_BUS_NONE,
    VB_DOMAIN_INPUT_BUS_LAST
} VbDomainInputBus;
typedef enum {
    VB_DOMAIN_INPUT_MODEL_DEFAULT,
    VB_DOMAIN_INPUT_MODEL_VIRTIO,
    VB_DOMAIN_INPUT_MODEL_VIRTIO_TRANSITIONAL,
    VB_DOMAIN_INPUT_MODEL_VIRTIO_NON_TRANSITIONAL
} VbDomainInputModel;

typedef struct {
    int type, bus, model;
    VbDomainVirtioOptions virtio;
    char *evdev, *source_dev, *grab, *grab_toggle;
    VbTristate repeat; /* <source evdev=> or dev= grab= */
    VbDomainDeviceInfo info;
} VbDomainInput;

typedef struct {
    char *type; /* "usb" */
    VbDomainDeviceInfo info;
} VbDomainHub;

extern const VbEnum vb_domain_input_type_enum, vb_domain_input_bus_enum, vb_domain_input_model_enum;
extern const VbXmlType vb_domain_input_type, vb_domain_hub_type;
