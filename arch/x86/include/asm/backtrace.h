/* SPDX-License-Identifier: MIT */
/* Names of our code's addresses, and the chain of callers. */
#ifndef ASM_BACKTRACE_H
#define ASM_BACKTRACE_H

#include <types.h>

/*
 * @return the name of the function that @addr lies in, and in *@offset how far inside; NULL: it
 * lies in none of ours
 */
const char *symbol_lookup(unsigned long addr, unsigned long *offset);
/*
 * Prints @rip and the callers found through frame pointers from @rbp on, symbolised. The walk stays
 * on the current CPU's stack block, so a broken chain does no harm. Any context.
 */
void print_backtrace(unsigned long rip, unsigned long rbp);

#endif
