/* SPDX-License-Identifier: MIT */
/*
 * Guest memory at guest virtual addresses: range check, SMAP window, faults caught by the exception
 * table. See guest_access.h of the portable half for the contract.
 */
#ifndef ASM_GUEST_ACCESS_H
#define ASM_GUEST_ACCESS_H

#include <asm/config.h>
#include <lib.h>

/*
 * Every byte of [addr, addr + bytes) is a canonical address outside the hypervisor's range. For a constant @bytes each
 * half costs one comparison; the upper one, a kernel's own, comes first.
 */
static inline bool guest_addr_ok(unsigned long addr, unsigned long bytes)
{
    const unsigned long upper = 0UL - HV_VIRT_END, lower = 0x0000800000000000UL;

    if (likely(bytes <= upper && addr - HV_VIRT_END <= upper - bytes))
        return true;
    return bytes <= lower && addr <= lower - bytes;
}

/* An array of @count elements of @size bytes; the product may not overflow. */
static inline bool guest_range_ok(unsigned long addr, unsigned long count, unsigned long size)
{
    unsigned long bytes;

    return !__builtin_mul_overflow(count, size, &bytes) && guest_addr_ok(addr, bytes);
}

/* Unchecked copies (arch/x86/guest_copy.S): bytes not copied. */
unsigned long guest_copy_raw(void *dst, const void *src, unsigned long bytes);
unsigned long guest_clear_raw(void *dst, unsigned long bytes);

/*
 * One aligned or unaligned word of 1, 2, 4 or 8 bytes; true on a fault. The address was checked.
 * STAC and CLAC are three-byte NOPs until the boot code patches them in (section .altinstr_smap
 * lists the sites).
 */
#define SMAP_SITE \
    "661: .byte 0x0f, 0x1f, 0x00\n\t.pushsection .altinstr_smap, \"a\"\n\t.long 661b - .\n\t.long "
#define ASM_STAC SMAP_SITE "1\n\t.popsection\n\t"
#define ASM_CLAC SMAP_SITE "0\n\t.popsection\n\t"
/* A fault at label 1 continues at label 3. */
#define ASM_EXTABLE(from, to)                                                         \
    ".pushsection .ex_table, \"a\"\n\t.balign 4\n\t.long " #from " - .\n\t.long " #to \
    " - .\n\t.popsection\n\t"

#define guest_get_word(dst, src)                                                                   \
    ({                                                                                             \
        bool _fault;                                                                               \
        __typeof__(*(dst)) _val = 0;                                                               \
        __asm__ volatile(                                                                          \
            ASM_STAC                                                                               \
            "1: mov %2, %1\n\tclc\n2: setc %0\n\t" ASM_CLAC                                        \
            ".pushsection .fixup, \"ax\"\n3: stc\n\tjmp 2b\n\t.popsection\n\t" ASM_EXTABLE(1b, 3b) \
            : "=q"(_fault), "=&q"(_val)                                                            \
            : "m"(*(const __typeof__(*(dst)) *)(src))                                              \
            : "cc");                                                                               \
        *(dst) = _val;                                                                             \
        _fault;                                                                                    \
    })

#define guest_put_word(dst, val)                                                                   \
    ({                                                                                             \
        bool _fault;                                                                               \
        __asm__ volatile(                                                                          \
            ASM_STAC                                                                               \
            "1: mov %1, %2\n\tclc\n2: setc %0\n\t" ASM_CLAC                                        \
            ".pushsection .fixup, \"ax\"\n3: stc\n\tjmp 2b\n\t.popsection\n\t" ASM_EXTABLE(1b, 3b) \
            : "=q"(_fault)                                                                         \
            : "q"(val), "m"(*(__typeof__(val) *)(dst))                                             \
            : "cc", "memory");                                                                     \
        _fault;                                                                                    \
    })

/*
 * Frames of several words: one SMAP window, one instruction a word, a jump to a label when it faults. The addresses were
 * checked; between open and close nothing else may be called.
 */
static inline void guest_window_open(void)
{
    __asm__ volatile(ASM_STAC ::: "memory");
}

static inline void guest_window_close(void)
{
    __asm__ volatile(ASM_CLAC ::: "memory");
}

#define guest_window_store(addr, val, fault)                                                       \
    __asm__ goto("1: mov%z0 %1, %0\n\t" ASM_EXTABLE(1b, %l[fault])                                  \
                 :                                                                                 \
                 : "m"(*(__typeof__(val) *)(addr)), "re"(val)                                      \
                 : "memory"                                                                        \
                 : fault)
#define guest_window_load(val, addr, fault)                                                        \
    __asm__ goto("1: mov %1, %0\n\t" ASM_EXTABLE(1b, %l[fault])                                    \
                 : "=r"(val)                                                                       \
                 : "m"(*(const __typeof__(val) *)(addr))                                           \
                 : "memory"                                                                        \
                 : fault)

/* Two or three words in one window; true on a fault. */
static inline bool guest_load_words(u64 *dst, unsigned long src, unsigned int words)
{
    const u64 *from = (const u64 *)src;
    u64 a, b, c = 0;

    guest_window_open();
    guest_window_load(a, from, fault);
    guest_window_load(b, from + 1, fault);
    if (words == 3)
        guest_window_load(c, from + 2, fault);
    guest_window_close();
    dst[0] = a;
    dst[1] = b;
    if (words == 3)
        dst[2] = c;
    return false;
fault:
    guest_window_close();
    return true;
}

static inline unsigned long copy_from_guest(void *dst, unsigned long src, unsigned long bytes)
{
    if (unlikely(!guest_addr_ok(src, bytes)))
        return bytes;
    if (__builtin_constant_p(bytes)) {
        switch (bytes) {
        case 4:
            return guest_get_word((u32 *)dst, src) ? bytes : 0;
        case 8:
            return guest_get_word((u64 *)dst, src) ? bytes : 0;
        case 16:
            return guest_load_words(dst, src, 2) ? bytes : 0;
        case 24:
            return guest_load_words(dst, src, 3) ? bytes : 0;
        default:
            break;
        }
    }
    return guest_copy_raw(dst, (const void *)src, bytes);
}

static inline unsigned long copy_to_guest(unsigned long dst, const void *src, unsigned long bytes)
{
    if (unlikely(!guest_addr_ok(dst, bytes)))
        return bytes;
    if (__builtin_constant_p(bytes)) {
        switch (bytes) {
        case 4:
            return guest_put_word(dst, *(const u32 *)src) ? bytes : 0;
        case 8:
            return guest_put_word(dst, *(const u64 *)src) ? bytes : 0;
        default:
            break;
        }
    }
    return guest_copy_raw((void *)dst, src, bytes);
}

static inline unsigned long clear_guest(unsigned long dst, unsigned long bytes)
{
    return guest_addr_ok(dst, bytes) ? guest_clear_raw((void *)dst, bytes) : bytes;
}

#endif
