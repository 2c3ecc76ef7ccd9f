/* SPDX-License-Identifier: MIT */
/*
 * User mode. A user address space has a pinned L4 of its own; the kernel's root has no user part,
 * and the hypervisor switches between the two on every entry to and return from the kernel.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <user.h>

#include "internal.h"

#define RFLAGS_IF (1u << 9)

static int pin_root(pte_t *root, unsigned int command)
{
    struct mmuext_op op = {.cmd = command, .arg1.mfn = va_to_mfn(root)};

    return (int)hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

int user_space_create(struct user_space *space)
{
    int error;

    space->root = page_alloc_zeroed();
    if (!space->root)
        return -ENOMEM;
    error = page_protect(space->root, PTE_KERNEL_RO);
    if (!error)
        error = pin_root(space->root, MMUEXT_PIN_L4_TABLE);
    if (error) {
        page_protect(space->root, PTE_KERNEL_DATA);
        page_free(space->root);
    }
    return error;
}

/* Frees the tables below @table, which is at @level and no page table any more. */
static void free_tables(pte_t *table, unsigned int level)
{
    for (unsigned int i = 0; level > 1 && i < (level == 4 ? 256u : 512u); i++)
        if (table[i] & PTE_PRESENT)
            free_tables(mfn_to_va(pte_mfn(table[i])), level - 1);
    if (page_protect(table, PTE_KERNEL_DATA))
        guest_panic("a freed page table is still in use");
    page_free(table);
}

void user_space_destroy(struct user_space *space)
{
    struct mmuext_op leave = {.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = 0};

    hypercall_mmuext_op(&leave, 1, NULL, DOMID_SELF);
    if (pin_root(space->root, MMUEXT_UNPIN_TABLE))
        guest_panic("cannot unpin a user root");
    free_tables(space->root, 4);
}

int user_map(struct user_space *space, uintptr_t va, mfn_t mfn, pte_t flags)
{
    for (unsigned int level = 4; level > 1; level--) {
        const pte_t *entry = pte_lookup_in(space->root, (void *)va, level);
        int error = *entry & PTE_PRESENT ? 0 : pte_add_table(entry);

        if (error)
            return error;
    }
    return pte_set(pte_lookup_in(space->root, (void *)va, 1), make_pte(mfn, flags | PTE_USER));
}

void user_run(struct user_space *space, struct registers *regs)
{
    struct mmuext_op use = {.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = va_to_mfn(space->root)};
    struct vcpu *vcpu = this_vcpu();
    bool enabled;

    if (hypercall_mmuext_op(&use, 1, NULL, DOMID_SELF))
        guest_panic("user root refused");
    if (!regs->cs)
        regs->cs = FLAT_USER_CS64;
    if (!regs->ss)
        regs->ss = FLAT_USER_SS64;
    regs->rflags |= RFLAGS_IF;
    enabled = events_disable();
    vcpu->user_regs = regs;
    user_enter(regs, &vcpu->user_frame);
    /* User mode may have loaded FS; the kernel's archives need theirs. */
    hypercall_set_segment_base(SEGBASE_FS, (unsigned long)&vcpu->fs_block);
    events_disable();
    events_restore(enabled);
}
