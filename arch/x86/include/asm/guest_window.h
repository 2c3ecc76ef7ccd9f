/* SPDX-License-Identifier: MIT */
/*
 * The instructions that touch guest memory: the SMAP window, words with an entry in the exception
 * table, raw copies. The caller asks before whether the memory may be touched (asm/guest_access.h).
 * On the host, tests/host/include replaces this header alone.
 */
#ifndef ASM_GUEST_WINDOW_H
#define ASM_GUEST_WINDOW_H

#include <types.h>

/*
 * Unchecked copies (arch/x86/guest_copy.S).
 * @return the number of bytes not copied
 */
unsigned long guest_copy_raw(void *dst, const void *src, unsigned long bytes);
unsigned long guest_clear_raw(void *dst, unsigned long bytes);

/*
 * STAC and CLAC are three-byte NOPs until the boot code patches them in (section .altinstr_smap
 * lists the sites).
 */
#define SMAP_SITE \
    "661: .byte 0x0f, 0x1f, 0x00\n\t.pushsection .altinstr_smap, \"a\"\n\t.long 661b - .\n\t.long "
#define ASM_STAC SMAP_SITE "1\n\t.popsection\n\t"
#define ASM_CLAC SMAP_SITE "0\n\t.popsection\n\t"
/* A fault at one label continues at the other; both as the assembler knows them. */
#define ASM_EXTABLE(from, to)                                                       \
    ".pushsection .ex_table, \"a\"\n\t.balign 4\n\t.long " from " - .\n\t.long " to \
    " - .\n\t.popsection\n\t"

/*
 * Accesses to objects of some words: one SMAP window, one instruction for each word, and a jump to
 * a label when it faults. The caller checked the addresses; between open and close it may call
 * nothing else.
 */
static inline void guest_window_open(void)
{
    __asm__ volatile(ASM_STAC ::: "memory");
}

static inline void guest_window_close(void)
{
    __asm__ volatile(ASM_CLAC ::: "memory");
}

#define guest_window_store(addr, val, fault)                                \
    __asm__ goto("1: mov%z0 %1, %0\n\t" ASM_EXTABLE("1b", "%l[" #fault "]") \
                 :                                                          \
                 : "m"(*(__typeof__(val) *)(addr)), "re"(val)               \
                 : "memory"                                                 \
                 : fault)
#define guest_window_load(val, addr, fault)                              \
    __asm__ goto("1: mov %1, %0\n\t" ASM_EXTABLE("1b", "%l[" #fault "]") \
                 : "=r"(val)                                             \
                 : "m"(*(const __typeof__(val) *)(addr))                 \
                 : "memory"                                              \
                 : fault)

#endif
