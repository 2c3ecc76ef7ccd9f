/* SPDX-License-Identifier: MIT */
/*
 * Memory that changes behind accesses (changing_memory.h), by means of the page protection and the
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
    size_t bytes;
    void (*after)(void *place, bool write);
    uint8_t *place; /* of the access in progress */
    bool write;
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
    changing.place = (uint8_t *)at;
    changing.write = user->uc_mcontext.gregs[REG_ERR] & ERROR_WRITE;
    reach(PROT_READ | PROT_WRITE);
    user->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void access_ends(int signal, siginfo_t *info, void *context)
{
    ucontext_t *user = context;

    changing.after(changing.place, changing.write);
    reach(PROT_NONE);
    user->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

void memory_is_watched(void *page, size_t bytes, void (*after)(void *place, bool write))
{
    struct sigaction begins = {.sa_sigaction = access_begins, .sa_flags = SA_SIGINFO};
    struct sigaction ends = {.sa_sigaction = access_ends, .sa_flags = SA_SIGINFO};

    changing.page = page;
    changing.bytes = bytes;
    changing.after = after;
    if (sigaction(SIGSEGV, &begins, &changing.old_segv) ||
        sigaction(SIGTRAP, &ends, &changing.old_trap))
        abort();
    reach(PROT_NONE);
}

static size_t word_size;

static void invert_word(void *place, bool write)
{
    uint8_t *word = (uint8_t *)place - (uintptr_t)place % word_size;

    for (size_t i = 0; !write && i < word_size; i++)
        word[i] = (uint8_t)~word[i];
}

void memory_changes(void *page, size_t bytes, size_t word)
{
    word_size = word;
    memory_is_watched(page, bytes, invert_word);
}

void memory_stays(void)
{
    reach(PROT_READ | PROT_WRITE);
    if (sigaction(SIGSEGV, &changing.old_segv, NULL) ||
        sigaction(SIGTRAP, &changing.old_trap, NULL))
        abort();
}
