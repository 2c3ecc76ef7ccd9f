/* SPDX-License-Identifier: MIT */
/* The address map on the host: machine memory is an array, and so is the frame table. */
#ifndef HOST_ASM_CONFIG_H
#define HOST_ASM_CONFIG_H

#include_next <asm/config.h>

#undef DIRECTMAP_START
#undef FRAME_TABLE_START

extern char *host_ram;         /* machine address 0 */
extern void *host_frame_table; /* struct page by machine frame number */
#define DIRECTMAP_START   ((unsigned long)host_ram)
#define FRAME_TABLE_START ((unsigned long)host_frame_table)

#endif
