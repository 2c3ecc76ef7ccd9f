/* SPDX-License-Identifier: MIT */
/* Descriptor tables of guests, whose frames are of the type PG_TYPE_SEGDESC (descriptor.c). */
#ifndef PV_DESCRIPTOR_H
#define PV_DESCRIPTOR_H

#include <domain.h>

#define WINDOW_PAGES 32U /* of a vCPU's window */
#define LDT_FIRST    16U /* of them: those before it are the GDT's */
STATIC_ASSERT(WINDOW_PAGES << PAGE_SHIFT == 1U << GDT_LDT_VCPU_SHIFT);

/*
 * Gives @v a window that shows no descriptors. (descriptor_window.c)
 * @return 0; -XEN_ENOMEM
 */
int window_create(struct vcpu *v);
/* Takes the window of @v, which never runs again, away. */
void window_destroy(struct vcpu *v);
/* Empties a GDT slot: maps a page of zeroes there. */
void window_map_zeroes(u64 *pe);

/* May the processor see this descriptor? If so, changes it to give no more than ring 3. */
bool check_descriptor(u64 *desc);
/*
 * Checks every descriptor of a frame.
 * @return 0; -XEN_EINVAL: one may not be seen
 */
int validate_segdesc(const struct page *pg);
/* MMUEXT_SET_LDT for the current vCPU; the arguments are checked. */
void set_ldt(struct vcpu *v, unsigned long base, unsigned int entries);
/*
 * Unmaps the LDT of @v from its window.
 * @return true: a page was mapped, so the CPU of @v has to flush
 */
bool destroy_ldt(struct vcpu *v);
/* Unmaps the LDTs of all vCPUs of @d and flushes, so that the frames may be reused. */
void drop_ldts(struct domain *d);

#endif
