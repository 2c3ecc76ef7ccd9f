/* SPDX-License-Identifier: MIT */
/*
 * What every guest test is made of: named functions with checks in them, run in order, and a
 * report on the console that a machine reads:
 *
 *     TEST name: ok
 *     TEST name: FAIL file:line: what was found
 *     TESTS DONE n passed, m failed
 *
 * then the domain powers off. The command line's only=NAME runs one function alone.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stdint.h>

struct test {
    const char *name;
    void (*run)(void);
};

/* Run tests up to an entry without a name, report, and end the domain. */
_Noreturn void run_tests(const struct test *tests);

/* Reports a failed check of the running test, which continues. */
void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

bool check_values(const char *file, int line, const char *what, int64_t actual, int64_t expected);

/* The expression must be true. */
#define CHECK(condition) \
    ((condition) ? true : (test_fail(__FILE__, __LINE__, "not true: %s", #condition), false))

/* Two integers must be equal; printed in decimal and hexadecimal when not. */
#define CHECK_EQ(actual, expected) \
    check_values(__FILE__, __LINE__, #actual, (int64_t)(actual), (int64_t)(expected))

/* What hypercalls are made with again and again. */

/* A fresh page, zeroed and mapped read-only, so that it can become a page table. */
uint64_t *table_page(void);

/* Make a page from table_page() ordinary again and free it. */
void free_table_page(uint64_t *page);

/* One mmuext_op with a frame as its argument. */
long mmuext_mfn(unsigned int command, unsigned long mfn);

/* One mmuext_op with an address as its argument. */
long mmuext_va(unsigned int command, const void *va);

/* One mmu_update of any kind. */
long mmu_update_one(uint64_t ptr, uint64_t value);

/* A frame number that no memory has. */
#define BAD_MFN 0xfffffffful

/* An address in the hypervisor's range. */
#define HYPERVISOR_ADDRESS ((void *)0xffff828000000000ul)

/* An address that nothing maps, in the guest's range. */
#define UNMAPPED_ADDRESS ((void *)0x10000000ul)

/* Addresses that are not canonical. */
#define NON_CANONICAL ((void *)0x8000000000000000ul)

#endif
