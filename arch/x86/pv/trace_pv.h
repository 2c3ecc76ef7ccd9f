/* SPDX-License-Identifier: MIT */
/* Records of what PV guests do (public/trace.h); for callers that have seen tracing(). */
#ifndef PV_TRACE_PV_H
#define PV_TRACE_PV_H

#include <trace.h>

/* The guest, at @rip, gets an exception. @error_code: of those that have one */
void trace_pv_trap(unsigned long rip, unsigned int vector, u32 error_code);
void trace_pv_page_fault(unsigned long rip, unsigned long addr, u32 error_code);
/* The instruction that ends at @rip was done for the guest, as @event says. */
void trace_pv_behind(u32 event, unsigned long rip);
/* The instruction at @rip wrote @pte to the page-table entry at @addr. */
void trace_pv_pte_write(unsigned long rip, unsigned long addr, u64 pte);

#endif
