/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing guest memory at guest virtual addresses of the current vCPU.
 *
 * Each piece is read once, into a local. Each form refuses addresses inside the hypervisor's range
 * and returns the number of bytes that could not be copied; 0 says that all went well. A fault
 * never harms us. Interrupts stay as they are. The guest's kernel page tables must be loaded (they
 * are during a hypercall).
 */
#ifndef BULKHEAD_GUEST_ACCESS_H
#define BULKHEAD_GUEST_ACCESS_H

#include <asm/guest_access.h>
/*
 * asm/guest_access.h gives:
 *   bool guest_range_ok(unsigned long addr, unsigned long count, unsigned long size);
 *       // the product does not overflow, and all of it may be the guest's
 *   unsigned long copy_from_guest(void *dst, unsigned long src, unsigned long bytes);
 *   unsigned long copy_to_guest(unsigned long dst, const void *src, unsigned long bytes);
 *   unsigned long clear_guest(unsigned long dst, unsigned long bytes);
 *   copy_from_guest_unchecked(), copy_to_guest_unchecked(): the same, for parts of what
 *                                                           guest_range_ok() agreed to
 * Small constant sizes (4, and multiples of 8 up to 40) are expanded in line.
 *   guest_window_open(), guest_window_close(): around single accesses to addresses that
 *       guest_range_ok() agreed to; in between nothing else may be called
 *   guest_window_load(variable, address, label), guest_window_store(address, value, label): one
 *       word; a fault jumps to the label, where the window is still open
 */

/* One object by its type: non-zero on a fault. */
#define get_guest(obj, addr) copy_from_guest((obj), (addr), sizeof(*(obj)))
#define put_guest(addr, obj) copy_to_guest((addr), (obj), sizeof(*(obj)))
/* Element @i of a guest array. */
#define get_guest_element(obj, base, i) \
    copy_from_guest((obj), (base) + (i) * sizeof(*(obj)), sizeof(*(obj)))
#define put_guest_element(base, i, obj) \
    copy_to_guest((base) + (i) * sizeof(*(obj)), (obj), sizeof(*(obj)))
/* The address held by a XEN_GUEST_HANDLE. */
#define handle_addr(h) ((unsigned long)(h).p)

#endif
