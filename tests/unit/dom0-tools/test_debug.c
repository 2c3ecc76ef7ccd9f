/* SPDX-License-Identifier: MIT */
/* bh debug, on a hypervisor that is only told of. */
/* SOURCES: $(addprefix dom0-tools/bh/,arguments.c json.c output.c verbs_debug.c) */
/* SOURCES: dom0-tools/control/measures.c dom0-tools/error.c dom0-tools/utf8.c */
/* CFLAGS: -Idom0-tools */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bh/bh.h>
#include <public/errno.h>
#include <tools/service.h>

static struct xen_sysctl_lockprof_data locks[4];
static long status;
static char printed[2048];

uint64_t platform_now(void)
{
    return 0;
}

void platform_yield(void)
{
}

bool platform_terminal_interrupted(void)
{
    return false;
}

void platform_terminal_write(const void *data, size_t length)
{
    size_t used = strlen(printed);

    assert_true(used + length < sizeof(printed));
    memcpy(printed + used, data, length);
    printed[used + length] = '\0';
}

void platform_terminal_complain(const void *data, size_t length)
{
    platform_terminal_write(data, length);
}

void *platform_buffer_alloc(size_t size)
{
    return calloc(1, size);
}

void platform_buffer_free(void *buffer, size_t size)
{
    free(buffer);
}

long platform_sysctl(struct xen_sysctl *op)
{
    struct xen_sysctl_lockprof_op *p = &op->u.lockprof_op;

    assert_int_equal(op->cmd, XEN_SYSCTL_lockprof_op);
    assert_int_equal(p->cmd, XEN_SYSCTL_LOCKPROF_query);
    assert_true(p->max_elem >= 4);
    if (status < 0)
        return status;
    memcpy(p->data.p, locks, sizeof(locks));
    p->nr_elem = 4;
    p->time = 7000000000;
    return 0;
}

int service_find(const char *name, domid_t *domid, struct error *e)
{
    return error_set(e, "not here");
}

static int setup(void **state)
{
    memset(locks, 0, sizeof(locks));
    for (unsigned int i = 0; i < 4; i++)
        snprintf(locks[i].name, sizeof(locks[i].name), "LOCK_%u", i);
    status = 0;
    return 0;
}

static void wait_for(unsigned int lock, uint64_t count, uint64_t ns)
{
    locks[lock].block_cnt = count;
    locks[lock].block_time = ns;
}

static int run(const char *line)
{
    char copy[128], *words[BH_MAX_WORDS];
    struct bh_call call = {.verb = bh_debug_verbs, .argv = words + 1};

    printed[0] = '\0';
    snprintf(copy, sizeof(copy), "%s", line);
    assert_true(bh_split_words(copy, words) > 0);
    return bh_parse_options(&call) ? -1 : call.verb->run(&call);
}

#define HEADER "Lock                        Waits   Waited(ms)     Each(us)\n"

/* Three of four, those that were waited for most often first. */
static void test_most_contended(void **state)
{
    wait_for(0, 2, 3000);
    wait_for(1, 1, 1000000);
    wait_for(2, 1000000, 1234567000);
    wait_for(3, 40, 50001);
    assert_int_equal(run("debug locks"), 0);
    assert_string_equal(printed,
                        HEADER "LOCK_2                    1000000     1234.567        1.234\n"
                               "LOCK_3                         40        0.050        1.250\n"
                               "LOCK_0                          2        0.003        1.500\n");
}

static void test_not_contended(void **state)
{
    assert_int_equal(run("debug locks"), 0);
    assert_string_equal(printed, HEADER);
    wait_for(1, 1, 10);
    assert_int_equal(run("debug --json locks"), 0);
    assert_string_equal(printed, "[\n  {\n    \"name\": \"LOCK_1\",\n"
                                 "    \"interval_ns\": 7000000000,\n    \"waits\": 1,\n"
                                 "    \"waited_ns\": 10\n  }\n]\n");
}

static void test_refused(void **state)
{
    static const char usage[] = "bh debug: usage: bh debug [--json] locks\n";

    assert_int_equal(run("debug"), -1);
    assert_string_equal(printed, usage);
    assert_int_equal(run("debug keys"), -1);
    assert_string_equal(printed, usage);
    status = -XEN_ENOSYS; /* as Xen, unless it was built to count */
    assert_int_equal(run("debug locks"), -1);
    assert_string_equal(printed, "bh debug: this hypervisor does not count waits for its locks\n");
    status = -XEN_EPERM;
    assert_int_equal(run("debug locks"), -1);
    assert_non_null(strstr(printed, "bh debug: asking about locks: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_most_contended, setup),
        cmocka_unit_test_setup(test_not_contended, setup),
        cmocka_unit_test_setup(test_refused, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
