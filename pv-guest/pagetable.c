/* SPDX-License-Identifier: MIT */
/*
 * Page-table entries: looking them up through the physical map (where tables are read-only) and
 * changing them through the hypervisor, which checks every new value.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>

#include "internal.h"

pte_t *kernel_root(void)
{
    return (pte_t *)start_info->pt_base;
}

static unsigned int table_index(const void *va, unsigned int level)
{
    return ((uintptr_t)va >> (PAGE_SHIFT + 9 * (level - 1))) & 511;
}

const pte_t *pte_lookup_in(const pte_t *root, const void *va, unsigned int level)
{
    const pte_t *table = root;

    for (unsigned int at = 4; at > level; at--) {
        pte_t pte = table[table_index(va, at)];

        if (!(pte & PTE_PRESENT))
            return NULL;
        table = mfn_to_va(pte_mfn(pte));
    }
    return &table[table_index(va, level)];
}

const pte_t *pte_lookup(const void *va, unsigned int level)
{
    return pte_lookup_in(kernel_root(), va, level);
}

int pte_set_foreign(const pte_t *pte, pte_t value, domid_t domid)
{
    mmu_update_t update = {.ptr = pte_maddr(pte) | MMU_NORMAL_PT_UPDATE, .val = value};

    return (int)hypercall_mmu_update(&update, 1, NULL, domid);
}

int pte_set(const pte_t *pte, pte_t value)
{
    return pte_set_foreign(pte, value, DOMID_SELF);
}

int page_protect(const void *va, pte_t flags)
{
    return (int)hypercall_update_va_mapping(va, make_pte(va_to_mfn(va), flags),
                                            UVMF_INVLPG | UVMF_ALL);
}

int pte_add_table(const pte_t *entry)
{
    pte_t *table = page_alloc_zeroed();
    int error;

    if (!table)
        return -ENOMEM;
    error = page_protect(table, PTE_KERNEL_RO);
    if (!error)
        error = pte_set(entry, make_pte(va_to_mfn(table), PTE_TABLE));
    if (error) {
        page_protect(table, PTE_KERNEL_DATA);
        page_free(table);
    }
    return error;
}
