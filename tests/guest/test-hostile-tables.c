/* SPDX-License-Identifier: MIT */
/*
 * Hostile guest: tries every route to a writable mapping of a page table or descriptor table, or to
 * a table of the wrong kind. Each attempt must fail or be harmless, and a table, once it is one,
 * must keep its content.
 */
#include <errno.h>
#include <events.h>
#include <grant.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <string.h>
#include <traps.h>

#include "harness.h"

static uint64_t *table; /* pinned L1 */
static uint64_t *page;  /* an ordinary page */
static char *window;

/* The table is what it was: empty but for one entry. */
static void check_table(void)
{
    for (unsigned int i = 0; i < 512; i++) {
        uint64_t expected = i == 100 ? pte_mfn(table[100]) : 0;

        if (pte_mfn(table[i]) != expected || (i != 100 && table[i])) {
            test_fail(__FILE__, __LINE__, "entry %u of the table became %#lx", i, table[i]);
            return;
        }
    }
    CHECK_EQ(pte_mfn(table[100]), va_to_mfn(page));
    CHECK_EQ(table[100] & PTE_RW, 0);
}

static void write_word(void *argument)
{
    *(volatile uint64_t *)argument = ~0ul;
}

static void test_map_writable(void)
{
    mfn_t mfn = va_to_mfn(table);
    const pte_t *entry = pte_lookup(window, 1);
    pte_t bad = make_pte(mfn, PTE_KERNEL_DATA);

    CHECK(hypercall_update_va_mapping(window, bad, UVMF_INVLPG) < 0);
    CHECK(hypercall_update_va_mapping_otherdomain(window, bad, UVMF_INVLPG, DOMID_SELF) < 0);
    CHECK(hypercall_update_va_mapping_otherdomain(window, bad, UVMF_INVLPG, DOMID_IO) < 0);
    CHECK(hypercall_update_va_mapping_otherdomain(window, bad, UVMF_INVLPG, DOMID_XEN) < 0);
    CHECK(mmu_update_one(pte_maddr(entry) | MMU_NORMAL_PT_UPDATE, bad) < 0);
    CHECK(mmu_update_one(pte_maddr(entry) | MMU_PT_UPDATE_PRESERVE_AD, bad) < 0);
    CHECK(mmu_update_one(pte_maddr(entry) | MMU_PT_UPDATE_NO_TRANSLATE, bad) < 0);
    hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
    for (unsigned int bit = 0; bit < 12; bit++)
        CHECK(hypercall_update_va_mapping(window, bad ^ (1ul << bit), UVMF_INVLPG) < 0 ||
              !(*entry & PTE_PRESENT) || !(*entry & PTE_RW));
    CHECK_EQ(hypercall_update_va_mapping(window, 0, UVMF_INVLPG), 0);
    check_table();
}

/* Read-only first, then the RW bit alone, by every kind of write. */
static void test_upgrade(void)
{
    volatile pte_t *entry = (volatile pte_t *)pte_lookup(window, 1);
    pte_t readonly = make_pte(va_to_mfn(table), PTE_KERNEL_RO);

    CHECK_EQ(hypercall_update_va_mapping(window, readonly, UVMF_INVLPG), 0);
    CHECK(mmu_update_one(pte_maddr((pte_t *)entry), readonly | PTE_RW) < 0);
    CHECK(mmu_update_one(pte_maddr((pte_t *)entry) | MMU_PT_UPDATE_PRESERVE_AD, readonly | PTE_RW) <
          0);
    CHECK(mmu_update_one(pte_maddr((pte_t *)entry), readonly | PTE_RW | PTE_AVAIL0) < 0);
    CHECK_EQ(*entry & PTE_RW, 0);
    CHECK_EQ(hypercall_update_va_mapping(window, 0, UVMF_INVLPG), 0);
    check_table();
}

static void set_rw_bit(void *argument)
{
    asm volatile("lock btsq $1, %0" : "+m"(*(volatile uint64_t *)argument) : : "memory", "cc");
}

static void or_rw_bit(void *argument)
{
    asm volatile("lock orb $2, %0" : "+m"(*(volatile uint8_t *)argument) : : "memory", "cc");
}

static void test_upgrade_by_write(void)
{
    volatile pte_t *entry = (volatile pte_t *)pte_lookup(window, 1);
    struct trap_report report;

    CHECK_EQ(
        hypercall_update_va_mapping(window, make_pte(va_to_mfn(table), PTE_KERNEL_RO), UVMF_INVLPG),
        0);
    CHECK(trap_catch(set_rw_bit, (void *)entry, &report));
    CHECK(trap_catch(or_rw_bit, (void *)entry, &report));
    CHECK_EQ(*entry & PTE_RW, 0);
    CHECK_EQ(hypercall_update_va_mapping(window, 0, UVMF_INVLPG), 0);
    check_table();
}

/* A mapping that was writable before the frame became a table. */
static void test_stale_mapping(void)
{
    uint64_t *fresh = page_alloc_zeroed();
    struct trap_report report;

    CHECK_EQ(hypercall_update_va_mapping(window, make_pte(va_to_mfn(fresh), PTE_KERNEL_DATA),
                                         UVMF_INVLPG),
             0);
    *(volatile uint64_t *)window = 0; /* in the TLB */
    CHECK_EQ(page_protect(fresh, PTE_KERNEL_RO), 0);
    CHECK(mmuext_mfn(MMUEXT_PIN_L1_TABLE, va_to_mfn(fresh)) < 0);
    /* Without asking for a flush: the hypervisor must see to it. */
    CHECK_EQ(hypercall_update_va_mapping(window, 0, UVMF_NONE), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L1_TABLE, va_to_mfn(fresh)), 0);
    if (CHECK(trap_catch(write_word, window, &report)))
        CHECK_EQ(report.regs.vector, TRAP_PAGE_FAULT);
    CHECK_EQ(fresh[0], 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_UNPIN_TABLE, va_to_mfn(fresh)), 0);
    free_table_page(fresh);
}

static void test_wrong_kinds(void)
{
    uint64_t *other = table_page();
    unsigned long frames[1] = {va_to_mfn(table)};
    unsigned int commands[] = {MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE,
                               MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR};

    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        CHECK(mmuext_mfn(commands[i], va_to_mfn(table)) < 0);
    CHECK(hypercall_set_gdt(frames, 512) < 0);
    CHECK(hypercall_update_descriptor(va_to_maddr(table), 0) < 0);
    /* A descriptor table as page table and as writable page. */
    frames[0] = va_to_mfn(other);
    CHECK_EQ(hypercall_set_gdt(frames, 512), 0);
    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        CHECK(mmuext_mfn(commands[i], va_to_mfn(other)) < 0);
    CHECK(page_protect(other, PTE_KERNEL_DATA) < 0);
    CHECK(mmuext_mfn(MMUEXT_CLEAR_PAGE, va_to_mfn(other)) < 0);
    CHECK_EQ(hypercall_set_gdt(NULL, 0), 0);
    free_table_page(other);
    check_table();
}

/* The hypervisor is asked to write to the table itself. */
static void test_copies(void)
{
    domid_t self = guest_domid();
    int writable = grant_offer(self, va_to_mfn(table), false);
    struct mmuext_op copy = {
        .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = va_to_mfn(table), .arg2.src_mfn = va_to_mfn(page)};
    struct gnttab_map_grant_ref map = {.host_addr = (uintptr_t)window,
                                       .flags = GNTMAP_host_map,
                                       .ref = (grant_ref_t)writable,
                                       .dom = self};
    struct gnttab_copy to_frame = {.source = {.u.gmfn = va_to_mfn(page), .domid = DOMID_SELF},
                                   .dest = {.u.gmfn = va_to_mfn(table), .domid = DOMID_SELF},
                                   .len = 64};

    CHECK(mmuext_mfn(MMUEXT_CLEAR_PAGE, va_to_mfn(table)) < 0);
    CHECK(hypercall_mmuext_op(&copy, 1, NULL, DOMID_SELF) < 0);
    CHECK(grant_copy_to(page, self, (grant_ref_t)writable, 0, 64) < 0);
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_copy, &to_frame, 1), 0);
    CHECK(to_frame.status < 0);
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1), 0);
    CHECK(map.status < 0);
    CHECK(grant_end((grant_ref_t)writable));
    check_table();
}

/* Results that a hypercall writes through our pointer: the pointer leads to a table. */
static void test_outputs(void)
{
    struct vcpu_register_runstate_memory_area runstate = {.addr.p = (uintptr_t)table};
    struct vcpu_register_time_memory_area time = {.addr.p = (uintptr_t)table};
    struct vcpu_register_runstate_memory_area off = {.addr.p = 0};
    struct vcpu_register_time_memory_area time_off = {.addr.p = 0};
    struct vcpu_register_vcpu_info info = {.mfn = va_to_mfn(table)};
    struct evtchn_init_control fifo = {.control_gfn = va_to_mfn(table)};
    struct mmuext_op nothing = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    CHECK_EQ(hypercall_xen_version(XENVER_extraversion, table), -EFAULT);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, table), -EFAULT);
    hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &runstate);
    hypercall_sched_op(SCHEDOP_yield, NULL);
    hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &off);
    hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &time);
    hypercall_sched_op(SCHEDOP_yield, NULL);
    hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &time_off);
    CHECK(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &info) < 0);
    CHECK(hypercall_event_channel_op(EVTCHNOP_init_control, &fifo) < 0);
    hypercall_mmuext_op(&nothing, 1, (unsigned int *)table, DOMID_SELF);
    hypercall_mmu_update(NULL, 0, (unsigned int *)table, DOMID_SELF);
    check_table();
}

/* Giving the frame away while it is a table. */
static void test_give_away(void)
{
    xen_pfn_t in = va_to_mfn(table), out = va_to_pfn(table);
    struct xen_memory_exchange exchange = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
                                           .out = {.nr_extents = 1, .domid = DOMID_SELF}};

    set_xen_guest_handle(exchange.in.extent_start, &in);
    set_xen_guest_handle(exchange.out.extent_start, &out);
    CHECK(hypercall_memory_op(XENMEM_exchange, &exchange) < 0);
    CHECK_EQ(exchange.nr_exchanged, 0);
    check_table();
}

/* Superpages over anything, at every level that has them. */
static void test_superpages(void)
{
    const pte_t *l3 = pte_lookup(window, 3);
    const pte_t *free_l2 = (const pte_t *)mfn_to_va(pte_mfn(*l3)) + 300;
    uint64_t *upper = page_alloc_zeroed();

    CHECK(mmu_update_one(pte_maddr(free_l2), make_pte(0, PTE_KERNEL_DATA | PTE_PSE)) < 0);
    CHECK(mmu_update_one(pte_maddr(free_l2),
                         make_pte(va_to_mfn(table) & ~511ul, PTE_KERNEL_DATA | PTE_PSE)) < 0);
    upper[0] = PTE_KERNEL_DATA | PTE_PSE;
    CHECK_EQ(page_protect(upper, PTE_KERNEL_RO), 0);
    CHECK(mmuext_mfn(MMUEXT_PIN_L2_TABLE, va_to_mfn(upper)) < 0);
    CHECK(mmuext_mfn(MMUEXT_PIN_L3_TABLE, va_to_mfn(upper)) < 0);
    CHECK(mmuext_mfn(MMUEXT_PIN_L4_TABLE, va_to_mfn(upper)) < 0);
    free_table_page(upper);
    check_table();
}

/* A root with entries in the hypervisor's slots: pinning takes them out or refuses. */
static void test_reserved_slots(void)
{
    uint64_t *root = page_alloc_zeroed();
    uint64_t *l3 = table_page();

    for (unsigned int slot = 256; slot < 272; slot++)
        root[slot] = make_pte(va_to_mfn(l3), PTE_TABLE);
    CHECK_EQ(page_protect(root, PTE_KERNEL_RO), 0);
    if (mmuext_mfn(MMUEXT_PIN_L4_TABLE, va_to_mfn(root)) == 0) {
        for (unsigned int slot = 256; slot < 272; slot++)
            if (pte_mfn(root[slot]) == va_to_mfn(l3))
                test_fail(__FILE__, __LINE__, "slot %u kept our table", slot);
        CHECK_EQ(mmuext_mfn(MMUEXT_UNPIN_TABLE, va_to_mfn(root)), 0);
    }
    free_table_page(root);
    free_table_page(l3);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"map_writable", test_map_writable},
        {"upgrade", test_upgrade},
        {"upgrade_by_write", test_upgrade_by_write},
        {"stale_mapping", test_stale_mapping},
        {"wrong_kinds", test_wrong_kinds},
        {"copies", test_copies},
        {"outputs", test_outputs},
        {"give_away", test_give_away},
        {"superpages", test_superpages},
        {"reserved_slots", test_reserved_slots},
        {NULL, NULL},
    };

    page = page_alloc_zeroed();
    table = page_alloc_zeroed();
    window = window_reserve(2);
    table[100] = make_pte(va_to_mfn(page), PTE_KERNEL_RO);
    if (page_protect(table, PTE_KERNEL_RO) || mmuext_mfn(MMUEXT_PIN_L1_TABLE, va_to_mfn(table)))
        guest_panic("no page table to attack");
    run_tests(tests);
}
