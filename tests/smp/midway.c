/* SPDX-License-Identifier: MIT */
/*
 * What holds at every moment of a CPU's work, not only when all CPUs stand still: see smp.h and
 * points.h.
 */
#include <asm/instructions.h>
#include <pv/pte.h>

#include "../fuzz/pv_machine.h"
#include "smp.h"

/* Reads made here are not points, and not races of the hypervisor. */
#undef __atomic_load_n
#define NO_RACE __attribute__((no_sanitize("thread")))

static struct page read_page(unsigned long mfn)
{
    const struct page *pg = mfn_to_page(MFN(mfn));

    return (struct page){.state = __atomic_load_n(&pg->state, __ATOMIC_RELAXED),
                         .owner = __atomic_load_n(&pg->owner, __ATOMIC_RELAXED)};
}

/* Would this CPU be asked to flush what it loads now, from tables of @d? */
static NO_RACE void check_is_asked(const struct domain *d)
{
    unsigned int cpu = smp_processor_id();

    if (!(__atomic_load_n(&d->dirty_cpus.bits[0], __ATOMIC_RELAXED) >> cpu & 1))
        panic("CPU %u is on a root of d%u, and not among its dirty CPUs", cpu, d->id);
    if (this_cpu()->arch.on_own_root)
        panic("CPU %u is on a root of d%u, and says that it is idle", cpu, d->id);
}

void smp_check_root(void)
{
    unsigned long mfn = read_cr3() >> PAGE_SHIFT;
    struct page pg;

    if (read_cr3() == HOST_HV_CR3)
        return;
    pg = read_page(mfn);
    if (!pg.owner || table_level(pg.state) != 4 || !(pg.state & PG_VALID) ||
        !page_type_count(pg.state))
        panic("CPU %u runs on root %lx (state %lx), which may be gone", smp_processor_id(), mfn,
              pg.state);
    check_is_asked(page_owner(&pg));
}

/* The domain whose page_tables_lock this CPU holds; NULL: none. */
static NO_RACE const struct domain *locked_tables(void)
{
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        if (machine_domains[i] &&
            machine_domains[i]->arch.page_tables_lock.owner == smp_processor_id() + 1)
            return machine_domains[i];
    return NULL;
}

void smp_reads(const volatile void *p)
{
    unsigned long offset = (unsigned long)p - DIRECTMAP_START, mfn = offset >> PAGE_SHIFT;
    const struct domain *d;
    struct page pg;

    if (offset >= max_page << PAGE_SHIFT)
        return;
    pg = read_page(mfn);
    if (!pg.owner && !(pg.state & PG_FREE))
        return; /* of ours */
    /* A table with a count stays one; a walk from a root relies on the lock instead. */
    d = locked_tables();
    if (!(pg.state & PG_VALID) || !page_type_count(pg.state))
        panic("CPU %u reads frame %lx (state %lx), which nothing keeps what it is",
              smp_processor_id(), mfn, pg.state);
    if (d &&
        (pg.owner != page_owner_id(d) || table_level(pg.state) < 1 || table_level(pg.state) > 4))
        panic("CPU %u walks through frame %lx (state %lx), which is not a table of d%d",
              smp_processor_id(), mfn, pg.state, d->id);
}
