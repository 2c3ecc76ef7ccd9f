/* SPDX-License-Identifier: MIT */
/* The machine behind fuzz_page_type.c: see pv_machine.h. */
#include <asm/context.h>
#include <asm/paging.h>
#include <asm/pv.h>
#include <grant_impl.h>
#include <guest_access.h>
#include <no_coverage.h>
#include <public/grant_table.h>
#include <pv/pte.h>

#include "pv_cache.h"
#include "pv_machine.h"
#include "pv_tlb.h"

NO_COVERAGE_BEGIN

#define MACHINE_FRAMES 256U

struct domain *machine_domains[NR_DOMAINS];
unsigned long first_frame, machine_frames = MACHINE_FRAMES;

#define ALLOWED_IDS 8U
static u8 allowed[ALLOWED_IDS][MACHINE_FRAMES];

void machine_allow(domid_t id, unsigned long mfn)
{
    if (id < ALLOWED_IDS && mfn < MACHINE_FRAMES)
        allowed[id][mfn] = 1;
}

static bool is_allowed(const struct domain *d, unsigned long mfn)
{
    return d->id < ALLOWED_IDS && allowed[d->id][mfn];
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
    const u64 *window = v->arch.window;

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

/* The @n-th mapping of others' grants that @d has; NULL: there are fewer. */
static const struct grant_mapping *nth_mapping(const struct domain *d, unsigned int n)
{
    const struct grant_table *gt = d->grant_table;

    if (n >= gt->nr_map_pages * MAPPINGS_PER_PAGE)
        return NULL;
    return &gt->mappings[n / MAPPINGS_PER_PAGE][n % MAPPINGS_PER_PAGE];
}

/* Has @d a mapping of @mfn, whose pin keeps it granted? */
static bool is_granted(const struct domain *d, unsigned long mfn, bool write)
{
    const struct grant_mapping *m;

    for (unsigned int n = 0; (m = nth_mapping(d, n)); n++)
        if (m->flags & GNTMAP_host_map && m->frame == mfn &&
            m->owner == mfn_to_page(MFN(mfn))->owner && !(write && m->flags & GNTMAP_readonly))
            return true;
    return false;
}

/* A mapping for devices holds counts of its own. */
static void want_device_mappings(const struct domain *d)
{
    const struct grant_mapping *m;

    for (unsigned int n = 0; (m = nth_mapping(d, n)); n++)
        if (m->flags & GNTMAP_device_map)
            want(m->frame, m->flags & GNTMAP_readonly ? PG_TYPE_NONE : PG_TYPE_WRITABLE);
}

static void check_l1e(const struct domain *d, u64 e)
{
    unsigned long mfn = pte_mfn(e).n;

    if (mfn >= MACHINE_FRAMES) {
        if (!rangeset_contains(d->iomem, mfn, mfn) || (e & L1E_CACHE_BITS) == 0)
            panic("d%d maps device frame %lx", d->id, mfn);
        return;
    }
    if (page_owner(mfn_to_page(MFN(mfn))) != d && !d->privileged && !is_allowed(d, mfn) &&
        !is_granted(d, mfn, e & PTE_WRITE))
        panic("d%d maps frame %lx, which is not its own", d->id, mfn);
    /* A user mapping for the processor; global exactly if it is one for the guest. */
    if (!(e & PTE_USER) || !(e & PTE_GUEST_KERNEL) != !!(e & PTE_GLOBAL))
        panic("entry %lx is not adjusted", e);
    want(mfn, e & PTE_WRITE ? PG_TYPE_WRITABLE : PG_TYPE_NONE);
}

/*
 * The first present entry of a table from @i on, or @end. Most of the time of a check passes here,
 * hence without the sanitizers.
 */
__attribute__((no_sanitize("address", "undefined"))) static unsigned int next_present(
    const u64 *t, unsigned int i, unsigned int end)
{
    while (i < end && !(t[i] & PTE_PRESENT))
        i++;
    return i;
}

static void check_hv_slots(const struct page *pg, const u64 *t)
{
    for (unsigned int i = HV_L4_FIRST; i <= HV_L4_LAST; i++)
        if (pg->state & PG_VALID && t[i] != hv_l4[i])
            panic("slot %u of a root is not ours", i);
}

static void want_table(const struct page *pg)
{
    const u64 *t = mfn_to_virt(page_to_mfn(pg));
    unsigned int level = table_level(pg->state), end = pg->state & PG_VALID ? PT_ENTRIES : pg->done;
    const struct domain *d = page_owner(pg);

    if (level == 4)
        check_hv_slots(pg, t);
    for (unsigned int i = 0; (i = next_present(t, i, end)) < end; i++) {
        if (level == 4 && is_hv_l4_slot(i))
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

/* Whoever else made them, and half dead ones, too. */
static void want_domains(void)
{
    for (unsigned int i = 0; i < DOMAIN_BUCKETS; i++) {
        for (const struct domain *d = domain_buckets[i]; d; d = d->hash_next) {
            struct vcpu *v;

            if (d->system)
                continue;
            for_each_vcpu (d, v)
                want_vcpu(v);
            want_device_mappings(d);
        }
    }
}

void machine_check_counts(void)
{
    memset(want_refs, 0, sizeof(want_refs));
    memset(want_types, 0, sizeof(want_types));
    want_domains();
    for (unsigned long m = 0; m < MACHINE_FRAMES; m++) {
        const struct page *pg = mfn_to_page(MFN(m));
        u64 s = pg->state;

        if (!page_refs(s) || !pg->owner)
            continue;
        BUG_ON(s & PG_BUSY);
        if (s & PG_ALLOCATED)
            want_refs[m]++;
        if (s & PG_PINNED) {
            want_refs[m]++;
            want_types[m]++;
        }
        if (s & PG_HYPERVISOR && s & PG_ALLOCATED)
            want_types[m]++; /* until it is no longer lent: then others may hold it yet */
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

        /* The domain that lost the frame must have no access to it any more. */
        if (!pg->owner && arch_get_m2p(MFN(m)) != INVALID_M2P_ENTRY)
            panic("frame %lx is nobody's and has a pseudo-physical number", m);
        if (!pg->owner && !want_refs[m])
            continue;
        if (page_refs(s) != want_refs[m] || page_type_count(s) != want_types[m])
            panic("frame %lx (state %lx) should have counts %u, %u", m, s, want_refs[m],
                  want_types[m]);
    }
}

/* A clean frame holds zeroes, however long its last owner has written to it. */
static void check_clean_frames(void)
{
    static const u8 zeroes[PAGE_SIZE];

    for (unsigned long m = 0; m < MACHINE_FRAMES; m++)
        if (mfn_to_page(MFN(m))->state & PG_SCRUBBED && !mfn_to_page(MFN(m))->owner &&
            memcmp(mfn_to_virt(MFN(m)), zeroes, PAGE_SIZE))
            panic("frame %lx is called clean and is not", m);
}

/* The last owners of free frames write to them for as long as the processor lets them. */
static void write_free_frames(void)
{
    for (unsigned long m = 0; m < MACHINE_FRAMES; m++) {
        if (mfn_to_page(MFN(m))->owner)
            continue;
        if (tlb_model_may_write_uncached(m))
            machine_write_uncached(m, 0, ~0UL);
        else if (tlb_model_may_write(m))
            memset(mfn_to_virt(MFN(m)), 0xee, PAGE_SIZE);
    }
}

void machine_check(void)
{
    unsigned int self = smp_processor_id();

    machine_check_counts();
    check_clean_frames();
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        host_run_on(cpu);
        tlb_model_load_all();
    }
    host_run_on(self);
    tlb_model_check();
    cache_model_check();
    write_free_frames();
}

/* ---- life ---- */

static void give_context(struct vcpu *v, mfn_t root)
{
    struct vcpu_guest_context *c = xzalloc(struct vcpu_guest_context);

    BUG_ON(!c);
    c->flags = VGCF_in_kernel;
    c->ctrlreg[3] = xen_pfn_to_cr3(root.n);
    c->kernel_sp = GUEST(HOST_WINDOW / 2);
    v->initialised = false;
    BUG_ON(vcpu_set_context(v, c));
    xfree(c);
}

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
    give_context(d->vcpu[0], m[0]);
    give_context(d->vcpu[1], m[0]);
}

/* As the scheduler does it: under the lock of the queue that the vCPU leaves, and of its own. */
void machine_run(struct vcpu *next)
{
    struct vcpu *prev = current;
    spinlock_t *old = &cpus[READ_ONCE(next->processor)]->rq.lock, *own = &this_cpu()->rq.lock;

    if (prev == next)
        return;
    local_irq_disable();
    spin_lock(old);
    store_release(&next->processor, smp_processor_id());
    spin_unlock(old);
    spin_lock(own);
    get_cpu_info()->vcpu = next;
    spin_unlock(own);
    arch_context_switch(prev, next);
    local_irq_enable();
    if (next == this_cpu()->rq.idle)
        heap_scrub_idle(); /* as the idle loop does */
}

void machine_switch(unsigned int n, unsigned int vcpu)
{
    machine_run(machine_domains[n]->vcpu[vcpu]);
}

static unsigned long free_before, objects_before;
static u32 system_refs_before;
static unsigned int frames_each;

/* References on the domains that never go. */
static u32 system_refs(void)
{
    return dom_io->refs + dom_xen->refs;
}

/* The domain that is to be number @n of machine_domains. NULL: no memory. */
static struct domain *start_domain(unsigned int n, domid_t id, unsigned int frames)
{
    struct domain *d = host_domain(id, 2, frames, n == 0);

    if (!d)
        return NULL;
    d->max_pages += 4;
    if (n == 0)
        BUG_ON(rangeset_add(d->iomem, MMIO_FRAME, MMIO_FRAME));
    if (n == 2)
        BUG_ON(rangeset_add(d->ioports, 0x70, 0x71));
    build_tables(d, frames);
    return d;
}

void machine_start(unsigned int frames)
{
    static bool booted;

    host_boot(MACHINE_FRAMES);
    host_preempt_every(0);
    if (!booted)
        host_boot_x86();
    booted = true;
    host_settle();
    frames_each = frames;
    memset(allowed, 0, sizeof(allowed));
    tlb_model_reset(MACHINE_FRAMES);
    cache_model_reset(MACHINE_FRAMES);
    for (unsigned long m = 0; m < MACHINE_FRAMES; m++)
        mfn_to_page(MFN(m))->marks = 0; /* free, but not scrubbed yet */
    free_before = heap_free_pages();
    objects_before = host_objects();
    system_refs_before = system_refs();
    first_frame = ~0UL;
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        machine_domains[i] = start_domain(i, (domid_t)i, frames);
        BUG_ON(!machine_domains[i]);
        for (unsigned int k = 0; k < frames; k++)
            first_frame = MIN(first_frame, page_to_mfn(host_frame(machine_domains[i], k)).n);
    }
    machine_switch(1, 0);
    machine_check();
}

void machine_renew(unsigned int n, domid_t id)
{
    struct domain *d = machine_domains[n];
    struct vcpu *v = current;

    BUG_ON(v->domain == d);
    machine_domains[n] = NULL;
    machine_run(this_cpu()->rq.idle);
    host_kill(d);
    host_preempt_every(0);
    machine_domains[n] = start_domain(n, id, frames_each);
    machine_run(v);
}

void machine_end(void)
{
    for (unsigned int cpu = nr_cpus; cpu-- > 0;) {
        host_run_on(cpu);
        machine_run(cpus[cpu]->rq.idle);
    }
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        struct domain *d = machine_domains[i];

        machine_domains[i] = NULL;
        if (d)
            host_kill(d);
    }
    host_preempt_every(0);
    host_settle();
    heap_scrub_all();
    check_clean_frames();
    cache_model_check();
    if (heap_free_pages() != free_before || host_objects() != objects_before)
        panic("%lu pages and %lu objects are left", free_before - heap_free_pages(),
              host_objects() - objects_before);
    if (system_refs() != system_refs_before)
        panic("%u references on system domains are left", system_refs() - system_refs_before);
}

NO_COVERAGE_END
