/* SPDX-License-Identifier: MIT */
/* The model of what caches hide: see pv_cache.h. */
#include <pv/pte.h>

#include "pv_cache.h"
#include "pv_machine.h"
#include "pv_tlb.h"

/* CPUs use the model at once, and no switch comes between. */
#undef __atomic_load_n
#undef __atomic_store_n
#undef __atomic_add_fetch

/* Guests that write past the caches at once are no race of the hypervisor's. */
#define NO_RACE __attribute__((no_sanitize("thread")))

#define MAX_FRAMES 512U
#define LINE_WORDS 8U
#define LINES      (PT_ENTRIES / LINE_WORDS)

static struct {
    u64 value[PT_ENTRIES];    /* main memory, where it differs */
    bool differs[PT_ENTRIES]; /* per word */
    bool written;             /* it may differ in a word; else nobody need look at them all */
    u32 writer;               /* owner of the frame at that time */
    u32 last_data[LINES];     /* owner whose data main memory may hold until the next flush */
} memory[MAX_FRAMES];

static unsigned long nr_frames;
unsigned long machine_cache_flushes;

void cache_model_reset(unsigned long frames)
{
    BUG_ON(frames > MAX_FRAMES);
    nr_frames = frames;
    memset(memory, 0, frames * sizeof(memory[0]));
    machine_cache_flushes = 0;
}

static u32 owner_of(unsigned long mfn)
{
    return __atomic_load_n(&mfn_to_page(MFN(mfn))->owner, __ATOMIC_RELAXED);
}

NO_RACE void machine_write_uncached(unsigned long mfn, unsigned int slot, u64 val)
{
    memory[mfn].value[slot] = val;
    memory[mfn].differs[slot] = true;
    memory[mfn].written = true;
    memory[mfn].writer = owner_of(mfn);
}

static bool differs(unsigned long mfn)
{
    return memory[mfn].written && memchr(memory[mfn].differs, 1, sizeof(memory[mfn].differs));
}

/* Main memory and the caches agree on the line. */
NO_RACE void host_line_flushed(const void *p)
{
    unsigned long offset = (unsigned long)((const char *)p - host_ram);
    unsigned long mfn = offset >> PAGE_SHIFT;
    unsigned int first = (offset & ~PAGE_MASK) / 8 / LINE_WORDS * LINE_WORDS;
    u64 *cached = mfn_to_virt(MFN(mfn));

    BUG_ON(mfn >= nr_frames);
    if (first == 0)
        __atomic_add_fetch(&machine_cache_flushes, 1, __ATOMIC_RELAXED);
    for (unsigned int i = first; i < first + LINE_WORDS; i++) {
        if (memory[mfn].differs[i])
            cached[i] = memory[mfn].value[i];
        memory[mfn].differs[i] = false;
    }
    __atomic_store_n(&memory[mfn].last_data[first / LINE_WORDS], owner_of(mfn), __ATOMIC_RELAXED);
    /* Another vCPU of the guest continues to write for as long as its TLB lets it. */
    if (tlb_model_may_write_uncached(mfn))
        machine_write_uncached(mfn, first, ~0UL);
}

void cache_model_mapped(unsigned long mfn, u64 e)
{
    u32 owner = owner_of(mfn);

    for (unsigned int i = 0; i < LINES; i++) {
        u32 *last = &memory[mfn].last_data[i];

        if (e & L1E_CACHE_BITS) {
            u32 seen = __atomic_load_n(last, __ATOMIC_RELAXED);

            /* A frame that has just been freed shows its last owner its own words. */
            if (owner && seen && seen != owner)
                panic("frame %lx shows past the caches what its last owner left", mfn);
        } else if (e & PTE_WRITE) {
            __atomic_store_n(last, owner, __ATOMIC_RELAXED);
        }
    }
}

void cache_model_check(void)
{
    for (unsigned long m = 0; m < nr_frames; m++) {
        const struct page *pg = mfn_to_page(MFN(m));
        u64 s = pg->state;
        bool checked = page_type_count(s) && table_level(s) >= 1 && table_level(s) <= 5;

        if (!differs(m))
            continue;
        if (checked)
            panic("frame %lx (state %lx) holds in memory what was not checked", m, s);
        if (memory[m].writer != pg->owner && !(pg->stamp && !pg->owner))
            panic("frame %lx holds in memory what its last owner wrote", m);
    }
}
