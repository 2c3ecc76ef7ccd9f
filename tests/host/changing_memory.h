/* SPDX-License-Identifier: MIT */
/*
 * Memory that is shared with somebody who changes each word as soon as it was read, so that whoever
 * reads a word a second time does not find what was checked. The page is kept out of reach; each
 * access faults, is done as a single step, and the word that was read is inverted behind it.
 * For one thread, and for single accesses of at most eight bytes that do not cross a word.
 */
#ifndef HOST_CHANGING_MEMORY_H
#define HOST_CHANGING_MEMORY_H

#include <stddef.h>

/* From now on the words of `bytes` (whole pages) from `page` on change when they are read. */
void memory_changes(void *page, size_t bytes);

/* They keep the values that they have now, and can be reached as before. */
void memory_stays(void);

#endif
