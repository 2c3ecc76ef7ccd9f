/* SPDX-License-Identifier: MIT */
/*
 * Translation caches: local and remote flushes. See asm/tlb.h for the clock and what it promises.
 *
 * A remote flush is one request at a time, published under a lock and answered by interrupt: each
 * CPU that is asked clears its bit when it is done. A CPU that waits, for the lock, for the
 * answers, or elsewhere for a CPU that may be doing so (tlb_relax()), serves requests itself: so no
 * two CPUs wait for each other, whether their interrupts are on or off.
 */
#include <arch.h>
#include <asm/apic.h>
#include <asm/control.h>
#include <asm/irq.h>
#include <percpu.h>

u32 tlb_now = 1;

static bool have_invpcid;

enum flush_kind { FLUSH_ALL, FLUSH_PAGE, FLUSH_CACHE };

static struct {
    spinlock_t lock;
    enum flush_kind kind;
    unsigned long va;
    cpumask_t waiting; /* CPUs that have not answered yet */
} request = {.lock = SPINLOCK_INIT(RANK_TLB)};

void tlb_init(void)
{
    if (boot_cpu.max_leaf >= 7)
        have_invpcid = cpuid(7).ebx >> 10 & 1;
}

/*
 * Stamps are compared modulo 2^32, so no CPU may fall behind by half of it: all CPUs flush four
 * times in each round.
 */
static void flush_others_now_and_then(u32 now)
{
    unsigned int cpu;

    if (likely(now & 0x3fffffff))
        return;
    for_each_cpu (cpu, &cpu_online)
        if (cpu != smp_processor_id())
            apic_send_ipi(cpus[cpu]->arch.apic_id, IPI_FLUSH_VECTOR);
}

/*
 * Forgets all translations. Clearing CR4.PGE does that, too (Intel SDM volume 3, 4.10.4.1), but
 * costs more than INVPCID of type 2.
 */
static inline void forget_all(struct cpu *cpu)
{
    if (have_invpcid) {
        invpcid_all();
    } else {
        write_cr4(cpu->arch.cr4 & ~CR4_PGE);
        write_cr4(cpu->arch.cr4);
    }
}

/*
 * The new time is taken before the flush and becomes the CPU's stamp after it. An interrupt in
 * between may flush and stamp too; our stamp is then a little older, which can only cost a flush.
 */
void tlb_flush_local(void)
{
    struct cpu *cpu = this_cpu();
    u32 now = atomic_add(&tlb_now, 1);

    forget_all(cpu);
    WRITE_ONCE(cpu->arch.tlb_stamp, now);
    flush_others_now_and_then(now);
}

void tlb_switch_root(unsigned long cr3)
{
    struct cpu *cpu = this_cpu();
    u32 now = atomic_add(&tlb_now, 1);

    /*
     * Global translations of the old root are dropped while none of the new root can have been
     * made.
     */
    cpu->arch.cr3 = cr3;
    if (have_invpcid) {
        write_cr3(cr3);
        forget_all(cpu);
    } else {
        write_cr4(cpu->arch.cr4 & ~CR4_PGE);
        write_cr3(cr3);
        write_cr4(cpu->arch.cr4);
    }
    WRITE_ONCE(cpu->arch.tlb_stamp, now);
    flush_others_now_and_then(now);
}

void cache_flush_local(void)
{
    wbinvd();
}

#define CACHE_LINE 64U

/*
 * CLFLUSH writes back and invalidates, in the caches of all CPUs and by whichever address the line
 * got there; not every CPU can do one without the other. AMD's older CPUs order it by MFENCE alone
 * (AMD APM volume 3, "CLFLUSH").
 */
void arch_cache_flush(mfn_t frame, unsigned int offset, unsigned int length, bool invalidate)
{
    const char *p = (const char *)mfn_to_virt(frame) + ROUND_DOWN(offset, CACHE_LINE);
    const char *end = (const char *)mfn_to_virt(frame) + offset + length;

    mfence();
    for (; p < end; p += CACHE_LINE)
        clflush(p);
    mfence();
}

static void flush_here(enum flush_kind kind, unsigned long va)
{
    switch (kind) {
    case FLUSH_ALL:
        tlb_flush_local();
        break;
    case FLUSH_PAGE:
        tlb_flush_page(va);
        break;
    case FLUSH_CACHE:
        cache_flush_local();
        break;
    }
}

/* Does @mask name an online CPU other than @self? */
static inline bool others_online(const cpumask_t *mask, unsigned int self)
{
    unsigned long others = 0;

    if (nr_cpus == 1)
        return false;
    for (unsigned int i = 0; i < ARRAY_SIZE(mask->bits); i++) {
        unsigned long bits = READ_ONCE(mask->bits[i]) & cpu_online.bits[i];

        if (i == self / BITS_PER_LONG)
            bits &= ~(1UL << self % BITS_PER_LONG);
        others |= bits;
    }
    return others;
}

static __noinline void flush_everywhere(const cpumask_t *mask, enum flush_kind kind,
                                        unsigned long va)
{
    unsigned int cpu, self = smp_processor_id();

    if (cpumask_test(mask, self))
        flush_here(kind, va);
    while (!spin_trylock(&request.lock))
        tlb_relax();
    request.kind = kind;
    request.va = va;
    /* The mask may lose CPUs under our eyes: each is asked as soon as it is waited for. */
    for_each_cpu (cpu, mask) {
        if (cpu == self || !cpumask_test(&cpu_online, cpu))
            continue;
        cpumask_set(&request.waiting, cpu);
        apic_send_ipi(cpus[cpu]->arch.apic_id, IPI_FLUSH_VECTOR);
    }
    while (!cpumask_empty(&request.waiting))
        cpu_relax();
    spin_unlock(&request.lock);
}

void tlb_relax(void)
{
    unsigned long flags = local_irq_save();

    /* The interrupt still arrives, and flushes once more. */
    if (unlikely(cpumask_test(&request.waiting, smp_processor_id())))
        tlb_flush_interrupt();
    local_irq_restore(flags);
    cpu_relax();
}

HOT_INLINE void flush_mask(const cpumask_t *mask, enum flush_kind kind, unsigned long va)
{
    unsigned int self = smp_processor_id();

    if (unlikely(others_online(mask, self)))
        flush_everywhere(mask, kind, va);
    else if (cpumask_test(mask, self))
        flush_here(kind, va);
}

void tlb_flush_mask(const cpumask_t *mask)
{
    flush_mask(mask, FLUSH_ALL, 0);
}

void tlb_flush_page_mask(const cpumask_t *mask, unsigned long va)
{
    flush_mask(mask, FLUSH_PAGE, va);
}

void cache_flush_mask(const cpumask_t *mask)
{
    flush_mask(mask, FLUSH_CACHE, 0);
}

void tlb_flush_interrupt(void)
{
    unsigned int self = smp_processor_id();

    if (!cpumask_test(&request.waiting, self)) {
        tlb_flush_local(); /* from flush_others_now_and_then() */
        return;
    }
    flush_here(request.kind, request.va);
    cpumask_clear(&request.waiting, self);
}

void tlb_flush_stale(const cpumask_t *mask, u32 stamp)
{
    cpumask_t stale = {{0}};
    bool others = false;
    unsigned int cpu;

    for_each_cpu (cpu, mask) {
        if ((s32)(stamp - READ_ONCE(cpus[cpu]->arch.tlb_stamp)) < 0)
            continue;
        if (cpu == smp_processor_id()) {
            tlb_flush_local();
        } else {
            cpumask_set(&stale, cpu);
            others = true;
        }
    }
    if (unlikely(others))
        tlb_flush_mask(&stale);
}
