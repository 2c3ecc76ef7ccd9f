/* SPDX-License-Identifier: MIT */
/*
 * Direct writes to page tables, for which a domain asks by an assist: a store to a read-only
 * mapping of an L1 table is completed by emulation after the new entry was checked; at other
 * levels, and for entries that are refused, the kernel gets its page fault.
 */
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <string.h>
#include <traps.h>

#include "harness.h"

static uint64_t *page;
static volatile uint64_t *window;
static volatile uint64_t *entry; /* of window, through the physical map */

struct store {
    volatile uint64_t *at;
    uint64_t value;
};

static void plain_store(void *argument)
{
    const struct store *store = argument;

    *store->at = store->value;
}

static void store_32(void *argument)
{
    const struct store *store = argument;

    *(volatile uint32_t *)store->at = (uint32_t)store->value;
}

static void misaligned_store(void *argument)
{
    const struct store *store = argument;

    asm volatile("movq %1, 4(%0)" : : "r"(store->at), "r"(store->value) : "memory");
}

static void string_store(void *argument)
{
    const struct store *store = argument;

    asm volatile("stosq" : : "D"(store->at), "a"(store->value) : "memory");
}

static bool store_faults(void (*function)(void *), volatile uint64_t *at, uint64_t value)
{
    struct store store = {at, value};
    struct trap_report report;

    if (!trap_catch(function, &store, &report))
        return false;
    CHECK_EQ(report.regs.vector, TRAP_PAGE_FAULT);
    CHECK_EQ(report.regs.error_code, 3);
    return true;
}

static pte_t data_pte(void)
{
    return make_pte(va_to_mfn(page), PTE_KERNEL_DATA);
}

static void flush_window(void)
{
    mmuext_va(MMUEXT_INVLPG_LOCAL, (void *)window);
}

static void test_plain(void)
{
    CHECK(!store_faults(plain_store, entry, data_pte()));
    CHECK_EQ(pte_mfn(*entry), va_to_mfn(page));
    CHECK_EQ(*entry & PTE_USER, PTE_USER);
    *window = 42;
    CHECK_EQ(page[0], 42);
    CHECK(!store_faults(plain_store, entry, 0));
    CHECK_EQ(*entry, 0);
    flush_window();
}

/* Without the assist the store faults; dom0 is served either way. */
static void test_assist(void)
{
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), 0);
    if (!guest_is_dom0())
        CHECK(store_faults(plain_store, entry, data_pte()));
    CHECK_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    CHECK(!store_faults(plain_store, entry, data_pte()));
    CHECK(!store_faults(plain_store, entry, 0));
}

static void test_forms(void)
{
    uint64_t old, expected, zero = 0;
    uint8_t changed;

    CHECK(!store_faults(string_store, entry, data_pte()));
    CHECK_EQ(pte_mfn(*entry), va_to_mfn(page));
    /* Exchange gives the entry as it was rewritten. */
    old = *entry;
    expected = 0;
    asm volatile("xchg %0, %1" : "+r"(expected), "+m"(*entry) : : "memory");
    CHECK_EQ(expected, old);
    CHECK_EQ(*entry, 0);
    /* cmpxchg: success and failure. */
    asm volatile("lock cmpxchg %3, %1\n\tsete %2"
                 : "+a"(zero), "+m"(*entry), "=q"(changed)
                 : "r"(data_pte())
                 : "memory", "cc");
    CHECK_EQ(changed, 1);
    CHECK_EQ(pte_mfn(*entry), va_to_mfn(page));
    zero = 0;
    asm volatile("lock cmpxchg %3, %1\n\tsete %2"
                 : "+a"(zero), "+m"(*entry), "=q"(changed)
                 : "r"(0ul)
                 : "memory", "cc");
    CHECK_EQ(changed, 0);
    CHECK_EQ(zero, *entry);
    /* As Linux write-protects: clear bit 1 of the lowest byte. */
    asm volatile("lock andb $0xfd, %0" : "+m"(*(volatile uint8_t *)entry) : : "memory", "cc");
    CHECK_EQ(*entry & PTE_RW, 0);
    asm volatile("lock btsq $1, %0\n\tsetc %1" : "+m"(*entry), "=q"(changed) : : "memory", "cc");
    CHECK_EQ(changed, 0);
    CHECK_EQ(*entry & PTE_RW, PTE_RW);
    asm volatile("lock btrq $6, %0\n\tsetc %1" : "+m"(*entry), "=q"(changed) : : "memory", "cc");
    CHECK_EQ(changed, 1);
    CHECK_EQ(*entry & PTE_DIRTY, 0);
    asm volatile("lock orq %1, %0" : "+m"(*entry) : "r"(PTE_DIRTY) : "memory", "cc");
    CHECK_EQ(*entry & PTE_DIRTY, PTE_DIRTY);
    asm volatile("lock andq %1, %0" : "+m"(*entry) : "r"(~PTE_RW) : "memory", "cc");
    CHECK_EQ(*entry & PTE_RW, 0);
    asm volatile("movq $0, %0" : "=m"(*entry) : : "memory");
    CHECK_EQ(*entry, 0);
    flush_window();
}

/* Less than an entry: the 32-bit halves, as compilers may choose to write them. */
static void test_partial(void)
{
    uint64_t pte = data_pte();
    struct trap_report report;
    struct store store;

    CHECK(
        !store_faults(store_32, (volatile uint64_t *)((volatile uint32_t *)entry + 1), pte >> 32));
    CHECK(!store_faults(store_32, entry, pte));
    CHECK_EQ(pte_mfn(*entry), va_to_mfn(page));
    CHECK(!store_faults(plain_store, entry, 0));
    /* Across two entries: not completed. */
    store = (struct store){entry, 0};
    CHECK(trap_catch(misaligned_store, &store, &report));
    CHECK_EQ(report.regs.vector, TRAP_PAGE_FAULT);
    CHECK_EQ(report.regs.error_code, 3);
    flush_window();
}

/* Entries that mmu_update would refuse: the store faults and nothing changes. */
static void test_refused(void)
{
    CHECK(store_faults(plain_store, entry, make_pte(BAD_MFN, PTE_KERNEL_DATA)));
    CHECK_EQ(*entry, 0);
    CHECK(store_faults(plain_store, entry,
                       make_pte(va_to_mfn((void *)start_info->pt_base), PTE_KERNEL_DATA)));
    CHECK_EQ(*entry, 0);
    CHECK(!store_faults(plain_store, entry,
                        make_pte(va_to_mfn((void *)start_info->pt_base), PTE_KERNEL_RO)));
    CHECK(!store_faults(plain_store, entry, 0));
    flush_window();
}

static void test_other_levels(void)
{
    volatile uint64_t *l2 = (volatile uint64_t *)pte_lookup((void *)window, 2);
    volatile uint64_t *l4 = (volatile uint64_t *)start_info->pt_base;

    CHECK(store_faults(plain_store, l2, *l2));
    CHECK(store_faults(plain_store, l4, 0));
}

/* Read-only pages that are no tables fault as ever. */
static void test_plain_page(void)
{
    uint64_t *plain = table_page();

    CHECK(store_faults(plain_store, plain, 1));
    CHECK_EQ(plain[0], 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L1_TABLE, va_to_mfn(plain)), 0);
    CHECK(!store_faults(plain_store, plain, make_pte(va_to_mfn(page), PTE_KERNEL_RO)));
    CHECK(!store_faults(plain_store, plain, 0));
    CHECK_EQ(mmuext_mfn(MMUEXT_UNPIN_TABLE, va_to_mfn(plain)), 0);
    /* Unpinned, it still has the type until something else wants it. */
    CHECK(store_faults(plain_store, plain, 0));
    free_table_page(plain);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"assist", test_assist},         {"plain", test_plain},
        {"forms", test_forms},           {"partial", test_partial},
        {"refused", test_refused},       {"other_levels", test_other_levels},
        {"plain_page", test_plain_page}, {NULL, NULL},
    };

    window = window_reserve(2);
    entry = (volatile uint64_t *)pte_lookup((void *)window, 1);
    page = page_alloc_zeroed();
    run_tests(tests);
}
