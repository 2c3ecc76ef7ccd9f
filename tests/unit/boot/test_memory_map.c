/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader's memory map to RAM and free memory: overlaps, odd edges, holes, and that
 * what boot_alloc() and the heap get is RAM with no other user. Checked page by page against a
 * plain bitmap.
 */
/* SOURCES: arch/x86/boot/memory_map.c arch/x86/memory_map.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../arch/x86/boot/boot.h"
#include <asm/paging.h>
#include <page_alloc.h>

#define PAGES       1024U /* of the made-up machine: 4 MiB */
#define IMAGE_START 0x200000UL
#define IMAGE_END   0x220000UL

struct boot_info boot_info;
char *host_ram; /* the direct map starts at 0: nothing is touched */
char hv_image_start[1], hv_image_end[1];
static jmp_buf fatal;
static u8 taken[PAGES]; /* handed out */

paddr_t image_paddr(const void *p)
{
    return p == hv_image_start ? IMAGE_START : IMAGE_END;
}

void boot_fatal(const char *fmt, ...)
{
    longjmp(fatal, 1);
}

void printk(enum loglevel level, const char *fmt, ...)
{
}

static void take(paddr_t start, paddr_t end)
{
    for (unsigned long p = start >> PAGE_SHIFT; p < end >> PAGE_SHIFT; p++) {
        assert_true(p < PAGES);
        assert_int_equal(taken[p], 0);
        taken[p] = 1;
    }
}

void heap_add_range(mfn_t start, mfn_t end)
{
    take(start.n << PAGE_SHIFT, end.n << PAGE_SHIFT);
}

void *alloc_hv_pages(unsigned int order)
{
    return NULL;
}

static u32 seed = 1;

static u32 random_below(u32 n)
{
    seed = seed * 1664525U + 1013904223U;
    return (seed >> 8) % n;
}

/* What must be free: RAM in whole pages, nothing else claims it. */
static void expected(u8 *ram_pages, u8 *free_pages)
{
    for (unsigned long p = 0; p < PAGES; p++) {
        paddr_t start = p << PAGE_SHIFT, end = start + PAGE_SIZE;
        unsigned long covered = 0;

        ram_pages[p] = 1;
        for (unsigned int i = 0; i < boot_info.nr_memory; i++) {
            const struct boot_memory *m = &boot_info.memory[i];

            if (m->type == MEMORY_RAM)
                covered += m->start <= start && m->start + m->size >= end;
            else if (m->size && m->start < end && m->start + m->size > start)
                ram_pages[p] = 0;
        }
        ram_pages[p] &= covered != 0;
        free_pages[p] = ram_pages[p] && start >= 0x10000 &&
                        (end <= IMAGE_START || start >= IMAGE_END);
        for (unsigned int i = 0; i < boot_info.nr_modules; i++)
            if (boot_info.modules[i].start < end &&
                boot_info.modules[i].start + boot_info.modules[i].size > start)
                free_pages[p] = 0;
    }
}

static bool allocate_some(void)
{
    size_t bytes = (1UL + random_below(4)) << PAGE_SHIFT, align = PAGE_SIZE << random_below(4);
    paddr_t pa;

    if (setjmp(fatal))
        return false;
    pa = boot_alloc(bytes, align, ~0UL);
    assert_int_equal(pa & (align - 1), 0);
    take(pa, pa + bytes);
    return true;
}

static void check_once(void)
{
    static u8 ram_pages[PAGES], free_pages[PAGES];

    machine_map_entries = 0;
    memset(&ram, 0, sizeof(ram));
    memset(taken, 0, sizeof(taken));
    expected(ram_pages, free_pages);
    if (setjmp(fatal))
        return;
    memory_map_init();
    for (unsigned long p = 0; p < PAGES; p++)
        assert_int_equal(frame_is_ram(MFN(p)), ram_pages[p]);
    for (unsigned int i = 1; i < ram.count; i++)
        assert_true(ram.range[i - 1].end < ram.range[i].start);
    for (unsigned int i = 0; i < 8 && allocate_some(); i++)
        ;
    memory_to_heap();
    assert_memory_equal(taken, free_pages, PAGES);
}

static void overlapping_maps(void **state)
{
    for (unsigned int round = 0; round < 2000; round++) {
        memset(&boot_info, 0, sizeof(boot_info));
        boot_info.nr_memory = 1 + random_below(12);
        for (unsigned int i = 0; i < boot_info.nr_memory; i++) {
            u64 start = random_below(PAGES * PAGE_SIZE);

            /* A page's RAM may be the sum of two entries only when they meet on its edge. */
            if (i % 2 == 0)
                start &= PAGE_MASK;
            boot_info.memory[i].start = start;
            boot_info.memory[i].size = random_below((u32)(PAGES * PAGE_SIZE - start));
            boot_info.memory[i].type = i % 2 == 0 ? MEMORY_RAM : 2;
            if (i % 2 == 0)
                boot_info.memory[i].size &= PAGE_MASK;
        }
        boot_info.nr_modules = random_below(3);
        for (unsigned int i = 0; i < boot_info.nr_modules; i++) {
            boot_info.modules[i].start = IMAGE_END + i * 0x40000UL;
            boot_info.modules[i].size = random_below(0x40000);
        }
        check_once();
    }
}

static void entries_that_wrap_or_end_oddly(void **state)
{
    memset(&boot_info, 0, sizeof(boot_info));
    memset(&ram, 0, sizeof(ram));
    boot_info.memory[0] = (struct boot_memory){0x300800, 0x1900,
                                               MEMORY_RAM}; /* one whole page inside */
    boot_info.memory[1] = (struct boot_memory){~0UL - 0xfff, 0x2000, MEMORY_RAM};
    boot_info.memory[2] = (struct boot_memory){0x400000, 0, MEMORY_RAM};
    boot_info.nr_memory = 3;
    if (setjmp(fatal))
        fail();
    memory_map_init();
    assert_int_equal(ram.count, 1);
    assert_int_equal(ram.range[0].start, 0x301000);
    assert_int_equal(ram.range[0].end, 0x302000);
    assert_int_equal(memory_ram_pages(), 1);
}

static void no_map(void **state)
{
    memset(&boot_info, 0, sizeof(boot_info));
    memset(&ram, 0, sizeof(ram));
    if (setjmp(fatal))
        return;
    memory_map_init();
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_that_wrap_or_end_oddly),
        cmocka_unit_test(no_map),
        cmocka_unit_test(overlapping_maps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
