/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virDomainGetXMLDesc: by its route, and what is learned of guests that do not run is kept for who asks again. A client
 * gets a kept text only after the daemon has shown its connection one: whether it may look is the daemon's decision. */
#include "backend/handlers.h"
#include <string.h>
#include "codec/xdr.h"
#include "vb-constants.h"
#include "wire/body.h"

/* Guests that do not run have one text for these; with secrets, migratable or for this host's CPU others. */
#define PLAIN_FLAGS ((guint)VIR_DOMAIN_XML_INACTIVE)

/* Source: remote_domain_get_xml_desc_ret: one string, of which the daemon's bound is the lesser */
static gboolean
encode_text(const ProxyProcedure *procedure, gpointer data, GByteArray *out, GError **error)
{
    gsize length;
    gconstpointer text = g_bytes_get_data(data, &length);

    proxy_xdr_put_counted(out, text, length);
    return TRUE;
}

/* What came while the mirror heard nothing of the guest is what it says now, or a signal is on its way that says so. */
static void
on_body(ProxyCall *call, const guint8 *body, gsize length)
{
    const ProxyMirrorDomain *domain = proxy_call_domain(call);
    VbBodyReader reader = {body, length, 0, FALSE};
    gsize text_length;
    const char *text = vb_body_get_string(&reader, &text_length);

    call->session->may_look = TRUE;
    if (text && domain && domain->version == call->version)
        proxy_texts_keep(call->session->backend->texts, domain, text, text_length);
    proxy_route_reply_body(call, body, length);
}

void
proxy_answer_get_xml(ProxyCall *call)
{
    const ProxyMirrorDomain *domain = proxy_call_domain(call);
    GBytes *text = NULL;
    guint32 flags;

    g_variant_get_child(proxy_call_args(call), 1, "u", &flags);
    if (!domain || domain->is_active || !domain->has_revision || (flags & ~PLAIN_FLAGS)) {
        proxy_route_run(call);
        return;
    }
    if (call->session->may_look)
        text = proxy_texts_find(call->session->backend->texts, domain);
    if (text) {
        proxy_call_reply_encoded(call, encode_text, text);
        return;
    }
    call->version = domain->version;
    proxy_route_run_body(call, on_body);
}
