/* SPDX-License-Identifier: MIT */
/* What PV domains do to their memory, by chance: see pv_steps.h. */
#include <asm/paging.h>
#include <asm/pv.h>
#include <grant_impl.h>
#include <public/grant_table.h>
#include <public/memory.h>
#include <pv/pte.h>

#include "pv_cache.h"
#include "pv_machine.h"
#include "pv_steps.h"
#include "pv_tlb.h"

struct pv_actor pv_actors[PV_CPUS];

/* ---- input ---- */

static struct pv_actor *self(void)
{
    return &pv_actors[smp_processor_id()];
}

/* Marsaglia's xorshift. */
u64 pv_random(u64 *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

u8 take(void)
{
    struct pv_actor *a = self();
    u8 byte;

    if (a->input == a->input_end)
        return (u8)(pv_random(&a->random) >> 24);
    byte = *a->input++;
    a->random = (a->random ^ byte) * 0x100000001b3UL | 1;
    return byte;
}

/* Each actor has a part of the guest window to itself. */
#define WINDOW_OFFSET(offset) ((unsigned long)smp_processor_id() * PV_ACTOR_WINDOW + (offset))
#define OWN_WINDOW(offset)    GUEST(WINDOW_OFFSET(offset))

static char *window(void)
{
    return host_guest + WINDOW_OFFSET(0);
}

unsigned int pick(unsigned int n)
{
    return take() % n;
}

/* The @n-th frame that the domain has now. */
static unsigned long own_frame(unsigned int n)
{
    struct domain *d = current->domain;
    struct page *pg;

    spin_lock(&d->page_lock);
    pg = page_list_first(&d->pages);
    for (n %= (unsigned int)d->pages.count + 1; pg && pg->next && n--;)
        pg = mfn_to_page(MFN(pg->next));
    spin_unlock(&d->page_lock);
    return pg ? page_to_mfn(pg).n : 0;
}

unsigned long pick_frame(void)
{
    u8 b = take();

    if (b < 8)
        return b < 2   ? PTE_ADDR_MASK >> PAGE_SHIFT
               : b < 4 ? MMIO_FRAME
               : b < 6 ? machine_frames
                       : 0;
    if (b >= 200)
        return own_frame(b - 200U);
    return first_frame + b % (NR_DOMAINS * PV_FRAMES_EACH);
}

u64 pick_entry(void)
{
    static const u64 flags[] = {
        PTE_PRESENT | PTE_USER,
        PTE_PRESENT | PTE_WRITE,
        PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY,
        PTE_PRESENT | PTE_WRITE | PTE_USER,
        PTE_PRESENT,
        PTE_PRESENT | PTE_WRITE | PTE_GLOBAL,
        PTE_PRESENT | PTE_USER | PTE_GUEST_KERNEL | PTE_GLOBAL,
        PTE_PRESENT | PTE_WRITE | PTE_NX | 0x600,
        PTE_PRESENT | PTE_LARGE | PTE_USER,
        PTE_PRESENT | PTE_PCD | PTE_WRITE,
        PTE_WRITE,
        0,
    };
    u64 e = flags[pick(ARRAY_SIZE(flags))];

    return e | (u64)pick_frame() << PAGE_SHIFT;
}

unsigned int pick_slot(void)
{
    static const u16 slots[] = {0, 0, 0, 1, 2, 3, 255, 256, 260, 271, 272, 511};

    return slots[pick(ARRAY_SIZE(slots))];
}

unsigned long pick_va(void)
{
    unsigned long va = 0;

    for (unsigned int shift = L1_SHIFT; shift <= L4_SHIFT; shift += 9)
        va |= (unsigned long)(take() & 3 ? 0 : pick_slot()) << shift;
    va |= (unsigned long)pick(PV_FRAMES_EACH) << L1_SHIFT;
    return va >> 47 ? va | 0xffff000000000000UL : va;
}

domid_t pick_domid(void)
{
    static const domid_t ids[] = {DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_SELF, 0,
                                  1,          2,          DOMID_IO,   DOMID_XEN,  77};

    return ids[pick(ARRAY_SIZE(ids))];
}

static u64 take_bytes(unsigned int n)
{
    u64 v = 0;

    while (n--)
        v = v << 8 | take();
    return v;
}

u64 pick_word(void)
{
    static const u64 limits[] = {0,
                                 1,
                                 0xffff,
                                 0x10000,
                                 0x7fffffff,
                                 0xffffffff,
                                 0x100000000UL,
                                 0x00007fffffffffffUL,
                                 0x0000800000000000UL,
                                 HV_VIRT_START,
                                 HV_VIRT_END - 8,
                                 HV_VIRT_END,
                                 ~0UL >> 1,
                                 ~0UL};

    switch (take() % 8) {
    case 0:
    case 1:
        return limits[pick(ARRAY_SIZE(limits))];
    case 2:
        return take() % 8;
    case 3:
        return pick_frame();
    case 4:
        return 1UL << take() % 64;
    case 5:
        return OWN_WINDOW(take_bytes(2));
    case 6:
        return take_bytes(2);
    default:
        return take_bytes(8);
    }
}

/* ---- hypercalls ---- */

static long call_again(const struct host_continuation *c)
{
    const unsigned long *a = c->args;

    switch (c->op) {
    case __HYPERVISOR_mmu_update:
        return do_mmu_update(a[0], (unsigned int)a[1], a[2], (unsigned int)a[3]);
    case __HYPERVISOR_mmuext_op:
        return do_mmuext_op(a[0], (unsigned int)a[1], a[2], (unsigned int)a[3]);
    case __HYPERVISOR_memory_op:
        return do_memory_op(a[0], a[1]);
    case __HYPERVISOR_grant_table_op:
        return do_grant_table_op((unsigned int)a[0], a[1], (unsigned int)a[2]);
    default:
        panic("hypercall %u is continued", c->op);
    }
}

long follow(long rc)
{
    unsigned int patience = take() % 8 ? ~0U : take() % 4, rounds = 0;

    while (rc == HOST_CONTINUED && rounds < patience) {
        struct host_continuation c = host_continued;

        if (++rounds > 100000)
            panic("a hypercall never ends");
        host_return_to_guest();
        if (self()->meanwhile)
            self()->meanwhile();
        rc = call_again(&c);
    }
    return rc;
}

static void step_mmu_update(void)
{
    struct mmu_update *req = (void *)window();
    unsigned int n = 1 + pick(5), foreign = pick_domid();

    for (unsigned int i = 0; i < n; i++) {
        req[i].ptr = ((u64)pick_frame() << PAGE_SHIFT) + pick_slot() * 8U;
        req[i].ptr |= take() % 4 ? 0 : take() % 5;
        req[i].val = pick_entry();
    }
    if (take() % 16 == 0)
        foreign |= (take() & 1 ? 1U + pick(4) : pick_domid() + 1U) << 16;
    /* Dom0 may map any domain's frame in the tables of any other. */
    if (foreign >> 16 && current->domain->privileged)
        for (unsigned int i = 0; i < n; i++)
            machine_allow((domid_t)((foreign >> 16) - 1), pte_mfn(req[i].val).n);
    follow(do_mmu_update(OWN_WINDOW(0), n, take() & 1 ? OWN_WINDOW(4096) : 0, foreign));
}

/*
 * Takes a table out of the tree that the vCPU runs on and puts it back at once, while its other
 * vCPU may be on its way through it.
 */
static void step_move_table(void)
{
    struct mmu_update *req = (void *)window();
    unsigned long table = current->arch.guest_table.n;
    u64 e = 0;

    for (unsigned int level = 4, last = 2 + pick(3); level >= last; level--) {
        unsigned int slot = take() & 3 ? 0 : pick_slot();

        if (table >= machine_frames)
            return;
        req[0].ptr = req[1].ptr = (table << PAGE_SHIFT) + slot * sizeof(u64);
        e = __atomic_load_n((u64 *)mfn_to_virt(MFN(table)) + slot, __ATOMIC_RELAXED);
        if (!(e & PTE_PRESENT))
            return;
        table = pte_mfn(e).n;
    }
    req[0].val = 0;
    req[1].val = e;
    follow(do_mmu_update(OWN_WINDOW(0), 2, 0, DOMID_SELF));
}

/* ---- flushes ---- */

#define BITMAP_OFFSET 8192U /* of vCPUs, in an actor's window */

/* Some of the domain's vCPUs, and perhaps some that it has not. */
static unsigned int write_bitmap(void)
{
    u64 bits = pick(4) | (take() % 8 ? 0 : 1UL << (2 + take() % 62));

    memcpy(window() + BITMAP_OFFSET, &bits, sizeof(bits));
    return bits & 3;
}

static struct tlb_flush flush_here(unsigned long since, bool all, unsigned long va)
{
    return (struct tlb_flush){.since = since, .vcpus = ~0U, .here = true, .all = all, .va = va};
}

/* On the two vCPUs of the domain, as the bits of @vcpus say. */
static struct tlb_flush flush_of(unsigned int vcpus, unsigned long since, bool all,
                                 unsigned long va)
{
    return (struct tlb_flush){
        .since = since, .vcpus = vcpus << TLB_VCPU(current->domain->id, 0), .all = all, .va = va};
}

/* An element of mmuext_op has been made. */
static void check_mmuext_flush(const struct mmuext_op *op, unsigned int bitmap, unsigned long since)
{
    unsigned long va = op->arg1.linear_addr;
    struct tlb_flush f;

    switch (op->cmd) {
    case MMUEXT_NEW_BASEPTR:
    case MMUEXT_TLB_FLUSH_LOCAL:
        f = flush_here(since, true, 0);
        break;
    case MMUEXT_INVLPG_LOCAL:
        f = flush_here(since, false, va);
        break;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI:
        f = flush_of(bitmap, since, op->cmd == MMUEXT_TLB_FLUSH_MULTI, va);
        break;
    case MMUEXT_TLB_FLUSH_ALL:
    case MMUEXT_INVLPG_ALL:
        f = flush_of(3, since, op->cmd == MMUEXT_TLB_FLUSH_ALL, va);
        break;
    default:
        return;
    }
    tlb_model_check_flush(&f);
}

static void pick_mmuext(struct mmuext_op *op)
{
    op->cmd = take() % 4 ? take() % 6 : take() % 23;
    op->arg2.src_mfn = 0;
    switch (op->cmd) {
    case MMUEXT_SET_LDT:
        op->arg1.linear_addr = pick_va() & PAGE_MASK;
        op->arg2.nr_ents = take() * 40U;
        break;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_LOCAL:
    case MMUEXT_INVLPG_MULTI:
    case MMUEXT_INVLPG_ALL:
        op->arg1.linear_addr = pick_va();
        set_xen_guest_handle(op->arg2.vcpumask, (void *)OWN_WINDOW(BITMAP_OFFSET));
        tlb_model_touch(op->arg1.linear_addr);
        break;
    case MMUEXT_COPY_PAGE:
        op->arg1.mfn = pick_frame();
        op->arg2.src_mfn = pick_frame();
        break;
    default:
        op->arg1.mfn = pick_frame();
        break;
    }
}

static void step_mmuext(void)
{
    struct mmuext_op *op = (void *)window();
    unsigned int n = 1 + pick(3), bitmap = write_bitmap();
    unsigned long since;

    for (unsigned int i = 0; i < n; i++)
        pick_mmuext(&op[i]);
    since = tlb_model_time();
    if (follow(do_mmuext_op(OWN_WINDOW(0), n, take() & 1 ? OWN_WINDOW(4096) : 0, pick_domid())))
        return;
    for (unsigned int i = 0; i < n; i++)
        check_mmuext_flush(&op[i], bitmap, since);
}

/* The flush of update_va_mapping, which has succeeded. */
static void check_va_flush(unsigned long va, unsigned long flags, unsigned int bitmap,
                           unsigned long since)
{
    unsigned long kind = flags & UVMF_FLUSHTYPE_MASK, where = flags & ~UVMF_FLUSHTYPE_MASK;
    bool all = kind == UVMF_TLB_FLUSH;
    struct tlb_flush f;

    if (!all && kind != UVMF_INVLPG)
        return;
    if (where == UVMF_LOCAL)
        f = flush_here(since, all, va);
    else
        f = flush_of(where == UVMF_ALL ? 3 : bitmap, since, all, va);
    tlb_model_check_flush(&f);
}

static void step_va_mapping(void)
{
    unsigned long va = pick_va(), flags = take() % 8, since;
    unsigned int bitmap = write_bitmap();
    u64 e = pick_entry();
    int rc;

    if (!(flags & UVMF_ALL) && take() & 1)
        flags |= OWN_WINDOW(BITMAP_OFFSET);
    tlb_model_touch(va);
    since = tlb_model_time();
    if (take() & 7)
        rc = (int)do_update_va_mapping(va, e, flags);
    else
        rc = (int)do_update_va_mapping_otherdomain(va, e, flags, pick_domid());
    if (!rc)
        check_va_flush(va, flags, bitmap, since);
}

/* A store of the guest's kernel to an address that it maps read-only. */
static void step_store(void)
{
    static const u8 insns[][8] = {
        {0x48, 0x89, 0x07},                   /* mov %rax, (%rdi) */
        {0x89, 0x07},                         /* mov %eax, (%rdi) */
        {0x48, 0xc7, 0x07, 0, 0, 0, 0},       /* movq $0, (%rdi) */
        {0xf0, 0x80, 0x27, 0xfd},             /* lock andb $~2, (%rdi) */
        {0xf0, 0x80, 0x0f, 0x02},             /* lock orb $2, (%rdi) */
        {0x48, 0x87, 0x07},                   /* xchg %rax, (%rdi) */
        {0xf0, 0x48, 0x0f, 0xb1, 0x0f},       /* lock cmpxchg %rcx, (%rdi) */
        {0xf0, 0x48, 0x0f, 0xba, 0x37, 0x01}, /* lock btrq $1, (%rdi) */
        {0x48, 0x0f, 0xab, 0x17},             /* bts %rdx, (%rdi) */
        {0x48, 0x01, 0x07},                   /* add %rax, (%rdi) */
        {0x48, 0x0f, 0xc1, 0x07},             /* xadd %rax, (%rdi) */
        {0xf3, 0x48, 0xab},                   /* rep stos */
        {0x66, 0xff, 0x07},                   /* incw (%rdi) */
        {0x48, 0xf7, 0x17},                   /* notq (%rdi) */
    };
    struct cpu_user_regs regs = {.rflags = 2};
    unsigned long va = pick_va() + pick_slot() * 8U + (take() % 4 ? 0 : take() % 8);

    regs.rip = OWN_WINDOW(0);
    regs.rdi = va;
    regs.rax = pick_entry();
    regs.rcx = take() & 1 ? pick_entry() : 3;
    regs.rdx = take();
    memset(window(), 0x90, 16);
    if (take() % 8)
        memcpy(window(), insns[pick(ARRAY_SIZE(insns))], 8);
    else
        for (unsigned int i = 0; i < 16; i++)
            window()[i] = (char)take();
    pv_emulate_pte_write(va, &regs);
}

/* A guest's store is one step of the processor, too: no flush arrives before it (points.h). */
#undef __atomic_store_n

/* A plain write of the guest through any translation that the processor may still have. */
static void step_write(void)
{
    unsigned long mfn = pick_frame();
    unsigned int slot = pick_slot();
    u64 val = take() & 1 ? pick_entry() : 0x00cf9a000000ffffUL;

    if (tlb_model_may_write_uncached(mfn))
        machine_write_uncached(mfn, slot, val);
    else if (tlb_model_may_write(mfn))
        __atomic_store_n((u64 *)mfn_to_virt(MFN(mfn)) + slot, val, __ATOMIC_RELAXED);
}

static void step_descriptor(void)
{
    unsigned long frames[14];
    unsigned int n = 1 + pick(3);

    switch (take() % 4) {
    case 0:
        for (unsigned int i = 0; i < n; i++)
            frames[i] = pick_frame();
        memcpy(window(), frames, sizeof(frames));
        do_set_gdt(OWN_WINDOW(0), n * 512 - pick(500));
        break;
    case 1:
        do_set_gdt(OWN_WINDOW(0), 0);
        break;
    case 2:
        do_update_descriptor(((u64)pick_frame() << PAGE_SHIFT) + pick_slot() * 8U,
                             0x00cf9a000000ffffUL);
        break;
    default:
        pv_ldt_fault(LDT_VIRT(current->arch.window_nr) + pick(16) * PAGE_SIZE);
        break;
    }
}

/* ---- grants ---- */

static void write_grant_entry(void)
{
    struct grant_table *gt = current->domain->grant_table;
    struct grant_entry_v1 *e = shared_entry(gt, take() % PV_GRANTS);
    domid_t domid = (domid_t)pick(NR_DOMAINS);
    u16 flags = take() % 4 ? GTF_permit_access : take() % 4;

    if (take() & 1)
        flags |= GTF_readonly;
    /* As a guest does it: flags last, and taken away by an exchange. */
    if (take() % 4 == 0) {
        xchg(&e->flags, (u16)0);
    } else {
        WRITE_ONCE(e->domid, domid);
        WRITE_ONCE(e->frame, (u32)pick_frame());
        smp_wmb();
        WRITE_ONCE(e->flags, flags);
    }
}

static u64 pick_host_addr(u32 *flags)
{
    if (take() & 3)
        return pick_va();
    *flags |= GNTMAP_contains_pte;
    return ((u64)pick_frame() << PAGE_SHIFT) + pick_slot() * 8U;
}

static void remember_mapping(const struct gnttab_map_grant_ref *op)
{
    struct pv_mapping *m = &self()->mappings[pick(PV_MAPPINGS)];

    if (op->status == GNTST_okay)
        *m = (struct pv_mapping){op->handle, op->host_addr, op->dev_bus_addr};
}

static void step_grant_map(void)
{
    struct gnttab_map_grant_ref *op = (void *)window();
    unsigned int n = 1 + pick(3);

    for (unsigned int i = 0; i < n; i++) {
        op[i] = (struct gnttab_map_grant_ref){.ref = pick(PV_GRANTS + 1),
                                              .dom = (domid_t)pick(NR_DOMAINS)};
        op[i].flags = take() % 8 ? GNTMAP_host_map : GNTMAP_host_map | GNTMAP_device_map;
        op[i].flags |= take() & (GNTMAP_readonly | GNTMAP_application_map);
        op[i].host_addr = pick_host_addr(&op[i].flags);
    }
    if (follow(do_grant_table_op(GNTTABOP_map_grant_ref, OWN_WINDOW(0), n)) == 0)
        for (unsigned int i = 0; i < n; i++)
            remember_mapping(&op[i]);
}

static void step_grant_unmap(void)
{
    struct gnttab_unmap_grant_ref *op = (void *)window();
    unsigned int n = 1 + pick(3);

    for (unsigned int i = 0; i < n; i++) {
        const struct pv_mapping *m = &self()->mappings[pick(PV_MAPPINGS)];

        op[i] = (struct gnttab_unmap_grant_ref){.handle = m->handle, .host_addr = m->host_addr};
        if (take() % 8 == 0)
            op[i].handle = take();
        if (take() % 4 == 0)
            op[i].dev_bus_addr = m->dev_bus_addr;
    }
    follow(do_grant_table_op(GNTTABOP_unmap_grant_ref, OWN_WINDOW(0), n));
}

static void step_grant_replace(void)
{
    struct gnttab_unmap_and_replace *op = (void *)window();
    const struct pv_mapping *m = &self()->mappings[pick(PV_MAPPINGS)];

    *op = (struct gnttab_unmap_and_replace){
        .handle = m->handle, .host_addr = m->host_addr, .new_addr = take() % 4 ? pick_va() : 0};
    follow(do_grant_table_op(GNTTABOP_unmap_and_replace, OWN_WINDOW(0), 1));
}

static void step_grant_copy(void)
{
    struct gnttab_copy *op = (void *)window();

    memset(op, 0, sizeof(*op));
    op->flags = (u16)(take() & 3);
    op->source.domid = op->flags & GNTCOPY_source_gref ? (domid_t)pick(NR_DOMAINS) : DOMID_SELF;
    op->dest.domid = op->flags & GNTCOPY_dest_gref ? (domid_t)pick(NR_DOMAINS) : DOMID_SELF;
    if (op->flags & GNTCOPY_source_gref)
        op->source.u.ref = pick(PV_GRANTS);
    else
        op->source.u.gmfn = pick_frame();
    if (op->flags & GNTCOPY_dest_gref)
        op->dest.u.ref = pick(PV_GRANTS);
    else
        op->dest.u.gmfn = pick_frame();
    op->len = take();
    op->dest.offset = op->source.offset = take();
    follow(do_grant_table_op(GNTTABOP_copy, OWN_WINDOW(0), 1));
}

static void step_grant(void)
{
    switch (take() % 8) {
    case 0:
    case 1:
        write_grant_entry();
        break;
    case 2:
    case 3:
    case 4:
        step_grant_map();
        break;
    case 5:
        step_grant_unmap();
        break;
    case 6:
        step_grant_replace();
        break;
    default:
        step_grant_copy();
        break;
    }
}

/* ---- frames come and go ---- */

static void step_reservation(void)
{
    struct xen_memory_reservation *r = (void *)window();
    xen_pfn_t *list = (void *)(window() + 4096);

    memset(r, 0, sizeof(*r));
    r->nr_extents = 1 + pick(3);
    r->extent_order = take() % 4 ? 0 : take() % 3;
    r->domid = take() % 8 ? DOMID_SELF : pick_domid();
    set_xen_guest_handle(r->extent_start, (xen_pfn_t *)OWN_WINDOW(4096));
    for (unsigned int i = 0; i < r->nr_extents; i++)
        list[i] = pick_frame();
    switch (take() % 4) {
    case 0:
        follow(do_memory_op(XENMEM_increase_reservation, OWN_WINDOW(0)));
        break;
    case 1:
        follow(do_memory_op(XENMEM_populate_physmap, OWN_WINDOW(0)));
        break;
    default:
        follow(do_memory_op(XENMEM_decrease_reservation, OWN_WINDOW(0)));
        break;
    }
}

static void step_exchange(void)
{
    struct xen_memory_exchange *x = (void *)window();
    xen_pfn_t *list = (void *)(window() + 4096);

    memset(x, 0, sizeof(*x));
    x->in.domid = x->out.domid = DOMID_SELF;
    x->in.nr_extents = x->out.nr_extents = 1 + pick(2);
    set_xen_guest_handle(x->in.extent_start, (xen_pfn_t *)OWN_WINDOW(4096));
    set_xen_guest_handle(x->out.extent_start, (xen_pfn_t *)OWN_WINDOW(8192));
    for (unsigned int i = 0; i < x->in.nr_extents; i++) {
        list[i] = pick_frame();
        list[512 + i] = i;
    }
    follow(do_memory_op(XENMEM_exchange, OWN_WINDOW(0)));
}

static void step_frames(void)
{
    if (take() % 4)
        step_reservation();
    else
        step_exchange();
}

void pv_step(void)
{
    switch (take() % 16) {
    case 0:
    case 1:
    case 2:
        step_mmu_update();
        break;
    case 3:
        step_move_table();
        break;
    case 4:
    case 5:
    case 6:
        step_mmuext();
        break;
    case 7:
    case 8:
        step_va_mapping();
        break;
    case 9:
    case 10:
        step_store();
        break;
    case 11:
        step_write();
        break;
    case 12:
        step_descriptor();
        break;
    case 13:
        step_grant();
        break;
    case 14:
        step_frames();
        break;
    default:
        if (take() & 1)
            self()->change_vcpu();
        else
            host_preempt_every(take() % 8);
        break;
    }
}
