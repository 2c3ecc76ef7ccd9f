/* SPDX-License-Identifier: MIT */
/* The machine behind fuzz_page_type.c: see pv_machine.h. */
#include <asm/context.h>
#include <asm/page_table.h>
#include <asm/paging.h>
#include <asm/pv.h>
#include <guest_access.h>

#include "pv_machine.h"

#define MACHINE_FRAMES 256U

struct domain *machine_domains[NR_DOMAINS];
unsigned long first_frame, machine_frames = MACHINE_FRAMES;

u64 hv_l4[PT_ENTRIES];

/* ---- what arch/x86 would do ---- */

bool frame_is_ram(mfn_t mfn)
{
    return mfn.n < MACHINE_FRAMES;
}

paddr_t image_paddr(const void *p)
{
    return 0xffff000; /* nobody looks at it */
}

void load_ldt(struct vcpu *v)
{
}

void pv_inject(struct cpu_user_regs *regs, enum exception vector)
{
}

int pv_fetch_insn(struct insn *insn, const struct cpu_user_regs *regs)
{
    u8 bytes[INSN_BUFFER] = {0};

    if (copy_from_guest(bytes, regs->rip, INSN_MAX))
        return -XEN_EFAULT;
    return insn_decode(insn, bytes, INSN_MAX, CODE_64);
}

bool pv_operand_address(const struct insn *insn, const struct cpu_user_regs *regs,
                        unsigned long *addr)
{
    *addr = insn_offset(insn, regs);
    return true;
}

int arch_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    spin_lock_init(&d->arch.page_tables_lock, RANK_PAGE_TABLES);
    return pv_window_create(d);
}

void arch_domain_destroy(struct domain *d)
{
    pv_window_destroy(d);
}

int arch_vcpu_create(struct vcpu *v)
{
    v->arch.guest_table = v->arch.guest_table_user = INVALID_MFN;
    v->arch.flags = TF_KERNEL_MODE;
    return v->domain->system ? 0 : pv_descriptors_create(v);
}

void arch_vcpu_destroy(struct vcpu *v)
{
    if (!v->domain->system)
        pv_descriptors_destroy(v);
}

/* The only CPU's stamp is the clock: its last flush advanced it. */
void tlb_flush_stale(const cpumask_t *mask, u32 stamp)
{
    if ((s32)(stamp - tlb_now) >= 0)
        tlb_flush_local();
}

/* ---- the processor's memory ---- */

/* What was reachable at some time since the last full flush. */
static struct {
    u32 clock;
    bool writable[MACHINE_FRAMES], readable[MACHINE_FRAMES];
    bool uncached[MACHINE_FRAMES]; /* writable, and not through the caches */
    u8 table[MACHINE_FRAMES];      /* bit per level */
    u32 owner[MACHINE_FRAMES];
} tlb;

static u8 allowed[NR_DOMAINS][MACHINE_FRAMES];

void machine_allow(const struct domain *d, unsigned long mfn)
{
    allowed[d->id][mfn] = 1;
}

bool machine_allowed(const struct domain *d, unsigned long mfn)
{
    return mfn < MACHINE_FRAMES && (d->privileged || allowed[d->id][mfn]);
}

bool machine_may_write(unsigned long mfn)
{
    return mfn < MACHINE_FRAMES && tlb.writable[mfn] && tlb.clock == tlb_now;
}

/*
 * ---- caches ----
 *
 * host_ram is what cached accesses see. A write past the caches changes main memory alone: each
 * line may be cached already, because we or the guest have read it, or because the processor
 * speculated. When the processor drops the line, which it may do at any time, main memory's
 * content shows. Only a flush makes that certain.
 */
static struct {
    u64 value[PT_ENTRIES];    /* main memory, where it differs */
    bool differs[PT_ENTRIES]; /* per word */
    bool any;
    u32 writer;    /* owner of the frame at that time */
    u32 last_data; /* owner whose data main memory may hold until the next flush */
} memory[MACHINE_FRAMES];

unsigned long machine_cache_flushes;

bool machine_may_write_uncached(unsigned long mfn)
{
    return mfn < MACHINE_FRAMES && tlb.uncached[mfn] && tlb.clock == tlb_now;
}

void machine_write_uncached(unsigned long mfn, unsigned int slot, u64 val)
{
    memory[mfn].value[slot] = val;
    memory[mfn].differs[slot] = memory[mfn].any = true;
    memory[mfn].writer = mfn_to_page(MFN(mfn))->owner;
}

/* Caches and memory agree on the frame. */
static void forget_memory(unsigned long mfn)
{
    if (memory[mfn].any)
        memset(memory[mfn].differs, 0, sizeof(memory[mfn].differs));
    memory[mfn].any = false;
    memory[mfn].last_data = 0;
}

/* Whole frames, as page_type.c asks for. */
void arch_cache_flush(mfn_t frame, unsigned int offset, unsigned int length, bool invalidate)
{
    u64 *cached = mfn_to_virt(frame);

    BUG_ON(offset || length != PAGE_SIZE);
    machine_cache_flushes++;
    for (unsigned int i = 0; memory[frame.n].any && i < PT_ENTRIES; i++)
        if (memory[frame.n].differs[i])
            cached[i] = memory[frame.n].value[i];
    forget_memory(frame.n);
    memory[frame.n].last_data = mfn_to_page(frame)->owner;
    /* Another vCPU of the guest goes on writing for as long as its TLB lets it. */
    if (machine_may_write_uncached(frame.n))
        machine_write_uncached(frame.n, 0, ~0UL);
}

static void check_caches(void)
{
    for (unsigned long m = 0; m < MACHINE_FRAMES; m++) {
        const struct page *pg = mfn_to_page(MFN(m));
        u64 s = pg->state;
        bool checked = page_type_count(s) && table_level(s) >= 1 && table_level(s) <= 5;

        if (memory[m].any && checked)
            panic("frame %lx (state %lx) holds in memory what was not checked", m, s);
        if (memory[m].any && memory[m].writer != pg->owner && !(pg->stamp && !pg->owner))
            panic("frame %lx holds in memory what its last owner wrote", m);
    }
}

/* An L1 entry for @mfn gets into the TLB. */
static void remember_page(unsigned long mfn, u64 e)
{
    u32 owner = mfn_to_page(MFN(mfn))->owner;

    tlb.readable[mfn] = true;
    if (e & PTE_WRITE)
        tlb.writable[mfn] = true;
    if (!(e & L1E_CACHE_BITS)) {
        if (e & PTE_WRITE)
            memory[mfn].last_data = owner;
        return;
    }
    if (memory[mfn].last_data && memory[mfn].last_data != owner)
        panic("frame %lx shows past the caches what its last owner left", mfn);
    if (e & PTE_WRITE)
        tlb.uncached[mfn] = true;
}

static void remember(unsigned long mfn, unsigned int level, u64 e)
{
    if (mfn >= MACHINE_FRAMES)
        return;
    tlb.owner[mfn] = mfn_to_page(MFN(mfn))->owner;
    if (level)
        tlb.table[mfn] |= (u8)(1U << level);
    else
        remember_page(mfn, e);
}

static void walk(mfn_t mfn, unsigned int level)
{
    const u64 *t = mfn_to_virt(mfn);

    remember(mfn.n, level, 0);
    for (unsigned int i = 0; i < PT_ENTRIES; i++) {
        if (!(t[i] & PTE_PRESENT) || (level == 4 && is_hv_l4_slot(i)))
            continue;
        if (level > 1)
            walk(pte_mfn(t[i]), level - 1);
        else
            remember(pte_mfn(t[i]).n, 0, t[i]);
    }
}

/* The guest runs: everything that its roots lead to may get into the TLB. */
static void run_guest(void)
{
    if (tlb.clock != tlb_now) {
        memset(&tlb, 0, sizeof(tlb));
        tlb.clock = tlb_now;
    }
    if (current->domain->system || current->domain->id == DOMID_IDLE)
        return;
    walk(current->arch.guest_table, 4);
    if (!mfn_eq(current->arch.guest_table_user, INVALID_MFN))
        walk(current->arch.guest_table_user, 4);
}

static bool is_zero(unsigned long mfn)
{
    static const u8 zeroes[PAGE_SIZE];

    return memcmp(mfn_to_virt(MFN(mfn)), zeroes, PAGE_SIZE) == 0;
}

static void check_tlb(void)
{
    for (unsigned long m = 0; m < MACHINE_FRAMES; m++) {
        const struct page *pg = mfn_to_page(MFN(m));
        u64 s = pg->state;
        bool used = page_type_count(s) != 0, table = table_level(s) >= 1 && table_level(s) <= 5;

        if (!page_refs(s) || !pg->owner) {
            /* Free or ours. Only those that the allocator calls dirty may still be remembered. */
            if (!pg->stamp && (tlb.readable[m] || tlb.writable[m] || tlb.table[m]))
                panic("frame %lx (state %lx) is in the TLB without an owner", m, s);
            if (s & PG_SCRUBBED && !is_zero(m))
                panic("frame %lx is called clean and is not", m);
            continue;
        }
        if (tlb.writable[m] && used && table)
            panic("frame %lx (state %lx) may still be written through the TLB", m, s);
        if (tlb.table[m] && used &&
            ((s & PG_TYPE_MASK) == PG_TYPE_WRITABLE || tlb.table[m] >> table_level(s) != 1))
            panic("frame %lx (state %lx) may still be walked as a table (%x)", m, s, tlb.table[m]);
        if ((tlb.readable[m] || tlb.table[m]) && tlb.owner[m] != pg->owner)
            panic("frame %lx is still in the TLB for its last owner", m);
    }
}

/* ---- counts from scratch ---- */

static u32 want_refs[MACHINE_FRAMES], want_types[MACHINE_FRAMES];

static void want(unsigned long mfn, u64 type)
{
    const struct page *pg = mfn_to_page(MFN(mfn));

    BUG_ON(mfn >= MACHINE_FRAMES);
    want_refs[mfn]++;
    if (type == PG_TYPE_NONE)
        return;
    want_types[mfn]++;
    if ((pg->state & PG_TYPE_MASK) != type || !(pg->state & PG_VALID))
        panic("frame %lx (state %lx) is used with type %lx", mfn, pg->state, type >> PG_TYPE_SHIFT);
}

static void want_root(mfn_t mfn)
{
    if (!mfn_eq(mfn, INVALID_MFN))
        want(mfn.n, PG_TYPE_L4);
}

static void want_vcpu(struct vcpu *v)
{
    const u64 *window = v->domain->arch.perdomain_l1[v->id / 16] + v->id % 16 * 32;

    want_root(v->arch.guest_table);
    want_root(v->arch.guest_table_user);
    for (unsigned int i = 0; i < DIV_ROUND_UP(v->arch.gdt_entries, 512U); i++)
        want(v->arch.gdt_frames[i].n, PG_TYPE_SEGDESC);
    for (unsigned int i = 16; i < 32; i++)
        if (window[i] & PTE_PRESENT)
            want(pte_mfn(window[i]).n, PG_TYPE_SEGDESC);
    for (unsigned int i = 0; i < v->old_tables.count; i++)
        want(page_to_mfn(v->old_tables.table[i]).n, PG_TYPE_NONE);
}

static void check_l1e(const struct domain *d, u64 e)
{
    unsigned long mfn = pte_mfn(e).n;

    if (mfn >= MACHINE_FRAMES) {
        if (!rangeset_contains(d->iomem, mfn, mfn) || (e & L1E_CACHE_BITS) == 0)
            panic("d%d maps device frame %lx", d->id, mfn);
        return;
    }
    if (page_owner(mfn_to_page(MFN(mfn))) != d && !machine_allowed(d, mfn))
        panic("d%d maps frame %lx, which is not its own", d->id, mfn);
    /* A user mapping for the processor; global exactly if it is one for the guest. */
    if (!(e & PTE_USER) || !(e & PTE_GUEST_KERNEL) != !!(e & PTE_GLOBAL))
        panic("entry %lx is not adjusted", e);
    want(mfn, e & PTE_WRITE ? PG_TYPE_WRITABLE : PG_TYPE_NONE);
}

static void want_table(const struct page *pg)
{
    const u64 *t = mfn_to_virt(page_to_mfn(pg));
    unsigned int level = table_level(pg->state), end = pg->state & PG_VALID ? PT_ENTRIES : pg->done;
    const struct domain *d = page_owner(pg);

    for (unsigned int i = 0; i < end; i++) {
        if (level == 4 && is_hv_l4_slot(i)) {
            if (pg->state & PG_VALID && i != PERDOMAIN_L4_SLOT && t[i] != hv_l4[i])
                panic("slot %u of a root is not ours", i);
            continue;
        }
        if (!(t[i] & PTE_PRESENT))
            continue;
        if (level == 1) {
            check_l1e(d, t[i]);
            continue;
        }
        if (page_owner(mfn_to_page(pte_mfn(t[i]))) != d || t[i] & DIR_REFUSED_BITS)
            panic("entry %lx of a table of level %u", t[i], level);
        want(pte_mfn(t[i]).n, table_type(level - 1));
    }
}

static void check_counts(void)
{
    memset(want_refs, 0, sizeof(want_refs));
    memset(want_types, 0, sizeof(want_types));
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        struct vcpu *v;

        if (machine_domains[i])
            for_each_vcpu (machine_domains[i], v)
                want_vcpu(v);
    }
    for (unsigned long m = 0; m < MACHINE_FRAMES; m++) {
        const struct page *pg = mfn_to_page(MFN(m));
        u64 s = pg->state;

        if (!page_refs(s) || !pg->owner)
            continue;
        BUG_ON(s & PG_BUSY);
        if (s & PG_ALLOCATED)
            want_refs[m]++;
        if (s & (PG_PINNED | PG_HYPERVISOR)) {
            want_refs[m] += s & PG_PINNED ? 1 : 0;
            want_types[m]++;
        }
        if (s & PG_PARTIAL) {
            want_refs[m]++;
            want_types[m]++;
        }
        if (table_level(s) >= 1 && table_level(s) <= 4 && page_type_count(s))
            want_table(pg);
    }
    for (unsigned long m = 0; m < MACHINE_FRAMES; m++) {
        const struct page *pg = mfn_to_page(MFN(m));
        u64 s = pg->state;

        if (!pg->owner && !want_refs[m])
            continue;
        if (page_refs(s) != want_refs[m] || page_type_count(s) != want_types[m])
            panic("frame %lx (state %lx) should have counts %u, %u", m, s, want_refs[m],
                  want_types[m]);
    }
}

/* The last owners of free frames write to them for as long as the processor lets them. */
static void write_free_frames(void)
{
    for (unsigned long m = 0; m < MACHINE_FRAMES; m++) {
        if (mfn_to_page(MFN(m))->owner)
            continue;
        if (machine_may_write_uncached(m))
            machine_write_uncached(m, 0, ~0UL);
        else if (machine_may_write(m))
            memset(mfn_to_virt(MFN(m)), 0xee, PAGE_SIZE);
    }
}

void machine_check(void)
{
    check_counts();
    run_guest();
    check_tlb();
    check_caches();
    write_free_frames();
}

/* ---- life ---- */

static void build_tables(struct domain *d, unsigned int frames)
{
    mfn_t m[4];
    u64 *t[4];

    for (unsigned int i = 0; i < 4; i++) {
        m[i] = page_to_mfn(host_frame(d, i));
        t[i] = mfn_to_virt(m[i]);
    }
    for (unsigned int i = 0; i < 3; i++)
        t[i][0] = (m[i + 1].n << PAGE_SHIFT) | PTE_PRESENT | PTE_WRITE | PTE_USER;
    for (unsigned int i = 0; i < frames; i++)
        t[3][i] = (page_to_mfn(host_frame(d, i)).n << PAGE_SHIFT) | PTE_PRESENT |
                  (i < 4 ? 0 : PTE_WRITE);
    BUG_ON(get_page_and_type(mfn_to_page(m[0]), d, PG_TYPE_L4));
    d->vcpu[0]->arch.guest_table = m[0];
    BUG_ON(get_page_and_type(mfn_to_page(m[0]), d, PG_TYPE_L4));
    d->vcpu[1]->arch.guest_table = m[0];
}

void machine_switch(unsigned int n, unsigned int vcpu)
{
    host_become(machine_domains[n]->vcpu[vcpu]);
    tlb_switch_root(current->arch.cr3);
}

static unsigned long free_before, objects_before;
static u32 system_refs_before;

/* References on the domains that never go. */
static u32 system_refs(void)
{
    return dom_io->refs + dom_xen->refs;
}

void machine_start(unsigned int frames)
{
    host_boot(MACHINE_FRAMES);
    host_preempt_every(0);
    for (unsigned int i = HV_L4_FIRST; i <= HV_L4_LAST; i++)
        hv_l4[i] = 0x100000UL * i | 1;
    host_settle();
    memset(allowed, 0, sizeof(allowed));
    memset(&tlb, 0, sizeof(tlb));
    for (unsigned long m = 0; m < MACHINE_FRAMES; m++) {
        forget_memory(m);
        mfn_to_page(MFN(m))->uncached = 0; /* free, but not scrubbed yet */
    }
    machine_cache_flushes = 0;
    free_before = heap_free_pages();
    objects_before = host_objects();
    system_refs_before = system_refs();
    first_frame = ~0UL;
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        struct domain *d = host_domain((domid_t)i, 2, frames, i == 0);

        BUG_ON(!d);
        d->max_pages += 4;
        machine_domains[i] = d;
        if (i == 0)
            BUG_ON(rangeset_add(d->iomem, MMIO_FRAME, MMIO_FRAME));
        if (i == 2)
            BUG_ON(rangeset_add(d->ioports, 0x70, 0x71));
        for (unsigned int k = 0; k < frames; k++)
            first_frame = MIN(first_frame, page_to_mfn(host_frame(d, k)).n);
        build_tables(d, frames);
    }
    machine_switch(1, 0);
    machine_check();
}

void machine_end(void)
{
    host_become(cpus[0]->rq.idle);
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        struct domain *d = machine_domains[i];

        machine_domains[i] = NULL;
        host_kill(d);
    }
    host_preempt_every(0);
    host_settle();
    check_caches();
    if (heap_free_pages() != free_before || host_objects() != objects_before)
        panic("%lu pages and %lu objects are left", free_before - heap_free_pages(),
              host_objects() - objects_before);
    if (system_refs() != system_refs_before)
        panic("%u references on system domains are left", system_refs() - system_refs_before);
}
