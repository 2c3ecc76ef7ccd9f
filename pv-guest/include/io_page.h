/* SPDX-License-Identifier: MIT */
/*
 * I/O pages: pages that never hold anything but what devices read and write. A front driver may
 * leave them granted to its back end for ever (persistent grants), which would not do for memory
 * that is used for something else later: they never go back to the page allocator.
 *
 * Buffers that are made of them are read and written in place; others are copied.
 */
#ifndef IO_PAGE_H
#define IO_PAGE_H

#include <stdbool.h>

/* Allocate an I/O page, with any content. @return its address in the physical map, or NULL. */
void *io_page_alloc(void);

/* Give it back to the other users of I/O pages. */
void io_page_free(void *page);

/* Whether an address in the physical map is in an I/O page. */
bool io_page_is(const void *va);

#endif
