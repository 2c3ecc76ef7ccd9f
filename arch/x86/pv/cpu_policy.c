/* SPDX-License-Identifier: MIT */
/*
 * CPU policies: CPUID leaves and MSRs as lists that toolstacks read, change and give back
 * (public/domctl.h, sysctl.h).
 *
 * cpuid.c decides what a domain can have at most; the toolstack's list can only remove something. A
 * leaf that the list does not name stays as it is. Of a register that holds features the bits in
 * common remain, a limit becomes the smaller of both, and a register that names or describes the
 * processor is taken from the list. The two MSRs of the format hold nothing that a PV domain gets.
 */
#include <arch.h>
#include <asm/context.h>
#include <asm/cpu_features.h>
#include <asm/cpu_policy.h>
#include <asm/msr.h>
#include <asm/pv.h>
#include <guest_access.h>
#include <page_alloc.h>
#include <public/arch-x86/cpuid.h>
#include <public/domctl.h>
#include <public/errno.h>
#include <public/sysctl.h>

/* The leaves of the format, in its order. A leaf with subleaves has one element for each. */
#define LAST_BASIC    0xdU
#define CACHE_LEAVES  6U  /* leaf 4 */
#define FEAT_LEAVES   3U  /* leaf 7 */
#define TOPO_LEAVES   2U  /* leaf 0xb */
#define XSTATE_LEAVES 63U /* leaf 0xd */
#define EXT_LEAVES    0x22U
#define HV_LEAVES     2U
#define NO_SUBLEAF    XEN_CPUID_NO_SUBLEAF

enum {
    SLOT_BASIC = 0,
    SLOT_CACHE = SLOT_BASIC + LAST_BASIC + 1,
    SLOT_FEAT = SLOT_CACHE + CACHE_LEAVES,
    SLOT_TOPO = SLOT_FEAT + FEAT_LEAVES,
    SLOT_XSTATE = SLOT_TOPO + TOPO_LEAVES,
    SLOT_HV = SLOT_XSTATE + XSTATE_LEAVES,
    SLOT_EXT = SLOT_HV + HV_LEAVES,
    SLOTS = SLOT_EXT + EXT_LEAVES,
};

#define MAX_LEAVES (SLOTS - 4U) /* 4, 7, 0xb, 0xd have no element without a subleaf */
#define MAX_MSRS   2U

#define EXT_FIRST   0x80000000U
#define HV_INTERVAL 0x100U

#define F1_ECX_DYNAMIC (1U << 31 | 1U << 27) /* HYPERVISOR, OSXSAVE: always as they are */
#define F1_ECX_XSAVE   (1U << 26)
#define F1_ECX_AVX     (1U << 28)
#define F7_EBX_AVX512F (1U << 16)

/* Components of the extended state (Intel SDM volume 1, 13.1). */
#define STATE_LEGACY 0x3U /* x87, SSE */
#define STATE_512    0xe0U

struct cpu_policy {
    unsigned long given[DIV_ROUND_UP(SLOTS, BITS_PER_LONG)];
    xen_cpuid_leaf_t leaf[SLOTS];
};

static const u32 policy_msrs[MAX_MSRS] = {MSR_PLATFORM_INFO, MSR_ARCH_CAPABILITIES};

/* ---- places in the list ---- */

/* @return how many subleaves a basic leaf has (0: none), and in *@slot where the first one is */
static unsigned int subleaves(u32 leaf, unsigned int *slot)
{
    switch (leaf) {
    case 4:
        *slot = SLOT_CACHE;
        return CACHE_LEAVES;
    case 7:
        *slot = SLOT_FEAT;
        return FEAT_LEAVES;
    case 0xb:
        *slot = SLOT_TOPO;
        return TOPO_LEAVES;
    case 0xd:
        *slot = SLOT_XSTATE;
        return XSTATE_LEAVES;
    default:
        *slot = SLOT_BASIC + leaf;
        return 0;
    }
}

/* @return the place of a leaf in the list; -1: the format does not have it */
static int slot_of(u32 leaf, u32 subleaf)
{
    unsigned int slot, n;

    if (leaf <= LAST_BASIC) {
        n = subleaves(leaf, &slot);
        if (n)
            return subleaf < n ? (int)(slot + subleaf) : -1;
        return subleaf == NO_SUBLEAF ? (int)slot : -1;
    }
    if (subleaf != NO_SUBLEAF)
        return -1;
    if (leaf == XEN_CPUID_FIRST_LEAF || leaf == XEN_CPUID_FIRST_LEAF + HV_INTERVAL)
        return SLOT_HV + (leaf != XEN_CPUID_FIRST_LEAF);
    if (leaf >= EXT_FIRST && leaf < EXT_FIRST + EXT_LEAVES)
        return (int)(SLOT_EXT + leaf - EXT_FIRST);
    return -1;
}

/* ---- limiting ---- */

static const xen_cpuid_leaf_t *given(const struct cpu_policy *p, u32 leaf, u32 subleaf)
{
    unsigned int slot;
    int i = slot_of(leaf, leaf <= LAST_BASIC && subleaves(leaf, &slot) ? subleaf : NO_SUBLEAF);

    return i >= 0 && test_bit(p->given, (unsigned int)i) ? &p->leaf[i] : NULL;
}

/* Does the list end before @leaf? */
static bool beyond(const struct cpu_policy *p, u32 leaf)
{
    const xen_cpuid_leaf_t *first = given(p, leaf & EXT_FIRST, NO_SUBLEAF);

    return first && leaf > first->a && leaf - XEN_CPUID_FIRST_LEAF > 2 * HV_INTERVAL;
}

/* @return those of the components @all that belong to features which @p leaves */
static u32 components_left(const struct cpu_policy *p, u32 all)
{
    const xen_cpuid_leaf_t *one = given(p, 1, NO_SUBLEAF), *seven = given(p, 7, 0);

    if (one && !(one->c & F1_ECX_XSAVE))
        return 0;
    if (one && !(one->c & F1_ECX_AVX))
        return all & STATE_LEGACY;
    return seven && !(seven->b & F7_EBX_AVX512F) ? all & ~STATE_512 : all;
}

/* The list's own components do not count, as on Xen: they follow from the features. */
static void limit_components(const struct cpu_policy *p, u32 subleaf, struct cpuid *out)
{
    if (subleaf == 0) {
        out->eax = components_left(p, out->eax);
        out->ecx = out->eax ? xsave_size(out->eax) : 0;
        if (!out->eax)
            out->ebx = 0;
    } else if (subleaf > 1 && subleaf < 32 && !(components_left(p, ~0U) >> subleaf & 1)) {
        *out = (struct cpuid){0};
    }
}

void cpu_policy_limit(const struct cpu_policy *p, u32 leaf, u32 subleaf, struct cpuid *out)
{
    const xen_cpuid_leaf_t *l = given(p, leaf, subleaf);

    if (beyond(p, leaf)) {
        *out = (struct cpuid){0};
        return;
    }
    if (leaf == 0xd)
        limit_components(p, subleaf, out);
    if (!l)
        return;
    switch (leaf) {
    case 0:
    case EXT_FIRST:
        *out = (struct cpuid){MIN(out->eax, l->a), l->b, l->c, l->d};
        break;
    case XEN_CPUID_FIRST_LEAF:
        out->eax = MIN(out->eax, MAX(l->a, (u32)XEN_CPUID_LEAF(2)));
        break;
    case 1:
        out->eax = l->a;
        out->ecx &= l->c | F1_ECX_DYNAMIC;
        out->edx &= l->d;
        break;
    case 7:
        out->eax = subleaf ? out->eax & l->a : MIN(out->eax, l->a);
        out->ebx &= l->b;
        out->ecx &= l->c;
        out->edx &= l->d;
        break;
    case 0xd:
        if (subleaf == 1)
            out->eax &= l->a;
        break;
    case EXT_FIRST + 1:
    case EXT_FIRST + 7:
        out->ecx &= l->c;
        out->edx &= l->d;
        break;
    case EXT_FIRST + 8:
        out->ebx &= l->b;
        break;
    case 2:
    case 4:
    case EXT_FIRST + 2 ... EXT_FIRST + 6: /* caches, the processor's name */
        *out = (struct cpuid){l->a, l->b, l->c, l->d};
        break;
    default:
        break;
    }
}

/* ---- reading ---- */

/* Whose policy is read. */
struct source {
    bool raw; /* the processor's own */
    const struct domain *d;
};

static void read_leaf(const struct source *from, u32 leaf, u32 subleaf, struct cpuid *out)
{
    bool none = subleaf == NO_SUBLEAF;

    if (from->raw)
        *out = cpuid_count(leaf, none ? 0 : subleaf);
    else
        pv_domain_cpuid(from->d, leaf, none ? 0 : subleaf, out);
}

/* A list that is being written to a toolstack. */
struct writer {
    const struct source *from;
    unsigned long at;
    u32 room, n;
};

static long write_leaf(struct writer *w, u32 leaf, u32 subleaf, const struct cpuid *r)
{
    const xen_cpuid_leaf_t l = {leaf, subleaf, r->eax, r->ebx, r->ecx, r->edx};

    if (w->n == w->room)
        return -XEN_ENOBUFS;
    return put_guest_element(w->at, w->n++, &l) ? -XEN_EFAULT : 0;
}

/* Does a list of subleaves end with this one? It is in the list: toolstacks write it back. */
static bool subleaf_is_last(u32 leaf, const struct cpuid *r)
{
    switch (leaf) {
    case 4:
        return !(r->eax & 31); /* no more caches */
    case 0xb:
        return !(r->ecx >> 8 & 0xff); /* no such level */
    default:
        return false;
    }
}

/* @return how many subleaves the list has, at most @n; Xen's library writes as many back */
static unsigned int count_subleaves(const struct source *from, u32 leaf, unsigned int n)
{
    struct cpuid first, second;
    u64 components;

    read_leaf(from, leaf, 0, &first);
    switch (leaf) {
    case 7:
        return MIN(n - 1, first.eax) + 1;
    case 0xd:
        /* One for each component up to the last one, also for those that do not exist. */
        read_leaf(from, leaf, 1, &second);
        components = first.eax | (u64)first.edx << 32 | second.ecx | (u64)second.edx << 32;
        return components >> 2 ? MIN(n, (unsigned int)(64 - __builtin_clzl(components))) : 2;
    default:
        return n;
    }
}

static long write_subleaves(struct writer *w, u32 leaf, unsigned int n)
{
    struct cpuid r;
    bool last = false;
    long rc = 0;

    n = count_subleaves(w->from, leaf, n);
    for (u32 i = 0; i < n && rc == 0 && !last; i++) {
        read_leaf(w->from, leaf, i, &r);
        last = subleaf_is_last(leaf, &r);
        /* A processor still numbers the level that it does not have. */
        if (last && w->from->raw)
            r = (struct cpuid){0};
        rc = write_leaf(w, leaf, i, &r);
    }
    return rc;
}

static long write_leaves(struct writer *w)
{
    struct cpuid r;
    u32 last;
    long rc = 0;

    read_leaf(w->from, 0, NO_SUBLEAF, &r);
    last = MIN(r.eax, LAST_BASIC);
    for (u32 leaf = 0; leaf <= last && rc == 0; leaf++) {
        unsigned int slot, n = subleaves(leaf, &slot);

        if (n) {
            rc = write_subleaves(w, leaf, n);
        } else {
            read_leaf(w->from, leaf, NO_SUBLEAF, &r);
            rc = write_leaf(w, leaf, NO_SUBLEAF, &r);
        }
    }
    for (u32 i = 0; i < HV_LEAVES && rc == 0; i++) {
        r = (struct cpuid){0};
        if (i == 0 && !w->from->raw)
            read_leaf(w->from, XEN_CPUID_FIRST_LEAF, NO_SUBLEAF, &r);
        r = (struct cpuid){.eax = r.eax};
        rc = write_leaf(w, XEN_CPUID_FIRST_LEAF + i * HV_INTERVAL, NO_SUBLEAF, &r);
    }
    read_leaf(w->from, EXT_FIRST, NO_SUBLEAF, &r);
    last = MIN(r.eax, EXT_FIRST + EXT_LEAVES - 1);
    for (u32 leaf = EXT_FIRST; leaf <= last && rc == 0; leaf++) {
        read_leaf(w->from, leaf, NO_SUBLEAF, &r);
        rc = write_leaf(w, leaf, NO_SUBLEAF, &r);
    }
    return rc;
}

static long read_policy(const struct source *from, unsigned long leaves, u32 *nr_leaves,
                        unsigned long msrs, u32 *nr_msrs)
{
    struct writer w = {from, leaves, *nr_leaves, 0};

    if (leaves) {
        long rc = write_leaves(&w);

        if (rc)
            return rc;
        *nr_leaves = w.n;
    } else {
        *nr_leaves = MAX_LEAVES;
    }
    for (u32 i = 0; msrs && i < MAX_MSRS; i++) {
        const xen_msr_entry_t e = {.idx = policy_msrs[i]};

        if (i == *nr_msrs)
            return -XEN_ENOBUFS;
        if (put_guest_element(msrs, i, &e))
            return -XEN_EFAULT;
    }
    *nr_msrs = MAX_MSRS;
    return 0;
}

long cpu_policy_sysctl(struct xen_sysctl_cpu_policy *op)
{
    struct source from = {0};

    if (op->_rsvd)
        return -XEN_EINVAL;
    switch (op->index) {
    case XEN_SYSCTL_cpu_policy_raw:
    case XEN_SYSCTL_cpu_policy_host:
        from.raw = true;
        break;
    case XEN_SYSCTL_cpu_policy_pv_max:
    case XEN_SYSCTL_cpu_policy_pv_default:
        break;
    case XEN_SYSCTL_cpu_policy_hvm_max:
    case XEN_SYSCTL_cpu_policy_hvm_default:
        return -XEN_EOPNOTSUPP;
    default:
        return -XEN_EINVAL;
    }
    return read_policy(&from, handle_addr(op->leaves), &op->nr_leaves, handle_addr(op->msrs),
                       &op->nr_msrs);
}

/*
 * The registers from which the words of a feature set come, in its order. Words that are not listed
 * come from MSRs that no domain has.
 */
enum reg { EAX, EBX, ECX, EDX };

static const struct feature_word {
    u32 leaf;
    u8 subleaf, reg;
} feature_words[] = {
    {1, 0, EDX},
    {1, 0, ECX},
    {0x80000001, 0, EDX},
    {0x80000001, 0, ECX},
    {0xd, 1, EAX},
    {7, 0, EBX},
    {7, 0, ECX},
    {0x80000007, 0, EDX},
    {0x80000008, 0, EBX},
    {7, 0, EDX},
    {7, 1, EAX},
    {0x80000021, 0, EAX},
    {7, 1, EBX},
    {7, 2, EDX},
    {7, 1, ECX},
    {7, 1, EDX},
    {0},
    {0},
    {0x80000021, 0, ECX},
};

static u32 feature_word(const struct source *from, const struct feature_word *w)
{
    struct cpuid r, first;

    if (!w->leaf)
        return 0;
    read_leaf(from, w->leaf & EXT_FIRST, NO_SUBLEAF, &first);
    if (first.eax < w->leaf)
        return 0;
    read_leaf(from, w->leaf, w->subleaf, &first);
    if (w->leaf == 7 && w->subleaf) {
        read_leaf(from, 7, 0, &r);
        if (r.eax < w->subleaf)
            return 0;
    }
    switch (w->reg) {
    case EAX:
        return first.eax;
    case EBX:
        return first.ebx;
    case ECX:
        return first.ecx;
    default:
        return first.edx;
    }
}

long cpu_policy_featureset(struct xen_sysctl_cpu_featureset *op)
{
    const u32 words = ARRAY_SIZE(feature_words);
    struct source from = {0};

    switch (op->index) {
    case XEN_SYSCTL_cpu_featureset_raw:
    case XEN_SYSCTL_cpu_featureset_host:
        from.raw = true;
        break;
    case XEN_SYSCTL_cpu_featureset_pv:
    case XEN_SYSCTL_cpu_featureset_pv_max:
        break;
    case XEN_SYSCTL_cpu_featureset_hvm:
    case XEN_SYSCTL_cpu_featureset_hvm_max:
        return -XEN_EOPNOTSUPP;
    default:
        return -XEN_EINVAL;
    }
    if (!handle_addr(op->features)) {
        op->nr_features = words;
        return 0;
    }
    for (u32 i = 0; i < MIN(op->nr_features, words); i++) {
        u32 word = feature_word(&from, &feature_words[i]);

        if (put_guest_element(handle_addr(op->features), i, &word))
            return -XEN_EFAULT;
    }
    if (op->nr_features < words)
        return -XEN_ENOBUFS;
    op->nr_features = words;
    return 0;
}

long cpu_policy_get(const struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;
    const struct source from = {.d = d};

    return read_policy(&from, handle_addr(p->leaves), &p->nr_leaves, handle_addr(p->msrs),
                       &p->nr_msrs);
}

/* ---- writing ---- */

/*
 * This is not in line because gcc 12 fails on the jumps out of its assembly where they leave loops
 * that it joins.
 */
static __noinline bool get_leaf(xen_cpuid_leaf_t *l, const struct xen_domctl_cpu_policy *op, u32 i)
{
    return get_guest_element(l, handle_addr(op->leaves), i) == 0;
}

static long take_leaves(struct cpu_policy *new, struct xen_domctl_cpu_policy *op)
{
    if (op->nr_leaves > MAX_LEAVES)
        return -XEN_E2BIG;
    for (u32 i = 0; i < op->nr_leaves; i++) {
        xen_cpuid_leaf_t l;
        int slot;

        if (!get_leaf(&l, op, i))
            return -XEN_EFAULT;
        slot = slot_of(l.leaf, l.subleaf);
        if (slot < 0) {
            op->err_leaf = l.leaf;
            op->err_subleaf = l.subleaf;
            return -XEN_ERANGE;
        }
        new->leaf[slot] = l;
        set_bit(new->given, (unsigned int)slot);
    }
    return 0;
}

/* Checks the MSRs of a policy: each has to say that none of its features is there. */
static long check_msrs(struct xen_domctl_cpu_policy *op)
{
    xen_msr_entry_t e[MAX_MSRS] = {{0}};

    if (op->nr_msrs > MAX_MSRS)
        return -XEN_E2BIG;
    if (op->nr_msrs && copy_from_guest(e, handle_addr(op->msrs), op->nr_msrs * sizeof(e[0])))
        return -XEN_EFAULT;
    for (u32 i = 0; i < op->nr_msrs; i++) {
        bool known = e[i].idx == MSR_PLATFORM_INFO || e[i].idx == MSR_ARCH_CAPABILITIES;

        if (known && !e[i].flags && !e[i].val)
            continue;
        op->err_msr = e[i].idx;
        return e[i].flags || known ? -XEN_EINVAL : -XEN_ERANGE;
    }
    return 0;
}

/* Checks that a list does not reach further than ours. */
static long check_limits(const struct cpu_policy *new, struct xen_domctl_cpu_policy *op)
{
    static const u32 limits[][2] = {{0, NO_SUBLEAF}, {7, 0}, {EXT_FIRST, NO_SUBLEAF}};

    for (unsigned int i = 0; i < ARRAY_SIZE(limits); i++) {
        const xen_cpuid_leaf_t *l = given(new, limits[i][0], limits[i][1]);
        struct cpuid most;

        pv_domain_cpuid(NULL, limits[i][0], 0, &most);
        if (l && l->a > most.eax) {
            op->err_leaf = limits[i][0];
            op->err_subleaf = limits[i][1];
            return -XEN_EINVAL;
        }
    }
    return 0;
}

static long replace_policy(struct domain *d, struct xen_domctl_cpu_policy *op)
{
    struct cpu_policy *new = xzalloc(struct cpu_policy);
    long rc;

    if (!new)
        return -XEN_ENOMEM;
    if (d->arch.cpu_policy)
        *new = *d->arch.cpu_policy;
    rc = take_leaves(new, op);
    if (!rc)
        rc = check_msrs(op);
    if (!rc)
        rc = check_limits(new, op);
    if (rc) {
        xfree(new);
        return rc;
    }
    xfree(d->arch.cpu_policy);
    d->arch.cpu_policy = new;
    return 0;
}

long cpu_policy_set(struct domain *d, struct xen_domctl *op, unsigned long u_domctl)
{
    struct xen_domctl_cpu_policy *p = &op->u.cpu_policy;
    long rc;

    if (d == current->domain)
        return -XEN_EINVAL;
    if (d->has_run)
        return -XEN_EEXIST;
    p->err_leaf = p->err_subleaf = p->err_msr = ~0U;
    rc = replace_policy(d, p);
    if (rc && put_guest(u_domctl, op))
        rc = -XEN_EFAULT;
    return rc;
}
