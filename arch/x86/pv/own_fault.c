/* SPDX-License-Identifier: MIT */
/*
 * Page faults in the hypervisor: it accessed a guest's memory through the guest's mapping, or a
 * descriptor in the LDT window. The guest copies, the frames that are put on a guest's stack, the
 * instructions that are fetched for emulation and the loads of selectors all end here.
 *
 * Some such faults say nothing about the mapping as it is now, and the access is simply made again.
 * All others continue at the fixup of the exception table.
 */
#include <arch.h>
#include <asm/pv.h>

#include "pte.h"
#include "walk.h"

/*
 * Does the tree below root frame @mfn let the guest write at @addr? It takes no lock and may be
 * called in any context, also while this CPU changes a table. It reads a frame only while that is a
 * table of its level, so it reads nothing but RAM; a wrong answer costs another fault, or an error
 * code that the guest provoked.
 */
static bool tree_allows_write(mfn_t mfn, unsigned long addr)
{
    const u64 rights = PTE_PRESENT | PTE_WRITE | PTE_USER;

    for (unsigned int level = 4, shift = L4_SHIFT;; level--, shift -= L2_SHIFT - L1_SHIFT) {
        const u64 *table = mfn_to_virt(mfn);
        u64 e;

        if (!mfn_valid(mfn) ||
            !page_is_valid(READ_ONCE(mfn_to_page(mfn)->state), table_type(level)))
            return false;
        e = READ_ONCE(table[pt_index(addr, shift)]);
        if ((e & rights) != rights)
            return false;
        if (level == 1)
            return true;
        mfn = pte_mfn(e);
    }
}

/*
 * Was our write to @addr refused by a translation older than the entry? Rights that an entry gains
 * need no flush: a TLB may keep the old translation until an access faults, which makes it forget
 * the translation (Intel SDM volume 3, 4.10.4.3). A kernel expects such a fault of its own, but not
 * an error from us.
 */
static bool is_spurious(unsigned long addr, u32 error_code, mfn_t root)
{
    return error_code == (PFEC_PRESENT | PFEC_WRITE) && guest_va_ok(addr) &&
           tree_allows_write(root, addr);
}

bool pv_own_page_fault(unsigned long addr, u32 error_code, mfn_t root)
{
    if (addr - DESCRIPTORS_START < IOREMAP_START - DESCRIPTORS_START)
        return current->domain->id != DOMID_IDLE && pv_ldt_fault(addr);
    if (!is_spurious(addr, error_code, root))
        return false;
    tlb_flush_page(addr); /* the fault did it already; this costs little and relies on nothing */
    return true;
}
