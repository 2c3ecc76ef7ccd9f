/* SPDX-License-Identifier: MIT */
/*
 * Start of day: what the builder promises a kernel about registers, start_info, the initial
 * mapping, page tables, and the shared page.
 */
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <public/features.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

extern char guest_entry[], image_end[];

static void test_registers(void)
{
    CHECK_EQ(boot_registers.rsi, (uintptr_t)start_info);
    CHECK_EQ(boot_registers.cs, FLAT_KERNEL_CS);
    CHECK_EQ(boot_registers.ss, FLAT_KERNEL_SS);
    CHECK_EQ(boot_registers.rflags & ~0x8d5ul, 0x202); /* but for arithmetic flags */
    CHECK_EQ(boot_registers.rax, 0);
    CHECK_EQ(boot_registers.rbx, 0);
    CHECK_EQ(boot_registers.rcx, 0);
    CHECK_EQ(boot_registers.rdx, 0);
    CHECK_EQ(boot_registers.rdi, 0);
    CHECK_EQ(boot_registers.rbp, 0);
    CHECK_EQ(boot_registers.r8 | boot_registers.r9 | boot_registers.r10 | boot_registers.r11, 0);
    CHECK_EQ(boot_registers.r12 | boot_registers.r13 | boot_registers.r14 | boot_registers.r15, 0);
    /* The stack is the page behind the page tables. */
    CHECK_EQ(boot_registers.rsp, start_info->pt_base + (start_info->nr_pt_frames + 1) * PAGE_SIZE);
}

static void test_start_info(void)
{
    CHECK(strncmp(start_info->magic, "xen-3.0-x86_64", 14) == 0);
    CHECK(start_info->nr_pages >= 1024);
    CHECK_EQ(start_info->shared_info & (PAGE_SIZE - 1), 0);
    CHECK(start_info->shared_info != 0);
    CHECK_EQ(start_info->flags &
                 ~(SIF_PRIVILEGED | SIF_INITDOMAIN | SIF_VIRT_P2M_4TOOLS | SIF_PM_MASK),
             0);
    if (guest_is_dom0()) {
        CHECK(guest_is_privileged());
        CHECK_EQ(start_info->store_mfn, 0);
        CHECK_EQ(start_info->store_evtchn, 0);
        CHECK_EQ(start_info->nr_p2m_frames, 0);
    } else {
        CHECK(start_info->store_mfn != 0);
        CHECK(start_info->console.domU.mfn != 0);
        CHECK(start_info->console.domU.evtchn != 0);
    }
    CHECK(strnlen((const char *)start_info->cmd_line, MAX_GUEST_CMDLINE) < MAX_GUEST_CMDLINE);
}

static void test_layout(void)
{
    uintptr_t p2m_end = start_info->mfn_list + start_info->nr_pages * sizeof(unsigned long);
    uintptr_t tables_end = start_info->pt_base + start_info->nr_pt_frames * PAGE_SIZE;

    CHECK_EQ(start_info->mfn_list & (PAGE_SIZE - 1), 0);
    CHECK_EQ((uintptr_t)start_info & (PAGE_SIZE - 1), 0);
    CHECK_EQ(start_info->pt_base & (PAGE_SIZE - 1), 0);
    CHECK(start_info->mfn_list >= (uintptr_t)image_end);
    CHECK((uintptr_t)start_info >= p2m_end);
    CHECK(start_info->pt_base > (uintptr_t)start_info);
    if (start_info->mod_len) {
        CHECK_EQ(start_info->mod_start & (PAGE_SIZE - 1), 0);
        CHECK(start_info->mod_start >= (uintptr_t)image_end);
        CHECK(start_info->mod_start + start_info->mod_len <= start_info->mfn_list);
    }
    CHECK((tables_end - KERNEL_BASE) >> PAGE_SHIFT < start_info->nr_pages);
}

static void test_p2m(void)
{
    const unsigned long *p2m = (const unsigned long *)start_info->mfn_list;
    unsigned long wrong = 0;

    for (pfn_t pfn = 0; pfn < start_info->nr_pages; pfn++)
        if (mfn_to_pfn(p2m[pfn]) != pfn)
            wrong++;
    CHECK_EQ(wrong, 0);
}

/* What the kernel library changed since: flags, and tables added behind the builder's mapping. */
static void test_mapping(void)
{
    uintptr_t tables_end = start_info->pt_base + start_info->nr_pt_frames * PAGE_SIZE;

    for (uintptr_t va = KERNEL_BASE; va < tables_end; va += PAGE_SIZE) {
        const pte_t *pte = pte_lookup((void *)va, 1);
        bool table = va >= start_info->pt_base;

        if (!pte || !(*pte & PTE_PRESENT)) {
            test_fail(__FILE__, __LINE__, "%#lx is not mapped", va);
            return;
        }
        if ((const char *)va >= (const char *)shared_info &&
            (const char *)va < (const char *)shared_info + PAGE_SIZE)
            continue;
        if (pte_mfn(*pte) != va_to_mfn((void *)va)) {
            test_fail(__FILE__, __LINE__, "%#lx maps mfn %#lx, not %#lx", va, pte_mfn(*pte),
                      va_to_mfn((void *)va));
            return;
        }
        if (table && (*pte & PTE_RW))
            test_fail(__FILE__, __LINE__, "page table at %#lx is writable", va);
    }
}

static void test_root(void)
{
    const pte_t *root = (const pte_t *)start_info->pt_base;
    uint64_t cr3;

    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    CHECK_EQ(cr3, (uint64_t)va_to_mfn(root) << PAGE_SHIFT);
    /* The guest's own half holds the kernel only. */
    for (unsigned int slot = 0; slot < 256; slot++)
        if (root[slot])
            test_fail(__FILE__, __LINE__, "L4 slot %u is %#lx", slot, root[slot]);
    for (unsigned int slot = 272; slot < 511; slot++)
        if (root[slot])
            test_fail(__FILE__, __LINE__, "L4 slot %u is %#lx", slot, root[slot]);
    CHECK(root[511] & PTE_PRESENT);
}

static void test_shared_info(void)
{
    /* vCPU 0 has a time record; others are down and untouched. */
    CHECK(shared_info->vcpu_info[0].time.tsc_to_system_mul != 0);
    CHECK_EQ(shared_info->vcpu_info[0].time.version & 1, 0);
    CHECK(shared_info->wc_sec > 1000000000u);
    CHECK_EQ(shared_info->vcpu_info[31].evtchn_upcall_pending, 0);
    CHECK_EQ(shared_info->arch.max_pfn, 0);
}

static void test_hypercall_page(void)
{
    const uint8_t *stub = (const uint8_t *)hypercall_page + __HYPERVISOR_xen_version * 32ul;
    const uint8_t *iret = (const uint8_t *)hypercall_page + __HYPERVISOR_iret * 32ul;
    static const uint8_t stub_bytes[] = {0x51, 0x41, 0x53, 0xb8, 17,   0,    0,
                                         0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
    static const uint8_t iret_bytes[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 23, 0, 0, 0, 0x0f, 0x05};

    CHECK(memcmp(stub, stub_bytes, sizeof(stub_bytes)) == 0);
    CHECK(memcmp(iret, iret_bytes, sizeof(iret_bytes)) == 0);
}

static void test_features(void)
{
    xen_feature_info_t info = {.submap_idx = 0};

    CHECK_EQ(hypercall_xen_version(XENVER_get_features, &info), 0);
    CHECK(info.submap & (1u << XENFEAT_mmu_pt_update_preserve_ad));
    CHECK(info.submap & (1u << XENFEAT_gnttab_map_avail_bits));
    CHECK_EQ(!!(info.submap & (1u << XENFEAT_dom0)), guest_is_dom0());
    CHECK_EQ(info.submap & (1u << XENFEAT_writable_page_tables), 0);
    CHECK_EQ(info.submap & (1u << XENFEAT_auto_translated_physmap), 0);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"registers", test_registers},     {"start_info", test_start_info},
        {"layout", test_layout},           {"p2m", test_p2m},
        {"mapping", test_mapping},         {"root", test_root},
        {"shared_info", test_shared_info}, {"hypercall_page", test_hypercall_page},
        {"features", test_features},       {NULL, NULL},
    };

    printf("start_info: magic \"%.32s\", %lu pages, flags %#x, cr3 frames %lu\n", start_info->magic,
           start_info->nr_pages, start_info->flags, start_info->nr_pt_frames);
    run_tests(tests);
}
