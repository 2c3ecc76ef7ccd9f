/* SPDX-License-Identifier: MIT */
/*
 * Start-of-day page tables.
 *
 * Tables of a region are numbered from the top: the root (in the first region only), then level 3,
 * 2 and 1, each in the order of addresses. At a level, tables are identified by the address bits
 * above what they span; a table that an earlier region has already is shared with it.
 */
#include <image/page_tables.h>

/* Bits of an entry (Intel SDM volume 3, 4.5). A PV kernel runs in ring 3: all is a user's page. */
#define ENTRY_PRESENT  (1ull << 0)
#define ENTRY_WRITE    (1ull << 1)
#define ENTRY_USER     (1ull << 2)
#define ENTRY_ACCESSED (1ull << 5)
#define ENTRY_DIRTY    (1ull << 6)

#define LEAF_BITS  (ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER | ENTRY_ACCESSED)
#define TABLE_BITS (LEAF_BITS | ENTRY_DIRTY)

/*
 * @return what an address has in common with all others that a table of @level maps; 48 bits count
 */
static uint64_t table_index(uint64_t address, unsigned int level)
{
    return (address & ((1ull << 48) - 1)) >> (12 + 9 * level);
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return min_of(max_of(value, low), high);
}

/* Computes the interval of level-@level tables that region @r touches. */
static void interval(const struct page_tables *t, unsigned int r, unsigned int level,
                     uint64_t *first, uint64_t *last)
{
    *first = table_index(t->region[r].start, level);
    *last = table_index(t->region[r].end - 1, level);
}

/*
 * The tables of a level that a region holds: those from first up to end, but for the hole that the
 * region before it has already. What is asked about them is computed without a look at each one: a
 * region may have millions.
 */
struct held {
    uint64_t first, end;
    uint64_t hole, hole_end; /* an empty hole may lie anywhere in there */
};

_Static_assert(MAX_REGIONS == 2, "only one region comes before another");

static struct held held_tables(const struct page_tables *t, unsigned int r, unsigned int level)
{
    struct held h;
    uint64_t first, last;

    interval(t, r, level, &first, &last);
    h = (struct held){.first = first, .end = last + 1, .hole = first, .hole_end = first};
    if (r) {
        interval(t, 0, level, &first, &last);
        h.hole = clamp(first, h.first, h.end);
        h.hole_end = clamp(last + 1, h.hole, h.end);
    }
    return h;
}

/* @return how many of them lie below @index */
static uint64_t held_below(const struct held *h, uint64_t index)
{
    uint64_t end = clamp(index, h->first, h->end);

    return end - h->first - (clamp(end, h->hole, h->hole_end) - h->hole);
}

static uint64_t held_count(const struct held *h)
{
    return held_below(h, h->end);
}

uint64_t page_tables_count(const struct page_tables *t, unsigned int r)
{
    uint64_t count = 0;

    for (unsigned int level = TABLE_LEVELS; level >= 1; level--) {
        struct held h = held_tables(t, r, level);

        count += held_count(&h);
    }
    return count;
}

/* Finds the table: level and index of number @n in region @r. */
static void nth_table(const struct page_tables *t, unsigned int r, uint64_t n, unsigned int *level,
                      uint64_t *index)
{
    struct held h = held_tables(t, r, TABLE_LEVELS);

    for (*level = TABLE_LEVELS; n >= held_count(&h); h = held_tables(t, r, --*level))
        n -= held_count(&h);
    *index = h.first + n;
    if (*index >= h.hole)
        *index += h.hole_end - h.hole;
}

/* @return the pfn of a table that region @r holds */
static uint64_t table_pfn(const struct page_tables *t, unsigned int r, unsigned int level,
                          uint64_t index)
{
    struct held h = held_tables(t, r, level);
    uint64_t pfn = t->region[r].tables_pfn + held_below(&h, index);

    while (++level <= TABLE_LEVELS) {
        h = held_tables(t, r, level);
        pfn += held_count(&h);
    }
    return pfn;
}

struct frames {
    uint64_t (*of)(const void *context, uint64_t pfn);
    const void *context;
};

/* Takes the right to write pfns @from to @to - 1 from @entries, which map @count from @pfn on. */
static void protect(uint64_t *entries, uint64_t pfn, uint64_t count, uint64_t from, uint64_t to)
{
    for (uint64_t i = max_of(pfn, from); i < min_of(pfn + count, to); i++)
        entries[i - pfn] &= ~ENTRY_WRITE;
}

/*
 * Fills in what region @r has of the addresses of a lowest table, which begin at page @start.
 */
static void fill_pages(const struct page_tables *t, unsigned int r, uint64_t start,
                       uint64_t *entries, const struct frames *frames)
{
    const struct table_region *region = &t->region[r];
    uint64_t first, last, from, pfn, count;

    interval(t, r, 0, &first, &last);
    from = max_of(first, start);
    pfn = region->pfn + from - first;
    if (from > last || from >= start + TABLE_ENTRIES || pfn >= region->limit)
        return;
    count = min_of(min_of(last + 1, start + TABLE_ENTRIES) - from, region->limit - pfn);
    entries += from - start;
    for (uint64_t i = 0; i < count; i++)
        entries[i] = frames->of(frames->context, pfn + i) << 12 | LEAF_BITS;
    protect(entries, pfn, count, t->read_only, t->read_only_end);
    protect(entries, pfn, count, t->read_only2, t->read_only2_end);
}

/*
 * The same for a table of a higher @level: the tables below it that the region holds, whose pfns
 * follow one another as they do.
 */
static void fill_tables(const struct page_tables *t, unsigned int r, unsigned int level,
                        uint64_t start, uint64_t *entries, const struct frames *frames)
{
    struct held h = held_tables(t, r, level - 1);
    uint64_t end = min_of(h.end, start + TABLE_ENTRIES);
    uint64_t i = max_of(h.first, start), pfn = table_pfn(t, r, level - 1, i);

    for (; i < end; i++) {
        if (i >= h.hole && i < h.hole_end)
            continue;
        entries[i - start] = frames->of(frames->context, pfn++) << 12 | TABLE_BITS;
    }
}

void page_tables_fill(const struct page_tables *t, unsigned int r, uint64_t n,
                      uint64_t entries[TABLE_ENTRIES],
                      uint64_t (*frame)(const void *context, uint64_t pfn), const void *context)
{
    struct frames frames = {.of = frame, .context = context};
    unsigned int level;
    uint64_t index;

    nth_table(t, r, n, &level, &index);
    for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
        entries[i] = 0;
    /* Where two regions have the same page, the first one says what is there. */
    for (unsigned int part = t->regions; part-- > 0;) {
        if (level == 1)
            fill_pages(t, part, index * TABLE_ENTRIES, entries, &frames);
        else
            fill_tables(t, part, level, index * TABLE_ENTRIES, entries, &frames);
    }
}
