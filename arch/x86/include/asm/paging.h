/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own page tables (paging.c; built by boot/paging.c) and its device mappings.
 */
#ifndef ASM_PAGING_H
#define ASM_PAGING_H

#include <asm/pte.h>
#include <types.h>

/*
 * Our root: every guest root receives its slots 256-271 (except 260, which is empty). Its entries
 * never change after boot. The idle loop runs on it.
 */
extern u64 hv_l4[PT_ENTRIES];
/* @return the machine address of hv_l4, for CR3 */
paddr_t hv_cr3(void);
/* The part of our image that is discarded after boot (ldscripts/hypervisor.lds). */
extern char hv_init_start[], hv_init_end[];
extern char hv_image_end[];
/* @return the machine address of something in our image */
paddr_t image_paddr(const void *p);

/*
 * Boot only: maps [@pa, @pa + @bytes) into the device window, cached, for firmware tables.
 * ioremap() of asm/io.h is the uncached form.
 * @return its address; NULL: window or memory is used up
 */
void *ioremap_cached(paddr_t pa, size_t bytes);

/*
 * The end of boot: unmaps the discarded part of the image, whose lowest-level tables' entries begin
 * at @l1[0..@nr_l1 - 1], gives its memory to the heap and starts scheduling. Only the boot CPU
 * runs.
 */
void discard_init(u64 *const l1[], unsigned int nr_l1) __attribute__((noreturn));

/* Bytes of the M2P table that are mapped, from its start: what the guest may read. */
extern unsigned long m2p_bytes;

#endif
