/* SPDX-License-Identifier: MIT */
/*
 * A guest that makes random hypercalls of one group on two vCPUs until it is destroyed, or has
 * ended itself in one way or another. It checks nothing: the test looks at the hypervisor and at
 * other domains.
 *
 *     group=mmu|memory|events|grants|cpu|control|multicall|all|fatal   seed=N
 *
 * What ends or silences the caller at once is left out of all groups but "fatal".
 */
#include <grant.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <public/memory.h>
#include <public/physdev.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <stdio.h>
#include <string.h>
#include <vcpu.h>

#include "hostile.h"

#define PAGES          32
#define ARGUMENT_BYTES 512 /* at the start of a page; longer than any argument */
#define MAX_CALLS      16

struct call {
    uint8_t number;
    uint8_t pointer; /* which argument points to a structure; NONE */
    uint8_t ops;     /* the argument before the pointer is an operation below this; 0: it is not */
};

#define NONE 6

static const struct call mmu_calls[] = {
    {__HYPERVISOR_mmu_update, 0, 0},
    {__HYPERVISOR_mmuext_op, 0, 0},
    {__HYPERVISOR_update_va_mapping, NONE, 0},
    {__HYPERVISOR_update_va_mapping_otherdomain, NONE, 0},
    {__HYPERVISOR_vm_assist, NONE, 0},
    {__HYPERVISOR_set_gdt, 0, 0},
    {__HYPERVISOR_update_descriptor, NONE, 0},
};
static const struct call memory_calls[] = {
    {__HYPERVISOR_memory_op, 1, 32},
    {__HYPERVISOR_update_va_mapping, NONE, 0},
};
static const struct call events_calls[] = {
    {__HYPERVISOR_event_channel_op, 1, 16},
    {__HYPERVISOR_event_channel_op_compat, 0, 0},
};
static const struct call grants_calls[] = {
    {__HYPERVISOR_grant_table_op, 1, 14},
    {__HYPERVISOR_update_va_mapping, NONE, 0},
};
static const struct call cpu_calls[] = {
    {__HYPERVISOR_vcpu_op, 2, 16},        {__HYPERVISOR_sched_op, 1, 9},
    {__HYPERVISOR_set_timer_op, NONE, 0}, {__HYPERVISOR_set_debugreg, NONE, 0},
    {__HYPERVISOR_get_debugreg, NONE, 0}, {__HYPERVISOR_fpu_taskswitch, NONE, 0},
    {__HYPERVISOR_nmi_op, 1, 2},          {__HYPERVISOR_xen_version, 1, 12},
    {__HYPERVISOR_set_gdt, 0, 0},         {__HYPERVISOR_update_descriptor, NONE, 0},
};
static const struct call control_calls[] = {
    {__HYPERVISOR_domctl, 0, 0},      {__HYPERVISOR_sysctl, 0, 0},
    {__HYPERVISOR_platform_op, 0, 0}, {__HYPERVISOR_physdev_op, 1, 34},
    {__HYPERVISOR_hvm_op, 1, 26},     {__HYPERVISOR_xsm_op, 0, 0},
    {__HYPERVISOR_kexec_op, 1, 6},    {__HYPERVISOR_xenpmu_op, 1, 8},
    {__HYPERVISOR_hypfs_op, 1, 5},    {__HYPERVISOR_console_io, 2, 3},
};
static const struct call multicall_calls[] = {
    {__HYPERVISOR_multicall, 0, 0},
};
static const struct call fatal_calls[] = {
    {__HYPERVISOR_iret, NONE, 0},           {__HYPERVISOR_set_trap_table, 0, 0},
    {__HYPERVISOR_stack_switch, NONE, 0},   {__HYPERVISOR_set_callbacks, NONE, 0},
    {__HYPERVISOR_callback_op, 1, 3},       {__HYPERVISOR_sched_op, 1, 9},
    {__HYPERVISOR_vcpu_op, 2, 16},          {__HYPERVISOR_set_segment_base, NONE, 0},
    {__HYPERVISOR_sched_op_compat, 1, 4},   {__HYPERVISOR_mmuext_op, 0, 0},
    {__HYPERVISOR_physdev_op_compat, 0, 0}, {__HYPERVISOR_multicall, 0, 0},
};

static const struct group {
    const char *name;
    const struct call *calls;
    unsigned int count;
} groups[] = {
#define GROUP(name)                                                         \
    {                                                                       \
#name, name##_calls, sizeof(name##_calls) / sizeof(name##_calls[0]) \
    }
    GROUP(mmu), GROUP(memory),  GROUP(events),    GROUP(grants),
    GROUP(cpu), GROUP(control), GROUP(multicall), GROUP(fatal),
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))
#define FATAL  (GROUPS - 1)

static domid_t own_domid;
static unsigned int chosen; /* GROUPS: all but the fatal one */

static bool ends_the_caller(unsigned int number, unsigned int op)
{
    switch (number) {
    case __HYPERVISOR_sched_op:
        return op == SCHEDOP_block || op == SCHEDOP_shutdown || op == SCHEDOP_poll ||
               op == SCHEDOP_watchdog;
    case __HYPERVISOR_vcpu_op:
        return op == VCPUOP_down || op == VCPUOP_send_nmi;
    default:
        return false;
    }
}

/* An entry of the kind that is accepted, or nearly so, of one of our pages. */
static pte_t likely_pte(struct hostile *h)
{
    static const pte_t kinds[] = {PTE_KERNEL_DATA, PTE_KERNEL_RO, PTE_TABLE,
                                  PTE_KERNEL_DATA | PTE_USER, 0};
    pte_t flags = kinds[hostile_below(h, sizeof(kinds) / sizeof(kinds[0]))];

    if (hostile_below(h, 4) == 0)
        flags ^= 1ull << hostile_below(h, 64);
    return make_pte(va_to_mfn(hostile_page(h)), flags);
}

/*
 * The machine address of an entry that maps one of our pages, or of one in a page that may be a
 * table.
 */
static uint64_t likely_entry(struct hostile *h)
{
    uint8_t *page = hostile_page(h);

    return hostile_below(h, 2) ? pte_maddr(pte_lookup(page, 1))
                               : va_to_maddr(page) + hostile_below(h, 512) * sizeof(pte_t);
}

static void likely_mmuext(struct hostile *h, struct mmuext_op *op)
{
    op->cmd = hostile_below(h, 22);
    if (hostile_below(h, 2))
        op->arg1.mfn = va_to_mfn(hostile_page(h));
    else
        op->arg1.linear_addr = (unsigned long)hostile_page(h);
    if (op->cmd == MMUEXT_COPY_PAGE)
        op->arg2.src_mfn = va_to_mfn(hostile_page(h));
    else if (op->cmd == MMUEXT_SET_LDT)
        op->arg2.nr_ents = hostile_below(h, 513);
}

static void likely_memory(struct hostile *h, unsigned int op, uint8_t *argument)
{
    struct xen_memory_reservation *memory = (struct xen_memory_reservation *)argument;
    xen_pfn_t *extents = (xen_pfn_t *)(argument + ARGUMENT_BYTES / 2);

    if (op != XENMEM_increase_reservation && op != XENMEM_decrease_reservation &&
        op != XENMEM_populate_physmap)
        return;
    for (unsigned int i = 0; i < 4; i++)
        extents[i] = hostile_below(h, 4) ? va_to_mfn(hostile_page(h)) : hostile_value(h);
    set_xen_guest_handle(memory->extent_start, extents);
    memory->nr_extents = hostile_below(h, 5);
    memory->extent_order = hostile_below(h, 8) ? 0 : hostile_below(h, 20);
    memory->mem_flags = 0;
    memory->domid = DOMID_SELF;
}

/* Offers of our pages to ourselves, and uses of them at once. */
static void likely_grant(struct hostile *h, unsigned int op, uint8_t *argument)
{
    struct gnttab_map_grant_ref *map = (struct gnttab_map_grant_ref *)argument;
    struct gnttab_unmap_grant_ref *unmap = (struct gnttab_unmap_grant_ref *)argument;
    struct gnttab_copy *copy = (struct gnttab_copy *)argument;
    grant_ref_t ref = 8 + hostile_below(h, 24);
    grant_entry_v1_t *entry = &grant_table()[ref];

    entry->domid = hostile_below(h, 4) ? own_domid : (domid_t)hostile_value(h);
    entry->frame = (uint32_t)(hostile_below(h, 8) ? va_to_mfn(hostile_page(h)) : hostile_value(h));
    entry->flags = (uint16_t)(hostile_below(h, 4)
                                  ? GTF_permit_access | (hostile_number(h) & GTF_readonly)
                                  : hostile_number(h));
    if (op == GNTTABOP_map_grant_ref) {
        map->host_addr = hostile_below(h, 2) ? (unsigned long)hostile_page(h) : likely_entry(h);
        map->flags = hostile_below(h, 32);
        map->ref = ref;
        map->dom = own_domid;
    } else if (op == GNTTABOP_unmap_grant_ref) {
        unmap->host_addr = hostile_below(h, 2) ? (unsigned long)hostile_page(h) : likely_entry(h);
        unmap->dev_bus_addr = 0;
        unmap->handle = hostile_below(h, 64);
    } else if (op == GNTTABOP_copy) {
        copy->source.u.ref = copy->dest.u.ref = ref;
        copy->source.domid = copy->dest.domid = DOMID_SELF;
        copy->source.offset = copy->dest.offset = (uint16_t)hostile_below(h, 2048);
        copy->len = (uint16_t)hostile_below(h, 2100);
        copy->flags = (uint16_t)hostile_below(h, 4);
        if (!(copy->flags & GNTCOPY_source_gref))
            copy->source.u.gmfn = va_to_mfn(hostile_page(h));
        if (!(copy->flags & GNTCOPY_dest_gref))
            copy->dest.u.gmfn = va_to_mfn(hostile_page(h));
    }
}

/* Arguments that random ones would hardly ever hit: they get as far as a guest can. */
static void make_likely(struct hostile *h, multicall_entry_t *entry, uint8_t *argument)
{
    mmu_update_t *updates = (mmu_update_t *)argument;

    switch (entry->op) {
    case __HYPERVISOR_mmu_update:
        for (unsigned int i = 0; i < 4; i++)
            updates[i] = (mmu_update_t){.ptr = likely_entry(h) |
                                               (hostile_below(h, 8) ? 0 : hostile_below(h, 4)),
                                        .val = likely_pte(h)};
        entry->args[2] = 0;
        entry->args[3] = DOMID_SELF;
        break;
    case __HYPERVISOR_mmuext_op:
        for (unsigned int i = 0; i < 4; i++)
            likely_mmuext(h, (struct mmuext_op *)argument + i);
        entry->args[1] = 1 + hostile_below(h, 2);
        entry->args[2] = 0;
        entry->args[3] = DOMID_SELF;
        break;
    case __HYPERVISOR_update_va_mapping:
        entry->args[0] = (unsigned long)hostile_page(h);
        entry->args[1] = likely_pte(h);
        entry->args[2] = UVMF_INVLPG;
        break;
    case __HYPERVISOR_set_gdt:
        *(unsigned long *)argument = va_to_mfn(hostile_page(h));
        entry->args[1] = hostile_below(h, 513);
        break;
    case __HYPERVISOR_update_descriptor:
        entry->args[0] = va_to_maddr(hostile_page(h)) + hostile_below(h, 512) * 8;
        break;
    case __HYPERVISOR_memory_op:
        likely_memory(h, (unsigned int)entry->args[0], argument);
        break;
    case __HYPERVISOR_grant_table_op:
        likely_grant(h, (unsigned int)entry->args[0], argument);
        entry->args[2] = 1;
        break;
    default:
        break;
    }
}

static void choose_call(struct hostile *h, multicall_entry_t *entry, uint8_t *argument);

/* A list of calls of every group that is allowed, which may contain lists. */
static unsigned int fill_list(struct hostile *h, uint8_t *argument)
{
    multicall_entry_t *list = (multicall_entry_t *)argument;
    unsigned int count = 1 + hostile_below(h, MAX_CALLS);

    for (unsigned int i = 0; i < count; i++) {
        if (hostile_below(h, 8) == 0)
            list[i] = (multicall_entry_t){.op = __HYPERVISOR_multicall,
                                          .args = {(unsigned long)list, count}};
        else
            choose_call(h, &list[i], argument + PAGE_SIZE / 2);
    }
    return count;
}

/* One call, with its argument at `argument`. */
static void choose_call(struct hostile *h, multicall_entry_t *entry, uint8_t *argument)
{
    const struct group *g = &groups[chosen < GROUPS ? chosen : hostile_below(h, FATAL)];
    const struct call *call = &g->calls[hostile_below(h, g->count)];

    /* In a list: of any group, but not another list, of which the caller makes its own. */
    while (call->number == __HYPERVISOR_multicall && (uintptr_t)argument % PAGE_SIZE) {
        g = &groups[hostile_below(h, FATAL - 1)];
        call = &g->calls[hostile_below(h, g->count)];
    }
    memset(entry, 0, sizeof(*entry));
    entry->op = call->number;
    for (unsigned int i = 0; i < 6; i++)
        entry->args[i] = hostile_value(h);
    if (call->number == __HYPERVISOR_multicall) {
        entry->args[0] = (unsigned long)argument;
        entry->args[1] = fill_list(h, argument);
        return;
    }
    if (call->ops) {
        do {
            entry->args[0] = hostile_below(h, call->ops);
        } while (g != &groups[FATAL] &&
                 ends_the_caller(call->number, (unsigned int)entry->args[0]));
    }
    if (call->pointer == NONE)
        return;
    hostile_fill(h, argument, ARGUMENT_BYTES);
    entry->args[call->pointer] = hostile_below(h, 8)
                                     ? (unsigned long)argument
                                     : (unsigned long)bad_pointers[hostile_below(h, BAD_POINTERS)];
    /* The count behind a list, or the vCPU before a structure: mostly a small one. */
    if (hostile_below(h, 4)) {
        unsigned int other = call->pointer == 2 ? 1 : call->pointer + 1u;

        entry->args[other] = 1 + hostile_below(h, call->pointer == 2 ? 2 : 4);
    }
    if (hostile_below(h, 4))
        make_likely(h, entry, argument);
}

/*
 * A page that is ours to write: those that became something else are made ordinary, or passed over.
 */
static uint8_t *writable_page(struct hostile *h)
{
    for (;;) {
        uint8_t *page = h->pages + hostile_below(h, h->nr_pages) * PAGE_SIZE;
        struct mmuext_op unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = va_to_mfn(page)};

        if (page_protect(page, PTE_KERNEL_DATA) == 0)
            return page;
        hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}

static void run(void *argument)
{
    struct hostile *h = argument;

    for (;;) {
        multicall_entry_t entry;

        choose_call(h, &entry, writable_page(h));
        hypercall_any((unsigned int)entry.op, entry.args[0], entry.args[1], entry.args[2],
                      entry.args[3], entry.args[4], entry.args[5]);
    }
}

void guest_main(void)
{
    static struct hostile sequences[2];
    char group[16] = "all";

    own_domid = guest_domid();
    guest_option("group", group, sizeof(group));
    for (chosen = 0; chosen < GROUPS && strcmp(groups[chosen].name, group) != 0;)
        chosen++;
    for (unsigned int i = 0; i < 2; i++)
        hostile_init(&sequences[i], i, pages_alloc(PAGES), PAGES);
    printf("chaos: %s\n", group);
    if (vcpu_start(1, run, &sequences[1]))
        printf("one vCPU only\n");
    run(&sequences[0]);
}
