/* SPDX-License-Identifier: MIT */
/* The frame around every guest test: running, reporting, and a few shared steps (harness.h). */
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

static const char *current_name;
static unsigned int current_failures;

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    current_failures++;
    printf("TEST %s: FAIL %s:%d: ", current_name, file, line);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

bool check_values(const char *file, int line, const char *what, int64_t actual, int64_t expected)
{
    if (actual == expected)
        return true;
    test_fail(file, line, "%s is %ld (%#lx), expected %ld (%#lx)", what, actual, (uint64_t)actual,
              expected, (uint64_t)expected);
    return false;
}

void run_tests(const struct test *tests)
{
    unsigned int passed = 0, failed = 0;
    char only[64] = "";

    guest_option("only", only, sizeof(only));
    for (const struct test *test = tests; test->name; test++) {
        if (only[0] && strcmp(only, test->name) != 0)
            continue;
        current_name = test->name;
        current_failures = 0;
        test->run();
        if (current_failures) {
            failed++;
        } else {
            passed++;
            printf("TEST %s: ok\n", test->name);
        }
    }
    printf("TESTS DONE %u passed, %u failed\n", passed, failed);
    guest_shutdown(SHUTDOWN_poweroff);
}

uint64_t *table_page(void)
{
    uint64_t *page = page_alloc_zeroed();

    if (!page || page_protect(page, PTE_KERNEL_RO))
        guest_panic("no page for a table");
    return page;
}

void free_table_page(uint64_t *page)
{
    int error = page_protect(page, PTE_KERNEL_DATA);

    if (error)
        guest_panic("a page table is still in use: %d", error);
    page_free(page);
}

long mmuext_mfn(unsigned int command, unsigned long mfn)
{
    struct mmuext_op op = {.cmd = command, .arg1.mfn = mfn};

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

long mmuext_va(unsigned int command, const void *va)
{
    struct mmuext_op op = {.cmd = command, .arg1.linear_addr = (unsigned long)va};

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

long mmu_update_one(uint64_t ptr, uint64_t value)
{
    mmu_update_t update = {.ptr = ptr, .val = value};

    return hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}
