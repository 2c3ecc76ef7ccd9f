/* SPDX-License-Identifier: MIT */
/*
 * Memory that is shared with a writer that changes each word as soon as it was read, so that
 * whoever reads a word a second time does not find what was checked. The page is kept out of reach;
 * each access faults, is done as a single step, and the word that was read is inverted behind it.
 * For one thread, and for accesses that do not cross a word.
 */
#ifndef HOST_CHANGING_MEMORY_H
#define HOST_CHANGING_MEMORY_H

#include <stddef.h>

/*
 * From now on `bytes` (whole pages) from `page` on change when they are read, in words of `word`
 * bytes, 4 or 8: as large as the code under test reads them.
 */
void memory_changes(void *page, size_t bytes, size_t word);

/* They keep the values that they have now, and can be reached as before. */
void memory_stays(void);

#endif
