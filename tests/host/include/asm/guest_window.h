/* SPDX-License-Identifier: MIT */
/*
 * Guest memory on the host: what host_guest_pointer() knows (machine.c); every other address
 * faults.
 */
#ifndef ASM_GUEST_WINDOW_H
#define ASM_GUEST_WINDOW_H

#include <types.h>

/* @bytes of guest memory at guest address @addr; NULL: the access faults. */
void *host_guest_pointer(unsigned long addr, unsigned long bytes);
/* @bytes of guest memory have just been read: whoever shares it may change it. */
void host_guest_was_read(void *place, unsigned long bytes);
/* Panics when two windows are open at once, or none is closed. */
void host_guest_window(bool open);

unsigned long guest_copy_raw(void *dst, const void *src, unsigned long bytes);
unsigned long guest_clear_raw(void *dst, unsigned long bytes);

static inline void guest_window_open(void)
{
    host_guest_window(true);
}

static inline void guest_window_close(void)
{
    host_guest_window(false);
}

#define guest_window_store(addr, val, fault)                                    \
    do {                                                                        \
        __typeof__(val) _val = (val);                                           \
        void *_place = host_guest_pointer((unsigned long)(addr), sizeof(_val)); \
        if (!_place)                                                            \
            goto fault;                                                         \
        __builtin_memcpy(_place, &_val, sizeof(_val));                          \
    } while (0)
#define guest_window_load(val, addr, fault)                                    \
    do {                                                                       \
        void *_place = host_guest_pointer((unsigned long)(addr), sizeof(val)); \
        if (!_place)                                                           \
            goto fault;                                                        \
        __builtin_memcpy(&(val), _place, sizeof(val));                         \
        host_guest_was_read(_place, sizeof(val));                              \
    } while (0)

#endif
