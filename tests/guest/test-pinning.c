/* SPDX-License-Identifier: MIT */
/*
 * Page types and mmuext_op: pinning and unpinning of every level, the exclusion of writable
 * mappings from page tables, new roots, flushes, clearing and copying pages, and what is refused.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

static void test_pin_each_level(void)
{
    static const unsigned int commands[] = {MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,
                                            MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE};
    uint64_t *table = table_page();
    mfn_t mfn = va_to_mfn(table);

    for (unsigned int i = 0; i < 4; i++) {
        CHECK_EQ(mmuext_mfn(commands[i], mfn), 0);
        CHECK_EQ(mmuext_mfn(commands[i], mfn), -EINVAL);
        CHECK_EQ(mmuext_mfn(commands[(i + 1) % 4], mfn), -EINVAL);
        CHECK_EQ(page_protect(table, PTE_KERNEL_DATA), -EBUSY);
        CHECK_EQ(mmuext_mfn(MMUEXT_UNPIN_TABLE, mfn), 0);
        CHECK_EQ(mmuext_mfn(MMUEXT_UNPIN_TABLE, mfn), -EINVAL);
        CHECK_EQ(page_protect(table, PTE_KERNEL_DATA), 0);
        /* A root leaves its hypervisor slots behind. */
        memset(table, 0, PAGE_SIZE);
        CHECK_EQ(page_protect(table, PTE_KERNEL_RO), 0);
    }
    free_table_page(table);
}

static void test_pin_refused(void)
{
    uint64_t *page = page_alloc_zeroed();

    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)), -EINVAL);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L1_TABLE, BAD_MFN), -EINVAL);
    CHECK_EQ(mmuext_mfn(MMUEXT_UNPIN_TABLE, va_to_mfn(page)), -EINVAL);
    CHECK_EQ(mmuext_mfn(MMUEXT_UNPIN_TABLE, BAD_MFN), -EINVAL);
    /* Garbage in an L1: an entry with a frame that does not exist. */
    page[7] = make_pte(BAD_MFN, PTE_KERNEL_DATA);
    CHECK_EQ(page_protect(page, PTE_KERNEL_RO), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)), -EPERM);
    CHECK_EQ(page_protect(page, PTE_KERNEL_DATA), 0);
    /* An L2 with a superpage. */
    page[7] = make_pte(0, PTE_KERNEL_DATA | PTE_PSE);
    CHECK_EQ(page_protect(page, PTE_KERNEL_RO), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L2_TABLE, va_to_mfn(page)), -EINVAL);
    CHECK_EQ(page_protect(page, PTE_KERNEL_DATA), 0);
    /* An L1 that maps itself writable. */
    page[7] = make_pte(va_to_mfn(page), PTE_KERNEL_DATA);
    CHECK_EQ(page_protect(page, PTE_KERNEL_RO), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)), -EBUSY);
    CHECK_EQ(page_protect(page, PTE_KERNEL_DATA), 0);
    /* The same read-only is fine. */
    page[7] = make_pte(va_to_mfn(page), PTE_KERNEL_RO);
    CHECK_EQ(page_protect(page, PTE_KERNEL_RO), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_UNPIN_TABLE, va_to_mfn(page)), 0);
    free_table_page(page);
}

/* A whole tree below one pin, and what holds it when the pin goes. */
static void test_tree(void)
{
    uint64_t *data = page_alloc_zeroed();
    uint64_t *tables[5] = {NULL, data};
    mfn_t mfn[5];

    for (unsigned int level = 1; level < 5; level++)
        tables[level] = page_alloc_zeroed();
    for (unsigned int level = 1; level < 5; level++)
        mfn[level] = va_to_mfn(tables[level]);
    tables[1][3] = make_pte(va_to_mfn(data), PTE_KERNEL_DATA | PTE_USER);
    for (unsigned int level = 2; level < 5; level++)
        tables[level][level] = make_pte(mfn[level - 1], PTE_TABLE);
    for (unsigned int level = 1; level < 5; level++)
        CHECK_EQ(page_protect(tables[level], PTE_KERNEL_RO), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L4_TABLE, mfn[4]), 0);
    /* Validation rewrote the entries in place. */
    CHECK_EQ(tables[1][3] & 0xfff, (PTE_KERNEL_DATA & 0xfff) | PTE_USER | PTE_GLOBAL);
    CHECK_EQ(tables[2][2] & 0xfff, PTE_TABLE & 0xfff);
    /* A lower table may carry a pin of its own. */
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L1_TABLE, mfn[1]), 0);
    CHECK_EQ(page_protect(tables[2], PTE_KERNEL_DATA), -EBUSY);
    CHECK_EQ(mmuext_mfn(MMUEXT_UNPIN_TABLE, mfn[4]), 0);
    CHECK_EQ(page_protect(tables[4], PTE_KERNEL_DATA), 0);
    CHECK_EQ(page_protect(tables[3], PTE_KERNEL_DATA), 0);
    CHECK_EQ(page_protect(tables[2], PTE_KERNEL_DATA), 0);
    CHECK_EQ(page_protect(tables[1], PTE_KERNEL_DATA), -EBUSY);
    CHECK_EQ(mmuext_mfn(MMUEXT_UNPIN_TABLE, mfn[1]), 0);
    CHECK_EQ(page_protect(tables[1], PTE_KERNEL_DATA), 0);
    for (unsigned int level = 1; level < 5; level++)
        page_free(tables[level]);
    page_free(data);
}

/* A failure deep in a tree leaves nothing behind. */
static void test_tree_refused(void)
{
    uint64_t *l1 = page_alloc_zeroed(), *l2 = page_alloc_zeroed();
    mfn_t data = va_to_mfn(l2);

    l1[100] = make_pte(va_to_mfn(l1), PTE_KERNEL_RO);
    l1[200] = make_pte(BAD_MFN, PTE_KERNEL_DATA);
    l2[5] = make_pte(va_to_mfn(l1), PTE_TABLE);
    CHECK_EQ(page_protect(l1, PTE_KERNEL_RO), 0);
    CHECK_EQ(page_protect(l2, PTE_KERNEL_RO), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L2_TABLE, data), -EPERM);
    CHECK_EQ(page_protect(l1, PTE_KERNEL_DATA), 0);
    CHECK_EQ(page_protect(l2, PTE_KERNEL_DATA), 0);
    page_free(l1);
    page_free(l2);
}

/* Copy the kernel's root and run on the copy. */
static void test_new_root(void)
{
    const uint64_t *root = (const uint64_t *)start_info->pt_base;
    uint64_t *copy = page_alloc_zeroed();
    uint64_t cr3;

    copy[511] = root[511];
    CHECK_EQ(page_protect(copy, PTE_KERNEL_RO), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_NEW_BASEPTR, va_to_mfn(copy)), 0);
    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    CHECK_EQ(cr3, (uint64_t)va_to_mfn(copy) << PAGE_SHIFT);
    /* The M2P table is there under any root. */
    CHECK_EQ(mfn_to_pfn(va_to_mfn(copy)), va_to_pfn(copy));
    /* In use without a pin: a reference of the vCPU holds the type. */
    CHECK_EQ(page_protect(copy, PTE_KERNEL_DATA), -EBUSY);
    CHECK_EQ(mmuext_mfn(MMUEXT_NEW_BASEPTR, va_to_mfn(copy)), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_NEW_BASEPTR, va_to_mfn(root)), 0);
    CHECK_EQ(page_protect(copy, PTE_KERNEL_DATA), 0);
    /* Now writable, it is refused, and the old root stays. */
    CHECK_EQ(mmuext_mfn(MMUEXT_NEW_BASEPTR, va_to_mfn(copy)), -EINVAL);
    CHECK_EQ(mmuext_mfn(MMUEXT_NEW_BASEPTR, BAD_MFN), -EINVAL);
    CHECK_EQ(mmuext_mfn(MMUEXT_NEW_BASEPTR, 0), -EINVAL);
    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    CHECK_EQ(cr3, (uint64_t)va_to_mfn(root) << PAGE_SHIFT);
    /* By writing CR3. */
    CHECK_EQ(page_protect(copy, PTE_KERNEL_RO), 0);
    asm volatile("mov %0, %%cr3" : : "r"((uint64_t)va_to_mfn(copy) << PAGE_SHIFT) : "memory");
    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    CHECK_EQ(cr3, (uint64_t)va_to_mfn(copy) << PAGE_SHIFT);
    asm volatile("mov %0, %%cr3" : : "r"((uint64_t)va_to_mfn(root) << PAGE_SHIFT) : "memory");
    free_table_page(copy);
}

static void test_user_root(void)
{
    uint64_t *root = table_page();

    CHECK_EQ(mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(root)), 0);
    CHECK_EQ(page_protect(root, PTE_KERNEL_DATA), -EBUSY);
    CHECK_EQ(mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(root)), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, BAD_MFN), -EINVAL);
    CHECK_EQ(mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, 0), 0);
    free_table_page(root);
}

static void test_flushes(void)
{
    unsigned long mask = 1;
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_MULTI};

    CHECK_EQ(mmuext_mfn(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_TLB_FLUSH_ALL, 0), 0);
    CHECK_EQ(mmuext_va(MMUEXT_INVLPG_LOCAL, &mask), 0);
    CHECK_EQ(mmuext_va(MMUEXT_INVLPG_ALL, &mask), 0);
    CHECK_EQ(mmuext_va(MMUEXT_INVLPG_LOCAL, HYPERVISOR_ADDRESS), 0);
    CHECK_EQ(mmuext_va(MMUEXT_INVLPG_LOCAL, NON_CANONICAL), 0);
    CHECK_EQ(mmuext_va(MMUEXT_INVLPG_LOCAL, UNMAPPED_ADDRESS), 0);
    set_xen_guest_handle(op.arg2.vcpumask, &mask);
    CHECK_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    op.cmd = MMUEXT_INVLPG_MULTI;
    op.arg1.linear_addr = (unsigned long)&mask;
    CHECK_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    set_xen_guest_handle(op.arg2.vcpumask, UNMAPPED_ADDRESS);
    CHECK_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), -EINVAL);
    op.cmd = MMUEXT_TLB_FLUSH_MULTI;
    CHECK_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), -EINVAL);
    if (guest_is_dom0()) {
        CHECK_EQ(mmuext_mfn(MMUEXT_FLUSH_CACHE, 0), 0);
        CHECK_EQ(mmuext_mfn(MMUEXT_FLUSH_CACHE_GLOBAL, 0), 0);
    } else {
        CHECK_EQ(mmuext_mfn(MMUEXT_FLUSH_CACHE, 0), -EACCES);
        CHECK_EQ(mmuext_mfn(MMUEXT_FLUSH_CACHE_GLOBAL, 0), -EINVAL);
    }
}

static void test_clear_copy(void)
{
    uint64_t *from = page_alloc_zeroed(), *to = page_alloc_zeroed();
    struct mmuext_op copy = {
        .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = va_to_mfn(to), .arg2.src_mfn = va_to_mfn(from)};

    for (unsigned int i = 0; i < 512; i++)
        from[i] = i * 77ul;
    CHECK_EQ(hypercall_mmuext_op(&copy, 1, NULL, DOMID_SELF), 0);
    CHECK(memcmp(from, to, PAGE_SIZE) == 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_CLEAR_PAGE, va_to_mfn(to)), 0);
    CHECK_EQ(to[0], 0);
    CHECK_EQ(to[511], 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_CLEAR_PAGE, BAD_MFN), -EINVAL);
    CHECK_EQ(mmuext_mfn(MMUEXT_CLEAR_PAGE, va_to_mfn((void *)start_info->pt_base)), -EINVAL);
    copy.arg2.src_mfn = BAD_MFN;
    CHECK_EQ(hypercall_mmuext_op(&copy, 1, NULL, DOMID_SELF), -EINVAL);
    copy.arg2.src_mfn = va_to_mfn(from);
    copy.arg1.mfn = va_to_mfn((void *)start_info->pt_base);
    CHECK_EQ(hypercall_mmuext_op(&copy, 1, NULL, DOMID_SELF), -EINVAL);
    page_free(from);
    page_free(to);
}

static void test_batch(void)
{
    uint64_t *table = table_page();
    struct mmuext_op ops[3] = {{.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = va_to_mfn(table)},
                               {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = va_to_mfn(table)},
                               {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = va_to_mfn(table)}};
    unsigned int done = 99;

    CHECK_EQ(hypercall_mmuext_op(ops, 2, &done, DOMID_SELF), 0);
    CHECK_EQ(done, 2);
    CHECK_EQ(hypercall_mmuext_op(ops, 3, &done, DOMID_SELF), -EINVAL);
    CHECK_EQ(done, 2);
    CHECK_EQ(hypercall_mmuext_op(ops, 0, &done, DOMID_SELF), 0);
    CHECK_EQ(done, 0);
    ops[0].cmd = 99;
    CHECK_EQ(hypercall_mmuext_op(ops, 1, &done, DOMID_SELF), -ENOSYS);
    ops[0].cmd = 14;
    CHECK_EQ(hypercall_mmuext_op(ops, 1, &done, DOMID_SELF), -ENOSYS);
    CHECK_EQ(mmuext_mfn(MMUEXT_MARK_SUPER, 0), -EOPNOTSUPP);
    CHECK_EQ(mmuext_mfn(MMUEXT_UNMARK_SUPER, 0), -EOPNOTSUPP);
    CHECK_EQ(hypercall_mmuext_op(UNMAPPED_ADDRESS, 1, NULL, DOMID_SELF), -EFAULT);
    CHECK_EQ(hypercall_mmuext_op(ops, 1, NULL, 0x1234), -ESRCH);
    CHECK_EQ(hypercall_mmuext_op(ops, 1, NULL, DOMID_INVALID), -ESRCH);
    free_table_page(table);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"pin_each_level", test_pin_each_level},
        {"pin_refused", test_pin_refused},
        {"tree", test_tree},
        {"tree_refused", test_tree_refused},
        {"new_root", test_new_root},
        {"user_root", test_user_root},
        {"flushes", test_flushes},
        {"clear_copy", test_clear_copy},
        {"batch", test_batch},
        {NULL, NULL},
    };

    run_tests(tests);
}
