/* SPDX-License-Identifier: MIT */
/*
 * Memory: page tables that come and go by every route that Linux takes. What is written must be
 * read back, what is not mapped must fault, and a copy-on-write page must be a copy.
 */
#include "stress.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEAP = 8 << 20 };

static void fill(volatile uint64_t *memory, size_t bytes, uint64_t seed)
{
    for (size_t i = 0; i < bytes; i += PAGE_SIZE) {
        memory[i / 8] = seed + i;
        memory[(i + PAGE_SIZE) / 8 - 1] = ~(seed + i);
    }
}

static void verify(const volatile uint64_t *memory, size_t bytes, uint64_t seed, const char *where)
{
    for (size_t i = 0; i < bytes; i += PAGE_SIZE) {
        check(memory[i / 8] == seed + i && memory[(i + PAGE_SIZE) / 8 - 1] == ~(seed + i),
              "%s: page %zu holds %#llx, not %#llx", where, i / PAGE_SIZE,
              (unsigned long long)memory[i / 8], (unsigned long long)(seed + i));
    }
}

/* ---- fork and exec ---- */

static void forks(unsigned int seconds)
{
    volatile uint64_t *heap = map(HEAP);
    uint64_t start = now();

    for (uint64_t round = 1; round < 3 || !elapsed(start, seconds); round++) {
        pid_t children[4];

        fill(heap, HEAP, round << 32);
        for (unsigned int i = 0; i < 4; i++) {
            children[i] = spawn();
            if (children[i] == 0) {
                verify(heap, HEAP, round << 32, "child");
                fill(heap, HEAP / 2, i);
                sched_yield();
                verify(heap, HEAP / 2, i, "child's own");
                verify(heap + HEAP / 16, HEAP / 2, (round << 32) + HEAP / 2, "child's rest");
                _exit(0);
            }
        }
        fill(heap, HEAP / 4, ~round);
        for (unsigned int i = 0; i < 4; i++) {
            join(children[i]);
        }
        verify(heap, HEAP / 4, ~round, "parent's own");
        verify(heap + HEAP / 32, HEAP - HEAP / 4, (round << 32) + HEAP / 4, "parent's rest");
    }
}

/* A tree of processes that fork at once, each with its own idea of the heap. */
static void fork_tree(volatile uint64_t *heap, unsigned int depth, uint64_t seed)
{
    pid_t children[2];

    if (depth == 0) {
        return;
    }
    for (unsigned int i = 0; i < 2; i++) {
        children[i] = spawn();
        if (children[i] == 0) {
            fill(heap, MIB, seed * 2 + i);
            fork_tree(heap, depth - 1, seed * 2 + i);
            verify(heap, MIB, seed * 2 + i, "tree");
            _exit(0);
        }
    }
    join(children[0]);
    join(children[1]);
}

static void fork_trees(unsigned int seconds)
{
    volatile uint64_t *heap = map(MIB);
    uint64_t start = now();

    fill(heap, MIB, 1);
    do {
        fork_tree(heap, 4, 1);
        verify(heap, MIB, 1, "root");
    } while (!elapsed(start, seconds));
}

static void execs(unsigned int seconds)
{
    uint64_t start = now();

    do {
        pid_t child = spawn();

        if (child == 0) {
            execl("/proc/self/exe", "stress", "exit", NULL);
            fail("exec: %s", strerror(errno));
        }
        join(child);
        child = vfork();
        if (child == 0) {
            execl("/nowhere", "nowhere", NULL);
            _exit(0);
        }
        join(child);
    } while (!elapsed(start, seconds));
}

/* ---- mappings ---- */

static sigjmp_buf fault_return;
static volatile uintptr_t fault_address;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    fault_address = (uintptr_t)info->si_addr;
    siglongjmp(fault_return, 1);
}

static void catch_faults(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

static bool read_faults(volatile char *at)
{
    if (sigsetjmp(fault_return, 1) == 0) {
        (void)*at;
        return false;
    }
    return fault_address == (uintptr_t)at;
}

static bool write_faults(volatile char *at)
{
    if (sigsetjmp(fault_return, 1) == 0) {
        *at = 1;
        return false;
    }
    return fault_address == (uintptr_t)at;
}

static void protect_round(void)
{
    enum { PAGES = 64 };
    char *memory = map(PAGES * PAGE_SIZE);
    size_t hole = random_number() % PAGES * PAGE_SIZE;

    fill((uint64_t *)(void *)memory, PAGES * PAGE_SIZE, 7);
    mprotect(memory + hole, PAGE_SIZE, PROT_READ);
    check(write_faults(memory + hole), "a read-only page was written");
    verify((uint64_t *)(void *)memory, PAGES * PAGE_SIZE, 7, "read-only");
    mprotect(memory + hole, PAGE_SIZE, PROT_NONE);
    check(read_faults(memory + hole), "a page without rights was read");
    mprotect(memory + hole, PAGE_SIZE, PROT_READ | PROT_WRITE);
    verify((uint64_t *)(void *)memory, PAGES * PAGE_SIZE, 7, "after mprotect");
    madvise(memory + hole, PAGE_SIZE, MADV_DONTNEED);
    check(memory[hole] == 0 && memory[hole + PAGE_SIZE - 1] == 0, "a fresh page is not zero");
    munmap(memory + hole, PAGE_SIZE);
    check(read_faults(memory + hole), "an unmapped page was read");
    munmap(memory, PAGES * PAGE_SIZE);
}

/* Code must run where it may, and fault where it may not (NX). */
static void execute_round(void)
{
    static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */
    unsigned char *memory = map(PAGE_SIZE);
    int (*function)(void) = (int (*)(void))(uintptr_t)memory;

    memcpy(memory, code, sizeof(code));
    if (sigsetjmp(fault_return, 1) == 0) {
        function();
        fail("data was executed");
    }
    mprotect(memory, PAGE_SIZE, PROT_READ | PROT_EXEC);
    check(function() == 42, "code returned something else");
    munmap(memory, PAGE_SIZE);
}

/* Whole page tables move when the alignment is right, single entries otherwise. */
static void remap_round(void)
{
    size_t bytes = 4 * MIB, offset = random_number() % 2 ? 0 : 5 * PAGE_SIZE;
    char *area = map(32 * MIB);
    char *from = (char *)(((uintptr_t)area + 2 * MIB - 1) & ~(2 * MIB - 1));
    char *to = from + 16 * MIB + offset;
    char *moved;

    fill((uint64_t *)(void *)from, bytes, 9);
    moved = mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    check(moved == to, "mremap: %s", strerror(errno));
    check(read_faults(from), "memory that moved away was read");
    verify((uint64_t *)(void *)to, bytes, 9, "moved");
    moved = mremap(to, bytes, bytes / 2, 0);
    check(moved == to && read_faults(to + bytes / 2), "mremap did not shrink");
    munmap(area, 32 * MIB);
}

static void shared_file_round(void)
{
    int file = memfd_create("stress", MFD_CLOEXEC);
    char *one, *two;

    check(file >= 0 && ftruncate(file, MIB) == 0, "memfd: %s", strerror(errno));
    one = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    two = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    check(one != MAP_FAILED && two != MAP_FAILED, "mmap: %s", strerror(errno));
    fill((uint64_t *)(void *)one, MIB, 11);
    verify((uint64_t *)(void *)two, MIB, 11, "private view of a file");
    fill((uint64_t *)(void *)two, MIB / 2, 12);
    verify((uint64_t *)(void *)one, MIB, 11, "file after private writes");
    check(ftruncate(file, MIB / 2) == 0, "ftruncate: %s", strerror(errno));
    check(read_faults(one + MIB / 2), "a page behind the file's end was read");
    munmap(one, MIB);
    munmap(two, MIB);
    close(file);
}

static void maps(unsigned int seconds)
{
    uint64_t start = now();

    catch_faults();
    do {
        protect_round();
        execute_round();
        remap_round();
        shared_file_round();
    } while (!elapsed(start, seconds));
}

/* Sparse mappings over the whole address space: tables of every level come and go. */
static void sparse(unsigned int seconds)
{
    uint64_t start = now();

    do {
        char *pages[32];

        for (unsigned int i = 0; i < 32; i++) {
            uintptr_t hint = (0x100000000000UL + random_number() % 0x600000000000UL) & ~0xfffUL;

            pages[i] = mmap((void *)hint, PAGE_SIZE, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            check(pages[i] != MAP_FAILED, "mmap: %s", strerror(errno));
            *(char **)(void *)pages[i] = pages[i];
        }
        for (unsigned int i = 0; i < 32; i++) {
            check(*(char **)(void *)pages[i] == pages[i], "a sparse page was lost");
            munmap(pages[i], PAGE_SIZE);
        }
    } while (!elapsed(start, seconds));
}

/* ---- two threads: a right that is taken away is gone on the other vCPU as well ---- */

static volatile uint64_t *contended;
static volatile bool writer_ends;

static void *writer(void *unused)
{
    while (!writer_ends) {
        if (sigsetjmp(fault_return, 1) == 0) {
            for (;;) {
                ++*contended;
                if (writer_ends) {
                    break;
                }
            }
        }
        sched_yield();
    }
    return NULL;
}

static void shootdown(unsigned int seconds)
{
    uint64_t start = now();
    pthread_t thread;

    catch_faults();
    contended = map(PAGE_SIZE);
    check(pthread_create(&thread, NULL, writer, NULL) == 0, "no thread");
    do {
        uint64_t before;

        mprotect((void *)contended, PAGE_SIZE, PROT_READ);
        before = *contended;
        for (unsigned int i = 0; i < 20; i++) {
            sched_yield();
            check(*contended == before, "a read-only page was written by another thread");
        }
        mprotect((void *)contended, PAGE_SIZE, PROT_READ | PROT_WRITE);
        for (unsigned int i = 0; i < 20; i++) {
            sched_yield();
        }
    } while (!elapsed(start, seconds));
    writer_ends = true;
    pthread_join(thread, NULL);
}

/* ---- userfaultfd ---- */

static void *resolve_faults(void *argument)
{
    int fd = *(int *)argument;
    char *source = map(PAGE_SIZE);
    struct uffd_msg message;

    while (read(fd, &message, sizeof(message)) == sizeof(message)) {
        struct uffdio_copy copy = {.dst = message.arg.pagefault.address & ~(PAGE_SIZE - 1),
                                   .src = (uintptr_t)source,
                                   .len = PAGE_SIZE};

        *(uint64_t *)(void *)source = copy.dst;
        if (ioctl(fd, UFFDIO_COPY, &copy) < 0 && errno != EEXIST) {
            fail("UFFDIO_COPY: %s", strerror(errno));
        }
    }
    return NULL;
}

static void userfault(unsigned int seconds)
{
    struct uffdio_api api = {.api = UFFD_API};
    uint64_t start = now();
    pthread_t thread;
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

    if (fd < 0) {
        skip("userfaultfd: %s", strerror(errno));
    }
    check(ioctl(fd, UFFDIO_API, &api) == 0, "UFFDIO_API: %s", strerror(errno));
    check(pthread_create(&thread, NULL, resolve_faults, &fd) == 0, "no thread");
    do {
        char *memory = map(64 * PAGE_SIZE);
        struct uffdio_register area = {.range = {.start = (uintptr_t)memory, .len = 64 * PAGE_SIZE},
                                       .mode = UFFDIO_REGISTER_MODE_MISSING};

        check(ioctl(fd, UFFDIO_REGISTER, &area) == 0, "register: %s", strerror(errno));
        for (size_t i = 0; i < 64 * PAGE_SIZE; i += PAGE_SIZE) {
            check(*(uint64_t *)(void *)(memory + i) == (uintptr_t)(memory + i), "a wrong page");
        }
        munmap(memory, 64 * PAGE_SIZE);
    } while (!elapsed(start, seconds));
}

/* ---- memory pressure ---- */

static void devour(void)
{
    int adjust = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    (void)!write(adjust, "1000", 4);
    for (;;) {
        volatile char *memory = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

        if (memory == MAP_FAILED) {
            return;
        }
        memory[0] = 1;
    }
}

/* A process uses up all memory, the kernel kills it, and the memory is free again. */
static void exhaustion(unsigned int seconds)
{
    for (unsigned int i = 0; i < seconds; i++) {
        volatile uint64_t *heap = map(HEAP);

        fill(heap, HEAP, i);
        check(fate_of(devour) == SIGKILL, "who used up all memory was not killed");
        verify(heap, HEAP, i, "who did not use it up");
        munmap((void *)heap, HEAP);
    }
}

const struct subject memory_subjects[] = {
    {"forks", forks},         {"fork-trees", fork_trees}, {"execs", execs},
    {"maps", maps},           {"sparse", sparse},         {"shootdown", shootdown},
    {"userfault", userfault}, {"exhaustion", exhaustion}, {NULL, NULL},
};
