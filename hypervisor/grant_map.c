/* SPDX-License-Identifier: MIT */
/*
 * Mapping and unmapping granted frames.
 *
 * A page-table entry made by a grant mapping holds the counts on the frame itself, as every entry
 * does: whatever removes the entry drops them. The handle holds the pin on the grant entry, and for
 * a device mapping counts of its own. So the counts stay right when a guest overwrites such an
 * entry by other means; only its handle can no longer be unmapped, and the pin goes when the guest
 * dies. Until then the handle keeps a reference on the granting domain, so that its id cannot name
 * another one.
 *
 * Unmapping removes entries in batches; TLBs are flushed once for each batch, before any of its
 * counts or pins is dropped.
 */
#include <arch.h>
#include <grant_impl.h>
#include <guest_access.h>
#include <hypercall.h>
#include <page_alloc.h>
#include <percpu.h>

#define UNMAP_BATCH 32U
#define MAP_KINDS   (GNTMAP_device_map | GNTMAP_host_map)
/* What arch_grant_unmap() has to know again. */
#define MAP_FORM     (GNTMAP_readonly | GNTMAP_application_map | GNTMAP_contains_pte)
#define MAPPING_BUSY 0x8000U /* in grant_mapping.flags: a vCPU is unmapping it */

/* @return the mapping of a handle that is known to exist */
static struct grant_mapping *mapping_of(const struct grant_table *gt, unsigned long handle)
{
    return &gt->mappings[handle / MAPPINGS_PER_PAGE][handle % MAPPINGS_PER_PAGE];
}

static struct domain *mapping_owner(const struct grant_mapping *m)
{
    return mfn_to_virt(MFN(m->owner));
}

__noinline void grant_map_add_handles(struct grant_table *gt)
{
    u32 first = gt->nr_map_pages * MAPPINGS_PER_PAGE;
    struct grant_mapping *page;

    if (gt->nr_map_pages == gt->max_map_pages)
        return;
    /* Most domains never map a grant. */
    if (!gt->mappings)
        gt->mappings = xzalloc_array(struct grant_mapping *, gt->max_map_pages);
    page = gt->mappings ? xzalloc_array(struct grant_mapping, MAPPINGS_PER_PAGE) : NULL;
    if (!page)
        return;
    for (u32 i = 0; i < MAPPINGS_PER_PAGE; i++)
        page[i].ref = i + 1 < MAPPINGS_PER_PAGE ? first + i + 1 : NO_HANDLE;
    gt->mappings[gt->nr_map_pages] = page;
    store_release(&gt->nr_map_pages, gt->nr_map_pages + 1);
    gt->free_handle = first;
}

/* @return a free handle, or NO_HANDLE */
static grant_handle_t get_handle(struct grant_table *gt)
{
    grant_handle_t handle;

    spin_lock(&gt->map_lock);
    if (unlikely(gt->free_handle == NO_HANDLE))
        grant_map_add_handles(gt);
    handle = gt->free_handle;
    if (likely(handle != NO_HANDLE))
        gt->free_handle = mapping_of(gt, handle)->ref;
    spin_unlock(&gt->map_lock);
    return handle;
}

static void put_handle(struct grant_table *gt, grant_handle_t handle)
{
    struct grant_mapping *m = mapping_of(gt, handle);

    spin_lock(&gt->map_lock);
    WRITE_ONCE(m->flags, 0);
    m->ref = gt->free_handle;
    gt->free_handle = handle;
    spin_unlock(&gt->map_lock);
}

/* ---- map ---- */

/*
 * Logs a refusal for which grant_pin() has not logged a reason.
 * @return @rc
 */
static __noinline int refuse_map(const struct gnttab_map_grant_ref *op, int rc)
{
    switch (rc) {
    case GNTST_bad_domain:
    case GNTST_permission_denied:
        printk_guest(LOG_DEBUG, "grant map: there is no domain %u with grants", op->dom);
        break;
    case GNTST_no_device_space:
        printk_guest(LOG_DEBUG, "grant map: all handles are in use");
        break;
    default:
        printk_guest(LOG_DEBUG, "grant map at %lx of grant %u of d%u: refused (%d)", op->host_addr,
                     op->ref, op->dom, rc);
        break;
    }
    return rc;
}

static int map_one(struct gnttab_map_grant_ref *op)
{
    struct domain *user = current->domain;
    struct grant_table *gt = user->grant_table;
    bool readonly = op->flags & GNTMAP_readonly;
    struct domain *owner;
    grant_handle_t handle;
    struct grant_mapping *m;
    mfn_t frame;
    int rc;

    if (!(op->flags & MAP_KINDS))
        return refuse_map(op, GNTST_bad_gntref); /* neither kind of mapping is asked for */
    owner = get_domain_by_id(op->dom);
    if (!owner)
        return refuse_map(op, GNTST_bad_domain);
    rc = GNTST_permission_denied;
    if (owner->system)
        goto out;
    rc = GNTST_no_device_space;
    handle = get_handle(gt);
    if (handle == NO_HANDLE)
        goto out;
    rc = grant_pin(owner, op->ref, user->id, readonly, &frame);
    if (rc)
        goto out_handle;
    /* The pin's counts go to the page-table entry; a device mapping has its own. */
    if (op->flags & GNTMAP_device_map) {
        if (op->flags & GNTMAP_host_map) {
            mfn_t same;

            rc = grant_pin(owner, op->ref, user->id, readonly, &same);
            if (rc)
                goto out_pin;
        }
    }
    if (op->flags & GNTMAP_host_map) {
        if (owner != user && !readonly)
            page_mark_foreign(mfn_to_page(frame));
        rc = arch_grant_map(op->host_addr, frame, op->flags);
        if (rc) {
            if (op->flags & GNTMAP_device_map) {
                grant_put_frame(frame, readonly);
                grant_unpin(owner, op->ref, readonly);
            }
            goto out_pin;
        }
    }
    m = mapping_of(gt, handle);
    m->owner = (u32)virt_to_mfn(owner).n;
    m->ref = op->ref;
    m->frame = (u32)frame.n;
    store_release(&m->flags, (u16)(op->flags & (MAP_KINDS | MAP_FORM)));
    op->dev_bus_addr = (u64)frame.n << PAGE_SHIFT;
    op->handle = handle;
    return GNTST_okay; /* the reference on the owner is the handle's now */

out_pin:
    grant_put_frame(frame, readonly);
    grant_unpin(owner, op->ref, readonly);
out_handle:
    put_handle(gt, handle);
out:
    put_domain(owner);
    return refuse_map(op, rc);
}

long grant_map_op(unsigned int cmd, unsigned long uop, unsigned int count)
{
    /* The guest's words up to dom are read; the two from dom on are written. */
    const unsigned long out = offsetof(struct gnttab_map_grant_ref, dom);
    struct gnttab_map_grant_ref op;

    STATIC_ASSERT(offsetof(struct gnttab_map_grant_ref, dom) == 16 &&
                  sizeof(struct gnttab_map_grant_ref) == 32);
    if (unlikely(!guest_range_ok(uop, count, sizeof(op))))
        return -XEN_EFAULT;
    for (unsigned int i = 0; i < count; i++) {
        unsigned long at = uop + i * sizeof(op);

        if (i && hypercall_preempt_check())
            return grant_continue(cmd, uop + i * sizeof(op), count - i);
        if (copy_from_guest_unchecked(&op, at, 24))
            return -XEN_EFAULT;
        op.handle = 0;
        op.dev_bus_addr = 0;
        op.status = (s16)map_one(&op);
        if (copy_to_guest_unchecked(at + out, &op.dom, 16))
            return -XEN_EFAULT;
    }
    return 0;
}

/* ---- unmap ---- */

/* An element between the removal of its entry and the flush. */
struct unmapped {
    struct domain *owner; /* NULL: nothing to complete */
    mfn_t frame;
    grant_ref_t ref;
    grant_handle_t handle;
    u16 kinds; /* which of MAP_KINDS went away */
    bool last; /* no kind is left: the handle and its reference on the owner go, too */
    bool readonly;
};

/*
 * Claims the handle for this vCPU, so that no other vCPU of the domain unmaps it meanwhile.
 * @return NULL: no such mapping, or another vCPU unmaps it
 */
static struct grant_mapping *claim_handle(const struct grant_table *gt, grant_handle_t handle)
{
    unsigned long i = handle;
    struct grant_mapping *m;
    u16 flags;

    if (unlikely(!index_ok(&i, READ_ONCE(gt->nr_map_pages) * MAPPINGS_PER_PAGE)))
        return NULL;
    m = mapping_of(gt, i);
    flags = READ_ONCE(m->flags);
    if (!(flags & MAP_KINDS) || (flags & MAPPING_BUSY) ||
        !cmpxchg(&m->flags, &flags, (u16)(flags | MAPPING_BUSY)))
        return NULL;
    return m;
}

static __noinline int refuse_unmap(grant_handle_t handle, u64 host_addr, int rc)
{
    printk_guest(LOG_DEBUG, "grant unmap: handle %u %s %lx", handle,
                 rc == GNTST_bad_handle ? "is in use for no mapping; at" : "is not mapped at",
                 host_addr);
    return rc;
}

/*
 * Removes the entry (and device mapping) that an element names; @u receives what is still to be
 * dropped.
 */
HOT_INLINE int unmap_begin(struct unmapped *u, grant_handle_t handle, u64 host_addr,
                           u64 dev_bus_addr, bool replace, u64 new_addr)
{
    struct grant_mapping *m = claim_handle(current->domain->grant_table, handle);
    u16 flags, kinds = 0;
    int rc = GNTST_okay;

    u->owner = NULL;
    if (unlikely(!m))
        return refuse_unmap(handle, host_addr, GNTST_bad_handle);
    flags = m->flags & (u16)~MAPPING_BUSY;
    u->frame = MFN(m->frame);
    if (dev_bus_addr && (flags & GNTMAP_device_map)) {
        if (dev_bus_addr == (u64)m->frame << PAGE_SHIFT)
            kinds |= GNTMAP_device_map;
        else
            rc = GNTST_general_error; /* another frame's address */
    }
    if (rc == GNTST_okay && host_addr && (flags & GNTMAP_host_map)) {
        rc = replace ? arch_grant_replace(host_addr, u->frame, new_addr, flags)
                     : arch_grant_unmap(host_addr, u->frame, flags);
        kinds |= GNTMAP_host_map;
    }
    if (unlikely(rc != GNTST_okay)) {
        refuse_unmap(handle, host_addr, rc);
        kinds = 0;
    }
    if (kinds) {
        u->owner = mapping_owner(m);
        u->ref = m->ref;
        u->handle = handle;
        u->kinds = kinds;
        u->readonly = flags & GNTMAP_readonly;
        u->last = !(flags & MAP_KINDS & ~kinds);
    }
    store_release(&m->flags, (u16)(flags & ~kinds));
    return rc;
}

/* Drops one use of the frame. */
HOT_INLINE void give_up(const struct unmapped *u)
{
    grant_put_frame(u->frame, u->readonly);
    grant_unpin(u->owner, u->ref, u->readonly);
}

static __noinline void give_up_second(const struct unmapped *u)
{
    give_up(u);
}

/* Completes an element after the flush: nobody can use the frame through the mapping any longer. */
HOT_INLINE void unmap_complete(const struct unmapped *u)
{
    if (!u->owner)
        return;
    if (unlikely(u->kinds == MAP_KINDS))
        give_up_second(u);
    give_up(u);
    if (u->last) {
        put_handle(current->domain->grant_table, u->handle);
        put_domain(u->owner);
    }
}

long grant_unmap_op(unsigned int cmd, unsigned long uop, unsigned int count)
{
    struct unmapped batch[UNMAP_BATCH];
    unsigned int done = 0;
    long rc = 0;

    STATIC_ASSERT(sizeof(struct gnttab_unmap_grant_ref) == 24);
    if (unlikely(!guest_range_ok(uop, count, sizeof(struct gnttab_unmap_grant_ref))))
        return -XEN_EFAULT;
    while (done < count && rc == 0) {
        unsigned int n, size = MIN(count - done, UNMAP_BATCH);

        if (done && hypercall_preempt_check())
            return grant_continue(cmd, uop + done * sizeof(struct gnttab_unmap_grant_ref),
                                  count - done);
        for (n = 0; n < size; n++) {
            unsigned long at = uop + (done + n) * sizeof(struct gnttab_unmap_grant_ref);
            struct gnttab_unmap_grant_ref op;

            batch[n].owner = NULL;
            if (copy_from_guest_unchecked(&op, at, sizeof(op))) {
                rc = -XEN_EFAULT;
                break;
            }
            op.status = (s16)unmap_begin(&batch[n], op.handle, op.host_addr, op.dev_bus_addr, false,
                                         0);
            /* Handle and status: one word. */
            if (copy_to_guest_unchecked(at + offsetof(struct gnttab_unmap_grant_ref, handle),
                                        &op.handle, 8)) {
                rc = -XEN_EFAULT;
                n++; /* this one was done, too */
                break;
            }
        }
        arch_grant_flush(current->domain);
        for (unsigned int i = 0; i < n; i++)
            unmap_complete(&batch[i]);
        done += n;
    }
    return rc;
}

long grant_unmap_and_replace_op(unsigned int cmd, unsigned long uop, unsigned int count)
{
    struct gnttab_unmap_and_replace op;

    if (!guest_range_ok(uop, count, sizeof(op)))
        return -XEN_EFAULT;
    for (unsigned int i = 0; i < count; i++) {
        struct unmapped u;

        if (i && hypercall_preempt_check())
            return grant_continue(cmd, uop + i * sizeof(op), count - i);
        if (get_guest_element(&op, uop, i))
            return -XEN_EFAULT;
        op.status = (s16)unmap_begin(&u, op.handle, op.host_addr, 0, true, op.new_addr);
        if (op.status == GNTST_okay) {
            arch_grant_flush(current->domain);
            unmap_complete(&u);
        }
        if (put_guest_element(uop, i, &op))
            return -XEN_EFAULT;
    }
    return 0;
}

/*
 * Releases a mapping of a dying domain: its pins, and the counts of device mappings. The counts of
 * page-table entries go when the domain's page tables are taken apart.
 */
static void release_mapping(struct grant_mapping *m)
{
    bool readonly = m->flags & GNTMAP_readonly;
    struct domain *owner;

    if (!(m->flags & MAP_KINDS))
        return;
    owner = mapping_owner(m);
    for (u16 kind = GNTMAP_device_map; kind <= GNTMAP_host_map; kind = (u16)(kind << 1)) {
        if (!(m->flags & kind))
            continue;
        if (kind == GNTMAP_device_map)
            grant_put_frame(MFN(m->frame), readonly);
        grant_unpin(owner, m->ref, readonly);
    }
    m->flags = 0;
    put_domain(owner);
}

int grant_table_release_mappings(struct domain *d)
{
    struct grant_table *gt = d->grant_table;

    while (gt->release_cursor < gt->nr_map_pages * MAPPINGS_PER_PAGE) {
        release_mapping(mapping_of(gt, gt->release_cursor));
        if (++gt->release_cursor % MAPPINGS_PER_PAGE == 0 && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}
