/* SPDX-License-Identifier: MIT */
/* What hostile guests throw at hypercalls (hostile.h). */
#include "hostile.h"

#include <guest.h>
#include <memory.h>
#include <pagetable.h>
#include <stdlib.h>
#include <string.h>

void *const bad_pointers[BAD_POINTERS] = {
    NULL,
    (void *)8,
    (void *)0x10000000ul,
    (void *)0xffff828000000000ul,
    (void *)0x8000000000000000ul,
    (void *)0x7ffffffffff8ul,
    (void *)0x800000000000ul,
    (void *)0xffff7fffffffffffull,
    (void *)0xffff800000000000ull, /* the M2P table, readable */
    (void *)0xffff87ffffffffffull,
    (void *)0xfffffffffffffff8ull,
    (void *)0xffffffffffffffffull,
};

void hostile_init(struct hostile *h, unsigned int stream, uint8_t *pages, unsigned int nr_pages)
{
    char seed[24] = "1";

    guest_option("seed", seed, sizeof(seed));
    h->state = 0x9e3779b97f4a7c15ull * (strtoull(seed, NULL, 0) * 64 + stream + 1) | 1;
    h->pages = pages;
    h->nr_pages = nr_pages;
}

uint64_t hostile_number(struct hostile *h)
{
    h->state ^= h->state << 13;
    h->state ^= h->state >> 7;
    h->state ^= h->state << 17;
    return h->state;
}

uint8_t *hostile_page(struct hostile *h)
{
    return h->pages + hostile_below(h, h->nr_pages) * PAGE_SIZE;
}

uint64_t hostile_value(struct hostile *h)
{
    static const uint64_t edges[] = {0x7fffffff,         0x80000000,         0xffffffff,
                                     0x1000000000000000, 0x1fffffffffffffff, ~0ull};
    static const domid_t domains[] = {0, 1, 2, 3, DOMID_SELF, DOMID_IO, DOMID_XEN, 0x7fff};

    switch (hostile_below(h, 16)) {
    case 0:
    case 1:
    case 2:
        return hostile_below(h, 20);
    case 3:
        return hostile_below(h, 0x10000);
    case 4:
        return hostile_number(h);
    case 5:
        return edges[hostile_below(h, sizeof(edges) / sizeof(edges[0]))];
    case 6:
        return (uint64_t)bad_pointers[hostile_below(h, BAD_POINTERS)];
    case 7:
        return va_to_mfn(hostile_page(h));
    case 8:
        return va_to_maddr(hostile_page(h)) + (hostile_number(h) & 0xfff);
    case 9:
        return make_pte(va_to_mfn(hostile_page(h)), hostile_number(h) & 0x8000000000000fff);
    case 10: /* a page table in use */
        return va_to_mfn(pte_lookup(hostile_page(h), 1 + hostile_below(h, 4)));
    case 11:
        return va_to_maddr(pte_lookup(hostile_page(h), 1)) + hostile_below(h, 4);
    case 12: /* any frame of the machine */
        return hostile_below(h, 0x20000);
    case 13:
        return make_pte(hostile_below(h, 0x20000), hostile_number(h) & 0x8000000000000fff);
    case 14:
        return domains[hostile_below(h, sizeof(domains) / sizeof(domains[0]))];
    default:
        return (uint64_t)hostile_page(h) + (hostile_number(h) & 0xfff);
    }
}

void hostile_fill(struct hostile *h, void *argument, size_t bytes)
{
    uint8_t *at = argument, *end = at + bytes;

    while (at < end) {
        uint64_t value = hostile_number(h) % 3 ? hostile_value(h) : 0;
        size_t width = (size_t)2 << hostile_below(h, 3);

        /* Fields are aligned to their size; one byte always fits. */
        while (width > 1 && ((uintptr_t)at % width || (size_t)(end - at) < width))
            width /= 2;
        memcpy(at, &value, width);
        at += width;
    }
}
