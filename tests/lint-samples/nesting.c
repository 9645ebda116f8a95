/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bad sample. */
void
deep(void)
{
    while (a()) {
        for (;;) {
            if (b()) {
                do {
                    if (c()) {
                        d();
                    }
                } while (e());
            }
        }
    }
}
