/* SPDX-License-Identifier: MIT */
/*
 * Hostile guest: frames that were given back. A translation that was never flushed may lead to a
 * frame for as long as the frame is nobody's. Data written through it reaches no later owner:
 * not while the frame is free, and not once it has an owner again.
 */
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <public/memory.h>
#include <stdio.h>
#include <string.h>
#include <traps.h>

#include "harness.h"

#define FRAMES 500u
#define ROUNDS 4u

/* What the attacker writes, and when. */
#define OWNED      0x1111111111111111ul
#define WHILE_FREE 0x2222222222222222ul
#define AFTERWARDS 0x3333333333333333ul

static xen_pfn_t extents[FRAMES];
static uint64_t written;

static long reservation(unsigned int command)
{
    struct xen_memory_reservation op = {.nr_extents = FRAMES, .domid = DOMID_SELF};

    set_xen_guest_handle(op.extent_start, extents);
    return hypercall_memory_op(command, &op);
}

static void fill(void *page)
{
    for (unsigned int i = 0; i < PAGE_SIZE / sizeof(written); i++)
        ((volatile uint64_t *)page)[i] = written;
}

/* Writes to all pages whose translations are still there. Returns how many were. */
static unsigned int write_pages(char *pages, uint64_t value)
{
    unsigned int count = 0;

    written = value;
    for (unsigned int i = 0; i < FRAMES; i++)
        count += !trap_catch(fill, pages + i * PAGE_SIZE, NULL);
    return count;
}

/* How many of the frames hold anything but zeroes, or hold `value`; looked at through `window`. */
static void scan(uint64_t *window, uint64_t value, unsigned int *dirty, unsigned int *hits)
{
    for (unsigned int i = 0; i < FRAMES; i++) {
        bool is_dirty = false, is_hit = false;

        CHECK_EQ(
            hypercall_update_va_mapping(window, make_pte(extents[i], PTE_KERNEL_DATA), UVMF_INVLPG),
            0);
        for (unsigned int k = 0; k < PAGE_SIZE / sizeof(*window); k++) {
            is_dirty |= window[k] != 0;
            is_hit |= window[k] == value;
        }
        *dirty += is_dirty;
        *hits += is_hit;
    }
}

static bool on_bulkhead(void)
{
    xen_extraversion_t extra;

    CHECK_EQ(hypercall_xen_version(XENVER_extraversion, extra), 0);
    return strstr(extra, "bulkhead") != NULL;
}

static void attack(char *pages, uint64_t *window)
{
    unsigned int while_free, afterwards, dirty = 0, hits = 0;

    CHECK_EQ(write_pages(pages, OWNED), FRAMES);
    for (unsigned int i = 0; i < FRAMES; i++) {
        extents[i] = va_to_mfn(pages + i * PAGE_SIZE);
        CHECK_EQ(hypercall_update_va_mapping(pages + i * PAGE_SIZE, 0, UVMF_NONE), 0);
    }
    CHECK_EQ(reservation(XENMEM_decrease_reservation), FRAMES);
    while_free = write_pages(pages, WHILE_FREE);
    for (unsigned int i = 0; i < FRAMES; i++)
        extents[i] = va_to_pfn(pages) + i;
    CHECK_EQ(reservation(XENMEM_populate_physmap), FRAMES);
    afterwards = write_pages(pages, AFTERWARDS);
    scan(window, AFTERWARDS, &dirty, &hits);
    printf("%u pages written while free, %u afterwards; %u frames are not clean\n", while_free,
           afterwards, dirty);
    CHECK_EQ(hits, 0);
    /* Xen leaves it to a domain to clear what it gives back, and to the next owner what it gets. */
    if (on_bulkhead())
        CHECK_EQ(dirty, 0);
    for (unsigned int i = 0; i < FRAMES; i++) {
        pfn_set_mfn(va_to_pfn(pages) + i, extents[i]);
        CHECK_EQ(hypercall_update_va_mapping(pages + i * PAGE_SIZE,
                                             make_pte(extents[i], PTE_KERNEL_DATA), UVMF_INVLPG),
                 0);
    }
}

static void test_stale_translations(void)
{
    char *pages = pages_alloc(FRAMES);
    uint64_t *window = page_alloc();
    mfn_t own = va_to_mfn(window);

    for (unsigned int round = 0; round < ROUNDS; round++)
        attack(pages, window);
    CHECK_EQ(hypercall_update_va_mapping(window, make_pte(own, PTE_KERNEL_DATA), UVMF_INVLPG), 0);
    page_free(window);
    pages_free(pages, FRAMES);
}

void guest_main(void)
{
    static const struct test tests[] = {{"stale_translations", test_stale_translations}, {0}};

    run_tests(tests);
}
