/* SPDX-License-Identifier: MIT */
/*
 * Dom0's memory: how much, and which machine frames stand behind its pseudo-physical ones.
 *
 * Frames are taken in blocks as large as the heap has them, in two steps: first those that the
 * start-of-day layout needs, and the rest when the packed kernel and the modules have been given
 * back.
 */
#include <arch.h>
#include <options.h>
#include <page_alloc.h>

#include "dom0_build.h"

#define PAGES_PER_MIB    (1UL << (20 - PAGE_SHIFT))
#define PV_GUEST_DEFAULT (64 * PAGES_PER_MIB)
#define PV_GUEST_SPARE   (48 * PAGES_PER_MIB) /* above its kernel and ramdisk: xz alone takes 32 */
#define PV_GUEST_SHARE   4                    /* at most a quarter of the machine */
/* What the hypervisor keeps when dom0 gets nearly everything: a sixteenth, within limits. */
#define RESERVE_SHARE 16
#define RESERVE_MIN   (8 * PAGES_PER_MIB)
#define RESERVE_MAX   (128 * PAGES_PER_MIB)

/* Machine-contiguous runs of dom0's frames, in pseudo-physical order. */
struct run {
    unsigned long pfn, mfn, count;
};

#define RUNS_MAX 2048U

static struct run runs[RUNS_MAX] __initdata;
static unsigned int nr_runs __initdata;
static unsigned long populated __initdata;

/*
 * @return a size from the command line in frames: @unset when it was not given; a negative size is
 * subtracted from @all
 */
static unsigned long __init size_in_pages(s64 bytes, unsigned long all, unsigned long unset)
{
    unsigned long pages;

    if (bytes == DOM0_MEM_UNSET)
        return unset;
    pages = (unsigned long)(bytes < 0 ? -bytes : bytes) >> PAGE_SHIFT;
    if (bytes > 0)
        return pages;
    return pages < all ? all - pages : 0;
}

bool __init dom0_is_pv_guest(const struct kernel_image *image)
{
    return !strcmp(image->guest_os, "pv-guest");
}

/*
 * @return the default size. Quarters and sixteenths are of the machine's RAM, @all is what can be
 * allocated.
 */
static unsigned long __init default_size(const struct kernel_image *image, unsigned long needed,
                                         unsigned long all)
{
    unsigned long ram_pages = memory_ram_pages();
    unsigned long share = MAX(ram_pages / RESERVE_SHARE, RESERVE_MIN);
    unsigned long reserve = MIN(share, RESERVE_MAX);

    if (dom0_is_pv_guest(image))
        return MIN(MAX(PV_GUEST_DEFAULT, needed + PV_GUEST_SPARE), ram_pages / PV_GUEST_SHARE);
    return all > reserve ? all - reserve : 0;
}

unsigned long __init dom0_size(const struct kernel_image *image, unsigned long needed,
                               unsigned long reclaimable)
{
    unsigned long all = heap_free_pages() + reclaimable, pages, min, max;

    pages = size_in_pages(hv_options.dom0_mem, all, default_size(image, needed, all));
    min = size_in_pages(hv_options.dom0_mem_min, all, 0);
    max = size_in_pages(hv_options.dom0_mem_max, all, ~0UL);
    max = MIN(max, all);
    pages = MAX(pages, min);
    pages = MIN(pages, max);
    if (pages < needed)
        boot_fatal(
            "too little memory: dom0 would get %lu MiB, its kernel and ramdisk need at least %lu MiB: see dom0_mem=",
            pages / PAGES_PER_MIB, needed / PAGES_PER_MIB + 1);
    return pages;
}

unsigned long __init dom0_max_size(void)
{
    unsigned long max = size_in_pages(hv_options.dom0_mem_max, memory_ram_pages(), ~0UL);

    return MIN(max, (unsigned long)UINT32_MAX);
}

static bool __init add_run(unsigned long mfn, unsigned long count)
{
    struct run *last = nr_runs ? &runs[nr_runs - 1] : NULL;

    if (last && last->mfn + last->count == mfn) {
        last->count += count;
    } else {
        if (nr_runs == RUNS_MAX)
            return false;
        runs[nr_runs++] = (struct run){populated, mfn, count};
    }
    for (unsigned long i = 0; i < count; i++)
        arch_set_m2p(MFN(mfn + i), populated + i);
    populated += count;
    return true;
}

unsigned long __init dom0_populate(struct domain *d, unsigned long end)
{
    unsigned int order = MAX_ORDER;

    while (populated < end && nr_runs < RUNS_MAX) {
        struct page *pg;

        while (1UL << order > end - populated)
            order--;
        /* RAM that was never used is not scrubbed: dom0 could map all of it in any case. */
        pg = alloc_domain_pages(d, order, MEMF_NO_SCRUB | MEMF_BELOW_4G);
        /*
         * Some devices reach only the first 4 GiB, so memory there is tried first; where it is
         * short, dom0's drivers copy.
         */
        if (!pg)
            pg = alloc_domain_pages(d, order, MEMF_NO_SCRUB);
        if (pg) {
            if (!add_run(page_to_mfn(pg).n, 1UL << order))
                break;
        } else if (order == 0) {
            break;
        } else {
            order--;
        }
    }
    return populated;
}

mfn_t __init dom0_pfn_to_mfn(unsigned long pfn)
{
    static unsigned int last __initdata;
    unsigned int low = 0, high = nr_runs;

    if (pfn - runs[last].pfn < runs[last].count)
        return MFN(runs[last].mfn + pfn - runs[last].pfn);
    while (high - low > 1) {
        unsigned int mid = low + (high - low) / 2;

        if (runs[mid].pfn <= pfn)
            low = mid;
        else
            high = mid;
    }
    BUG_ON(pfn - runs[low].pfn >= runs[low].count);
    last = low;
    return MFN(runs[low].mfn + pfn - runs[low].pfn);
}

void *__init dom0_frame(unsigned long pfn)
{
    return mfn_to_virt(dom0_pfn_to_mfn(pfn));
}
