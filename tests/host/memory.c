/* SPDX-License-Identifier: MIT */
/*
 * The real page allocator, compiled in here under other names so that allocations can be made to
 * fail. Small objects come from the C library, where the address sanitizer sees every wrong use; a
 * page and more come from machine memory, since some of them are found by frame number. (The test
 * of xalloc.c itself does not use this file.)
 */
#include <lib.h>
#include <no_coverage.h>

/* Counts the frames that the allocator clears. */
unsigned long host_scrubs;
static void counted_memzero(void *dst, size_t n)
{
    __atomic_fetch_add(&host_scrubs, 1UL, __ATOMIC_RELAXED);
    memzero_inline(dst, n);
}

/* A debug build looks at each word of fresh frames: fuzzers learn nothing there. */
NO_COVERAGE_BEGIN
#define memzero_inline        counted_memzero
#define alloc_hv_pages        real_alloc_hv_pages
#define alloc_domain_pages_at real_alloc_domain_pages_at
#define alloc_pages_aside     real_alloc_pages_aside
#include "../../hypervisor/page_alloc.c" /* NOLINT(bugprone-suspicious-include) */
#undef memzero_inline
#undef alloc_hv_pages
#undef alloc_domain_pages_at
#undef alloc_pages_aside
NO_COVERAGE_END

#include <host.h>

void *calloc(size_t n, size_t size);
void free(void *p);

static unsigned long fail_in, objects, bytes_in_use;
static bool failed;

void *alloc_hv_pages(unsigned int order);
struct page *alloc_domain_pages_at(struct domain *d, unsigned int order, unsigned int memf,
                                   unsigned long pfn);
struct page *alloc_pages_aside(struct domain *d, unsigned int order, unsigned int memf,
                               unsigned long pfn, struct page_list *aside);
void heap_reset(void);

void (*host_before_failure)(void);
void (*host_at_object)(void);

void heap_reset(void)
{
    memset(&heap, 0, sizeof(heap));
    spin_lock_init(&heap.lock, RANK_HEAP);
    host_fail_allocation(0);
}

void host_fail_allocation(unsigned long n)
{
    fail_in = n;
    failed = false;
}

bool host_failed(void)
{
    return failed;
}

static bool fails(void)
{
    if (fail_in == 0 || --fail_in)
        return false;
    if (host_before_failure)
        host_before_failure();
    return failed = true;
}

void *alloc_hv_pages(unsigned int order)
{
    return fails() ? NULL : real_alloc_hv_pages(order);
}

struct page *alloc_domain_pages_at(struct domain *d, unsigned int order, unsigned int memf,
                                   unsigned long pfn)
{
    return fails() ? NULL : real_alloc_domain_pages_at(d, order, memf, pfn);
}

struct page *alloc_pages_aside(struct domain *d, unsigned int order, unsigned int memf,
                               unsigned long pfn, struct page_list *aside)
{
    return fails() ? NULL : real_alloc_pages_aside(d, order, memf, pfn, aside);
}

/* The size stands in front of the object, 16 bytes away so that the alignment stays. */
void *xzalloc_bytes(size_t size)
{
    unsigned int order = order_from_pages(DIV_ROUND_UP(size, PAGE_SIZE));
    void (*other)(void) = host_at_object;
    size_t *p;

    if (other) {
        host_at_object = NULL;
        other();
    }
    if (fails())
        return NULL;
    if (size >= PAGE_SIZE) {
        p = real_alloc_hv_pages(order);
        if (!p)
            return NULL;
        virt_to_page(p)->order = (u8)order;
        size = PAGE_SIZE << order;
    } else {
        p = calloc(1, size + 16);
        *p = size;
        p += 2;
    }
    atomic_add(&objects, 1UL);
    atomic_add(&bytes_in_use, size);
    return p;
}

static bool in_ram(const void *p)
{
    return (const char *)p >= host_ram && (const char *)p < host_ram + (max_page << PAGE_SHIFT);
}

void xfree(void *p)
{
    if (!p)
        return;
    atomic_sub(&objects, 1UL);
    if (in_ram(p)) {
        unsigned int order = virt_to_page(p)->order;

        atomic_sub(&bytes_in_use, PAGE_SIZE << order);
        free_hv_pages(p, order);
    } else {
        atomic_sub(&bytes_in_use, *((size_t *)p - 2));
        free((size_t *)p - 2);
    }
}

unsigned long xalloc_in_use(void)
{
    return bytes_in_use;
}

unsigned long host_objects(void)
{
    return objects;
}

/*
 * Objects are found from machine memory, where the leak sanitizer does not look; host_objects()
 * counts them instead.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
