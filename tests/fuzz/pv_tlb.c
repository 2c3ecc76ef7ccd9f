/* SPDX-License-Identifier: MIT */
/* The model of what CPUs remember of translations: see pv_tlb.h. */
#include <no_coverage.h>
#include <pv/pte.h>

#include "pv_cache.h"
#include "pv_machine.h"
#include "pv_tlb.h"

/* A walk is one step of the processor: no flush arrives within it (points.h). */
#undef __atomic_load_n

NO_COVERAGE_BEGIN

#define MAX_FRAMES 512U

/* Of one frame on one CPU. */
#define READABLE        1U
#define WRITABLE        2U
#define READABLE_GLOBAL 4U
#define WRITABLE_GLOBAL 8U
#define UNCACHED        16U /* writable, past the caches */
#define UNCACHED_GLOBAL 32U
#define LEAF            63U
#define NOT_GLOBAL      (READABLE | WRITABLE | UNCACHED)
#define TABLE(level)    (32U << (level)) /* a pointer to it as a table of that level */
#define TABLES          (TABLE(1) | TABLE(2) | TABLE(3) | TABLE(4))

struct remembered {
    u16 what[MAX_FRAMES];
    u32 owner[MAX_FRAMES]; /* of the frame when it was loaded */
};

static struct remembered cpu_tlb[PV_CPUS];
static unsigned long nr_frames;

void tlb_model_reset(unsigned long frames)
{
    BUG_ON(frames > MAX_FRAMES);
    nr_frames = frames;
    memset(cpu_tlb, 0, sizeof(cpu_tlb));
    tlb_addresses_reset();
}

static void forget(struct remembered *t, u16 what)
{
    for (unsigned long m = 0; m < nr_frames; m++)
        t->what[m] &= (u16)~what;
}

void host_tlb_event(enum host_tlb_event event, unsigned long value)
{
    struct remembered *t = &cpu_tlb[smp_processor_id()];

    switch (event) {
    case HOST_TLB_CR4:
        forget(t, LEAF | TABLES);
        tlb_addresses_forget(true);
        break;
    case HOST_TLB_CR3:
        forget(t, NOT_GLOBAL | TABLES);
        tlb_addresses_forget(false);
        break;
    case HOST_TLB_INVLPG:
        forget(t, TABLES);
        tlb_addresses_forget_one(value);
        break;
    }
}

/* ---- loads ---- */

static u64 entry_of(unsigned long table, unsigned int slot)
{
    return __atomic_load_n((u64 *)mfn_to_virt(MFN(table)) + slot, __ATOMIC_RELAXED);
}

static void remember(struct remembered *t, unsigned long mfn, unsigned int what)
{
    if (mfn >= nr_frames)
        return;
    t->what[mfn] |= (u16)what;
    t->owner[mfn] = __atomic_load_n(&mfn_to_page(MFN(mfn))->owner, __ATOMIC_RELAXED);
}

static void remember_leaf(struct remembered *t, u64 e)
{
    unsigned int global = e & PTE_GLOBAL ? READABLE_GLOBAL : READABLE, what = global;

    if (e & PTE_WRITE)
        what |= global * WRITABLE;
    if (e & PTE_WRITE && e & L1E_CACHE_BITS)
        what |= e & PTE_GLOBAL ? UNCACHED_GLOBAL : UNCACHED;
    remember(t, pte_mfn(e).n, what);
    if (pte_mfn(e).n < nr_frames)
        cache_model_mapped(pte_mfn(e).n, e);
}

/* The address that begins with @va above, and continues by @slot of a table of @level. */
static unsigned long address(unsigned long va, unsigned int level, unsigned int slot)
{
    va |= (unsigned long)slot << (L1_SHIFT + 9 * (level - 1));
    return va >> 47 ? va | 0xffff000000000000UL : va;
}

/* @va: the addresses that the table is for begin with it. */
static void load_table(struct remembered *t, unsigned long mfn, unsigned int level,
                       unsigned long va)
{
    if (mfn >= nr_frames)
        return;
    remember(t, mfn, TABLE(level));
    for (unsigned int i = 0; i < PT_ENTRIES; i++) {
        u64 e = entry_of(mfn, i);

        if (!(e & PTE_PRESENT) || (level == 4 && is_hv_l4_slot(i)))
            continue;
        if (level > 1) {
            load_table(t, pte_mfn(e).n, level - 1, address(va, level, i));
        } else {
            remember_leaf(t, e);
            tlb_addresses_load(address(va, 1, i), e & PTE_GLOBAL);
        }
    }
}

void tlb_model_load_all(void)
{
    if (read_cr3() != HOST_HV_CR3)
        load_table(&cpu_tlb[smp_processor_id()], read_cr3() >> PAGE_SHIFT, 4, 0);
}

void tlb_model_touch(unsigned long va)
{
    struct remembered *t = &cpu_tlb[smp_processor_id()];
    unsigned long mfn = read_cr3() >> PAGE_SHIFT;

    if (read_cr3() == HOST_HV_CR3 || is_hv_l4_slot(pt_index(va, L4_SHIFT)))
        return;
    for (unsigned int level = 4; level >= 1 && mfn < nr_frames; level--) {
        u64 e = entry_of(mfn, pt_index(va, L1_SHIFT + 9 * (level - 1)));

        remember(t, mfn, TABLE(level));
        if (!(e & PTE_PRESENT))
            return;
        if (level == 1) {
            remember_leaf(t, e);
            tlb_addresses_load(va, e & PTE_GLOBAL);
        }
        mfn = pte_mfn(e).n;
    }
}

/* The present entry of a table at or after slot *@slot, which becomes its own; 0: none. */
static u64 some_entry(unsigned long mfn, unsigned int level, unsigned int *slot)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i++, *slot = (*slot + 1) % PT_ENTRIES) {
        u64 e = entry_of(mfn, *slot);

        if (e & PTE_PRESENT && !(level == 4 && is_hv_l4_slot(*slot)))
            return e;
    }
    return 0;
}

/* Starts at the root, or at a table that the CPU remembers a pointer to. */
void tlb_model_load_some(u64 random)
{
    struct remembered *t = &cpu_tlb[smp_processor_id()];
    unsigned long mfn = read_cr3() >> PAGE_SHIFT, va = 0;
    unsigned int level = 4;
    bool from_root = true;

    if (read_cr3() == HOST_HV_CR3)
        return;
    if (random & 1)
        for (unsigned long i = 0, m = (random >> 8) % nr_frames; i < nr_frames; i++) {
            unsigned int tables = t->what[m] & (TABLE(1) | TABLE(2) | TABLE(3));

            if (tables) {
                mfn = m;
                from_root = false;
                level = (unsigned int)__builtin_ctz(tables) - 5;
                break;
            }
            m = (m + 1) % nr_frames;
        }
    for (random >>= 16; level >= 1 && mfn < nr_frames; level--, random >>= 9) {
        unsigned int slot = (unsigned int)random % PT_ENTRIES;
        u64 e = some_entry(mfn, level, &slot);

        remember(t, mfn, TABLE(level));
        if (!e)
            return;
        va = address(va, level, slot);
        if (level == 1)
            remember_leaf(t, e);
        if (level == 1 && from_root)
            tlb_addresses_load(va, e & PTE_GLOBAL);
        mfn = pte_mfn(e).n;
    }
}

bool tlb_model_may_write(unsigned long mfn)
{
    return mfn < nr_frames && cpu_tlb[smp_processor_id()].what[mfn] & (WRITABLE | WRITABLE_GLOBAL);
}

bool tlb_model_may_write_uncached(unsigned long mfn)
{
    return mfn < nr_frames && cpu_tlb[smp_processor_id()].what[mfn] & (UNCACHED | UNCACHED_GLOBAL);
}

/* ---- the check ---- */

static void check_frame(unsigned int cpu, unsigned long m)
{
    const struct remembered *t = &cpu_tlb[cpu];
    const struct page *pg = mfn_to_page(MFN(m));
    u64 s = READ_ONCE(pg->state);
    bool used = page_type_count(s) != 0, table = table_level(s) >= 1 && table_level(s) <= 5;

    if (!pg->owner) {
        /* Free or ours. Only those that the allocator calls dirty may still be remembered. */
        if (!pg->stamp)
            panic("CPU %u: frame %lx (state %lx) is translated without an owner (%x)", cpu, m, s,
                  t->what[m]);
        return;
    }
    if (!page_refs(s) || s & PG_BUSY)
        return; /* on its way to the allocator; or a flush is about to be made */
    if (t->what[m] & (WRITABLE | WRITABLE_GLOBAL) && used && table)
        panic("CPU %u: frame %lx (state %lx) may still be written", cpu, m, s);
    if (t->what[m] & TABLES && used &&
        ((s & PG_TYPE_MASK) == PG_TYPE_WRITABLE ||
         (table && (t->what[m] & TABLES) != TABLE(table_level(s)))))
        panic("CPU %u: frame %lx (state %lx) may still be walked as a table (%x)", cpu, m, s,
              t->what[m]);
    if (t->owner[m] != pg->owner)
        panic("CPU %u: frame %lx is still translated for its last owner", cpu, m);
}

void tlb_model_check(void)
{
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
        for (unsigned long m = 0; m < nr_frames; m++)
            if (cpu_tlb[cpu].what[m])
                check_frame(cpu, m);
}

NO_COVERAGE_END
