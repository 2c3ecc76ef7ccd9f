/* SPDX-License-Identifier: MIT */
/* Where things lie when a domain starts: see image/start_of_day.h. */
#include <image/start_of_day.h>

#define PAGE_BITS   12
#define PAGE_BYTES  (1ul << PAGE_BITS)
#define SPARE_BYTES (512ul << 10)
#define SPARE_ALIGN (4ul << 20)
#define VIRT_BITS   48 /* addresses are sign-extended from here */

static uint64_t pages(uint64_t bytes)
{
    return (bytes + PAGE_BYTES - 1) >> PAGE_BITS;
}

uint64_t start_of_day_address(const struct start_of_day *s, uint64_t pfn)
{
    return s->image.virt_base + (pfn << PAGE_BITS);
}

uint64_t start_of_day_mapped_pages(const struct start_of_day *s)
{
    return (s->tables.region[0].end - s->tables.region[0].start) >> PAGE_BITS;
}

/*
 * Can a guest map [@start, @start + @bytes)? The range has to lie in one half of the address space
 * and outside the hypervisor's slots.
 */
static bool is_guest_range(uint64_t start, uint64_t bytes)
{
    uint64_t last = start + bytes - 1;
    int64_t half = (int64_t)start >> (VIRT_BITS - 1);

    return start <= last && half == (int64_t)last >> (VIRT_BITS - 1) && (half == 0 || half == -1) &&
           (start >= HYPERVISOR_VIRT_END || last < HYPERVISOR_VIRT_START);
}

/*
 * Sizes the mapping: it holds its own tables, whose number depends on its end. The number only
 * grows, and so does the end, until they agree.
 */
static int size_tables(struct start_of_day *s, const struct image_report *r)
{
    struct table_region *main = &s->tables.region[0];

    s->tables.regions = 1;
    *main = (struct table_region){
        .start = s->image.virt_base, .limit = s->nr_pages, .tables_pfn = s->root};
    for (;;) {
        uint64_t used = ((s->root + s->table_pages + 1) << PAGE_BITS) + SPARE_BYTES;
        uint64_t end = (main->start + used + SPARE_ALIGN - 1) & ~(SPARE_ALIGN - 1);
        uint64_t needed;

        if (used >> (VIRT_BITS - 1) || !is_guest_range(main->start, end - main->start))
            return image_refuse(r,
                                "there is no room for what a domain starts with from VIRT_BASE "
                                "%#lx on",
                                main->start);
        main->end = end;
        needed = page_tables_count(&s->tables, 0);
        if (needed == s->table_pages)
            break;
        s->table_pages = needed;
    }
    s->tables.read_only = s->root;
    s->tables.read_only_end = s->root + s->table_pages;
    return 0;
}

/* Places a P2M list at an address of the kernel's choice: its frames and tables come last. */
static int place_p2m(struct start_of_day *s, const struct image_report *r)
{
    const struct table_region *main = &s->tables.region[0];
    struct table_region *list = &s->tables.region[1];
    uint64_t start = s->image.init_p2m, bytes = s->p2m_pages << PAGE_BITS;

    if (!is_guest_range(start, bytes) || (start - main->start < main->end - main->start) ||
        (main->start - start < bytes))
        return image_refuse(
            r, "the P2M list of %lu KiB cannot lie at %#lx, where the note INIT_P2M wants it",
            bytes >> 10, start);
    s->p2m = s->end;
    s->tables.regions = 2;
    *list = (struct table_region){
        .start = start,
        .end = start + bytes,
        .pfn = s->p2m,
        .limit = s->nr_pages,
        .tables_pfn = s->p2m + s->p2m_pages,
    };
    s->tables.read_only2 = list->tables_pfn;
    s->tables.read_only2_end = list->tables_pfn + page_tables_count(&s->tables, 1);
    s->end = s->tables.read_only2_end;
    return 0;
}

int start_of_day_lay_out(struct start_of_day *s, const struct image_report *r)
{
    bool own_p2m = s->image.init_p2m != IMAGE_NO_ADDRESS;
    uint64_t next = pages(s->image.end);

    if (s->image.end >> (VIRT_BITS - 1))
        return image_refuse(r, "the kernel ends at %#lx, which no domain's memory reaches",
                            s->image.end);
    s->ramdisk_pages = pages(s->ramdisk_bytes);
    s->p2m_pages = pages(s->nr_pages * sizeof(uint64_t));
    s->table_pages = 0;
    s->tables = (struct page_tables){.regions = 0};
    if (!s->image.unmapped_ramdisk) {
        s->ramdisk = next;
        next += s->ramdisk_pages;
    }
    if (!own_p2m) {
        s->p2m = next;
        next += s->p2m_pages;
    }
    s->start_info = next++;
    if (!s->dom0) {
        s->store = next++;
        s->console = next++;
    }
    s->root = next;
    if (size_tables(s, r))
        return -1;
    s->stack = s->root + s->table_pages;
    s->end = s->stack + 1;
    if (s->dom0)
        s->end = start_of_day_mapped_pages(s);
    if (s->image.unmapped_ramdisk) {
        s->ramdisk = s->end;
        s->end += s->ramdisk_pages;
    }
    return own_p2m ? place_p2m(s, r) : 0;
}
