/* SPDX-License-Identifier: MIT */
/*
 * Memory that changes behind each read (changing_memory.h), by means of the page protection and the
 * processor's trap flag.
 */
#include "changing_memory.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define TRAP_FLAG   0x100
#define ERROR_WRITE 2

static struct {
    uint8_t *page;
    size_t bytes, word;
    uint8_t *read; /* the word that the access in progress reads, or NULL */
    struct sigaction old_segv, old_trap;
} changing;

static void reach(int protection)
{
    if (mprotect(changing.page, changing.bytes, protection))
        abort();
}

static void access_begins(int signal, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    uintptr_t at = (uintptr_t)info->si_addr;

    if (at - (uintptr_t)changing.page >= changing.bytes) {
        sigaction(SIGSEGV, &changing.old_segv, NULL); /* a fault of the code under test */
        return;
    }
    changing.read = user->uc_mcontext.gregs[REG_ERR] & ERROR_WRITE
                        ? NULL
                        : (uint8_t *)(at - at % changing.word);
    reach(PROT_READ | PROT_WRITE);
    user->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void access_ends(int signal, siginfo_t *info, void *context)
{
    ucontext_t *user = context;

    for (size_t i = 0; changing.read && i < changing.word; i++)
        changing.read[i] = (uint8_t)~changing.read[i];
    reach(PROT_NONE);
    user->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

void memory_changes(void *page, size_t bytes, size_t word)
{
    struct sigaction begins = {.sa_sigaction = access_begins, .sa_flags = SA_SIGINFO};
    struct sigaction ends = {.sa_sigaction = access_ends, .sa_flags = SA_SIGINFO};

    changing.page = page;
    changing.bytes = bytes;
    changing.word = word;
    if (sigaction(SIGSEGV, &begins, &changing.old_segv) ||
        sigaction(SIGTRAP, &ends, &changing.old_trap))
        abort();
    reach(PROT_NONE);
}

void memory_stays(void)
{
    reach(PROT_READ | PROT_WRITE);
    if (sigaction(SIGSEGV, &changing.old_segv, NULL) ||
        sigaction(SIGTRAP, &changing.old_trap, NULL))
        abort();
}
