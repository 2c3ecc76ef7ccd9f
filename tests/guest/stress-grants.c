/* SPDX-License-Identifier: MIT */
/* Grants between the domains of the stress test (stress.h). */
#include <hypercall.h>
#include <pagetable.h>
#include <string.h>

#include "stress.h"

/* References follow from vCPU, page and the domain to which it is offered: nobody has to ask. */
#define FIRST_REF 512u

static grant_ref_t reference(unsigned int vcpu, unsigned int page, domid_t to)
{
    return FIRST_REF + (vcpu * OFFERED_PAGES + page) * STRESS_PEERS + to;
}

void stress_offer(struct worker *w, unsigned int page)
{
    uint16_t flags = GTF_permit_access | (page == PAGE_PUBLIC ? GTF_readonly : 0);

    for (domid_t to = 0; to < STRESS_PEERS; to++) {
        grant_entry_v1_t *entry = &grant_table()[reference(w->vcpu, page, to)];

        if (__atomic_load_n(&entry->flags, __ATOMIC_SEQ_CST))
            continue;
        entry->domid = to;
        entry->frame = (uint32_t)va_to_mfn(w->pages[page]);
        __atomic_store_n(&entry->flags, flags, __ATOMIC_SEQ_CST);
    }
}

static bool revoke_one(grant_entry_v1_t *entry)
{
    uint16_t flags = __atomic_load_n(&entry->flags, __ATOMIC_SEQ_CST);

    do {
        if (flags & (GTF_reading | GTF_writing))
            return false;
    } while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    return true;
}

bool stress_revoke(struct worker *w, unsigned int page)
{
    for (domid_t to = 0; to < STRESS_PEERS; to++) {
        if (!revoke_one(&grant_table()[reference(w->vcpu, page, to)])) {
            stress_offer(w, page);
            return false;
        }
    }
    return true;
}

/* ---- what others offer ---- */

struct offer {
    domid_t domain;
    unsigned int page;
    grant_ref_t reference;
    uint64_t tag; /* of a public page */
};

static struct offer choose(struct worker *w)
{
    unsigned int vcpu = hostile_below(&w->random, STRESS_VCPUS);
    struct offer o = {.domain = (domid_t)hostile_below(&w->random, STRESS_PEERS),
                      .page = hostile_below(&w->random, OFFERED_PAGES)};

    o.reference = reference(vcpu, o.page, w->domain);
    o.tag = stress_public_tag(o.domain, vcpu);
    return o;
}

static void check_slot(struct worker *w, struct slot *slot)
{
    const uint64_t *words = (const uint64_t *)slot->va;

    if (slot->page == PAGE_MAILBOX) {
        *(volatile uint64_t *)(slot->va +
                               8ul * hostile_below(&w->random, 512)) = hostile_number(&w->random);
    } else if (!stress_is_filled(slot->va, slot->tag)) {
        stress_trouble(w, "a granted page (frame %#lx) holds %#lx %#lx instead of %#lx",
                       pte_mfn(*pte_lookup(slot->va, 1)), words[0], words[1], slot->tag);
    }
}

static uint64_t slot_address(const struct slot *slot)
{
    return slot->by_entry ? pte_maddr(pte_lookup(slot->va, 1)) : (uintptr_t)slot->va;
}

void stress_unmap(struct worker *w, struct slot *slot)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = slot_address(slot), .handle = slot->handle};
    long rc;

    check_slot(w, slot);
    rc = hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);
    if (rc || op.status != GNTST_okay)
        stress_trouble(w, "unmapping a grant: %ld, status %d", rc, op.status);
    slot->mapped = false;
}

void stress_map(struct worker *w)
{
    struct slot *slot = &w->slots[hostile_below(&w->random, SLOTS)];
    struct offer o = choose(w);
    struct gnttab_map_grant_ref op = {.ref = o.reference, .dom = o.domain};
    long rc;

    if (slot->mapped) {
        stress_unmap(w, slot);
        return;
    }
    slot->page = o.page;
    slot->tag = o.tag;
    slot->by_entry = stress_chance(w, 4);
    op.flags = GNTMAP_host_map | (o.page == PAGE_PUBLIC ? GNTMAP_readonly : 0) |
               (slot->by_entry ? GNTMAP_contains_pte : 0);
    op.host_addr = slot_address(slot);
    rc = hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1);
    if (rc)
        stress_trouble(w, "mapping a grant: %ld", rc);
    if (rc || op.status != GNTST_okay)
        return; /* there is no such domain, it is not so far, or it uses the page itself */
    slot->mapped = true;
    slot->handle = op.handle;
    check_slot(w, slot);
    w->board->done[w->vcpu].maps++;
}

/* From a public page to one of ours, or from there to a mailbox. */
void stress_copy(struct worker *w)
{
    unsigned int page = PAGE_DATA + hostile_below(&w->random, PAGES - PAGE_DATA);
    struct offer o = choose(w);
    struct gnttab_copy op = {.len = PAGE_SIZE};
    bool reads = o.page == PAGE_PUBLIC;

    (reads ? &op.source : &op.dest)->u.ref = o.reference;
    (reads ? &op.source : &op.dest)->domid = o.domain;
    (reads ? &op.dest : &op.source)->u.gmfn = va_to_mfn(w->pages[page]);
    (reads ? &op.dest : &op.source)->domid = DOMID_SELF;
    op.flags = reads ? GNTCOPY_source_gref : GNTCOPY_dest_gref;
    if (hypercall_grant_table_op(GNTTABOP_copy, &op, 1))
        stress_trouble(w, "a grant copy is refused");
    if (!reads || op.status != GNTST_okay)
        return;
    if (!stress_is_filled(w->pages[page], o.tag))
        stress_trouble(w, "a copy holds %#lx instead of %#lx", *(uint64_t *)w->pages[page], o.tag);
    stress_fill(w->pages[page], w->tags[page]);
}
