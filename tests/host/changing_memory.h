/* SPDX-License-Identifier: MIT */
/*
 * Memory that is shared with somebody who changes it between two accesses of the code under test.
 * The pages are kept out of reach; each access faults, is done as a single step, and the test
 * changes what it likes behind it. For one thread, and for accesses that do not cross a word.
 */
#ifndef HOST_CHANGING_MEMORY_H
#define HOST_CHANGING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * From now on each access to `bytes` (whole pages) from `page` on is followed by after(), which is
 * told where it began and whether it was to write. What after() does itself is not watched.
 */
void memory_is_watched(void *page, size_t bytes, void (*after)(void *place, bool write));

/*
 * The same with a writer that changes each word as soon as it was read, so that whoever reads it a
 * second time does not find what was checked: it is inverted. `word`: 4 or 8 bytes, as large as the
 * code under test reads them.
 */
void memory_changes(void *page, size_t bytes, size_t word);

/* They keep the values that they have now, and can be reached as before. */
void memory_stays(void);

#endif
