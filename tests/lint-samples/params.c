/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bad sample. */
void
many(int a, int b, int c, int d, int e, int f, void (*g)(int, int))
{
}
