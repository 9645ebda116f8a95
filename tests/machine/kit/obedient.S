/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest guest that does as it is told: a boot sector for QEMU's "pc" machine. It echoes what it reads on the first serial
 * port, small letters as capitals; powers off when the power button is pressed; lets go of processors that are to be unplugged.
 * Source: ACPI 6.4, 4.8.3 (PM1 registers); QEMU docs/specs/acpi_cpu_hotplug.rst; 16550 data sheet */
        .code16
        .globl  _start
        .set    PM1_STATUS, 0x600       /* where SeaBIOS puts the PIIX4's; +2: enable, +4: control */
        .set    POWER_BUTTON, 1 << 8
        .set    SLEEP_S5, 1 << 13       /* enable; the type of S5 is 0 */
        .set    CPU_SELECTOR, 0xaf00    /* +4: flags, +5: command */
        .set    CPU_IS_TO_GO, 1 << 2
        .set    CPU_EJECT, 1 << 3
        .set    SERIAL, 0x3f8           /* +5: line status */
_start:
        xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %ss
        mov     $0x7c00, %sp
        cld
        in      $0xa1, %al              /* ACPI's interrupt is not for the BIOS: registers are looked at instead */
        or      $2, %al
        out     %al, $0xa1
        mov     $PM1_STATUS + 2, %dx
        mov     $POWER_BUTTON, %ax
        out     %ax, %dx
        mov     $CPU_SELECTOR, %dx      /* from the old interface to the new one */
        xor     %eax, %eax
        out     %eax, %dx
        mov     $hello, %si
        call    say
look:
        mov     $PM1_STATUS, %dx
        in      %dx, %ax
        test    $POWER_BUTTON, %ax
        jnz     power_off
        mov     $CPU_SELECTOR + 5, %dx  /* the next one that something is wanted of */
        xor     %al, %al
        out     %al, %dx
        mov     $CPU_SELECTOR + 4, %dx
        in      %dx, %al
        test    $CPU_IS_TO_GO, %al
        jz      listen
        mov     $CPU_EJECT, %al
        out     %al, %dx
listen:
        mov     $SERIAL + 5, %dx
        in      %dx, %al
        test    $1, %al
        jnz     echo
        sti
        hlt                             /* until the clock ticks */
        jmp     look
echo:
        mov     $SERIAL, %dx
        in      %dx, %al
        cmp     $'a', %al
        jb      1f
        cmp     $'z', %al
        ja      1f
        sub     $0x20, %al
1:      out     %al, %dx
        jmp     look
power_off:
        mov     $goodbye, %si
        call    say
        mov     $PM1_STATUS + 4, %dx
        mov     $SLEEP_S5, %ax
        out     %ax, %dx
        cli
2:      hlt
        jmp     2b
say:
        mov     $SERIAL, %dx
3:      lodsb
        test    %al, %al
        jz      4f
        out     %al, %dx
        jmp     3b
4:      ret
hello:  .asciz  "READY\r\n"
goodbye: .asciz "POWER-OFF\r\n"
        .org    510
        .word   0xaa55
