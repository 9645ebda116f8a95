/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a guest is best placed: numad is asked where it runs, else libcommon's own advice is taken. */
#pragma once
#include "manager.h"

typedef struct {
    const VbBitset *cells, *cpus;
    gboolean is_enough; /* FALSE: the host has not that much free; numad does not say, so TRUE */
    const char *source; /* "numad", "virtbus" */
    const char *explanation;
} QemuAdvice;

typedef void (*QemuAdviceDone)(const QemuAdvice *advice, gpointer data);

/* @done runs once, from the loop, never before this returns; @advice lives until it returns. */
void qemu_advice_ask(QemuManager *manager, guint n_vcpus, guint64 memory_kib, QemuAdviceDone done,
                     gpointer data);
