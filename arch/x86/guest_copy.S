/* SPDX-License-Identifier: MIT */
/*
 * Copies that may fault: guest_copy_raw() and guest_clear_raw() of asm/guest_access.h. Both return
 * the number of bytes not done, exactly: after a fault in the word loop the rest is tried byte by
 * byte up to the first that faults. The string instructions leave RSI, RDI and RCX at the element
 * that faulted.
 */
#include <asm/config.h>

/* Kind 1: STAC, 0: CLAC (boot/patch.c). */
.macro SMAP_SITE kind
661:    .byte   0x0f, 0x1f, 0x00
        .pushsection .altinstr_smap, "a"
        .long   661b - ., \kind
        .popsection
.endm

.macro EXTABLE from, to
        .pushsection .ex_table, "a"
        .balign 4
        .long   \from - ., \to - .
        .popsection
.endm

/* %rcx words, then %edx bytes, with string instruction \op. */
.macro STRING_LOOP op
        mov     %rdx, %rcx
        shr     $3, %rcx
        and     $7, %edx
        SMAP_SITE 1
1:      rep     \op\()q
        mov     %rdx, %rcx
2:      rep     \op\()b
3:      SMAP_SITE 0
        mov     %rcx, %rax
        ret

        .pushsection .fixup, "ax"
4:      lea     (%rdx, %rcx, 8), %rcx
        jmp     2b
        .popsection
        EXTABLE 1b, 4b
        EXTABLE 2b, 3b
.endm

.macro FUNCTION name
        .globl  \name
        .hidden \name
        .type   \name, @function
        .balign 16
\name:
.endm

        .text

/* unsigned long guest_copy_raw(void *dst, const void *src, unsigned long bytes) */
FUNCTION guest_copy_raw
        STRING_LOOP movs

/* unsigned long guest_clear_raw(void *dst, unsigned long bytes) */
FUNCTION guest_clear_raw
        mov     %rsi, %rdx
        xor     %eax, %eax
        STRING_LOOP stos
