/* SPDX-License-Identifier: MIT */
/*
 * C library, heap. Blocks up to half a page come from lists of equal blocks, one list per power of
 * two, cut from single pages; larger ones are runs of pages. Sixteen bytes before each block hold
 * its size, so that free() knows where it belongs. Pages once cut stay cut.
 */
#include <errno.h>
#include <events.h>
#include <guest.h>
#include <memory.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 16u
#define MIN_SHIFT   5u
#define MAX_SHIFT   11u
#define IN_USE      0x4d414c4cu
#define UNUSED      0x46524545u

struct header {
    uint32_t state; /* IN_USE or UNUSED */
    uint32_t shift; /* block is 1 << shift bytes; 0: `pages` pages */
    union {
        unsigned long pages;
        struct header *next; /* while on a free list */
    };
};

_Static_assert(sizeof(struct header) == HEADER_SIZE, "blocks are 16-byte aligned");

static struct header *lists[MAX_SHIFT + 1];

static unsigned int shift_for(size_t size)
{
    unsigned int shift = MIN_SHIFT;

    while (shift <= MAX_SHIFT && (1ul << shift) < size)
        shift++;
    return shift;
}

static struct header *cut_page(unsigned int shift)
{
    char *page = page_alloc();

    if (!page)
        return NULL;
    for (size_t offset = 0; offset < PAGE_SIZE; offset += 1ul << shift) {
        struct header *header = (struct header *)(page + offset);

        header->state = UNUSED;
        header->shift = shift;
        header->next = lists[shift];
        lists[shift] = header;
    }
    return lists[shift];
}

static struct header *take_small(unsigned int shift)
{
    bool enabled = events_disable();
    struct header *header = lists[shift];

    if (!header)
        header = cut_page(shift);
    if (header)
        lists[shift] = header->next;
    events_restore(enabled);
    return header;
}

static struct header *take_pages(size_t size)
{
    unsigned long pages = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    struct header *header = pages_alloc(pages);

    if (header) {
        header->shift = 0;
        header->pages = pages;
    }
    return header;
}

void *malloc(size_t size)
{
    struct header *header;

    if (size > PHYSICAL_MAP_SIZE) {
        errno = ENOMEM;
        return NULL;
    }
    size += HEADER_SIZE;
    header = shift_for(size) <= MAX_SHIFT ? take_small(shift_for(size)) : take_pages(size);
    if (!header) {
        errno = ENOMEM;
        return NULL;
    }
    header->state = IN_USE;
    return header + 1;
}

void *calloc(size_t count, size_t size)
{
    size_t total;
    void *block;

    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    block = malloc(total);
    if (block)
        memset(block, 0, total);
    return block;
}

void free(void *block)
{
    struct header *header;
    bool enabled;

    if (!block)
        return;
    header = (struct header *)block - 1;
    if (header->state != IN_USE)
        guest_panic("free(%p): not a block in use", block);
    header->state = UNUSED;
    if (header->shift == 0) {
        pages_free(header, header->pages);
        return;
    }
    enabled = events_disable();
    header->next = lists[header->shift];
    lists[header->shift] = header;
    events_restore(enabled);
}

static size_t block_size(const struct header *header)
{
    return (header->shift ? 1ul << header->shift : header->pages << PAGE_SHIFT) - HEADER_SIZE;
}

void *realloc(void *block, size_t size)
{
    size_t old;
    void *fresh;

    if (!block)
        return malloc(size);
    old = block_size((struct header *)block - 1);
    if (size <= old)
        return block;
    fresh = malloc(size);
    if (!fresh)
        return NULL;
    memcpy(fresh, block, old);
    free(block);
    return fresh;
}
