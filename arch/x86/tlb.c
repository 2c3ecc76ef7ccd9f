/* SPDX-License-Identifier: MIT */
/*
 * Translation caches: local and remote flushes. See asm/tlb.h for the clock and what it promises.
 *
 * Each CPU has one request of its own for the others. It enters itself among the askers of each CPU
 * that it asks, interrupts that CPU, and waits until all have answered, each by taking its bit out
 * of the request. So several flushes are under way at once, and a CPU that is asked by several
 * answers them together. A CPU that waits, for answers or elsewhere for a CPU that may be doing so
 * (tlb_relax()), serves requests itself: so no two CPUs wait for each other, whether their
 * interrupts are on or off.
 */
#include <arch.h>
#include <asm/apic.h>
#include <asm/control.h>
#include <asm/irq.h>
#include <percpu.h>

u32 tlb_now = 1;

static bool have_invpcid;

enum flush_kind { FLUSH_ALL, FLUSH_PAGE, FLUSH_CACHE };

void tlb_init(void)
{
    if (boot_cpu.max_leaf >= 7)
        have_invpcid = cpuid(7).ebx >> 10 & 1;
}

/*
 * Stamps are compared modulo 2^32, so no CPU may fall behind by half of it: four times in each
 * round all CPUs look whether they have (tlb_flush_interrupt()).
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

/*
 * The order matters: an interrupt may flush between any two of these instructions, too, and what is
 * forgotten last is forgotten with the new root loaded.
 */
void tlb_switch_root(unsigned long cr3)
{
    struct cpu *cpu = this_cpu();
    u32 now = atomic_add(&tlb_now, 1);

    write_cr3(cr3);
    forget_all(cpu);
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

/* Enters @self among the askers of @cpu. An interrupt that is under way there will find it. */
static void ask_for_flush(struct cpu *cpu, unsigned int self)
{
    cpumask_set(&cpu->arch.flush_askers, self);
    if (!xchg(&cpu->arch.flush_asked, 1))
        apic_send_ipi(cpu->arch.apic_id, IPI_FLUSH_VECTOR);
}

static __noinline void flush_everywhere(const cpumask_t *mask, enum flush_kind kind,
                                        unsigned long va)
{
    unsigned int cpu, self = smp_processor_id();
    struct flush_request *r = &this_cpu()->arch.flush;

    BUG_ON(!cpumask_empty(&r->unanswered));
    r->kind = kind;
    r->va = va;
    /* The mask may lose CPUs under our eyes: each is asked as soon as it is waited for. */
    for_each_cpu (cpu, mask) {
        if (cpu == self || !cpumask_test(&cpu_online, cpu))
            continue;
        cpumask_set(&r->unanswered, cpu);
        ask_for_flush(cpus[cpu], self);
    }
    if (cpumask_test(mask, self))
        flush_here(kind, va);
    while (!cpumask_empty(&r->unanswered))
        tlb_relax();
}

/*
 * Answers the CPUs whose bits are in @askers, which are those from @first on. They asked before we
 * got here, so one flush of everything serves all of them.
 */
static void answer_flushes(unsigned long askers, unsigned int first)
{
    bool all_forgotten = false;

    for (; askers; askers &= askers - 1) {
        struct flush_request *r = &cpus[first + (unsigned int)__builtin_ctzl(askers)]->arch.flush;
        enum flush_kind kind = r->kind;

        if (kind == FLUSH_CACHE || !all_forgotten)
            flush_here(kind, r->va);
        all_forgotten |= kind == FLUSH_ALL;
        cpumask_clear(&r->unanswered, smp_processor_id());
    }
}

/*
 * Serves what other CPUs ask for. An interrupt in the middle serves what came after the bits were
 * taken.
 */
static void serve_flushes(struct arch_cpu *cpu)
{
    xchg(&cpu->flush_asked, 0); /* before we look: one that comes later sends an interrupt */
    for (unsigned int i = 0; i < ARRAY_SIZE(cpu->flush_askers.bits); i++)
        if (READ_ONCE(cpu->flush_askers.bits[i]))
            answer_flushes(xchg(&cpu->flush_askers.bits[i], 0), i * BITS_PER_LONG);
}

void tlb_relax(void)
{
    struct arch_cpu *cpu = &this_cpu()->arch;

    if (unlikely(READ_ONCE(cpu->flush_asked)))
        serve_flushes(cpu);
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

#define STAMP_TOO_OLD (1U << 29)

/*
 * The requests may have been served by tlb_relax() already. The interrupt is also that of
 * flush_others_now_and_then(), even if there are requests: one for a single page leaves the stamp
 * as old as it is.
 */
void tlb_flush_interrupt(void)
{
    struct arch_cpu *cpu = &this_cpu()->arch;

    if (READ_ONCE(cpu->flush_asked))
        serve_flushes(cpu);
    if (unlikely(tlb_clock() - cpu->tlb_stamp >= STAMP_TOO_OLD))
        tlb_flush_local();
}

/*
 * An idle CPU has flushed on its way to our own root, and gets no translation of a guest's before
 * it leaves that root, which flushes again.
 */
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
        } else if (!READ_ONCE(cpus[cpu]->arch.on_own_root)) {
            cpumask_set(&stale, cpu);
            others = true;
        }
    }
    if (unlikely(others))
        tlb_flush_mask(&stale);
}
