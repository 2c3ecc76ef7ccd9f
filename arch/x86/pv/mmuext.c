/* SPDX-License-Identifier: MIT */
/*
 * Hypercall mmuext_op: pins, roots, flushes, descriptor tables, whole pages.
 *
 * Elements are done in order, as in mmu_update; the first that fails ends the batch. Taking a large
 * page table apart is preemptible: the element counts as done, and what remains is finished before
 * the hypercall returns to the guest.
 */
#include <arch.h>
#include <asm/pv.h>
#include <guest_access.h>
#include <hypercall.h>

#include "descriptor.h"
#include "mmu.h"
#include "pte.h"

/*
 * Takes a general count on a frame of @d.
 * @return NULL: @d has no such frame
 */
static struct page *get_frame(unsigned long mfn, const struct domain *d)
{
    struct page *pg = mfn_to_page(MFN(mfn));

    return mfn_valid(MFN(mfn)) && get_page(pg, d) ? pg : NULL;
}

/*
 * Says in the guest log why @d did not get frame @mfn, for @what, unless it was only preempted.
 * @return @rc
 */
static int mmuext_refuse(const char *what, unsigned long mfn, const struct domain *d, u64 type,
                         int rc)
{
    if (rc != -ERESTART)
        page_refused(what, MFN(mfn), d, type);
    return rc;
}

/* ---- pins ---- */

static const char *pin_of(u64 type)
{
    static const char *const text[] = {"pin of L1", "pin of L2", "pin of L3", "pin of L4"};

    return text[table_level(type) - 1];
}

/* Is it pinned with @type? For a message after a refusal: the answer may have changed meanwhile. */
static bool is_pinned_as(const struct page *pg, u64 type)
{
    u64 state = READ_ONCE(pg->state);

    return state & PG_PINNED && (state & PG_TYPE_MASK) == type;
}

static int pin_table(unsigned long mfn, u64 type, struct domain *d)
{
    struct page *pg = get_frame(mfn, d);
    int rc;

    if (!pg)
        return mmuext_refuse(pin_of(type), mfn, d, type, -XEN_EINVAL);
    rc = page_pin(pg, type, true);
    if (rc == -XEN_EINVAL && is_pinned_as(pg, type))
        printk_guest(LOG_DEBUG, "%s %lx: it is pinned already", pin_of(type), mfn);
    else if (rc)
        mmuext_refuse(pin_of(type), mfn, d, type, rc);
    return rc;
}

static int unpin_table(unsigned long mfn, struct domain *d)
{
    struct page *pg = get_frame(mfn, d);
    bool was_pinned;

    if (!pg)
        return mmuext_refuse("unpin of", mfn, d, PG_TYPE_NONE, -XEN_EINVAL);
    was_pinned = page_unpin(pg);
    if (!was_pinned)
        printk_guest(LOG_DEBUG, "unpin of %lx: it is not pinned", mfn);
    put_page(pg);
    return was_pinned ? 0 : -XEN_EINVAL;
}

/* ---- roots ---- */

static bool hides_m2p(const struct domain *d)
{
    return d->vm_assist >> VMASST_TYPE_m2p_strict & 1;
}

static int get_root(unsigned long mfn, struct domain *d)
{
    int rc = -XEN_EINVAL;

    if (mfn_valid(MFN(mfn)))
        rc = get_page_and_type_preemptible(mfn_to_page(MFN(mfn)), d, PG_TYPE_L4);
    return likely(!rc) ? 0 : mmuext_refuse("root", mfn, d, PG_TYPE_L4, rc);
}

int set_kernel_root(struct vcpu *v, mfn_t mfn)
{
    mfn_t old = v->arch.guest_table;
    int rc;

    if (mfn_eq(old, mfn)) {
        tlb_switch_root(v->arch.cr3);
        return 0;
    }
    rc = get_root(mfn.n, v->domain);
    if (rc)
        return rc;
    destroy_ldt(v); /* everything is flushed below */
    if (hides_m2p(v->domain))
        root_set_m2p(mfn, true);
    v->arch.guest_table = mfn;
    v->arch.cr3 = mfn.n << PAGE_SHIFT;
    tlb_switch_root(v->arch.cr3);
    if (!mfn_eq(old, INVALID_MFN))
        put_page_table(mfn_to_page(old));
    return 0;
}

static int set_user_root(struct vcpu *v, unsigned long mfn)
{
    mfn_t old = v->arch.guest_table_user, wanted = mfn ? MFN(mfn) : INVALID_MFN;
    int rc;

    if (mfn_eq(old, wanted))
        return 0;
    if (mfn) {
        rc = get_root(mfn, v->domain);
        if (rc)
            return rc;
        if (hides_m2p(v->domain))
            root_set_m2p(wanted, false);
    }
    v->arch.guest_table_user = wanted;
    if (!mfn_eq(old, INVALID_MFN))
        put_page_table(mfn_to_page(old));
    return 0;
}

/* ---- whole pages ---- */

/*
 * Takes a frame of @d as writable.
 * @return NULL: not possible
 */
static struct page *get_writable(unsigned long mfn, struct domain *d)
{
    struct page *pg = mfn_to_page(MFN(mfn));

    return mfn_valid(MFN(mfn)) && get_page_and_type(pg, d, PG_TYPE_WRITABLE) == 0 ? pg : NULL;
}

static int clear_page(unsigned long mfn, struct domain *d)
{
    struct page *pg = get_writable(mfn, d);

    if (!pg)
        return mmuext_refuse("clear of frame", mfn, d, PG_TYPE_WRITABLE, -XEN_EINVAL);
    memset(mfn_to_virt(MFN(mfn)), 0, PAGE_SIZE);
    put_page_and_type(pg);
    return 0;
}

static int copy_page(unsigned long to, unsigned long from, struct domain *d)
{
    struct page *src = get_frame(from, d), *dst;

    if (!src)
        return mmuext_refuse("copy of frame", from, d, PG_TYPE_NONE, -XEN_EINVAL);
    dst = get_writable(to, d);
    if (dst) {
        memcpy(mfn_to_virt(MFN(to)), mfn_to_virt(MFN(from)), PAGE_SIZE);
        put_page_and_type(dst);
    }
    put_page(src);
    return dst ? 0 : mmuext_refuse("copy to frame", to, d, PG_TYPE_WRITABLE, -XEN_EINVAL);
}

/* ---- flushes and the LDT: for the caller's own domain ---- */

static int flush_on_vcpus(const struct domain *d, const struct mmuext_op *op)
{
    cpumask_t mask;

    if (read_vcpu_mask(d, handle_addr(op->arg2.vcpumask), &mask))
        return -XEN_EINVAL;
    if (op->cmd == MMUEXT_TLB_FLUSH_MULTI)
        tlb_flush_mask(&mask);
    else if (guest_addr_ok(op->arg1.linear_addr, 1))
        tlb_flush_page_mask(&mask, op->arg1.linear_addr);
    return 0;
}

static int set_ldt_op(struct vcpu *v, const struct mmuext_op *op)
{
    unsigned int entries = op->arg2.nr_ents;
    unsigned long base = entries ? op->arg1.linear_addr : 0;

    if (base & ~PAGE_MASK || !guest_addr_ok(base, 1) || entries > 8192) {
        printk_guest(LOG_DEBUG, "LDT of %u entries at %lx: not a page's address, or above 8192",
                     entries, base);
        return -XEN_EINVAL;
    }
    set_ldt(v, base, entries);
    return 0;
}

static int refuse_cache_flush(int rc)
{
    printk_guest(LOG_DEBUG, "only a domain with devices flushes caches");
    return rc;
}

static int own_op(struct vcpu *v, const struct mmuext_op *op)
{
    struct domain *d = v->domain;

    switch (op->cmd) {
    case MMUEXT_NEW_BASEPTR:
        return set_kernel_root(v, MFN(op->arg1.mfn));
    case MMUEXT_NEW_USER_BASEPTR:
        return set_user_root(v, op->arg1.mfn);
    case MMUEXT_TLB_FLUSH_LOCAL:
        tlb_flush_local();
        return 0;
    case MMUEXT_INVLPG_LOCAL:
        tlb_flush_page(op->arg1.linear_addr);
        return 0;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI:
        return flush_on_vcpus(d, op);
    case MMUEXT_TLB_FLUSH_ALL:
        tlb_flush_mask(&d->dirty_cpus);
        return 0;
    case MMUEXT_INVLPG_ALL:
        if (guest_addr_ok(op->arg1.linear_addr, 1))
            tlb_flush_page_mask(&d->dirty_cpus, op->arg1.linear_addr);
        return 0;
    case MMUEXT_FLUSH_CACHE:
        if (!domain_has_devices(d))
            return refuse_cache_flush(-XEN_EACCES);
        cache_flush_local();
        return 0;
    case MMUEXT_FLUSH_CACHE_GLOBAL:
        if (!domain_has_devices(d))
            return refuse_cache_flush(-XEN_EINVAL); /* unlike FLUSH_CACHE, as on Xen */
        cache_flush_mask(&cpu_online);
        return 0;
    default: /* MMUEXT_SET_LDT */
        return set_ldt_op(v, op);
    }
}

/* ---- the hypercall ---- */

static __noinline int refuse_for_other(unsigned int cmd, const struct domain *pg_owner)
{
    printk_guest(LOG_DEBUG, "mmuext_op %u is for the caller's own domain, not for d%u", cmd,
                 pg_owner->id);
    return -XEN_EPERM;
}

static inline int mmuext_one(struct vcpu *v, const struct mmuext_op *op, struct domain *pg_owner)
{
    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        return pin_table(op->arg1.mfn, table_type(op->cmd - MMUEXT_PIN_L1_TABLE + 1), pg_owner);
    case MMUEXT_UNPIN_TABLE:
        return unpin_table(op->arg1.mfn, pg_owner);
    case MMUEXT_CLEAR_PAGE:
        return clear_page(op->arg1.mfn, pg_owner);
    case MMUEXT_COPY_PAGE:
        return copy_page(op->arg1.mfn, op->arg2.src_mfn, pg_owner);
    case MMUEXT_NEW_BASEPTR:
    case MMUEXT_NEW_USER_BASEPTR:
    case MMUEXT_TLB_FLUSH_LOCAL:
    case MMUEXT_INVLPG_LOCAL:
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI:
    case MMUEXT_TLB_FLUSH_ALL:
    case MMUEXT_INVLPG_ALL:
    case MMUEXT_FLUSH_CACHE:
    case MMUEXT_FLUSH_CACHE_GLOBAL:
    case MMUEXT_SET_LDT:
        return likely(pg_owner == v->domain) ? own_op(v, op) : refuse_for_other(op->cmd, pg_owner);
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER:
        return -XEN_EOPNOTSUPP;
    default:
        return (int)hypercall_unknown(__HYPERVISOR_mmuext_op, op->cmd);
    }
}

static __attribute__((noinline)) long mmuext_batch(unsigned long uops, unsigned int count,
                                                   unsigned long pdone, unsigned int foreigndom)
{
    struct vcpu *v = current;
    struct domain *pg_owner;
    unsigned int i, done = 0;
    long rc = 0;

    if (unlikely(count & MMU_UPDATE_PREEMPTED)) {
        count &= ~MMU_UPDATE_PREEMPTED;
        if (pdone && get_guest(&done, pdone))
            done = 0;
    }
    if (!guest_range_ok(uops, count, sizeof(struct mmuext_op)))
        return -XEN_EFAULT;
    pg_owner = get_pg_owner((domid_t)foreigndom);
    if (!pg_owner)
        return -XEN_ESRCH;
    if (!may_target(v->domain, pg_owner)) {
        rc = refuse_target(pg_owner);
        put_pg_owner(pg_owner);
        return rc;
    }

    for (i = 0; i < count; i++) {
        struct mmuext_op op;

        if (i && unlikely(hypercall_preempt_check())) {
            rc = -ERESTART;
            break;
        }
        if (unlikely(get_guest_element(&op, uops, i))) {
            rc = -XEN_EFAULT;
            break;
        }
        rc = mmuext_one(v, &op, pg_owner);
        if (unlikely(rc))
            break;
    }
    put_pg_owner(pg_owner);
    return finish_batch(__HYPERVISOR_mmuext_op, uops, sizeof(struct mmuext_op), count, i, done,
                        pdone, foreigndom, rc);
}

/*
 * Does one operation of a domain on itself, for which the caller wants no count of done elements.
 */
static __attribute__((noinline)) long mmuext_single(const struct mmuext_op *op, unsigned long uops)
{
    struct vcpu *v = current;
    long rc = mmuext_one(v, op, v->domain);

    if (likely(rc != -ERESTART))
        return rc;
    return finish_batch(__HYPERVISOR_mmuext_op, uops, sizeof(*op), 1, 0, 0, 0, DOMID_SELF, rc);
}

/* The commonest calls are single flushes, which need none of the rest. */
long do_mmuext_op(unsigned long uops, unsigned int count, unsigned long pdone,
                  unsigned int foreigndom)
{
    struct mmuext_op op;

    if (unlikely(count != 1) || unlikely(pdone) || unlikely(foreigndom != DOMID_SELF))
        return mmuext_batch(uops, count, pdone, foreigndom);
    if (unlikely(get_guest(&op, uops)))
        return -XEN_EFAULT;
    switch (op.cmd) {
    case MMUEXT_TLB_FLUSH_LOCAL:
        tlb_flush_local();
        return 0;
    case MMUEXT_INVLPG_LOCAL:
        tlb_flush_page(op.arg1.linear_addr); /* not canonical: nothing happens */
        return 0;
    default:
        return mmuext_single(&op, uops);
    }
}
