/* SPDX-License-Identifier: MIT */
/*
 * A window of our address space in which single frames of device registers are mapped, uncached,
 * after boot: tables of messages. A frame is mapped once, however many use it.
 */
#ifndef ASM_DEVICE_WINDOW_H
#define ASM_DEVICE_WINDOW_H

#include <types.h>

/* Boot: makes the window's page table. */
void device_window_init(void);
/* Maps the frame, or counts one more use. NULL: the window is full. RANK_PCI lock held. */
void *device_window_map(mfn_t mfn);
/* Gives back what device_window_map() returned (or an address in that page). Interrupts on. */
void device_window_unmap(void *p);

#endif
