/* SPDX-License-Identifier: MIT */
/*
 * Page-table updates: update_va_mapping, mmu_update in its forms, what is refused and how, and the
 * read-only machine-to-physical table. Page types that change are in test-pinning.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <string.h>
#include <traps.h>

#include "harness.h"

static volatile uint64_t *window;
static uint64_t *page;

static void read_window(void *argument)
{
    *(uint64_t *)argument = *window;
}

static void write_window(void *argument)
{
    *window = *(uint64_t *)argument;
}

static void execute_window(void *argument)
{
    ((void (*)(void))(uintptr_t)window)();
}

static void expect_fault(void (*function)(void *), uint64_t error_code)
{
    struct trap_report report;
    uint64_t value = 0;

    if (!CHECK(trap_catch(function, &value, &report)))
        return;
    CHECK_EQ(report.regs.vector, TRAP_PAGE_FAULT);
    CHECK_EQ(report.regs.error_code, error_code);
    CHECK_EQ(report.address, (uintptr_t)window);
}

static long map(pte_t pte, unsigned long flags)
{
    return hypercall_update_va_mapping((void *)window, pte, flags);
}

static void test_map_unmap(void)
{
    uint64_t value = 0;

    page[0] = 0x1234;
    expect_fault(read_window, 0);
    expect_fault(write_window, 2);
    CHECK_EQ(map(make_pte(va_to_mfn(page), PTE_KERNEL_DATA), UVMF_INVLPG), 0);
    CHECK(!trap_catch(read_window, &value, NULL));
    CHECK_EQ(value, 0x1234);
    value = 0x5678;
    CHECK(!trap_catch(write_window, &value, NULL));
    CHECK_EQ(page[0], 0x5678);
    CHECK_EQ(map(make_pte(va_to_mfn(page), PTE_KERNEL_RO), UVMF_INVLPG), 0);
    CHECK(!trap_catch(read_window, &value, NULL));
    expect_fault(write_window, 3);
    expect_fault(execute_window, 0x11);
    CHECK_EQ(map(0, UVMF_INVLPG | UVMF_ALL), 0);
    expect_fault(read_window, 0);
    expect_fault(execute_window, 0x10);
}

static bool on_xen(void)
{
    xen_extraversion_t extra;

    return hypercall_xen_version(XENVER_extraversion, extra) == 0 && !strstr(extra, "bulkhead");
}

static void test_entry_flags(void)
{
    mfn_t mfn = va_to_mfn(page);
    const pte_t *entry = pte_lookup((void *)window, 1);

    /* Every page is made a user page; what was one before becomes global. */
    CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA), UVMF_INVLPG), 0);
    CHECK_EQ(*entry & 0xfff, (PTE_KERNEL_DATA & 0xfff) | PTE_USER);
    /* A global page of the kernel's: Xen leaves it global, Bulkhead takes the bit away. */
    CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA | PTE_GLOBAL), UVMF_INVLPG), 0);
    CHECK_EQ(*entry & 0xfff & ~PTE_GLOBAL, (PTE_KERNEL_DATA & 0xfff) | PTE_USER);
    CHECK(on_xen() || !(*entry & PTE_GLOBAL));
    CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA | PTE_USER), UVMF_INVLPG), 0);
    CHECK_EQ(*entry & 0xfff, (PTE_KERNEL_DATA & 0xfff) | PTE_USER | PTE_GLOBAL);
    CHECK_EQ(*entry & PTE_NX, PTE_NX);
    CHECK_EQ(pte_mfn(*entry), mfn);
    /* Cache attributes are for domains that have devices. */
    if (guest_is_dom0()) {
        CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA | PTE_PCD), UVMF_INVLPG), 0);
        CHECK_EQ(*entry & PTE_PCD, PTE_PCD);
        CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA | PTE_PWT | PTE_PSE), UVMF_INVLPG), 0);
    } else {
        CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA | PTE_PCD), UVMF_INVLPG), -EINVAL);
    }
    CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA), UVMF_INVLPG), 0);
    /* The bits that hardware ignores are the guest's. */
    CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA | PTE_AVAIL0), UVMF_INVLPG), 0);
    CHECK_EQ(*entry & PTE_AVAIL0, PTE_AVAIL0);
    CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA | (1ull << 10)), UVMF_INVLPG), 0);
    CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA | (1ull << 11)), UVMF_INVLPG), 0);
    CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA | (1ull << 52)), UVMF_INVLPG), 0);
    CHECK_EQ(map(make_pte(mfn, PTE_KERNEL_DATA | (1ull << 62)), UVMF_INVLPG), 0);
    CHECK_EQ(map(0, UVMF_INVLPG), 0);
    /* Not present: any bits. */
    CHECK_EQ(map(0x123456789abcdef0ull & ~PTE_PRESENT, UVMF_INVLPG), 0);
    CHECK_EQ(*entry, 0x123456789abcdef0ull);
    CHECK_EQ(map(0, UVMF_INVLPG), 0);
}

static void test_map_refused(void)
{
    pte_t good = make_pte(va_to_mfn(page), PTE_KERNEL_DATA);

    /* No table below the address; hypervisor's range; not canonical. */
    CHECK_EQ(hypercall_update_va_mapping(UNMAPPED_ADDRESS, good, 0), -EINVAL);
    CHECK_EQ(hypercall_update_va_mapping(HYPERVISOR_ADDRESS, good, 0), -EINVAL);
    CHECK_EQ(hypercall_update_va_mapping(NON_CANONICAL, good, 0), -EINVAL);
    /* Frames that do not exist, and the number that stands for none. */
    CHECK_EQ(map(make_pte(BAD_MFN, PTE_KERNEL_DATA), 0), -EPERM);
    CHECK_EQ(map(PTE_FRAME_MASK | PTE_KERNEL_DATA, 0), -EINVAL);
    /* A page table: readable yes, writable no. */
    CHECK_EQ(map(make_pte(va_to_mfn((void *)start_info->pt_base), PTE_KERNEL_RO), UVMF_INVLPG), 0);
    CHECK_EQ(map(make_pte(va_to_mfn((void *)start_info->pt_base), PTE_KERNEL_DATA), 0), -EBUSY);
    CHECK_EQ(map(0, UVMF_INVLPG), 0);
    CHECK_EQ(*pte_lookup((void *)window, 1), 0);
    /* The flush part: an unknown type flushes nothing; a bitmap at a bad address. */
    CHECK_EQ(map(0, 3), 0);
    CHECK_EQ(map(0, (unsigned long)UNMAPPED_ADDRESS | UVMF_TLB_FLUSH | UVMF_MULTI), -EFAULT);
    CHECK_EQ(map(0, UVMF_TLB_FLUSH | UVMF_ALL), 0);
    CHECK_EQ(map(0, UVMF_TLB_FLUSH | UVMF_LOCAL), 0);
    CHECK_EQ(map(0, UVMF_INVLPG | UVMF_ALL), 0);
}

static void test_flush_mask(void)
{
    unsigned long mask = 1;

    CHECK_EQ(map(0, (unsigned long)&mask | UVMF_TLB_FLUSH | UVMF_MULTI), 0);
    CHECK_EQ(map(0, (unsigned long)&mask | UVMF_INVLPG | UVMF_MULTI), 0);
    mask = 0;
    CHECK_EQ(map(0, (unsigned long)&mask | UVMF_TLB_FLUSH | UVMF_MULTI), 0);
}

static void test_otherdomain(void)
{
    pte_t good = make_pte(va_to_mfn(page), PTE_KERNEL_DATA);

    /* The caller's own number names no domain here. */
    CHECK_EQ(hypercall_update_va_mapping_otherdomain((void *)window, good, UVMF_INVLPG, DOMID_SELF),
             0);
    CHECK_EQ(hypercall_update_va_mapping_otherdomain((void *)window, 0, UVMF_INVLPG, guest_domid()),
             -ESRCH);
    CHECK_EQ(map(0, UVMF_INVLPG), 0);
    CHECK_EQ(hypercall_update_va_mapping_otherdomain((void *)window, good, UVMF_INVLPG, 0x1234),
             -ESRCH);
    CHECK_EQ(
        hypercall_update_va_mapping_otherdomain((void *)window, good, UVMF_INVLPG, DOMID_INVALID),
        -ESRCH);
    CHECK_EQ(*pte_lookup((void *)window, 1), 0);
}

static void test_mmu_update(void)
{
    uint64_t entry = pte_maddr(pte_lookup((void *)window, 1));
    pte_t good = make_pte(va_to_mfn(page), PTE_KERNEL_DATA);
    unsigned int done = 99;
    mmu_update_t updates[3] = {{entry, good}, {entry + 8, good}, {entry + 16, good}};
    uint64_t value;

    CHECK_EQ(mmu_update_one(entry | MMU_NORMAL_PT_UPDATE, good), 0);
    CHECK(!trap_catch(read_window, &value, NULL));
    CHECK_EQ(mmu_update_one(entry | MMU_NORMAL_PT_UPDATE, 0), 0);
    CHECK_EQ(mmuext_va(MMUEXT_INVLPG_LOCAL, (void *)window), 0);
    expect_fault(read_window, 0);

    CHECK_EQ(hypercall_mmu_update(updates, 3, &done, DOMID_SELF), 0);
    CHECK_EQ(done, 3);
    CHECK_EQ(pte_mfn(*pte_lookup((void *)window, 1)), va_to_mfn(page));
    for (unsigned int i = 0; i < 3; i++)
        updates[i].val = 0;
    /* The second fails: the first is done, the third not. */
    updates[1].val = make_pte(BAD_MFN, PTE_KERNEL_DATA);
    CHECK_EQ(hypercall_mmu_update(updates, 3, &done, DOMID_SELF), -EPERM);
    CHECK_EQ(done, 1);
    updates[1].val = 0;
    CHECK_EQ(hypercall_mmu_update(updates, 3, &done, DOMID_SELF), 0);
    CHECK_EQ(done, 3);
    CHECK_EQ(hypercall_mmu_update(updates, 0, &done, DOMID_SELF), 0);
    CHECK_EQ(done, 0);
}

static void test_mmu_update_refused(void)
{
    uint64_t entry = pte_maddr(pte_lookup((void *)window, 1));
    pte_t good = make_pte(va_to_mfn(page), PTE_KERNEL_DATA);
    mmu_update_t update = {entry, good};
    unsigned int done;

    /* A frame that is not a page table is simply written. */
    CHECK_EQ(mmu_update_one(va_to_maddr(&page[5]), 0x123456789), 0);
    CHECK_EQ(page[5], 0x123456789);
    /* No frame; not aligned (the low bits are the kind of update). */
    CHECK_EQ(mmu_update_one((uint64_t)BAD_MFN << PAGE_SHIFT, good), -EINVAL);
    CHECK_EQ(mmu_update_one(entry | 4, good), -ENOSYS);
    CHECK_EQ(mmu_update_one(entry | MMU_PT_UPDATE_NO_TRANSLATE, good), 0);
    CHECK_EQ(mmu_update_one(entry, 0), 0);
    /* Bad handles, domains. */
    CHECK_EQ(hypercall_mmu_update(UNMAPPED_ADDRESS, 1, NULL, DOMID_SELF), -EFAULT);
    CHECK_EQ(hypercall_mmu_update(HYPERVISOR_ADDRESS, 1, NULL, DOMID_SELF), -EFAULT);
    CHECK_EQ(hypercall_mmu_update(&update, 1, UNMAPPED_ADDRESS, DOMID_SELF), 0);
    CHECK_EQ(mmu_update_one(entry, 0), 0);
    CHECK_EQ(hypercall_mmu_update(&update, 1, &done, 0x1234), -ESRCH);
    CHECK_EQ(hypercall_mmu_update(&update, 1, &done, DOMID_INVALID), -ESRCH);
    CHECK_EQ(*pte_lookup((void *)window, 1), 0);
}

static void test_preserve_ad(void)
{
    const pte_t *entry = pte_lookup((void *)window, 1);
    uint64_t maddr = pte_maddr(entry);
    mfn_t mfn = va_to_mfn(page);
    pte_t plain = PTE_PRESENT | PTE_RW | PTE_NX;
    uint64_t value = 1;

    CHECK_EQ(mmu_update_one(maddr, make_pte(mfn, plain)), 0);
    CHECK_EQ(*entry & (PTE_ACCESSED | PTE_DIRTY), 0);
    CHECK(!trap_catch(read_window, &value, NULL));
    CHECK_EQ(*entry & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED);
    CHECK(!trap_catch(write_window, &value, NULL));
    CHECK_EQ(*entry & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);
    CHECK_EQ(mmu_update_one(maddr | MMU_PT_UPDATE_PRESERVE_AD, make_pte(mfn, plain)), 0);
    CHECK_EQ(*entry & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);
    CHECK_EQ(mmu_update_one(maddr, make_pte(mfn, plain)), 0);
    CHECK_EQ(*entry & (PTE_ACCESSED | PTE_DIRTY), 0);
    CHECK_EQ(mmu_update_one(maddr, 0), 0);
    CHECK_EQ(mmuext_va(MMUEXT_INVLPG_LOCAL, (void *)window), 0);
}

static void test_machphys(void)
{
    mfn_t mfn = va_to_mfn(page);
    pfn_t pfn = va_to_pfn(page);

    CHECK_EQ(mmu_update_one((uint64_t)mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0x123456), 0);
    CHECK_EQ(mfn_to_pfn(mfn), 0x123456);
    CHECK_EQ(mmu_update_one((uint64_t)mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, pfn), 0);
    CHECK_EQ(mfn_to_pfn(mfn), pfn);
    CHECK_EQ(mmu_update_one((uint64_t)BAD_MFN << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, 0), -EINVAL);
}

static void write_m2p(void *argument)
{
    *(volatile unsigned long *)argument = 0;
}

static void read_long(void *argument)
{
    (void)*(volatile unsigned long *)argument;
}

static void test_m2p_readonly(void)
{
    unsigned long *entry = (unsigned long *)MACH2PHYS_VIRT_START + va_to_mfn(page);
    struct trap_report report;

    CHECK(trap_catch(write_m2p, entry, &report));
    CHECK_EQ(report.regs.vector, TRAP_PAGE_FAULT);
    CHECK_EQ(report.regs.error_code, 3);
    CHECK_EQ(report.address, (uintptr_t)entry);
    CHECK_EQ(*entry, va_to_pfn(page));
    /* The rest of the hypervisor's range is not there for us. */
    CHECK(trap_catch(read_long, HYPERVISOR_ADDRESS, &report));
    CHECK_EQ(report.regs.vector, TRAP_PAGE_FAULT);
    CHECK_EQ(report.address, (uintptr_t)HYPERVISOR_ADDRESS);
}

static void test_superpages(void)
{
    const pte_t *l3 = pte_lookup((void *)window, 3);
    const pte_t *free_l2 = (const pte_t *)mfn_to_va(pte_mfn(*l3)) + 400;
    mfn_t mfn = va_to_mfn(page) & ~511ul;

    CHECK_EQ(*free_l2, 0);
    CHECK_EQ(mmu_update_one(pte_maddr(free_l2), make_pte(mfn, PTE_KERNEL_DATA | PTE_PSE)), -EINVAL);
    CHECK_EQ(*free_l2, 0);
}

static void test_higher_levels(void)
{
    const pte_t *l3 = pte_lookup((void *)window, 3);
    const pte_t *l4 = pte_lookup((void *)window, 4);
    uint64_t *table = table_page();
    const pte_t *free_l2 = (const pte_t *)mfn_to_va(pte_mfn(*l3)) + 400;

    /* A new L1 goes in and out. */
    CHECK_EQ(mmu_update_one(pte_maddr(free_l2), make_pte(va_to_mfn(table), PTE_TABLE)), 0);
    CHECK_EQ(page_protect(table, PTE_KERNEL_DATA), -EBUSY);
    CHECK_EQ(mmu_update_one(pte_maddr(free_l2), 0), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
    CHECK_EQ(page_protect(table, PTE_KERNEL_DATA), 0);
    /* A writable page cannot become a table. */
    CHECK_EQ(mmu_update_one(pte_maddr(free_l2), make_pte(va_to_mfn(table), PTE_TABLE)), -EINVAL);
    CHECK_EQ(*free_l2, 0);
    CHECK_EQ(page_protect(table, PTE_KERNEL_RO), 0);
    /* Hypervisor's slots of the root. */
    for (unsigned int slot = 256; slot < 272; slot += 15) {
        const pte_t *reserved = (const pte_t *)start_info->pt_base + slot;

        CHECK_EQ(mmu_update_one(pte_maddr(reserved), make_pte(va_to_mfn(table), PTE_TABLE)),
                 -EINVAL);
        CHECK_EQ(mmu_update_one(pte_maddr(reserved), 0), -EINVAL);
    }
    /* Reserved bits. */
    CHECK_EQ(
        mmu_update_one(pte_maddr(free_l2), make_pte(va_to_mfn(table), PTE_TABLE | (1ull << 51))),
        -EINVAL);
    CHECK_EQ(mmu_update_one(pte_maddr(l4 - 1), make_pte(va_to_mfn(table), PTE_TABLE)), 0);
    CHECK_EQ(mmu_update_one(pte_maddr(l4 - 1), 0), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
    free_table_page(table);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"map_unmap", test_map_unmap},
        {"entry_flags", test_entry_flags},
        {"map_refused", test_map_refused},
        {"flush_mask", test_flush_mask},
        {"otherdomain", test_otherdomain},
        {"mmu_update", test_mmu_update},
        {"mmu_update_refused", test_mmu_update_refused},
        {"preserve_ad", test_preserve_ad},
        {"machphys", test_machphys},
        {"m2p_readonly", test_m2p_readonly},
        {"superpages", test_superpages},
        {"higher_levels", test_higher_levels},
        {NULL, NULL},
    };

    window = window_reserve(3);
    page = page_alloc_zeroed();
    run_tests(tests);
}
