/* SPDX-License-Identifier: MIT */
/*
 * A guest that asks for as much work as one hypercall can hold: roots with millions of entries,
 * batches of thousands of elements, all its ports, grants and timers at once. Meanwhile its timer
 * fires every millisecond, so that whatever can be preempted is. It prints
 *
 *     greedy: <what> <0, or a sum of the errors that it did not expect>
 *
 * for each kind of work, then "greedy: ready", and keeps all it has until it is destroyed. The
 * test (tests/system/test_preemption.c) reads from the hypervisor how long it was kept busy in one
 * piece.
 */
#include <errno.h>
#include <events.h>
#include <grant.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <public/memory.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vcpu.h>

#define ENTRIES    512u
#define LEAVES     4096u /* L1 tables of the large tree: two million entries */
#define ROUNDS     3
#define SUPERPAGE  9u
#define GRANTS     16384u
#define COPIES     2048u
#define CALLS      512u
#define EXTRA_VCPU 31u /* initialised, never run */

static unsigned long unexpected;

/* The call's result has to be that. */
static void want(long result, long expected)
{
    if (result != expected) {
        printf("greedy: got %ld instead of %ld\n", result, expected);
        unexpected++;
    }
}

static void *must(void *memory)
{
    if (!memory)
        guest_panic("out of memory");
    return memory;
}

static void *zeroed(unsigned long pages)
{
    return memset(must(pages_alloc(pages)), 0, pages * PAGE_SIZE);
}

static void protect(void *pages, unsigned long count, pte_t flags)
{
    for (unsigned long i = 0; i < count; i++)
        want(page_protect((char *)pages + i * PAGE_SIZE, flags), 0);
}

static long mmuext(unsigned int command, mfn_t mfn)
{
    struct mmuext_op op = {.cmd = command, .arg1.mfn = mfn};

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

/* ---- large trees ---- */

static uint64_t *leaves, *middle, *upper, *root, *other_root, *small_root;
#define MIDDLES (LEAVES / ENTRIES)

static const uint64_t *kernel_tables(void)
{
    return (const uint64_t *)start_info->pt_base;
}

static void make_trees(void)
{
    mfn_t data = va_to_mfn(zeroed(1));

    leaves = zeroed(LEAVES);
    middle = zeroed(MIDDLES);
    upper = zeroed(1);
    root = zeroed(1);
    other_root = zeroed(1);
    small_root = zeroed(1);
    for (unsigned int i = 0; i < LEAVES * ENTRIES; i++)
        leaves[i] = make_pte(data, i & 1 ? PTE_KERNEL_DATA : PTE_KERNEL_RO);
    for (unsigned int i = 0; i < LEAVES; i++)
        middle[i] = make_pte(va_to_mfn(leaves + i * ENTRIES), PTE_TABLE);
    for (unsigned int i = 0; i < MIDDLES; i++)
        upper[i] = make_pte(va_to_mfn(middle + i * ENTRIES), PTE_TABLE);
    root[1] = other_root[2] = make_pte(va_to_mfn(upper), PTE_TABLE);
    root[511] = other_root[511] = small_root[511] = kernel_tables()[511];
    protect(leaves, LEAVES, PTE_KERNEL_RO);
    protect(middle, MIDDLES, PTE_KERNEL_RO);
    protect(upper, 1, PTE_KERNEL_RO);
    protect(root, 1, PTE_KERNEL_RO);
    protect(other_root, 1, PTE_KERNEL_RO);
    protect(small_root, 1, PTE_KERNEL_RO);
}

/* Nothing of the tree is a table any more, down to the last one. */
static void check_all_is_undone(void)
{
    uint64_t *const tables[] = {root, upper, middle, leaves, leaves + (LEAVES - 1) * ENTRIES};

    for (unsigned int i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        protect(tables[i], 1, PTE_KERNEL_DATA);
        protect(tables[i], 1, PTE_KERNEL_RO);
    }
}

static void pins(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        want(mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(root)), 0);
        want(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(root)), 0);
        check_all_is_undone();
    }
    /* An entry of the last table is refused: all before it is undone. */
    protect(leaves + (LEAVES - 1) * ENTRIES, 1, PTE_KERNEL_DATA);
    leaves[LEAVES * ENTRIES - 1] = make_pte(0xffffffff, PTE_KERNEL_DATA);
    protect(leaves + (LEAVES - 1) * ENTRIES, 1, PTE_KERNEL_RO);
    for (int i = 0; i < ROUNDS; i++) {
        want(mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(root)), -EPERM);
        check_all_is_undone();
    }
    protect(leaves + (LEAVES - 1) * ENTRIES, 1, PTE_KERNEL_DATA);
    leaves[LEAVES * ENTRIES - 1] = 0;
    protect(leaves + (LEAVES - 1) * ENTRIES, 1, PTE_KERNEL_RO);
}

static void roots(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        want(mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn(root)), 0);
        want(mmuext(MMUEXT_NEW_BASEPTR, va_to_mfn(kernel_tables())), 0);
        want(mmuext(MMUEXT_NEW_USER_BASEPTR, va_to_mfn(root)), 0);
        want(mmuext(MMUEXT_NEW_USER_BASEPTR, 0), 0);
        check_all_is_undone();
    }
}

static void entries(void)
{
    uint64_t entry = root[1], slot = va_to_maddr(&small_root[1]);
    mmu_update_t updates[8];

    want(mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(small_root)), 0);
    for (unsigned int i = 0; i < 8; i++)
        updates[i] = (mmu_update_t){.ptr = slot, .val = i & 1 ? 0 : entry};
    want(hypercall_mmu_update(updates, 8, NULL, DOMID_SELF), 0);
    want(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(small_root)), 0);
    check_all_is_undone();
}

/* Roots of a vCPU that is never run, refused for its descriptor table or its user root. */
static void contexts(void)
{
    struct vcpu_guest_context *context = must(calloc(1, sizeof(*context)));
    uint64_t *bad = zeroed(1);

    context->flags = VGCF_in_kernel;
    context->ctrlreg[3] = va_to_mfn(root) << PAGE_SHIFT;
    context->gdt_ents = 512;
    context->gdt_frames[0] = 0xffffffff;
    for (int i = 0; i < 6; i++) {
        want(hypercall_vcpu_op(VCPUOP_initialise, EXTRA_VCPU, context), -EINVAL);
        if (i % 2)
            check_all_is_undone();
    }
    context->ctrlreg[1] = va_to_mfn(other_root) << PAGE_SHIFT;
    for (int i = 0; i < ROUNDS; i++)
        want(hypercall_vcpu_op(VCPUOP_initialise, EXTRA_VCPU, context), -EINVAL);
    context->gdt_ents = 0;
    bad[7] = make_pte(0xffffffff, PTE_TABLE);
    protect(bad, 1, PTE_KERNEL_RO);
    context->ctrlreg[1] = va_to_mfn(bad) << PAGE_SHIFT;
    for (int i = 0; i < ROUNDS; i++)
        want(hypercall_vcpu_op(VCPUOP_initialise, EXTRA_VCPU, context), -EINVAL);
    context->ctrlreg[3] = va_to_mfn(small_root) << PAGE_SHIFT;
    context->ctrlreg[1] = va_to_mfn(root) << PAGE_SHIFT;
    context->gdt_ents = 512;
    for (int i = 0; i < ROUNDS; i++)
        want(hypercall_vcpu_op(VCPUOP_initialise, EXTRA_VCPU, context), -EINVAL);
    check_all_is_undone();
    free(context);
}

/* ---- single L1 tables that cost most ---- */

/* Each entry names a descriptor table: when it goes, the LDTs of all vCPUs go, too. */
static void descriptor_tables(void)
{
    uint64_t *table = zeroed(1), *segments = zeroed(16);
    unsigned long frames[14];
    struct mmuext_op ldt = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)segments, .arg2.nr_ents = 8192};

    protect(segments, 16, PTE_KERNEL_RO);
    for (unsigned int i = 0; i < 14; i++)
        frames[i] = va_to_mfn((char *)segments + i * PAGE_SIZE);
    want(hypercall_set_gdt(frames, 14 * 512), 0);
    for (unsigned int i = 0; i < ENTRIES; i++)
        table[i] = make_pte(va_to_mfn((char *)segments + i % 16 * PAGE_SIZE), PTE_KERNEL_RO);
    protect(table, 1, PTE_KERNEL_RO);
    for (int i = 0; i < ROUNDS; i++) {
        want(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(table)), 0);
        want(hypercall_mmuext_op(&ldt, 1, NULL, DOMID_SELF), 0);
        for (unsigned int page = 0; page < 16; page++) {
            unsigned int selector = (page * 512 << 3) | 7;

            asm volatile("lar %0, %0" : "+r"(selector)::"cc"); /* maps the page */
        }
        want(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(table)), 0);
    }
    ldt.arg2.nr_ents = 0;
    want(hypercall_mmuext_op(&ldt, 1, NULL, DOMID_SELF), 0);
}

static long reservation(unsigned int op, xen_pfn_t *extents, unsigned long count,
                        unsigned int order)
{
    struct xen_memory_reservation reservation = {
        .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};

    set_xen_guest_handle(reservation.extent_start, extents);
    return hypercall_memory_op(op, &reservation);
}

/* Pages that nothing maps any more; their frames, in `mfns`. They are lost to the allocator. */
static void take_pages(xen_pfn_t *mfns, unsigned long count)
{
    char *pages = must(pages_alloc(count));

    for (unsigned long i = 0; i < count; i++) {
        mfns[i] = va_to_mfn(pages + i * PAGE_SIZE);
        want(hypercall_update_va_mapping(pages + i * PAGE_SIZE, 0, UVMF_INVLPG), 0);
    }
}

/* The entries of one table are the last that keep 512 frames. */
static void last_mappings(void)
{
    uint64_t *table = zeroed(1);
    xen_pfn_t *mfns = must(calloc(ENTRIES, sizeof(*mfns)));

    take_pages(mfns, ENTRIES);
    for (unsigned int i = 0; i < ENTRIES; i++)
        table[i] = make_pte(mfns[i], PTE_KERNEL_RO);
    protect(table, 1, PTE_KERNEL_RO);
    want(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(table)), 0);
    want(reservation(XENMEM_decrease_reservation, mfns, ENTRIES, 0), ENTRIES);
    want(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(table)), 0);
    free(mfns);
}

/* ---- memory ---- */

static void exchange(xen_pfn_t *in, unsigned int in_order, xen_pfn_t *out, unsigned int out_order)
{
    struct xen_memory_exchange op = {
        .in = {.nr_extents = ENTRIES >> in_order, .extent_order = in_order, .domid = DOMID_SELF},
        .out = {.nr_extents = ENTRIES >> out_order, .extent_order = out_order, .domid = DOMID_SELF},
    };

    set_xen_guest_handle(op.in.extent_start, in);
    set_xen_guest_handle(op.out.extent_start, out);
    want(hypercall_memory_op(XENMEM_exchange, &op), 0);
}

static void memory(void)
{
    const unsigned long count = 8 * ENTRIES;
    xen_pfn_t *mfns = must(calloc(count, sizeof(*mfns))), *out = must(calloc(count, sizeof(*out)));

    take_pages(mfns, count);
    want(reservation(XENMEM_decrease_reservation, mfns, count, 0), (long)count);
    for (unsigned int i = 0; i < count / ENTRIES; i++)
        mfns[i] = 0x100000 + i * ENTRIES;
    want(reservation(XENMEM_populate_physmap, mfns, count / ENTRIES, SUPERPAGE),
         (long)(count / ENTRIES));
    want(reservation(XENMEM_decrease_reservation, mfns, count / ENTRIES - 1, SUPERPAGE),
         (long)(count / ENTRIES - 1));
    want(reservation(XENMEM_increase_reservation, mfns, count / ENTRIES - 1, SUPERPAGE),
         (long)(count / ENTRIES - 1));
    for (int i = 0; i < ROUNDS; i++) {
        exchange(mfns, SUPERPAGE, out, 0);
        exchange(out, 0, mfns, SUPERPAGE);
    }
    want(reservation(XENMEM_decrease_reservation, mfns, 1, SUPERPAGE), 1);
}

/* ---- grants ---- */

static void grants(void)
{
    struct gnttab_map_grant_ref *maps = must(calloc(GRANTS, sizeof(*maps)));
    struct gnttab_unmap_grant_ref *unmaps = must(calloc(GRANTS, sizeof(*unmaps)));
    struct gnttab_copy *copies = must(calloc(COPIES, sizeof(*copies)));
    xen_pfn_t *frames = must(calloc(64, sizeof(*frames)));
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 64};
    char *page = zeroed(1), *target = zeroed(1), *window = must(window_reserve(GRANTS));
    grant_entry_v1_t *table;
    domid_t self = guest_domid();

    set_xen_guest_handle(setup.frame_list, frames);
    want(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
    want(setup.status, GNTST_okay);
    table = must(map_frames(frames, 64, DOMID_SELF, PTE_KERNEL_DATA, NULL));
    for (unsigned int i = 0; i < GRANTS; i++) {
        grant_ref_t ref = 1024 + i;

        table[ref] = (grant_entry_v1_t){GTF_permit_access, self, (uint32_t)va_to_mfn(page)};
        maps[i] = (struct gnttab_map_grant_ref){
            .host_addr = (unsigned long)window + i * PAGE_SIZE,
            .flags = GNTMAP_host_map | GNTMAP_device_map,
            .ref = ref,
            .dom = self,
        };
    }
    for (int round = 0; round < 2; round++) {
        want(hypercall_grant_table_op(GNTTABOP_map_grant_ref, maps, GRANTS), 0);
        for (unsigned int i = 0; i < GRANTS; i++) {
            if (maps[i].status)
                unexpected++;
            unmaps[i] = (struct gnttab_unmap_grant_ref){.host_addr = maps[i].host_addr,
                                                        .dev_bus_addr = maps[i].dev_bus_addr,
                                                        .handle = maps[i].handle};
        }
        if (round == 0) /* the others stay until the domain dies */
            want(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, unmaps, GRANTS), 0);
    }
    for (unsigned int i = 0; i < COPIES; i++)
        copies[i] = (struct gnttab_copy){
            .source = {.u.ref = 1024 + GRANTS + i, .domid = self},
            .dest = {.u.gmfn = va_to_mfn(target), .domid = DOMID_SELF},
            .len = PAGE_SIZE,
            .flags = GNTCOPY_source_gref,
        };
    for (unsigned int i = 0; i < COPIES; i++)
        table[1024 + GRANTS + i] = (grant_entry_v1_t){GTF_permit_access, self,
                                                      (uint32_t)va_to_mfn(page)};
    want(hypercall_grant_table_op(GNTTABOP_copy, copies, COPIES), 0);
}

/* ---- event channels ---- */

static void ports(void)
{
    evtchn_bind_ipi_t bind = {.vcpu = 0};
    unsigned int opened = 0;

    while (hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind) == 0) {
        if (bind.port >= EVENT_PORTS)
            break;
        event_mask(bind.port);
        hypercall_event_channel_op(EVTCHNOP_send, &(evtchn_send_t){.port = bind.port});
        opened++;
    }
    for (int i = 0; i < 64; i++)
        want(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), -ENOSPC);
    if (opened < 512)
        unexpected++;
}

/* ---- batches ---- */

static void multicalls(void)
{
    multicall_entry_t *calls = must(calloc(CALLS, sizeof(*calls)));
    struct mmuext_op ops[2];
    uint64_t *table = zeroed(1);
    mfn_t data = va_to_mfn(zeroed(1));

    for (unsigned int i = 0; i < ENTRIES; i++)
        table[i] = make_pte(data, PTE_KERNEL_DATA);
    protect(table, 1, PTE_KERNEL_RO);
    for (unsigned int i = 0; i < 2; i++)
        ops[i] = (struct mmuext_op){.cmd = i ? MMUEXT_UNPIN_TABLE : MMUEXT_PIN_L1_TABLE,
                                    .arg1.mfn = va_to_mfn(table)};
    for (unsigned int i = 0; i < CALLS; i++)
        calls[i] = (multicall_entry_t){.op = __HYPERVISOR_mmuext_op,
                                       .args = {(unsigned long)&ops[i % 2], 1, 0, DOMID_SELF}};
    want(hypercall_multicall(calls, CALLS), 0);
    for (unsigned int i = 0; i < CALLS; i++)
        if (calls[i].result)
            unexpected++;
    free(calls);
}

/* ---- vCPUs whose timers fire together ---- */

static uint64_t first_alarm;

static void sleep_together(void *argument)
{
    for (unsigned int i = 0; i < 20; i++) {
        struct vcpu_set_singleshot_timer once = {.timeout_abs_ns = first_alarm + i * 5000000ul};
        struct vcpu_set_periodic_timer often = {.period_ns = 1000000};
        struct sched_poll poll = {.timeout = once.timeout_abs_ns};

        hypercall_vcpu_op(VCPUOP_set_periodic_timer, this_vcpu()->id, &often);
        hypercall_vcpu_op(VCPUOP_set_singleshot_timer, this_vcpu()->id, &once);
        hypercall_sched_op(SCHEDOP_poll, &poll);
    }
}

static void timers(void)
{
    vcpu_runstate_info_t now;

    want(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &now), 0);
    first_alarm = now.state_entry_time + 20000000;
    for (unsigned int id = 1; id < EXTRA_VCPU; id++)
        want(vcpu_start(id, sleep_together, NULL), 0);
    for (unsigned int id = 1; id < EXTRA_VCPU; id++)
        while (vcpu_is_up(id) > 0)
            hypercall_sched_op(SCHEDOP_yield, NULL);
}

/* What is to be taken apart when the domain dies. */
static void stay(void)
{
    want(mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(root)), 0);
    want(mmuext(MMUEXT_PIN_L4_TABLE, va_to_mfn(other_root)), 0);
}

static const struct {
    const char *name;
    void (*run)(void);
} works[] = {
    {"trees", make_trees},
    {"pins", pins},
    {"roots", roots},
    {"entries", entries},
    {"contexts", contexts},
    {"descriptor-tables", descriptor_tables},
    {"last-mappings", last_mappings},
    {"memory", memory},
    {"grants", grants},
    {"multicalls", multicalls},
    {"timers", timers},
    {"ports", ports},
    {"stay", stay},
};

void guest_main(void)
{
    struct vcpu_set_periodic_timer often = {.period_ns = 1000000};

    want(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &often), 0);
    for (unsigned int i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
        unexpected = 0;
        works[i].run();
        printf("greedy: %s %lu\n", works[i].name, unexpected);
    }
    printf("greedy: ready\n");
    for (;;)
        hypercall_sched_op(SCHEDOP_block, NULL);
}
