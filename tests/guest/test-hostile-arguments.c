/* SPDX-License-Identifier: MIT */
/*
 * Hostile guest: bad pointers, addresses of the hypervisor, non-canonical ones, and huge counts in
 * every hypercall that takes a pointer; nested multicalls; and random hypercalls with random
 * arguments. Whatever they return, the hypervisor and this domain must continue to run.
 *
 * Left out of the random part is what would rightly end or silence the test itself: shutting down,
 * blocking, leaving the console's port, taking away its own trap table, stacks and segment bases.
 * In dom0 the control calls are left out too.
 */
#include <clock.h>
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <inttypes.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "hostile.h"

#define RANDOM_CALLS  20000
#define SCRATCH_PAGES 4

static uint8_t *scratch; /* pages that random calls may write to */
static char *window;

/* A call whose argument number `pointer` (0 the first) is a pointer. */
struct pointer_call {
    unsigned int number;
    unsigned int pointer;
    unsigned int from, to; /* range of the first argument, where that is a sub-operation */
    unsigned long others;  /* what the other arguments are */
};

static const struct pointer_call pointer_calls[] = {
    {__HYPERVISOR_mmu_update, 0, 0, 0, 1},
    {__HYPERVISOR_mmuext_op, 0, 0, 0, 1},
    {__HYPERVISOR_set_gdt, 0, 0, 0, 512},
    {__HYPERVISOR_memory_op, 1, 0, 29, 0},
    {__HYPERVISOR_multicall, 0, 0, 0, 3},
    {__HYPERVISOR_grant_table_op, 1, 0, 13, 1},
    {__HYPERVISOR_event_channel_op, 1, 0, 14, 0},
    {__HYPERVISOR_physdev_op, 1, 0, 32, 0},
    {__HYPERVISOR_xen_version, 1, 1, 10, 0},
    {__HYPERVISOR_vcpu_op, 2, 4, 5, 0},
    {__HYPERVISOR_vcpu_op, 2, 8, 10, 0},
    {__HYPERVISOR_vcpu_op, 2, 12, 13, 0},
    {__HYPERVISOR_sched_op, 1, 3, 7, 0},
    {__HYPERVISOR_callback_op, 1, 0, 2, 0},
    {__HYPERVISOR_platform_op, 0, 0, 0, 0},
    {__HYPERVISOR_domctl, 0, 0, 0, 0},
    {__HYPERVISOR_sysctl, 0, 0, 0, 0},
    {__HYPERVISOR_console_io, 2, 0, 1, 16},
    {__HYPERVISOR_nmi_op, 1, 0, 1, 0},
    {__HYPERVISOR_hvm_op, 1, 0, 24, 0},
    {__HYPERVISOR_xsm_op, 0, 0, 0, 0},
    {__HYPERVISOR_hypfs_op, 1, 0, 4, 0},
    {__HYPERVISOR_xenpmu_op, 1, 0, 8, 0},
};

/* The kernel still works: memory can be mapped, written and unmapped. */
static void check_alive(void)
{
    uint64_t *page = page_alloc_zeroed();

    if (!CHECK(page != NULL))
        return;
    CHECK_EQ(hypercall_update_va_mapping(window, make_pte(va_to_mfn(page), PTE_KERNEL_DATA),
                                         UVMF_INVLPG),
             0);
    *(volatile uint64_t *)window = 77;
    CHECK_EQ(page[0], 77);
    CHECK_EQ(hypercall_update_va_mapping(window, 0, UVMF_INVLPG), 0);
    page_free(page);
}

static void test_pointers(void)
{
    for (unsigned int i = 0; i < sizeof(pointer_calls) / sizeof(pointer_calls[0]); i++) {
        const struct pointer_call *call = &pointer_calls[i];

        for (unsigned int op = call->from; op <= call->to; op++) {
            for (unsigned int bad = 0; bad < BAD_POINTERS; bad++) {
                unsigned long args[3] = {op, call->others, call->others};

                args[call->pointer] = (unsigned long)bad_pointers[bad];
                /* The second argument of vcpu_op is a vCPU. */
                if (call->number == __HYPERVISOR_vcpu_op)
                    args[1] = 0;
                /* An address of 0 rightly ends some areas, a time of 0 a timer. */
                hypercall_any(call->number, args[0], args[1], args[2], DOMID_SELF, 0, 0);
            }
        }
    }
    check_alive();
}

static void test_faults_told(void)
{
    for (unsigned int bad = 1; bad < BAD_POINTERS; bad++) {
        void *pointer = bad_pointers[bad];
        bool readable = pointer == (void *)0xffff800000000000ull;

        if (readable)
            continue;
        CHECK_EQ(hypercall_event_channel_op(EVTCHNOP_send, pointer), -EFAULT);
        CHECK_EQ(hypercall_xen_version(XENVER_changeset, pointer), -EFAULT);
        CHECK_EQ(hypercall_mmu_update(pointer, 1, NULL, DOMID_SELF), -EFAULT);
        CHECK_EQ(hypercall_multicall(pointer, 1), -EFAULT);
        CHECK_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, pointer, 1), -EFAULT);
    }
    CHECK_EQ(hypercall_xen_version(XENVER_changeset, (void *)0xffff800000000000ull), -EFAULT);
}

static void test_counts(void)
{
    static const unsigned long counts[] = {0x7fffffff,         0x80000000,         0xffffffff,
                                           0x0fffffff,         0x10000001,         1ul << 32,
                                           0x1000000000000000, 0x1fffffffffffffff, ~0ul};
    unsigned int done;

    memset(scratch, 0xff, PAGE_SIZE);
    for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        struct xen_memory_reservation memory = {.nr_extents = counts[i], .domid = DOMID_SELF};
        struct sched_poll poll = {.nr_ports = (unsigned int)counts[i]};
        struct physdev_set_iobitmap bitmap = {.nr_ports = (uint32_t)counts[i]};
        struct xen_memory_map map = {.nr_entries = (unsigned int)counts[i]};
        unsigned long count = counts[i];

        hypercall_any(__HYPERVISOR_mmu_update, (unsigned long)scratch, count & ~(1ul << 31),
                      (unsigned long)&done, DOMID_SELF, 0, 0);
        hypercall_any(__HYPERVISOR_mmuext_op, (unsigned long)scratch, count & ~(1ul << 31),
                      (unsigned long)&done, DOMID_SELF, 0, 0);
        hypercall_any(__HYPERVISOR_multicall, (unsigned long)scratch, count, 0, 0, 0, 0);
        hypercall_any(__HYPERVISOR_set_gdt, (unsigned long)scratch, count, 0, 0, 0, 0);
        hypercall_any(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (unsigned long)scratch, count, 0,
                      0, 0);
        set_xen_guest_handle(memory.extent_start, (xen_pfn_t *)scratch);
        hypercall_memory_op(XENMEM_decrease_reservation, &memory);
        memory.nr_extents = 1;
        memory.extent_order = (unsigned int)count;
        hypercall_memory_op(XENMEM_populate_physmap, &memory);
        hypercall_memory_op(XENMEM_increase_reservation, &memory);
        if (poll.nr_ports > 128) {
            set_xen_guest_handle(poll.ports, (evtchn_port_t *)scratch);
            CHECK_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -EINVAL);
        }
        set_xen_guest_handle(bitmap.bitmap, scratch);
        hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &bitmap);
        set_xen_guest_handle(map.buffer, scratch);
        hypercall_memory_op(XENMEM_memory_map, &map);
    }
    check_alive();
}

static void test_nested_multicalls(void)
{
    multicall_entry_t *calls = (multicall_entry_t *)scratch;
    unsigned int count = PAGE_SIZE / sizeof(*calls);

    for (unsigned int i = 0; i < count; i++)
        calls[i] = (multicall_entry_t){.op = __HYPERVISOR_multicall,
                                       .args = {(unsigned long)calls, count}};
    CHECK_EQ(hypercall_multicall(calls, count), 0);
    for (unsigned int i = 0; i < count; i++)
        CHECK_EQ((long)calls[i].result, -EINVAL);
    /* Calls that overwrite their own list while it is worked on. */
    for (unsigned int i = 0; i < count; i++)
        calls[i] = (multicall_entry_t){.op = __HYPERVISOR_xen_version,
                                       .args = {XENVER_changeset, (unsigned long)calls}};
    hypercall_multicall(calls, count);
    check_alive();
}

static struct hostile sequence;

static unsigned long random_argument(void)
{
    uint64_t r = hostile_number(&sequence);

    switch (r % 12) {
    case 0:
        return (r >> 8) % 16;
    case 1:
        return (r >> 8) % 0x10000;
    case 2:
        return hostile_number(&sequence);
    case 3:
        return (unsigned long)bad_pointers[(r >> 8) % BAD_POINTERS];
    case 4:
        return va_to_mfn(scratch + ((r >> 8) % 4) * PAGE_SIZE);
    case 5:
        return va_to_maddr(scratch) + (r >> 8) % (PAGE_SIZE * 2);
    case 6:
        return DOMID_SELF;
    case 7:
        return (unsigned long)window;
    case 8:
        return make_pte(va_to_mfn(scratch), (r >> 8) & 0xfff);
    case 9:
        return va_to_mfn((void *)start_info->pt_base);
    default:
        return (unsigned long)scratch + (r >> 8) % (3 * PAGE_SIZE);
    }
}

/* Structures of small numbers, frames and addresses are more likely to get far than noise. */
static void fill_scratch(void)
{
    unsigned long *words = (unsigned long *)scratch;
    unsigned long at = hostile_number(&sequence) % (3 * PAGE_SIZE / sizeof(*words));

    for (unsigned int i = 0; i < 16; i++)
        words[at + i] = hostile_number(&sequence) % 3 ? random_argument() : 0;
}

/* Undo what calls that worked did to the scratch pages: pins, tables, mappings. */
static void recover_scratch(void)
{
    for (unsigned int i = 0; i < SCRATCH_PAGES; i++) {
        uint8_t *page = scratch + i * PAGE_SIZE;

        if (page_protect(page, PTE_KERNEL_DATA) == 0)
            continue;
        mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, 0);
        mmuext_va(MMUEXT_SET_LDT, NULL);
        hypercall_set_gdt(NULL, 0);
        mmuext_mfn(MMUEXT_UNPIN_TABLE, va_to_mfn(page));
        if (page_protect(page, PTE_KERNEL_DATA) == 0)
            continue;
        /* Given away or still in use somewhere: continue with others. */
        scratch = pages_alloc(SCRATCH_PAGES);
        if (!scratch)
            guest_panic("no memory left");
        return;
    }
}

static bool may_call(unsigned int number, unsigned long first)
{
    first &= 0xffffffff;
    switch (number) {
    case __HYPERVISOR_set_trap_table:
    case __HYPERVISOR_set_callbacks:
    case __HYPERVISOR_sched_op_compat:
    case __HYPERVISOR_iret:
    case __HYPERVISOR_set_debugreg:
    case __HYPERVISOR_stack_switch:
    case __HYPERVISOR_event_channel_op_compat:
    case __HYPERVISOR_callback_op:
        return false;
    case __HYPERVISOR_sched_op:
        return first == SCHEDOP_yield;
    case __HYPERVISOR_event_channel_op:
        return first != EVTCHNOP_close && first != EVTCHNOP_reset && first != EVTCHNOP_init_control;
    case __HYPERVISOR_vcpu_op:
        return first != VCPUOP_down && first != VCPUOP_register_vcpu_info &&
               first != VCPUOP_send_nmi;
    case __HYPERVISOR_set_segment_base:
        return first == SEGBASE_GS_USER;
    case __HYPERVISOR_domctl:
    case __HYPERVISOR_sysctl:
    case __HYPERVISOR_platform_op:
    case __HYPERVISOR_physdev_op:
    case __HYPERVISOR_physdev_op_compat:
    case __HYPERVISOR_kexec_op:
    case __HYPERVISOR_xenoprof_op:
    case __HYPERVISOR_console_io:
    case __HYPERVISOR_arch_0:
        return !guest_is_privileged();
    case __HYPERVISOR_update_va_mapping:
    case __HYPERVISOR_update_va_mapping_otherdomain:
        return first == (uint32_t)(uintptr_t)window || first < 0x10000;
    default:
        return true;
    }
}

static void test_random(void)
{
    hostile_init(&sequence, 0, scratch, SCRATCH_PAGES);
    for (unsigned int i = 0; i < RANDOM_CALLS; i++) {
        unsigned int number = (unsigned int)(hostile_number(&sequence) % 56);
        unsigned long args[6];

        for (unsigned int a = 0; a < 6; a++)
            args[a] = random_argument();
        if (number == __HYPERVISOR_multicall)
            continue; /* its entries would escape the filter */
        if (hostile_number(&sequence) % 2)
            args[0] %= 32;
        if (!may_call(number, args[0]))
            continue;
        fill_scratch();
        hypercall_any(number, args[0], args[1], args[2], args[3], args[4], args[5]);
        hypercall_update_va_mapping(window, 0, UVMF_INVLPG);
        recover_scratch();
    }
    check_alive();
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"pointers", test_pointers}, {"faults_told", test_faults_told},
        {"counts", test_counts},     {"nested_multicalls", test_nested_multicalls},
        {"random", test_random},     {NULL, NULL},
    };

    scratch = pages_alloc(SCRATCH_PAGES);
    window = window_reserve(1);
    run_tests(tests);
}
