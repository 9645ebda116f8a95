/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bad sample. */
void
jump(void)
{
    goto out;
out:
    return;
}
