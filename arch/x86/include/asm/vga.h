/* SPDX-License-Identifier: MIT */
/* The text screen. */
#ifndef ASM_VGA_H
#define ASM_VGA_H

#include <types.h>

/*
 * Clears the 80x25 text screen and registers it with the console. The direct map must cover
 * 0xb8000.
 */
void vga_init_early(void);
/* Is the screen a console now? */
bool vga_in_use(void);
/* Stops writing to the screen: it is dom0's from now on. */
void vga_release(void);

#endif
