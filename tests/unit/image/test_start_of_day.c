/* SPDX-License-Identifier: MIT */
/*
 * What a domain starts with, for dom0 and for domUs, with the ramdisk and the P2M list where old
 * kernels and where new ones want them: nothing overlaps, the tables map what they should and
 * themselves read-only, start_info and the first registers agree with them, and addresses that
 * leave no room are refused.
 */
/* SOURCES: $(IMAGE_SRCS) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <image/start_of_day.h>

#define BASE    0xffffffff80000000ull
#define OWN_P2M 0x8000000000ull
#define PAGE    4096ull
#define MFN_OF  0x100000ull /* mfn = pfn + this */
#define PRESENT 1ull
#define WRITE   2ull

static char refusal[512];

static void refuse(void *context, const char *format, va_list args)
{
    vsnprintf(refusal, sizeof(refusal), format, args);
}

static const struct image_report report = {.refuse = refuse};

static struct start_of_day make(bool dom0, bool unmapped_ramdisk, bool own_p2m)
{
    return (struct start_of_day){
        .image = {.virt_base = BASE,
                  .entry = BASE + 0x100040,
                  .start = 0x100000,
                  .end = 0x345678,
                  .hypercall_page = IMAGE_NO_ADDRESS,
                  .init_p2m = own_p2m ? OWN_P2M : IMAGE_NO_ADDRESS,
                  .unmapped_ramdisk = unmapped_ramdisk},
        .ramdisk_bytes = 3000001,
        .nr_pages = 16384,
        .dom0 = dom0,
    };
}

/* ---- a memory of tables ---- */

static uint64_t (*memory)[TABLE_ENTRIES]; /* by pfn */

static uint64_t frame_of(const void *context, uint64_t pfn)
{
    return pfn + MFN_OF;
}

static void build_tables(const struct start_of_day *s)
{
    memory = calloc(s->nr_pages, sizeof(*memory));
    for (unsigned int r = 0; r < s->tables.regions; r++)
        for (uint64_t n = 0; n < page_tables_count(&s->tables, r); n++)
            page_tables_fill(&s->tables, r, n, memory[s->tables.region[r].tables_pfn + n], frame_of,
                             NULL);
}

/* Walks the tables as the processor does; the entry, or 0. */
static uint64_t walk(const struct start_of_day *s, uint64_t address)
{
    uint64_t pfn = s->root, entry = 0;

    for (int level = 4; level >= 1; level--) {
        entry = memory[pfn][(address >> (12 + 9 * (level - 1))) & 511];
        if (!(entry & PRESENT))
            return 0;
        pfn = (entry >> 12) - MFN_OF;
        assert_true(pfn < s->nr_pages);
    }
    return entry;
}

/* ---- layout ---- */

struct piece {
    const char *name;
    uint64_t pfn, pages;
};

static void assert_apart(const struct piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            if (i != j && pieces[i].pages && pieces[j].pages && pieces[i].pfn <= pieces[j].pfn &&
                pieces[j].pfn < pieces[i].pfn + pieces[i].pages)
                fail_msg("%s overlaps %s", pieces[i].name, pieces[j].name);
}

static void check_layout(const struct start_of_day *s)
{
    const struct piece pieces[] = {
        {"kernel", 0, (s->image.end + PAGE - 1) / PAGE},
        {"ramdisk", s->ramdisk, 733},
        {"P2M list", s->p2m, s->tables.regions == 2 ? s->end - s->p2m : 32},
        {"start_info", s->start_info, 1},
        {"store", s->store, !s->dom0},
        {"console", s->console, !s->dom0},
        {"tables", s->root, s->table_pages},
        {"stack", s->stack, 1},
    };
    uint64_t mapped = start_of_day_mapped_pages(s);

    assert_apart(pieces, sizeof(pieces) / sizeof(pieces[0]));
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        assert_true(pieces[i].pfn + pieces[i].pages <= s->end);
    assert_int_equal(s->stack, s->root + s->table_pages);
    assert_int_equal((BASE + mapped * PAGE) % (4 << 20), 0);
    assert_in_range(mapped - s->stack - 1, 128, 128 + 1023);
    /* Behind the stack in a domU, behind the mapping in dom0. */
    if (s->image.unmapped_ramdisk)
        assert_int_equal(s->ramdisk, s->dom0 ? mapped : s->stack + 1);
    else
        assert_true(s->ramdisk < s->start_info);
    if (s->dom0)
        assert_true(s->end >= mapped);
}

static void check_tables(const struct start_of_day *s)
{
    uint64_t mapped = start_of_day_mapped_pages(s);

    build_tables(s);
    for (uint64_t pfn = 0; pfn < mapped; pfn++) {
        uint64_t entry = walk(s, BASE + pfn * PAGE);
        bool table = (pfn >= s->root && pfn < s->stack) ||
                     (s->tables.regions == 2 && pfn >= s->p2m + s->p2m_pages && pfn < s->end);

        assert_int_equal(entry >> 12, pfn + MFN_OF);
        assert_int_equal(!(entry & WRITE), table);
    }
    assert_int_equal(walk(s, BASE - PAGE), 0);
    assert_int_equal(walk(s, BASE + mapped * PAGE), 0);
    for (uint64_t i = 0; s->tables.regions == 2 && i < s->p2m_pages; i++)
        assert_int_equal(walk(s, OWN_P2M + i * PAGE) >> 12, s->p2m + i + MFN_OF);
    free(memory);
}

static void check_start(const struct start_of_day *s)
{
    vcpu_guest_context_t *c = malloc(sizeof(*c));
    start_info_t si = {.flags = 0};

    memset(c, 0xee, sizeof(*c));
    start_of_day_info(s, &si, 16000, 0x1234000, "hello world");
    start_of_day_context(s, c, 0x77);
    assert_string_equal(si.magic, "xen-3.0-x86_64");
    assert_string_equal((const char *)si.cmd_line, "hello world");
    assert_int_equal(si.nr_pages, 16000);
    assert_int_equal(si.shared_info, 0x1234000);
    assert_int_equal(si.pt_base, BASE + s->root * PAGE);
    assert_int_equal(si.nr_pt_frames, s->table_pages);
    assert_int_equal(si.mod_len, 3000001);
    assert_int_equal(si.mod_start,
                     s->image.unmapped_ramdisk ? s->ramdisk : BASE + s->ramdisk * PAGE);
    assert_int_equal(si.flags, s->image.unmapped_ramdisk ? SIF_MOD_START_PFN : 0);
    if (s->tables.regions == 2) {
        assert_int_equal(si.mfn_list, OWN_P2M);
        assert_int_equal(si.first_p2m_pfn, s->p2m);
        assert_int_equal(si.nr_p2m_frames, 32 + 3); /* and a table of each lower level */
    } else {
        assert_int_equal(si.mfn_list, BASE + s->p2m * PAGE);
        assert_int_equal(si.nr_p2m_frames, 0);
    }
    assert_int_equal(c->flags, VGCF_in_kernel | VGCF_online);
    assert_int_equal(c->user_regs.rip, BASE + 0x100040);
    assert_int_equal(c->user_regs.rsp, BASE + (s->stack + 1) * PAGE);
    assert_int_equal(c->user_regs.rsi, BASE + s->start_info * PAGE);
    assert_int_equal(c->user_regs.cs, FLAT_KERNEL_CS);
    assert_int_equal(c->kernel_sp, c->user_regs.rsp);
    assert_int_equal(c->ctrlreg[3], 0x77000);
    assert_int_equal(c->gdt_ents | c->ldt_ents | c->event_callback_eip | c->vm_assist, 0);
    free(c);
}

static void test_domains(void **state)
{
    for (unsigned int variant = 0; variant < 8; variant++) {
        struct start_of_day s = make(variant & 1, variant & 2, variant & 4);

        if (start_of_day_lay_out(&s, &report))
            fail_msg("%s", refusal);
        check_layout(&s);
        check_tables(&s);
        check_start(&s);
    }
}

static void test_no_ramdisk(void **state)
{
    struct start_of_day s = make(false, true, false);
    start_info_t si = {.flags = 0};

    s.ramdisk_bytes = 0;
    assert_int_equal(start_of_day_lay_out(&s, &report), 0);
    start_of_day_info(&s, &si, 1, 0, "");
    assert_int_equal(si.mod_start, 0);
    assert_int_equal(si.mod_len, 0);
    assert_int_equal(si.flags, 0);
}

static void test_long_command_line(void **state)
{
    struct start_of_day s = make(true, false, false);
    start_info_t si = {.flags = 0};
    char line[2 * MAX_GUEST_CMDLINE];

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    assert_int_equal(start_of_day_lay_out(&s, &report), 0);
    start_of_day_info(&s, &si, 1, 0, line);
    assert_int_equal(strlen((const char *)si.cmd_line), MAX_GUEST_CMDLINE - 1);
}

/* A layout that only just fits at the top of the address space, and one that does not. */
static void test_top_of_the_address_space(void **state)
{
    struct start_of_day s = make(true, true, true);

    s.image.virt_base = 0 - (8ull << 20);
    s.image.end = 0x745678;
    assert_int_equal(start_of_day_lay_out(&s, &report), 0);
    assert_int_equal(s.tables.region[0].end, 0);
    build_tables(&s);
    assert_int_equal(walk(&s, 0 - PAGE) >> 12, start_of_day_mapped_pages(&s) - 1 + MFN_OF);
    free(memory);
    s.image.virt_base += 4 << 20;
    assert_int_equal(start_of_day_lay_out(&s, &report), -1);
    assert_string_equal(
        refusal,
        "there is no room for what a domain starts with from VIRT_BASE 0xffffffffffc00000 on");
}

/* A list that lies right below the kernel or behind what is mapped of it shares tables with it. */
static void test_shared_tables(void **state)
{
    static const struct {
        uint64_t base;
        uint64_t list; /* 0: where the mapping ends */
        uint64_t tables;
    } cases[] = {
        {BASE + (1 << 20), BASE + (1 << 20) - 32 * PAGE, 0},
        {BASE + 16 * PAGE, BASE - 16 * PAGE, 2}, /* half of it in a table of its own */
        {BASE, 0, 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct start_of_day s = make(false, true, true);
        uint64_t list = cases[i].list;

        s.image.virt_base = cases[i].base;
        assert_int_equal(start_of_day_lay_out(&s, &report), 0);
        if (!list)
            list = s.tables.region[0].end;
        s.image.init_p2m = list;
        assert_int_equal(start_of_day_lay_out(&s, &report), 0);
        assert_int_equal(page_tables_count(&s.tables, 1), cases[i].tables);
        build_tables(&s);
        for (uint64_t pfn = 0; pfn < start_of_day_mapped_pages(&s); pfn++)
            assert_int_equal(walk(&s, s.image.virt_base + pfn * PAGE) >> 12, pfn + MFN_OF);
        for (uint64_t page = 0; page < s.p2m_pages; page++)
            assert_int_equal(walk(&s, list + page * PAGE) >> 12, s.p2m + page + MFN_OF);
        free(memory);
    }
}

/* A kernel far up in a large domain: a million lowest tables, of which none is looked at twice. */
static void test_many_tables(void **state)
{
    const uint64_t lowest = 1 << 20, level2 = lowest / TABLE_ENTRIES, level3 = 4;
    const struct page_tables t = {
        .region[0] = {.end = lowest << 21, .pfn = 5, .limit = UINT64_MAX, .tables_pfn = 1000},
        .regions = 1,
    };
    uint64_t entries[TABLE_ENTRIES], first = 1000 + 1 + level3 + level2;
    clock_t start = clock();

    assert_int_equal(page_tables_count(&t, 0), 1 + level3 + level2 + lowest);
    page_tables_fill(&t, 0, level3 + level2, entries, frame_of, NULL); /* the last of level 2 */
    for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
        assert_int_equal(entries[i] >> 12, MFN_OF + first + lowest - TABLE_ENTRIES + i);
    page_tables_fill(&t, 0, level3 + level2 + lowest, entries, frame_of, NULL);
    for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
        assert_int_equal(entries[i] >> 12, MFN_OF + 5 + (lowest - 1) * TABLE_ENTRIES + i);
    assert_true(clock() - start < CLOCKS_PER_SEC / 2);
}

static void assert_base_refused(uint64_t base)
{
    struct start_of_day s = make(true, false, false);

    s.image.virt_base = base;
    assert_int_equal(start_of_day_lay_out(&s, &report), -1);
    assert_non_null(strstr(refusal, "from VIRT_BASE 0x"));
}

static void assert_p2m_refused(uint64_t address)
{
    struct start_of_day s = make(false, true, true);
    char expected[128];

    s.image.init_p2m = address;
    assert_int_equal(start_of_day_lay_out(&s, &report), -1);
    snprintf(expected, sizeof(expected),
             "the P2M list of 128 KiB cannot lie at %#lx, where the note INIT_P2M wants it",
             address);
    assert_string_equal(refusal, expected);
}

static void test_no_place(void **state)
{
    struct start_of_day s = make(false, false, false);

    assert_base_refused(0x800000000000);        /* not canonical */
    assert_base_refused(0x7fffffc00000);        /* ends outside of the lower half */
    assert_base_refused(HYPERVISOR_VIRT_START); /* ours */
    assert_base_refused(HYPERVISOR_VIRT_END - PAGE);
    assert_base_refused(HYPERVISOR_VIRT_START - (4 << 20));
    assert_p2m_refused(HYPERVISOR_VIRT_START);
    assert_p2m_refused(0xfffffffffffff000);
    assert_p2m_refused(0x1000000000000);
    assert_p2m_refused(BASE); /* where the kernel is mapped */
    assert_p2m_refused(BASE + 0x300000);
    assert_p2m_refused(BASE - PAGE); /* grows into it */
    s.image.end = UINT64_MAX - 5;
    assert_int_equal(start_of_day_lay_out(&s, &report), -1);
    assert_string_equal(refusal,
                        "the kernel ends at 0xfffffffffffffffa, which no domain's memory reaches");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domains),           cmocka_unit_test(test_no_ramdisk),
        cmocka_unit_test(test_long_command_line), cmocka_unit_test(test_top_of_the_address_space),
        cmocka_unit_test(test_shared_tables),     cmocka_unit_test(test_many_tables),
        cmocka_unit_test(test_no_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
