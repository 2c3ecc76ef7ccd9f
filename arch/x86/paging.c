/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's root page table, which boot/paging.c fills, and the end of boot, after which the
 * discarded sections (__init, __initdata, __initconst and all of boot/) are gone.
 */
#include <arch.h>
#include <asm/paging.h>
#include <page_alloc.h>
#include <sched.h>

u64 hv_l4[PT_ENTRIES] __attribute__((section(".bss.page"), aligned(4096)));

paddr_t image_paddr(const void *p)
{
    return (paddr_t)p - HV_TEXT_START;
}

paddr_t hv_cr3(void)
{
    return image_paddr(hv_l4);
}

static void unmap_init(u64 *const l1[], unsigned int nr_l1)
{
    unsigned long va = (unsigned long)hv_init_start, end = (unsigned long)hv_init_end;

    for (unsigned int i = 0; i < nr_l1; i++) {
        u64 *entry = l1[i];

        for (; va < end; va += PAGE_SIZE) {
            *entry++ = 0;
            __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
            if (!((unsigned long)entry & (PAGE_SIZE - 1))) {
                va += PAGE_SIZE;
                break;
            }
        }
    }
}

void discard_init(u64 *const l1[], unsigned int nr_l1)
{
    mfn_t start = MFN(image_paddr(hv_init_start) >> PAGE_SHIFT);
    mfn_t end = MFN(image_paddr(hv_init_end) >> PAGE_SHIFT);

    unmap_init(l1, nr_l1);
    tlb_flush_mask(&cpu_online); /* the other CPUs came through that part, too */
    heap_add_range(start, end);
    printk(LOG_DEBUG, "gave back %lu KiB of boot code and data",
           (end.n - start.n) << (PAGE_SHIFT - 10));
    heap_scrub_all();
    sched_start();
}
