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

#define BY_GREF 0x10000U /* in copy_end.who: the name is a grant reference */
#define NOBODY  (~0U)

/* One end of a copy, pinned unless ->who is NOBODY. */
struct copy_end {
    u32 who;              /* domain number, and BY_GREF */
    u64 name;             /* grant reference or frame number, as the guest gave it */
    struct domain *owner; /* of a grant; it does not go away as long as we are in the hypercall */
    mfn_t frame;
};

/* A batch of elements, and the one that it has come to. */
struct copy {
    struct gnttab_copy op;
    struct copy_end src, dst;
};

HOT_INLINE void release(struct copy_end *end, bool readonly)
{
    if (end->who & BY_GREF)
        grant_unpin(end->owner, (grant_ref_t)end->name, readonly);
    end->who = NOBODY;
    grant_put_frame(end->frame, readonly);
}

static __noinline void release_source(struct copy_end *end)
{
    release(end, true);
}

static __noinline void release_dest(struct copy_end *end)
{
    release(end, false);
}

HOT_INLINE void release_both(struct copy *c)
{
    if (c->src.who != NOBODY)
        release_source(&c->src);
    if (c->dst.who != NOBODY)
        release_dest(&c->dst);
}

/* Makes @end, which is free, the frame that an element names. GNTST_*; after an error @end is to be made free again. */
HOT_INLINE int claim(struct copy_end *end, u32 who, u64 name, bool readonly)
{
    struct domain *d = current->domain, *owner = d;

    end->who = who;
    end->name = name;
    if (!(who & BY_GREF)) {
        end->frame = MFN(name);
        return grant_get_frame(MFN(name), d, readonly);
    }
    if ((domid_t)who != DOMID_SELF) {
        owner = find_domain((domid_t)who);
        if (!owner)
            return GNTST_bad_domain;
        if (owner->system)
            return GNTST_permission_denied;
    }
    end->owner = owner;
    return grant_pin(owner, (grant_ref_t)name, d->id, readonly, &end->frame);
}

/* The same for ends that are not free. */
static __noinline int claim_source_anew(struct copy_end *end, u32 who, u64 name)
{
    release_source(end);
    return claim(end, who, name, true);
}

static __noinline int claim_dest_anew(struct copy_end *end, u32 who, u64 name)
{
    release_dest(end);
    return claim(end, who, name, false);
}

/*
 * The end that the present element names, unless the one before it named the same. Functions of their own, which end in
 * others, so that neither they nor copy_one() have many values to keep.
 */
static __noinline int take_source(struct copy *c)
{
    const struct gnttab_copy_ptr *p = &c->op.source;
    bool gref = c->op.flags & GNTCOPY_source_gref;
    u32 who = gref ? p->domid | BY_GREF : DOMID_SELF;
    u64 name = gref ? p->u.ref : p->u.gmfn;

    if (c->src.who == NOBODY)
        return claim(&c->src, who, name, true);
    if (c->src.who == who && c->src.name == name)
        return GNTST_okay;
    return claim_source_anew(&c->src, who, name);
}

static __noinline int take_dest(struct copy *c)
{
    const struct gnttab_copy_ptr *p = &c->op.dest;
    bool gref = c->op.flags & GNTCOPY_dest_gref;
    u32 who = gref ? p->domid | BY_GREF : DOMID_SELF;
    u64 name = gref ? p->u.ref : p->u.gmfn;

    if (c->dst.who == NOBODY)
        return claim(&c->dst, who, name, false);
    if (c->dst.who == who && c->dst.name == name)
        return GNTST_okay;
    return claim_dest_anew(&c->dst, who, name);
}

/* Only one's own frames go by number. */
HOT_INLINE bool may_name(const struct gnttab_copy_ptr *p, unsigned int gref)
{
    return gref || likely(p->domid == DOMID_SELF);
}

/* Copies one element. GNTST_*. After an error both ends are free. */
static __noinline int copy_one(struct copy *c)
{
    unsigned int len = c->op.len;
    const char *from;
    char *to;
    int rc;

    rc = GNTST_permission_denied;
    if (unlikely(!may_name(&c->op.source, c->op.flags & GNTCOPY_source_gref) ||
                 !may_name(&c->op.dest, c->op.flags & GNTCOPY_dest_gref)))
        goto fail;
    rc = GNTST_bad_copy_arg;
    if (unlikely(c->op.source.offset + len > PAGE_SIZE || c->op.dest.offset + len > PAGE_SIZE))
        goto fail;
    rc = take_source(c);
    if (unlikely(rc)) {
        c->src.who = NOBODY;
        goto fail;
    }
    rc = take_dest(c);
    if (unlikely(rc)) {
        c->dst.who = NOBODY;
        goto fail;
    }
    to = (char *)mfn_to_virt(c->dst.frame) + c->op.dest.offset;
    from = (const char *)mfn_to_virt(c->src.frame) + c->op.source.offset;
    if (unlikely(mfn_eq(c->dst.frame, c->src.frame)))
        memmove(to, from, c->op.len);
    else
        memcpy(to, from, c->op.len);
    return GNTST_okay;

fail:
    release_both(c);
    return rc;
}

long grant_copy_op(unsigned int cmd, unsigned long uop, unsigned int count)
{
    struct copy c;

    if (unlikely(!guest_range_ok(uop, count, sizeof(c.op))))
        return -XEN_EFAULT;
    if (unlikely(!count))
        return 0;
    c.src.who = c.dst.who = NOBODY;
    for (;;) {
        s16 status;

        if (copy_from_guest_unchecked(&c.op, uop, sizeof(c.op)))
            goto fault;
        status = (s16)copy_one(&c);
        if (copy_to_guest_unchecked(uop + offsetof(struct gnttab_copy, status), &status,
                                    sizeof(status)))
            goto fault;
        if (--count == 0)
            break;
        uop += sizeof(c.op);
        if (unlikely(hypercall_preempt_check())) {
            release_both(&c);
            return grant_continue(GNTTABOP_copy, uop, count);
        }
    }
    release_both(&c);
    return 0;

fault:
    release_both(&c);
    return -XEN_EFAULT;
}
