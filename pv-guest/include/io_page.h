/* SPDX-License-Identifier: MIT */
/*
 * I/O pages: pages that never hold anything but data of devices. A front driver may leave them
 * granted to its back end for ever (persistent grants). Memory that is used for something else
 * later must not stay granted, so I/O pages never go back to the page allocator.
 *
 * Buffers that are made of them are read and written in place; others are copied.
 */
#ifndef IO_PAGE_H
#define IO_PAGE_H

#include <stdbool.h>

/* Allocates an I/O page, with any content. @return its address in the physical map, or NULL. */
void *io_page_alloc(void);

/* Gives it back to the other users of I/O pages. */
void io_page_free(void *page);

/* Whether an address in the physical map is in an I/O page. */
bool io_page_is(const void *va);

#endif
