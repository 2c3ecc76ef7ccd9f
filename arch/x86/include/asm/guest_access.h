/* SPDX-License-Identifier: MIT */
/*
 * Guest memory at guest virtual addresses: range check, SMAP window, faults caught by the exception
 * table. See guest_access.h of the portable half for the contract.
 */
#ifndef ASM_GUEST_ACCESS_H
#define ASM_GUEST_ACCESS_H

#include <asm/config.h>
#include <asm/guest_window.h>
#include <lib.h>

/*
 * Is every byte of [addr, addr + bytes) outside the hypervisor's range, or does the first one
 * fault? What is not canonical faults, and so does what begins just below our range, where no
 * address is canonical: a piece of up to a page is all in the range or not at all.
 */
static inline bool guest_addr_ok(unsigned long addr, unsigned long bytes)
{
    const unsigned long upper = 0UL - HV_VIRT_END, lower = 0x0000800000000000UL;

    if (__builtin_constant_p(bytes) && bytes <= PAGE_SIZE)
        return !is_hv_address(addr);
    if (likely(bytes <= upper && addr - HV_VIRT_END <= upper - bytes))
        return true;
    return bytes <= lower && addr <= lower - bytes;
}

/* The same for an array of @count elements of @size bytes; the product may not overflow. */
static inline bool guest_range_ok(unsigned long addr, unsigned long count, unsigned long size)
{
    unsigned long bytes;

    return !__builtin_mul_overflow(count, size, &bytes) && guest_addr_ok(addr, bytes);
}

/* Does a piece of constant size consist of few enough words to be copied in line? */
#define GUEST_INLINE(bytes) \
    (__builtin_constant_p(bytes) && ((bytes) == 4 || ((bytes) % 8 == 0 && (bytes)-1 < 40)))

/*
 * Copies one object of such a size. The caller checked the address.
 * @return true: it faulted
 */
HOT_INLINE bool guest_load(void *dst, unsigned long src, unsigned long bytes)
{
    const u64 *from = (const u64 *)src;
    u64 a, b, c, d, e, *to = dst;
    u32 half;

    guest_window_open();
    if (bytes == 4) {
        guest_window_load(half, (const u32 *)src, fault);
        guest_window_close();
        *(u32 *)dst = half;
        return false;
    }
    guest_window_load(a, from, fault);
    if (bytes > 8)
        guest_window_load(b, from + 1, fault);
    if (bytes > 16)
        guest_window_load(c, from + 2, fault);
    if (bytes > 24)
        guest_window_load(d, from + 3, fault);
    if (bytes > 32)
        guest_window_load(e, from + 4, fault);
    guest_window_close();
    to[0] = a;
    if (bytes > 8)
        to[1] = b;
    if (bytes > 16)
        to[2] = c;
    if (bytes > 24)
        to[3] = d;
    if (bytes > 32)
        to[4] = e;
    return false;
fault:
    guest_window_close();
    return true;
}

HOT_INLINE bool guest_store(unsigned long dst, const void *src, unsigned long bytes)
{
    u64 *to = (u64 *)dst;
    const u64 *from = src;

    guest_window_open();
    if (bytes == 2) {
        guest_window_store((u16 *)dst, *(const u16 *)src, fault);
    } else if (bytes == 4) {
        guest_window_store((u32 *)dst, *(const u32 *)src, fault);
    } else {
        guest_window_store(to, from[0], fault);
        if (bytes > 8)
            guest_window_store(to + 1, from[1], fault);
        if (bytes > 16)
            guest_window_store(to + 2, from[2], fault);
        if (bytes > 24)
            guest_window_store(to + 3, from[3], fault);
        if (bytes > 32)
            guest_window_store(to + 4, from[4], fault);
    }
    guest_window_close();
    return false;
fault:
    guest_window_close();
    return true;
}

static inline unsigned long copy_from_guest_unchecked(void *dst, unsigned long src,
                                                      unsigned long bytes)
{
    if (GUEST_INLINE(bytes))
        return unlikely(guest_load(dst, src, bytes)) ? bytes : 0;
    return guest_copy_raw(dst, (const void *)src, bytes);
}

static inline unsigned long copy_to_guest_unchecked(unsigned long dst, const void *src,
                                                    unsigned long bytes)
{
    if (GUEST_INLINE(bytes) || (__builtin_constant_p(bytes) && bytes == 2))
        return unlikely(guest_store(dst, src, bytes)) ? bytes : 0;
    return guest_copy_raw((void *)dst, src, bytes);
}

static inline unsigned long copy_from_guest(void *dst, unsigned long src, unsigned long bytes)
{
    return likely(guest_addr_ok(src, bytes)) ? copy_from_guest_unchecked(dst, src, bytes) : bytes;
}

static inline unsigned long copy_to_guest(unsigned long dst, const void *src, unsigned long bytes)
{
    return likely(guest_addr_ok(dst, bytes)) ? copy_to_guest_unchecked(dst, src, bytes) : bytes;
}

static inline unsigned long clear_guest(unsigned long dst, unsigned long bytes)
{
    return guest_addr_ok(dst, bytes) ? guest_clear_raw((void *)dst, bytes) : bytes;
}

#endif
