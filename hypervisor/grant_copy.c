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
    bool readonly;
    domid_t domid;
    u64 name;             /* grant reference or frame number, as the guest gave it */
    struct domain *owner; /* of a grant: referenced */
    mfn_t frame;
};

static void release_end(struct copy_end *end)
{
    if (!end->held)
        return;
    grant_put_frame(end->frame, end->readonly);
    if (end->is_gref) {
        grant_unpin(end->owner, (grant_ref_t)end->name, end->readonly);
        put_domain(end->owner);
    }
    end->held = false;
}

/* Makes @end the frame that an element names. GNTST_*. */
static int claim_end(struct copy_end *end, bool is_gref, domid_t domid, u64 name)
{
    struct domain *d = current->domain;
    int rc;

    if (end->held && end->is_gref == is_gref && end->domid == domid && end->name == name)
        return GNTST_okay;
    release_end(end);
    end->is_gref = is_gref;
    end->domid = domid;
    end->name = name;
    if (is_gref) {
        end->owner = domid == DOMID_SELF ? get_domain_or_self(domid) : get_domain_by_id(domid);
        if (!end->owner)
            return GNTST_bad_domain;
        rc = end->owner->system
                 ? GNTST_permission_denied
                 : grant_pin(end->owner, (grant_ref_t)name, d, end->readonly, &end->frame);
        if (rc) {
            put_domain(end->owner);
            return rc;
        }
    } else {
        rc = name > ~0UL >> PAGE_SHIFT ? GNTST_bad_page
                                       : grant_get_frame(MFN(name), d, end->readonly);
        if (rc)
            return rc;
        end->frame = MFN(name);
    }
    end->held = true;
    return GNTST_okay;
}

static int copy_one(const struct gnttab_copy *op, struct copy_end *src, struct copy_end *dst)
{
    bool src_gref = op->flags & GNTCOPY_source_gref, dst_gref = op->flags & GNTCOPY_dest_gref;
    int rc;

    if ((!src_gref && op->source.domid != DOMID_SELF) ||
        (!dst_gref && op->dest.domid != DOMID_SELF))
        return GNTST_permission_denied; /* only one's own frames go by number */
    if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    rc = claim_end(src, src_gref, op->source.domid,
                   src_gref ? op->source.u.ref : op->source.u.gmfn);
    if (rc)
        return rc;
    rc = claim_end(dst, dst_gref, op->dest.domid, dst_gref ? op->dest.u.ref : op->dest.u.gmfn);
    if (rc)
        return rc;
    /* Both ends may be the same frame. */
    memmove((char *)mfn_to_virt(dst->frame) + op->dest.offset,
            (const char *)mfn_to_virt(src->frame) + op->source.offset, op->len);
    return GNTST_okay;
}

long grant_copy_op(unsigned long uop, unsigned int count, unsigned int *done)
{
    struct copy_end src = {.readonly = true}, dst = {.readonly = false};
    long rc = 0;

    for (unsigned int i = 0; i < count; i++) {
        struct gnttab_copy op;

        if (i && hypercall_preempt_check()) {
            rc = -ERESTART;
            break;
        }
        if (get_guest_element(&op, uop, i)) {
            rc = -XEN_EFAULT;
            break;
        }
        op.status = (s16)copy_one(&op, &src, &dst);
        if (op.status != GNTST_okay) {
            release_end(&src);
            release_end(&dst);
        }
        if (copy_to_guest(uop + i * sizeof(op) + offsetof(struct gnttab_copy, status), &op.status,
                          sizeof(op.status))) {
            rc = -XEN_EFAULT;
            break;
        }
        *done = i + 1;
    }
    release_end(&src);
    release_end(&dst);
    return rc;
}
