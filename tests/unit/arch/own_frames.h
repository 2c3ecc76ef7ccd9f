/* SPDX-License-Identifier: MIT */
/*
 * The frames of domain 1 of the machine of pv_machine.h, as a test looks at them: by their place in
 * the domain's list. The first four are its tables, root first, and frame n is mapped at page n.
 */
#ifndef OWN_FRAMES_H
#define OWN_FRAMES_H

#include <pv/pte.h>

#include "../../fuzz/pv_machine.h"

static inline struct page *frame(unsigned int n)
{
    return host_frame(machine_domains[1], n);
}

static inline unsigned long mfn(unsigned int n)
{
    return page_to_mfn(frame(n)).n;
}

static inline u64 maddr(unsigned int n)
{
    return (u64)mfn(n) << PAGE_SHIFT;
}

static inline u64 *words(unsigned int n)
{
    return mfn_to_virt(page_to_mfn(frame(n)));
}

/* A frame of another domain of the machine. */
static inline unsigned long mfn_of(unsigned int domain, unsigned int n)
{
    return page_to_mfn(host_frame(machine_domains[domain], n)).n;
}

static inline u32 types(unsigned int n)
{
    return (u32)page_type_count(frame(n)->state);
}

static inline u32 refs(unsigned int n)
{
    return (u32)page_refs(frame(n)->state);
}

static inline u64 type_of(unsigned int n)
{
    return (frame(n)->state & PG_TYPE_MASK) >> PG_TYPE_SHIFT;
}

/* The machine address of the entry for page @n in the domain's only L1, and the entry. */
static inline u64 at(unsigned int n)
{
    return maddr(3) + 8UL * n;
}

static inline u64 entry(unsigned int n)
{
    return words(3)[n];
}

/* Page @n of the current domain 1 shows frame @n with @flags from now on; 0: nothing. */
static inline long map(unsigned int n, u64 flags)
{
    return do_update_va_mapping((unsigned long)n << PAGE_SHIFT, flags ? maddr(n) | flags : 0,
                                UVMF_TLB_FLUSH);
}

/* The last page below the addresses that are not a guest's. */
#define TOP 0x7ffffffff000UL

static u8 top[PAGE_SIZE];

/* For host_more_guest_memory. */
static inline void *top_page(unsigned long addr, unsigned long bytes)
{
    return addr >= TOP && addr + bytes <= TOP + PAGE_SIZE ? &top[addr - TOP] : NULL;
}

/* The machine with domains of @frames frames, of which those from the 8th on are mapped nowhere. */
static inline void own_frames_start(unsigned int frames)
{
    machine_start(frames);
    host_guest_log[0] = '\0';
    for (unsigned int n = 8; n < frames; n++)
        assert_int_equal(map(n, 0), 0);
}

/* A test's teardown. */
static inline int own_frames_end(void **state)
{
    host_guest_limit(0, 0);
    machine_check();
    machine_end();
    return 0;
}

/* Is @text in the guest log since the last time? */
static inline bool said(const char *text)
{
    bool found = strstr(host_guest_log, text) != NULL;

    host_guest_log[0] = '\0';
    return found;
}

#endif
