/* SPDX-License-Identifier: MIT */
/*
 * Grants over real page tables: three domains grant to each other, map by address and by entry for
 * processors and devices, unmap with handles, frames and addresses that are not theirs, replace,
 * copy, swap, resize their tables and ask for versions, change entries under way, and die. In
 * between their frames become page tables and other things (pv_steps.h), and what a call reads
 * changes behind it.
 *
 * After each step all counts are worked out from scratch. Pins are held by mappings alone, so each
 * active entry is compared with them, too. Nothing is left when all domains are gone.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) tests/fuzz/pv_steps.c */
#include <asm/pv.h>
#include <grant_impl.h>
#include <guest_access.h>
#include <no_coverage.h>
#include <public/grant_table.h>

#include "pv_machine.h"
#include "pv_steps.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MAX_STEPS 40U
#define WINDOW    0x8000UL
#define LIST      0x4000UL /* offset into the window */
#define BATCH     3U
#define HANDLES   8U

static domid_t next_id; /* of domains that take the place of dead ones */

/* ---- words ---- */

static domid_t pick_peer(void)
{
    u8 b = take();
    const struct domain *d = machine_domains[b % NR_DOMAINS];

    return b >= 240 || !d ? pick_domid() : d->id;
}

static grant_ref_t pick_ref(void)
{
    return take() % 16 ? pick(PV_GRANTS) : (grant_ref_t)pick_word();
}

static grant_handle_t pick_handle(void)
{
    return take() % 16 ? pick(HANDLES) : (grant_handle_t)pick_word();
}

/* The machine address of an entry of the domain's tables, of another's, or of what could be one. */
static u64 pick_entry_addr(void)
{
    const struct domain *d = take() % 4 ? current->domain : machine_domains[pick(NR_DOMAINS)];
    unsigned long mfn = take() & 3 && d && d->pages.count >= 4
                            ? page_to_mfn(host_frame(d, pick(4))).n
                            : pick_frame();

    return ((u64)mfn << PAGE_SHIFT) + pick_slot() * 8U;
}

static u64 pick_host_addr(u32 flags)
{
    if (take() % 8 == 0)
        return pick_word();
    return !(flags & GNTMAP_contains_pte) == !!(take() % 8) ? pick_va() : pick_entry_addr();
}

/* Where handles of the domains' are mapped, as far as that is known. */
static u64 mapped_at[NR_DOMAINS][HANDLES];

static u64 *mapping_of(grant_handle_t handle)
{
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        if (machine_domains[i] == current->domain)
            return &mapped_at[i][handle % HANDLES];
    panic("who is that?");
}

static u64 pick_mapping(grant_handle_t handle)
{
    return take() % 4 ? *mapping_of(handle) : pick_host_addr(0);
}

static u32 pick_map_flags(void)
{
    u32 flags = take() % 8 ? GNTMAP_host_map : take() % 4;

    flags |= take() & (GNTMAP_device_map | GNTMAP_readonly);
    if (take() % 2 == 0)
        flags |= (u32)take() & (GNTMAP_application_map | GNTMAP_contains_pte);
    if (take() % 16 == 0)
        flags |= (u32)pick_word();
    return flags;
}

static void change_what_was_read(void *place, unsigned long bytes)
{
    char *p = place;
    u64 w = pick_word();

    if (p >= host_guest && p + bytes <= host_guest + WINDOW && bytes >= 8 && take() & 1)
        memcpy(p + pick((unsigned int)(bytes / 8)) * 8U, &w, sizeof(w));
}

/* ---- calls ---- */

/* Operations lie at the start of the window; they are as many as are there, or claim to be. */
static void call(unsigned int cmd, unsigned int count)
{
    if (take() % 32 == 0)
        count = (unsigned int)pick_word();
    if (take() % 16 == 0)
        host_fail_allocation(1U + pick(4));
    if (take() % 8 == 0)
        host_after_guest_read = change_what_was_read;
    follow(do_grant_table_op(cmd, take() % 64 ? GUEST(0) : pick_word(), count));
    host_after_guest_read = NULL;
    host_fail_allocation(0);
}

static void step_entry(void)
{
    struct grant_table *gt = current->domain->grant_table;
    struct grant_entry_v1 *e = shared_entry(gt, take() % PV_GRANTS);

    switch (take() % 8) {
    case 0:
        e->flags = (u16)pick_word();
        break;
    case 1:
        e->domid = pick_peer();
        break;
    case 2:
        e->frame = (u32)pick_frame();
        break;
    case 3:
        e->flags = 0;
        break;
    default:
        *e = (struct grant_entry_v1){(u16)(GTF_permit_access | (take() & GTF_readonly)),
                                     pick_peer(), (u32)pick_frame()};
        break;
    }
}

static void step_map(void)
{
    struct gnttab_map_grant_ref *op = (void *)host_guest;
    unsigned int n = 1 + pick(BATCH);

    for (unsigned int i = 0; i < n; i++) {
        op[i] = (struct gnttab_map_grant_ref){
            .flags = pick_map_flags(), .ref = pick_ref(), .dom = pick_peer(), .status = 1};
        op[i].host_addr = pick_host_addr(op[i].flags);
    }
    call(GNTTABOP_map_grant_ref, n);
    for (unsigned int i = 0; i < n; i++)
        if (op[i].status == GNTST_okay)
            *mapping_of(op[i].handle) = op[i].host_addr;
}

/* Mostly what a mapping of the domain's needs to be undone, but for a word. */
static void step_unmap(void)
{
    struct gnttab_unmap_grant_ref *op = (void *)host_guest;
    const struct grant_table *gt = current->domain->grant_table;
    unsigned int n = 1 + pick(BATCH);

    for (unsigned int i = 0; i < n; i++) {
        op[i] = (struct gnttab_unmap_grant_ref){.handle = pick_handle()};
        op[i].host_addr = pick_mapping(op[i].handle);
        if (take() & 1 && gt->nr_map_pages && op[i].handle < MAPPINGS_PER_PAGE)
            op[i].dev_bus_addr = (u64)gt->mappings[0][op[i].handle].frame << PAGE_SHIFT;
        else if (take() % 4 == 0)
            op[i].dev_bus_addr = (u64)pick_frame() << PAGE_SHIFT;
        if (take() % 4 == 0)
            op[i].host_addr = 0;
    }
    call(GNTTABOP_unmap_grant_ref, n);
}

static void step_replace(void)
{
    struct gnttab_unmap_and_replace *op = (void *)host_guest;
    unsigned int n = 1 + pick(BATCH);

    for (unsigned int i = 0; i < n; i++) {
        op[i] = (struct gnttab_unmap_and_replace){.new_addr = take() % 4 ? pick_host_addr(0) : 0,
                                                  .handle = pick_handle()};
        op[i].host_addr = pick_mapping(op[i].handle);
    }
    call(GNTTABOP_unmap_and_replace, n);
}

static void step_copy(void)
{
    struct gnttab_copy *op = (void *)host_guest;
    unsigned int n = 1 + pick(BATCH);

    memset(op, 0, n * sizeof(*op));
    for (unsigned int i = 0; i < n; i++) {
        op[i].flags = (u16)(take() % 16 ? take() & 3 : pick_word());
        op[i].source.domid = take() & 1 ? DOMID_SELF : pick_peer();
        op[i].dest.domid = take() & 1 ? DOMID_SELF : pick_peer();
        op[i].source.offset = (u16)(take() % 4 ? 0 : pick_word());
        op[i].dest.offset = (u16)(take() % 4 ? 0 : pick_word());
        op[i].len = (u16)(take() % 4 ? take() : pick_word());
        if (op[i].flags & GNTCOPY_source_gref)
            op[i].source.u.ref = pick_ref();
        else
            op[i].source.u.gmfn = pick_frame();
        if (op[i].flags & GNTCOPY_dest_gref)
            op[i].dest.u.ref = pick_ref();
        else
            op[i].dest.u.gmfn = pick_frame();
    }
    call(GNTTABOP_copy, n);
}

static void step_swap(void)
{
    struct gnttab_swap_grant_ref *op = (void *)host_guest;
    unsigned int n = 1 + pick(BATCH);

    for (unsigned int i = 0; i < n; i++)
        op[i] = (struct gnttab_swap_grant_ref){.ref_a = pick_ref(), .ref_b = pick_ref()};
    call(GNTTABOP_swap_grant_ref, n);
}

static void step_setup(void)
{
    struct gnttab_setup_table *op = (void *)host_guest;

    *op = (struct gnttab_setup_table){.dom = take() & 1 ? DOMID_SELF : pick_peer(),
                                      .nr_frames = take() % 8 ? pick(5) : (u32)pick_word()};
    set_xen_guest_handle(op->frame_list, (xen_pfn_t *)(take() % 8 ? GUEST(LIST) : pick_word()));
    call(GNTTABOP_setup_table, 1);
}

static void step_flush(void)
{
    struct gnttab_cache_flush *op = (void *)host_guest;
    unsigned int n = 1 + pick(BATCH);

    for (unsigned int i = 0; i < n; i++) {
        op[i] = (struct gnttab_cache_flush){.offset = (u16)(take() % 4 ? 0 : pick_word()),
                                            .length = (u16)(take() % 4 ? take() : pick_word()),
                                            .op = take() % 4 ? 1 + pick(3) : (u32)pick_word()};
        op[i].a.dev_bus_addr = (u64)pick_frame() << PAGE_SHIFT;
    }
    call(GNTTABOP_cache_flush, n);
}

/* Versions, status frames, sizes, transfers, and what does not exist. */
static void step_other(void)
{
    for (unsigned int i = 0; i < 12; i++) {
        u64 w = pick_word();

        memcpy(host_guest + i * 8U, &w, sizeof(w));
    }
    if (take() & 1)
        *(domid_t *)host_guest = take() & 1 ? DOMID_SELF : pick_peer();
    call(take() % 4 ? take() % 14 : (unsigned int)pick_word(), 1 + pick(2));
}

static void change_vcpu(void)
{
    unsigned int n = pick(NR_DOMAINS);

    if (machine_domains[n])
        machine_switch(n, pick(2));
}

/* A domain dies, perhaps while others have mapped its frames, and another one takes its place. */
static void step_death(void)
{
    unsigned int n = pick(NR_DOMAINS);

    if (!machine_domains[n] || current->domain == machine_domains[n] || next_id > NR_DOMAINS + 2)
        return;
    machine_renew(n, next_id++);
}

static void step(void)
{
    switch (take() % 16) {
    case 0:
    case 1:
        step_entry();
        break;
    case 2:
    case 3:
    case 4:
        step_map();
        break;
    case 5:
    case 6:
        step_unmap();
        break;
    case 7:
        step_replace();
        break;
    case 8:
        step_copy();
        break;
    case 9:
        if (take() & 1)
            step_swap();
        else
            step_setup();
        break;
    case 10:
        if (take() & 1)
            step_flush();
        else
            step_other();
        break;
    case 11:
    case 12:
        change_vcpu();
        break;
    case 13:
        if (take() % 4)
            host_preempt_every(take() % 6);
        else
            step_death();
        break;
    default:
        pv_step();
        break;
    }
}

/* ---- what must hold ---- */

NO_COVERAGE_BEGIN

/* By domain and entry: pins that mappings hold for writing, and for reading. */
static u32 want_pins[NR_DOMAINS][PV_GRANTS][2];

static void want_pin(const struct grant_mapping *m)
{
    u32 pins = !!(m->flags & GNTMAP_host_map) + !!(m->flags & GNTMAP_device_map);

    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        if (machine_domains[i] && m->owner == machine_domains[i]->owner_id && m->ref < PV_GRANTS)
            want_pins[i][m->ref][!!(m->flags & GNTMAP_readonly)] += pins;
}

static void check_pins(const struct domain *d, u32 want[PV_GRANTS][2])
{
    for (u32 ref = 0; ref < PV_GRANTS; ref++) {
        const struct grant_active *act = active_entry(d->grant_table, ref);

        if (act->writers != want[ref][0] || act->readers != want[ref][1])
            panic("entry %u of d%u is pinned %u, %u times, mapped %u, %u times", ref, d->id,
                  act->writers, act->readers, want[ref][0], want[ref][1]);
    }
}

static void check_all_pins(void)
{
    memset(want_pins, 0, sizeof(want_pins));
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        const struct grant_table *gt = machine_domains[i] ? machine_domains[i]->grant_table : NULL;

        for (unsigned int n = 0; gt && n < gt->nr_map_pages * MAPPINGS_PER_PAGE; n++) {
            const struct grant_mapping *m =
                &gt->mappings[n / MAPPINGS_PER_PAGE][n % MAPPINGS_PER_PAGE];

            if (m->flags)
                want_pin(m);
        }
    }
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        if (machine_domains[i])
            check_pins(machine_domains[i], want_pins[i]);
}

NO_COVERAGE_END

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    pv_actors[0] = (struct pv_actor){.input = data,
                                     .input_end = data + size,
                                     .random = 0xcbf29ce484222325UL,
                                     .change_vcpu = change_vcpu};
    next_id = NR_DOMAINS;
    memset(mapped_at, 0, sizeof(mapped_at));
    machine_start(PV_FRAMES_EACH);
    host_guest_limit(0, WINDOW);
    for (unsigned int i = 0; i < MAX_STEPS; i++) {
        step();
        host_return_to_guest();
        machine_check_counts();
        check_all_pins();
    }
    machine_check();
    host_preempt_every(size % 4);
    machine_end();
    host_guest_limit(0, 0);
    return 0;
}
