/* SPDX-License-Identifier: MIT */
/* Guest memory: a window of the test's memory (host.h); every other address faults. */
#ifndef ASM_GUEST_ACCESS_H
#define ASM_GUEST_ACCESS_H

#include <lib.h>

/* What an address outside the hypervisor's range looks like; the window may be smaller. */
static inline bool guest_addr_ok(unsigned long addr, unsigned long bytes)
{
    unsigned long end = addr + bytes;

    return end >= addr && end <= 0x0000800000000000UL;
}

static inline bool guest_range_ok(unsigned long addr, unsigned long count, unsigned long size)
{
    unsigned long bytes;

    return !__builtin_mul_overflow(count, size, &bytes) && guest_addr_ok(addr, bytes);
}

unsigned long copy_from_guest(void *dst, unsigned long src, unsigned long bytes);
unsigned long copy_to_guest(unsigned long dst, const void *src, unsigned long bytes);
unsigned long clear_guest(unsigned long dst, unsigned long bytes);

#define copy_from_guest_unchecked copy_from_guest
#define copy_to_guest_unchecked   copy_to_guest

#endif
