/* SPDX-License-Identifier: MIT */
/*
 * What the subjects of the Linux stress program share. A subject is a function that runs in a
 * process of its own for about the given time and returns when all was well; it says otherwise by
 * fail() or skip(), which do not return.
 */
#ifndef TESTS_LINUX_STRESS_H
#define TESTS_LINUX_STRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE_SIZE 4096UL
#define MIB       (1UL << 20)

struct subject {
    const char *name;
    void (*run)(unsigned int seconds);
};

/* One table a file, ended by an entry without a name. */
extern const struct subject memory_subjects[];
extern const struct subject cpu_subjects[];
extern const struct subject segment_subjects[];
extern const struct subject debug_subjects[];
extern const struct subject time_subjects[];
extern const struct subject xen_subjects[];

void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Fails unless what is expected holds. */
#define check(condition, ...)  \
    do {                       \
        if (!(condition))      \
            fail(__VA_ARGS__); \
    } while (0)

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t now(void);

/* Has the time that begins at START passed? */
bool elapsed(uint64_t start, unsigned int seconds);

/* Private anonymous memory, readable and writable. */
void *map(size_t bytes);

/*
 * fork() that cannot fail. A child that fails a check prints why and makes join() fail its parent.
 */
pid_t spawn(void);
void join(pid_t child);

/* Runs ACTION in COPIES processes at once, each with its own number, and joins them. */
void run_copies(unsigned int copies, void (*action)(unsigned int copy, unsigned int seconds),
                unsigned int seconds);

/* The signal that ends a child process which does ACTION; 0 when it exits. */
int fate_of(void (*action)(void));

/* Is this the privileged domain of a hypervisor, or another one? Natively neither. */
bool in_dom0(void);
bool in_domu(void);

/* A generator of its own for each process. */
uint64_t random_number(void);

#endif
