/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The boot sector of the guest that tries KVM (kvm-probe.c): what every real guest does, in 512 bytes. The BIOS loads it
 * from an IDE disk; it enables paging and long mode, takes three timer interrupts through its own IDT, writes and reads
 * an MSR, counts to 50 million (0.02 s on a CPU, minutes where ring 0 is emulated) and leaves QEMU through isa-debug-exit
 * (port 0xf4) with 0x2a: exit status 0x2a * 2 + 1 = 85.
 * kvm-probe-guest.h holds the bytes:
 *   as -o p.o kvm-probe-guest.S && ld -Ttext 0x7c00 --oformat binary -o p.bin p.o && xxd -i p.bin
 */
    .code16
    .globl _start
_start:
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp

    mov $0x1000, %di            /* page tables at 0x1000..0x3fff: first 2 MiB mapped one to one */
    mov $0x1800, %cx
    cld
    rep stosw
    movw $0x2003, 0x1000
    movw $0x3003, 0x2000
    movw $0x0083, 0x3000

    mov $0x4000, %di            /* IDT at 0x4000: vector 0x20 is the timer */
    mov $0x0800, %cx
    rep stosw
    movw $timer, 0x4200
    movw $0x08, 0x4202
    movw $0x8e00, 0x4204

    mov $0x11, %al              /* interrupt controllers: vectors 0x20.., only IRQ 0 open */
    out %al, $0x20
    mov $0x20, %al
    out %al, $0x21
    mov $0x04, %al
    out %al, $0x21
    mov $0x01, %al
    out %al, $0x21
    mov $0xfe, %al
    out %al, $0x21
    mov $0xff, %al
    out %al, $0xa1

    mov $0x34, %al              /* timer: channel 0, every 1193 ticks = 1 ms */
    out %al, $0x43
    mov $0xa9, %al
    out %al, $0x40
    mov $0x04, %al
    out %al, $0x40

    lgdt gdt_pointer
    lidt idt_pointer
    mov $0x20, %eax             /* CR4.PAE */
    mov %eax, %cr4
    mov $0x1000, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx       /* EFER.LME */
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80000001, %eax        /* CR0.PG, CR0.PE */
    mov %eax, %cr0
    ljmp $0x08, $long_mode

    .code64
long_mode:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $0x7c00, %rsp
    xor %ebx, %ebx
    sti
wait_for_ticks:
    hlt
    cmp $3, %ebx
    jb wait_for_ticks

    mov $0xc0000101, %ecx       /* GS.base: write, read back */
    mov $0x12345678, %eax
    xor %edx, %edx
    wrmsr
    xor %eax, %eax
    rdmsr
    cmp $0x12345678, %eax
    jne fail
    mov $50000000, %ecx
count:
    dec %ecx
    jnz count
    mov $0x2a, %al
    out %al, $0xf4
fail:
    cli
    hlt
    jmp fail

timer:
    inc %ebx
    push %rax
    mov $0x20, %al
    out %al, $0x20
    pop %rax
    iretq

    .balign 8
gdt:
    .quad 0
    .quad 0x00209a0000000000    /* 64-bit code */
    .quad 0x0000920000000000    /* data */
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long gdt
idt_pointer:
    .word 0x0fff
    .long 0x4000

    .org 510
    .word 0xaa55
