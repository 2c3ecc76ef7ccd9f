/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: bytes from one frame to another, each either a grant or a frame of the caller's
 * own.
 *
 * An element is tried the short way first. It is expanded once for each way of naming the two
 * frames, and serves grants that nobody else uses and frames that have the type already. When it
 * meets anything else it undoes what it did; the element is then read again and done the long way,
 * which says what is wrong with it.
 */
#include <arch.h>
#include <grant_impl.h>
#include <guest_access.h>
#include <hypercall.h>

/* ---- the short way ---- */

/*
 * An element as it lies in memory (public/grant_table.h): name, then domain and offset, of both
 * ends; length and flags.
 */
struct words {
    u64 source, source_at, dest, dest_at, what;
};

STATIC_ASSERT(sizeof(struct words) == sizeof(struct gnttab_copy) &&
              offsetof(struct gnttab_copy_ptr, domid) == 8 &&
              offsetof(struct gnttab_copy_ptr, offset) == 10 &&
              offsetof(struct gnttab_copy, len) == 32 && offsetof(struct gnttab_copy, flags) == 34);

static inline domid_t domid_in(u64 word)
{
    return (domid_t)word;
}

static inline unsigned int offset_in(u64 word)
{
    return (u32)word >> 16;
}

/* One end of a copy, pinned. */
struct copy_end {
    mfn_t frame;
    /* For a grant: */
    struct grant_table *gt;
    struct grant_entry_v1 *sha;
    struct grant_active *act;
};

HOT_INLINE bool take_own(struct copy_end *end, u64 name, domid_t domid, const struct domain *d,
                         bool readonly)
{
    u32 id = d->owner_id;

    end->frame = MFN(name);
    if (unlikely(domid != DOMID_SELF) || unlikely(!grant_try_frame(end->frame, id, readonly)))
        return false;
    if (likely(grant_owns_frame(end->frame, id)))
        return true;
    grant_put_frame(end->frame, readonly);
    return false;
}

HOT_INLINE bool take_grant(struct copy_end *end, u64 name, domid_t domid, const struct domain *d,
                           bool readonly)
{
    struct domain *owner = find_domain(domid);
    unsigned long ref = (grant_ref_t)name;
    struct grant_table *gt;

    /*
     * Neither the domain nor its table goes away as long as we are in the hypercall. System domains
     * have no table.
     */
    if (unlikely(!owner))
        return false;
    gt = owner->grant_table;
    if (unlikely(!gt))
        return false;
    spin_lock(&gt->lock);
    if (unlikely(!gref_open(gt, &ref)))
        goto fail;
    end->gt = gt;
    end->sha = shared_entry(gt, ref);
    end->act = active_entry(gt, ref);
    if (unlikely(!grant_pin_first(owner, end->sha, end->act, d->id, readonly, &end->frame)))
        goto fail;
    spin_unlock(&gt->lock);
    return true;
fail:
    spin_unlock(&gt->lock);
    return false;
}

HOT_INLINE bool take_end(struct copy_end *end, u64 name, domid_t domid, bool gref,
                         const struct domain *d, bool readonly)
{
    return gref ? take_grant(end, name, domid, d, readonly)
                : take_own(end, name, domid, d, readonly);
}

HOT_INLINE void drop_end(const struct copy_end *end, bool gref, bool readonly)
{
    if (gref) {
        spin_lock(&end->gt->lock);
        grant_drop_pin(end->gt, end->sha, end->act, readonly);
        spin_unlock(&end->gt->lock);
    }
    grant_put_frame(end->frame, readonly);
}

/* @return false: nothing was done */
HOT_INLINE bool copy_short(struct words w, bool src_gref, bool dst_gref)
{
    unsigned int from = offset_in(w.source_at), to = offset_in(w.dest_at), len = (u16)w.what;
    const struct domain *d = current->domain;
    struct copy_end src, dst;
    const char *from_addr;
    char *to_addr;

    if (unlikely(from + len > PAGE_SIZE) || unlikely(to + len > PAGE_SIZE) ||
        unlikely(!take_end(&dst, w.dest, domid_in(w.dest_at), dst_gref, d, false)))
        return false;
    if (unlikely(!take_end(&src, w.source, domid_in(w.source_at), src_gref, d, true))) {
        drop_end(&dst, dst_gref, false);
        return false;
    }
    to_addr = (char *)mfn_to_virt(dst.frame) + to;
    from_addr = (const char *)mfn_to_virt(src.frame) + from;
    if (unlikely(mfn_eq(dst.frame, src.frame)))
        memmove(to_addr, from_addr, len);
    else
        memcpy_inline(to_addr, from_addr, len);
    drop_end(&src, src_gref, true);
    drop_end(&dst, dst_gref, false);
    return true;
}

/* ---- the long way ---- */

/*
 * Pins what @p names.
 * @owner: receives the granting domain, for a grant
 * @return GNTST_*
 */
static int take_any(const struct gnttab_copy_ptr *p, bool gref, bool readonly,
                    struct domain **owner, mfn_t *frame)
{
    struct domain *d = current->domain;

    *owner = d;
    if (!gref) {
        *frame = MFN(p->u.gmfn);
        return grant_get_frame(*frame, d, readonly);
    }
    if (p->domid != DOMID_SELF) {
        *owner = find_domain(p->domid);
        if (!*owner)
            return GNTST_bad_domain;
        if ((*owner)->system)
            return GNTST_permission_denied;
    }
    return grant_pin(*owner, p->u.ref, d->id, readonly, frame);
}

static void drop_any(const struct gnttab_copy_ptr *p, bool gref, bool readonly,
                     struct domain *owner, mfn_t frame)
{
    if (gref)
        grant_unpin(owner, p->u.ref, readonly);
    grant_put_frame(frame, readonly);
}

static int copy_any(const struct gnttab_copy *op)
{
    bool src_gref = op->flags & GNTCOPY_source_gref, dst_gref = op->flags & GNTCOPY_dest_gref;
    struct domain *src_owner, *dst_owner;
    mfn_t src, dst;
    int rc;

    /* A domain names only its own frames by number. */
    if ((!src_gref && op->source.domid != DOMID_SELF) ||
        (!dst_gref && op->dest.domid != DOMID_SELF))
        return GNTST_permission_denied;
    if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    rc = take_any(&op->source, src_gref, true, &src_owner, &src);
    if (rc)
        return rc;
    rc = take_any(&op->dest, dst_gref, false, &dst_owner, &dst);
    if (rc == GNTST_okay) {
        memmove((char *)mfn_to_virt(dst) + op->dest.offset,
                (const char *)mfn_to_virt(src) + op->source.offset, op->len);
        drop_any(&op->dest, dst_gref, false, dst_owner, dst);
    }
    drop_any(&op->source, src_gref, true, src_owner, src);
    return rc;
}

static __noinline long copy_long(unsigned long at)
{
    struct gnttab_copy op;
    s16 status;

    if (copy_from_guest_unchecked(&op, at, sizeof(op)))
        return -XEN_EFAULT;
    status = (s16)copy_any(&op);
    return copy_to_guest_unchecked(at + offsetof(struct gnttab_copy, status), &status,
                                   sizeof(status))
               ? -XEN_EFAULT
               : 0;
}

/* ---- the hypercall ---- */

/* Copies one element, at an address that may be the guest's. */
static __noinline long copy_at(unsigned long at)
{
    const s16 okay = GNTST_okay;
    unsigned int flags;
    struct words w;
    bool done;

    if (unlikely(copy_from_guest_unchecked(&w, at, sizeof(w))))
        return -XEN_EFAULT;
    flags = (u32)w.what >> 16;
    if (likely(flags == GNTCOPY_source_gref))
        done = copy_short(w, true, false);
    else if (flags == GNTCOPY_dest_gref)
        done = copy_short(w, false, true);
    else if (flags == (GNTCOPY_source_gref | GNTCOPY_dest_gref))
        done = copy_short(w, true, true);
    else
        done = false;
    if (unlikely(!done))
        return copy_long(at);
    return unlikely(copy_to_guest_unchecked(at + offsetof(struct gnttab_copy, status), &okay,
                                            sizeof(okay)))
               ? -XEN_EFAULT
               : 0;
}

static __noinline long copy_batch(unsigned int cmd, unsigned long uop, unsigned int count)
{
    if (!guest_range_ok(uop, count, sizeof(struct gnttab_copy)))
        return -XEN_EFAULT;
    for (; count; count--, uop += sizeof(struct gnttab_copy)) {
        long rc = copy_at(uop);

        if (rc)
            return rc;
        if (count > 1 && unlikely(hypercall_preempt_check()))
            return grant_continue(cmd, uop + sizeof(struct gnttab_copy), count - 1);
    }
    return 0;
}

long grant_copy_op(unsigned int cmd, unsigned long uop, unsigned int count)
{
    if (unlikely(count != 1))
        return copy_batch(cmd, uop, count);
    return likely(guest_addr_ok(uop, sizeof(struct gnttab_copy))) ? copy_at(uop) : -XEN_EFAULT;
}
