/* SPDX-License-Identifier: MIT */
/* I/O pages (io_page.h): a bit for each, and a list of the free ones, threaded through them. */
#include <events.h>
#include <io_page.h>
#include <memory.h>
#include <stddef.h>

static uint8_t is_io_page[(PHYSICAL_MAP_SIZE >> PAGE_SHIFT) / 8];
static void *free_pages;

void *io_page_alloc(void)
{
    bool enabled = events_disable();
    void *page = free_pages;

    if (page) {
        free_pages = *(void **)page;
    } else {
        page = page_alloc();
        if (page)
            is_io_page[va_to_pfn(page) / 8] |= (uint8_t)(1u << (va_to_pfn(page) % 8));
    }
    events_restore(enabled);
    return page;
}

void io_page_free(void *page)
{
    bool enabled = events_disable();

    *(void **)page = free_pages;
    free_pages = page;
    events_restore(enabled);
}

bool io_page_is(const void *va)
{
    return is_io_page[va_to_pfn(va) / 8] & (1u << (va_to_pfn(va) % 8));
}
