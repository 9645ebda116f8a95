/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bad sample. */
int
choose(VbKind kind)
{
    switch (kind) {
    case VB_KIND_DISK:
        return 1;
    default:
        return 0;
    }
}
