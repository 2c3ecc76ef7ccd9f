/* SPDX-License-Identifier: MIT */
/* Sets of integers kept as sorted disjoint ranges: I/O ports, machine frames and interrupts that a
 * domain may use. */
#ifndef BULKHEAD_RANGESET_H
#define BULKHEAD_RANGESET_H

#include "types.h"

struct rangeset;

/* @return NULL: out of memory */
struct rangeset *rangeset_new(void);
void rangeset_free(struct rangeset *r);
/*
 * Adds [@first, @last] to the set, or removes it.
 * @return 0; -XEN_ENOMEM: the set is unchanged
 */
int rangeset_add(struct rangeset *r, unsigned long first, unsigned long last);
int rangeset_remove(struct rangeset *r, unsigned long first, unsigned long last);
/* Is all of [@first, @last] in the set? */
bool rangeset_contains(const struct rangeset *r, unsigned long first, unsigned long last);
/*
 * Calls @fn for each range until it returns non-zero. @fn must not change the set.
 * @return what @fn returned last
 */
int rangeset_for_each(const struct rangeset *r,
                      int (*fn)(unsigned long first, unsigned long last, void *arg), void *arg);

#endif
