/* SPDX-License-Identifier: MIT */
/*
 * What each CPU remembers by address: the part of pv_tlb.h's model for flushes that guests ask for.
 * A CPU has a place for each of some addresses, as a processor's TLB has.
 */
#include "pv_machine.h"
#include "pv_tlb.h"

/* The CPUs look at each other's places at any time, and no switch comes between. */
#undef __atomic_load_n
#undef __atomic_store_n
#undef __atomic_add_fetch

#define PLACES 64U

/*
 * One word, so that it is never seen half written: page number of the address, whether the
 * translation is global, number of the vCPU (pv_tlb.h), time of the load; 0: nothing.
 */
#define PAGE_NUMBER_MASK ((1UL << 36) - 1)
#define WORD_GLOBAL      (1UL << 36)
#define VCPU_SHIFT       37
#define TIME_SHIFT       40

static u64 places[PV_CPUS][PLACES];
static u64 model_time;

static u64 page_number(unsigned long va)
{
    return va >> PAGE_SHIFT & PAGE_NUMBER_MASK;
}

static u64 *place_of(unsigned int cpu, u64 page)
{
    return &places[cpu][(page ^ page >> 9 ^ page >> 18 ^ page >> 27) % PLACES];
}

static u64 read_place(const u64 *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

static void write_place(u64 *place, u64 word)
{
    __atomic_store_n(place, word, __ATOMIC_RELAXED);
}

void tlb_addresses_reset(void)
{
    memset(places, 0, sizeof(places));
    model_time = 1;
}

unsigned long tlb_model_time(void)
{
    return __atomic_add_fetch(&model_time, 1, __ATOMIC_SEQ_CST);
}

void tlb_addresses_load(unsigned long va, bool global)
{
    u64 page = page_number(va), time = __atomic_load_n(&model_time, __ATOMIC_SEQ_CST), old;
    u64 *place = place_of(smp_processor_id(), page);
    const struct vcpu *v = current;

    if (v->domain->id >= NR_DOMAINS || machine_domains[v->domain->id] != v->domain)
        return;
    old = read_place(place);
    if (old && (old & PAGE_NUMBER_MASK) == page)
        write_place(place,
                    old | (global ? WORD_GLOBAL : 0)); /* is used for as long as it is there */
    else
        write_place(place, page | (global ? WORD_GLOBAL : 0) |
                               (u64)TLB_VCPU(v->domain->id, v->id) << VCPU_SHIFT |
                               time << TIME_SHIFT);
}

void tlb_addresses_forget(bool global)
{
    u64 *mine = places[smp_processor_id()];

    for (unsigned int i = 0; i < PLACES; i++)
        if (global || !(mine[i] & WORD_GLOBAL))
            write_place(&mine[i], 0);
}

void tlb_addresses_forget_one(unsigned long va)
{
    u64 *place = place_of(smp_processor_id(), page_number(va));

    if ((read_place(place) & PAGE_NUMBER_MASK) == page_number(va))
        write_place(place, 0);
}

static void check_place(unsigned int cpu, const u64 *place, const struct tlb_flush *f)
{
    u64 word = read_place(place), page = word & PAGE_NUMBER_MASK;

    if (!word || word >> TIME_SHIFT >= f->since || !(f->vcpus >> (word >> VCPU_SHIFT & 7) & 1))
        return;
    if (f->all || page == page_number(f->va))
        panic("CPU %u: page %lx is translated as before the flush that a guest asked for", cpu,
              page);
}

void tlb_model_check_flush(const struct tlb_flush *f)
{
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        if (f->here && cpu != smp_processor_id())
            continue;
        if (!f->all)
            check_place(cpu, place_of(cpu, page_number(f->va)), f);
        for (unsigned int i = 0; f->all && i < PLACES; i++)
            check_place(cpu, &places[cpu][i], f);
    }
}
