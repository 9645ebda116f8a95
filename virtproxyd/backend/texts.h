/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XML of guests that do not run, kept for who asks again. A text is true as long as the mirror hears nothing new of its
 * guest: the daemon signals every change of a definition (Domain1.Revision) and of a state before it answers the call
 * that made it. */
#pragma once
#include "backend/mirror.h"

typedef struct _ProxyTexts ProxyTexts;

#define PROXY_TEXTS_MAX_SIZE                                                                       \
    (12u * 1024 * 1024)       /* bytes; what does not fit is asked for each time */
#define PROXY_TEXTS_IDLE_S 10 /* without a reader; then all are dropped */

ProxyTexts *proxy_texts_new(void);
void proxy_texts_free(ProxyTexts *texts);
void proxy_texts_drop(ProxyTexts *texts); /* all of them */
/* (transfer none) (nullable) what was kept for @domain as the mirror knows it now */
GBytes *proxy_texts_find(ProxyTexts *texts, const ProxyMirrorDomain *domain);
void proxy_texts_keep(ProxyTexts *texts, const ProxyMirrorDomain *domain, const char *text,
                      gsize length);
