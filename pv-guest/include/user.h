/* SPDX-License-Identifier: MIT */
/*
 * User mode: an address space with its own root, and running code in it.
 *
 * There is one user address space per struct user_space. Code runs in ring 3 under the user root
 * until it makes a system call (syscall, int $0x80) or faults; user_run() returns then.
 */
#ifndef USER_H
#define USER_H

#include <pagetable.h>
#include <traps.h>

struct user_space {
    pte_t *root; /* pinned L4 that user mode runs on; the kernel's root has none of it */
};

/* Makes an empty user address space. @return 0 or a negative errno. */
int user_space_create(struct user_space *space);

/* Frees the tables; mapped pages themselves belong to the caller. */
void user_space_destroy(struct user_space *space);

/*
 * Maps a frame of this domain for user mode at @va (below 2^47).
 * @param flags of the entry; PTE_USER is added.
 * @return 0 or a negative errno.
 */
int user_map(struct user_space *space, uintptr_t va, mfn_t mfn, pte_t flags);

/*
 * Enters user mode with @regs and returns at the next system call or exception from there.
 * On return @regs holds the user registers, regs->vector says why it was left. cs and ss may be 0
 * for the flat 64-bit selectors.
 */
void user_run(struct user_space *space, struct registers *regs);

#endif
