/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain as a libvirt of any age understands it: without what machines have by themselves and older ones did not write
 * down. Whoever reads it fills the same things in again. Source: what libvirt 9.0 leaves out of migratable XML. */
#include "domain/devices.h"
#include "domain/domain.h"

typedef gboolean (*IsImplicit)(const VbDomainDef *def, gconstpointer item);

static void
drop(const VbDomainDef *def, GPtrArray *list, const VbXmlType *type, IsImplicit is_implicit)
{
    for (guint i = VB_DOMAIN_COUNT(list); i > 0; i--)
        if (is_implicit(def, list->pdata[i - 1]))
            vb_xml_free(type, g_ptr_array_remove_index(list, i - 1));
}

static guint
count_usb(const VbDomainDef *def)
{
    guint n = 0;

    VB_DOMAIN_EACH(VbDomainController, controller, def->controllers)
    n += controller->type == VB_DOMAIN_CONTROLLER_USB;
    return n;
}

static gboolean
is_implicit_controller(const VbDomainDef *def, gconstpointer item)
{
    const VbDomainController *controller = item;

    if (!vb_domain_is_i440fx(def) || controller->index != 0)
        return FALSE;
    if (controller->type == VB_DOMAIN_CONTROLLER_USB)
        return count_usb(def) == 1 && (controller->usb_model == VB_DOMAIN_USB_MODEL_DEFAULT ||
                                       controller->usb_model == VB_DOMAIN_USB_MODEL_PIIX3_UHCI);
    return controller->type == VB_DOMAIN_CONTROLLER_PCI &&
           controller->pci_model == VB_DOMAIN_PCI_MODEL_ROOT && !controller->has_pcihole64;
}

/* written since 1.2.2: older ones knew the mouse alone */
static gboolean
is_implicit_input(const VbDomainDef *def, gconstpointer item)
{
    const VbDomainInput *input = item;

    return input->type == VB_DOMAIN_INPUT_KEYBOARD && input->bus == VB_DOMAIN_INPUT_BUS_PS2;
}

static gboolean
is_implicit_audio(const VbDomainDef *def, gconstpointer item)
{
    const VbDomainAudio *audio = item;

    return VB_DOMAIN_COUNT(def->audios) == 1 && audio->type == VB_DOMAIN_AUDIO_NONE &&
           VB_DOMAIN_COUNT(def->sounds) == 0;
}

/**
 * vb_domain_make_migratable:
 * @def: a domain
 *
 * Takes away what is there without being said.
 */
void
vb_domain_make_migratable(VbDomainDef *def)
{
    drop(def, def->controllers, &vb_domain_controller_type, is_implicit_controller);
    drop(def, def->inputs, &vb_domain_input_type, is_implicit_input);
    drop(def, def->audios, &vb_domain_audio_type, is_implicit_audio);
}
