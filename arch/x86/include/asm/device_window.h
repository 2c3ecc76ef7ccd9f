/* SPDX-License-Identifier: MIT */
/*
 * A window of our address space in which single frames of device registers (tables of messages) are
 * mapped uncached after boot. A frame is mapped once, however many users it has.
 */
#ifndef ASM_DEVICE_WINDOW_H
#define ASM_DEVICE_WINDOW_H

#include <types.h>

/* Boot: makes the window's page table. */
void device_window_init(void);
/*
 * Maps the frame, or counts one more user of its mapping. Locks: RANK_PCI is held.
 * @return its address; NULL: the window is full
 */
void *device_window_map(mfn_t mfn);
/*
 * Drops one user of what device_window_map() returned (or of an address in that page). Interrupts
 * are on.
 */
void device_window_unmap(void *p);

#endif
