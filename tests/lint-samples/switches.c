/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bad sample. */
void
two(int a)
{
    switch (a) {
    case 1:
        break;
    }
    switch (a) {
    case 2:
        break;
    }
}
