/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: bytes from one frame to another, each either a grant or a frame of the caller's
 * own. Neighbouring elements often name the same frame, so the last source and the last destination
 * stay pinned until another one comes.
 */
#include <arch.h>
#include <grant_impl.h>
#include <guest_access.h>
#include <hypercall.h>

/* One end of a copy, pinned while ->held. */
struct copy_end {
    bool held;
    bool is_gref;
    domid_t domid;
    u64 name;             /* grant reference or frame number, as the guest gave it */
    struct domain *owner; /* of a grant; it does not go away as long as we are in the hypercall */
    mfn_t frame;
};

HOT_INLINE void release_end(struct copy_end *end, bool readonly)
{
    if (!end->held)
        return;
    grant_put_frame(end->frame, readonly);
    if (end->is_gref)
        grant_unpin(end->owner, (grant_ref_t)end->name, readonly);
    end->held = false;
}

static __noinline void release_both(struct copy_end *src, struct copy_end *dst)
{
    release_end(src, true);
    release_end(dst, false);
}

/* Makes @end the frame that an element names. GNTST_*. */
HOT_INLINE int claim_end(struct copy_end *end, bool readonly, bool is_gref, domid_t domid, u64 name)
{
    struct domain *d = current->domain;
    int rc;

    if (end->held) {
        if (end->is_gref == is_gref && end->domid == domid && end->name == name)
            return GNTST_okay;
        release_end(end, readonly);
    }
    end->is_gref = is_gref;
    end->domid = domid;
    end->name = name;
    if (is_gref) {
        end->owner = domid == DOMID_SELF ? d : find_domain(domid);
        if (!end->owner)
            return GNTST_bad_domain;
        if (end->owner->system)
            return GNTST_permission_denied;
        rc = grant_pin(end->owner, (grant_ref_t)name, d, readonly, &end->frame);
    } else {
        end->frame = MFN(name);
        rc = grant_get_frame(end->frame, d, readonly);
    }
    end->held = rc == GNTST_okay;
    return rc;
}

HOT_INLINE int copy_one(const struct gnttab_copy *op, struct copy_end *src, struct copy_end *dst)
{
    bool src_gref = op->flags & GNTCOPY_source_gref, dst_gref = op->flags & GNTCOPY_dest_gref;
    int rc;

    if ((!src_gref && op->source.domid != DOMID_SELF) ||
        (!dst_gref && op->dest.domid != DOMID_SELF))
        return GNTST_permission_denied; /* only one's own frames go by number */
    if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    rc = claim_end(src, true, src_gref, op->source.domid,
                   src_gref ? op->source.u.ref : op->source.u.gmfn);
    if (rc)
        return rc;
    rc = claim_end(dst, false, dst_gref, op->dest.domid,
                   dst_gref ? op->dest.u.ref : op->dest.u.gmfn);
    if (rc)
        return rc;
    /* Both ends may be the same frame. */
    memmove((char *)mfn_to_virt(dst->frame) + op->dest.offset,
            (const char *)mfn_to_virt(src->frame) + op->source.offset, op->len);
    return GNTST_okay;
}

long grant_copy_op(unsigned long uop, unsigned int count)
{
    struct copy_end src = {.held = false}, dst = {.held = false};
    unsigned int i;
    long rc = 0;

    if (unlikely(!guest_range_ok(uop, count, sizeof(struct gnttab_copy))))
        return -XEN_EFAULT;
    for (i = 0; i < count; i++) {
        unsigned long at = uop + i * sizeof(struct gnttab_copy);
        struct gnttab_copy op;

        if (i && hypercall_preempt_check()) {
            rc = -ERESTART;
            break;
        }
        if (copy_from_guest_unchecked(&op, at, sizeof(op))) {
            rc = -XEN_EFAULT;
            break;
        }
        op.status = (s16)copy_one(&op, &src, &dst);
        if (unlikely(op.status != GNTST_okay))
            release_both(&src, &dst);
        if (copy_to_guest_unchecked(at + offsetof(struct gnttab_copy, status), &op.status,
                                    sizeof(op.status))) {
            rc = -XEN_EFAULT;
            break;
        }
    }
    release_both(&src, &dst);
    if (unlikely(rc == -ERESTART))
        rc = grant_continue(GNTTABOP_copy, uop, count, i, sizeof(struct gnttab_copy));
    return rc;
}
