/* SPDX-License-Identifier: MIT */
/*
 * memory_op, all of it: two domains and a privileged one get, give back, exchange and claim frames,
 * ask for maps and resources, with words of the input's choice. The words change while they are
 * read and before a preempted call is continued, allocations fail, and in between the frames are
 * put to use: in page tables, by grants, as descriptor tables (pv_steps.h).
 *
 * After each step all counts are worked out from scratch, with the domains' own counts of their
 * frames and the allocator's of what is claimed.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) tests/fuzz/pv_steps.c */
#include <asm/memory_map.h>
#include <grant_table.h>
#include <guest_access.h>
#include <memory_impl.h>
#include <public/memory.h>

#include "pv_machine.h"
#include "pv_steps.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MAX_STEPS 40U
#define LISTS     0x1000UL /* offsets into the window */
#define WINDOW    0x8000UL

/* ---- words ---- */

static unsigned long list(void)
{
    return take() % 16 ? GUEST(LISTS + pick(4) * 0x400U) : pick_word();
}

static void fill_lists(void)
{
    for (unsigned int i = 0; i < 4; i++)
        for (unsigned int k = 0; k < 5; k++)
            ((xen_pfn_t *)(host_guest + LISTS))[i * 128U + k] = take() % 16 ? pick_frame()
                                                                            : pick_word();
}

static bool changed; /* the words of the call are not what they were */

static void change_word(void)
{
    u64 w = take() & 1 ? pick_word() : pick_frame();
    unsigned long offset = pick(12) * 8U + (take() & 1 ? LISTS : 0);

    if (take() % 4)
        return;
    memcpy(host_guest + offset, &w, sizeof(w));
    changed = true;
}

/* Some of what has just been read changes. */
static void change_what_was_read(void *place, unsigned long bytes)
{
    char *p = place;
    u64 w = pick_word();

    if (p < host_guest || p + bytes > host_guest + WINDOW || bytes < 8 || take() & 1)
        return;
    memcpy(p + pick((unsigned int)(bytes / 8)) * 8U, &w, sizeof(w));
    changed = true;
}

/* What memory_op may change of a domain. */
struct holdings {
    unsigned long frames, claimed;
    const void *map;
};

static void get_holdings(struct holdings *h)
{
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        const struct domain *d = machine_domains[i];

        h[i] = (struct holdings){d->tot_pages, d->claimed_pages, d->arch.memory_map};
    }
}

/* A domain that is not privileged changes nobody but itself. */
static void check_holdings(const struct holdings *before)
{
    struct holdings after[NR_DOMAINS];

    get_holdings(after);
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        if (!current->domain->privileged && machine_domains[i] != current->domain &&
            (after[i].frames != before[i].frames || after[i].claimed != before[i].claimed ||
             after[i].map != before[i].map))
            panic("d%u has changed d%u", current->domain->id, i);
}

static void call(unsigned long cmd)
{
    unsigned long arg = take() % 64 ? GUEST(0) : pick_word();
    struct holdings before[NR_DOMAINS];

    changed = false;
    get_holdings(before);

    if (take() % 16 == 0)
        host_fail_allocation(1U + pick(6));
    if (take() % 4 == 0)
        host_after_guest_read = change_what_was_read;
    follow(do_memory_op(cmd, arg));
    host_after_guest_read = NULL;
    host_fail_allocation(0);
    check_holdings(before);
}

/* Where a list is said to continue. */
static unsigned long start(void)
{
    return take() % 8
               ? 0
               : (unsigned long)(take() % 8 ? take() % 4 : pick_word()) << MEMOP_EXTENT_SHIFT;
}

/* ---- steps ---- */

static struct xen_memory_reservation reservation(void)
{
    struct xen_memory_reservation r = {.nr_extents = 1 + pick(4), .domid = pick_domid()};

    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)list());
    r.extent_order = take() % 4 ? 0 : take() % 8 ? take() % 4 : (u32)pick_word();
    if (take() % 8 == 0)
        r.mem_flags = take() & 1 ? (u32)pick_word() : XENMEMF_address_bits(pick(64));
    if (take() % 16 == 0)
        r.nr_extents = pick_word();
    return r;
}

static unsigned long all_frames(void)
{
    unsigned long n = 0;

    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        n += machine_domains[i]->tot_pages;
    return n;
}

static void step_reservation(void)
{
    static const u8 cmds[] = {XENMEM_increase_reservation, XENMEM_populate_physmap,
                              XENMEM_decrease_reservation, XENMEM_decrease_reservation};

    const struct xen_memory_reservation r = reservation();
    unsigned long before = all_frames();

    *(struct xen_memory_reservation *)host_guest = r;
    call(cmds[pick(ARRAY_SIZE(cmds))] | start());
    /* Preempted or not, nobody gets more than he has asked for. */
    if (!changed && r.extent_order < 8 && r.nr_extents < 8 &&
        all_frames() > before + (r.nr_extents << r.extent_order))
        panic("%lu extents of order %u are %lu frames", (unsigned long)r.nr_extents, r.extent_order,
              all_frames() - before);
}

/* Frames that nobody uses, which alone can be exchanged, as far as there are any. */
static void list_spare_frames(void)
{
    const struct page *pg = page_list_first(&current->domain->pages);
    unsigned int n = 0;

    for (; pg && n < 16; pg = pg->next ? mfn_to_page(MFN(pg->next)) : NULL)
        if (page_refs(pg->state) == 1 && take() % 16)
            ((xen_pfn_t *)(host_guest + LISTS))[n++] = page_to_mfn(pg).n;
}

static void step_exchange(void)
{
    struct xen_memory_exchange *x = (void *)host_guest;

    *x = (struct xen_memory_exchange){.in = reservation(), .out = reservation()};
    if (take() % 8) {
        x->out.domid = x->in.domid;
        x->in.extent_order = take() % 4 ? 0 : pick(3);
        x->out.extent_order = take() % 4 ? 0 : pick(3);
        x->in.nr_extents = (1UL + pick(3))
                           << (x->in.extent_order ? 2 - x->in.extent_order : x->out.extent_order);
        x->out.nr_extents = x->in.nr_extents << x->in.extent_order >> x->out.extent_order;
        set_xen_guest_handle(x->in.extent_start, (xen_pfn_t *)GUEST(LISTS));
        list_spare_frames();
    }
    if (take() % 8 == 0)
        x->nr_exchanged = take() & 1 ? pick(5) : pick_word();
    call(XENMEM_exchange | start());
}

static void step_claim(void)
{
    struct xen_memory_reservation *r = (void *)host_guest;

    *r = (struct xen_memory_reservation){.nr_extents = take() % 4 ? take() : pick_word(),
                                         .domid = pick_domid()};
    if (r->domid == DOMID_SELF)
        r->domid = (domid_t)pick(NR_DOMAINS);
    call(XENMEM_claim_pages);
}

static void step_resource(void)
{
    struct xen_mem_acquire_resource *op = (void *)host_guest;

    *op = (struct xen_mem_acquire_resource){.domid = (domid_t)pick(NR_DOMAINS),
                                            .type = take() % 8 ? XENMEM_resource_grant_table
                                                               : (u16)pick_word(),
                                            .id = take() % 8 ? 0 : (u32)pick_word(),
                                            .nr_frames = pick(4),
                                            .frame = take() % 4 ? pick(3) : pick_word()};
    set_xen_guest_handle(op->frame_list, (xen_pfn_t *)(take() % 4 ? list() : 0));
    call(XENMEM_acquire_resource | start());
}

static void step_map(void)
{
    static const u8 cmds[] = {XENMEM_memory_map, XENMEM_machine_memory_map, XENMEM_set_memory_map};
    unsigned int cmd = cmds[pick(ARRAY_SIZE(cmds))];
    struct xen_memory_map map = {.nr_entries = take() % 4 ? pick(8) : (u32)pick_word()};

    set_xen_guest_handle(map.buffer, (void *)(take() % 8 ? list() : 0));
    if (cmd == XENMEM_set_memory_map)
        *(struct xen_foreign_memory_map *)host_guest = (struct xen_foreign_memory_map){
            .domid = pick_domid(), .map = map};
    else
        *(struct xen_memory_map *)host_guest = map;
    call(cmd);
}

static void step_any(void)
{
    for (unsigned int i = 0; i < 12; i++) {
        u64 w = pick_word();

        memcpy(host_guest + i * 8U, &w, sizeof(w));
    }
    if (take() & 1)
        *(domid_t *)host_guest = pick_domid();
    call((take() % 16 ? take() % 32 : pick_word()) | start());
}

static void change_vcpu(void)
{
    machine_switch(pick(NR_DOMAINS), pick(2));
}

static void step(void)
{
    fill_lists();
    switch (take() % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        step_reservation();
        break;
    case 4:
    case 5:
        step_exchange();
        break;
    case 6:
        step_claim();
        break;
    case 7:
        step_resource();
        break;
    case 8:
        step_map();
        break;
    case 9:
        step_any();
        break;
    case 10:
        change_vcpu();
        break;
    case 11:
        host_preempt_every(take() % 6);
        break;
    default:
        pv_step();
        break;
    }
}

/* ---- what must hold ---- */

static void check_numbers(void)
{
    unsigned long claimed = 0;

    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        const struct domain *d = machine_domains[i];

        claimed += d->claimed_pages;
        if (d->tot_pages != d->pages.count)
            panic("d%u has %lu frames, not %lu", d->id, d->pages.count, d->tot_pages);
    }
    if (claimed != heap_claimed_pages() || claimed > heap_free_pages())
        panic("%lu frames are claimed, %lu by the allocator's count, %lu are free", claimed,
              heap_claimed_pages(), heap_free_pages());
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    pv_actors[0] = (struct pv_actor){.input = data,
                                     .input_end = data + size,
                                     .random = 0xcbf29ce484222325UL,
                                     .change_vcpu = change_vcpu,
                                     .meanwhile = change_word};
    machine_start(PV_FRAMES_EACH);
    host_guest_limit(0, WINDOW);
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        machine_domains[i]->max_pages += 12;
    for (unsigned int i = 0; i < MAX_STEPS; i++) {
        step();
        host_return_to_guest();
        machine_check_counts();
        check_numbers();
    }
    machine_check();
    host_preempt_every(size % 4);
    machine_end();
    host_guest_limit(0, 0);
    return 0;
}
