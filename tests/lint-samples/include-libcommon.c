/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bad sample. */
/* lint-path: libcommon/store/store.c */
#include "rpc.h"
