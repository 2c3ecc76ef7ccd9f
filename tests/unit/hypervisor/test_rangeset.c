/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/* Sets of ranges against a plain array of bits, with random additions and removals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <host.h>
#include <rangeset.h>

#define SPACE 512UL

static bool model[SPACE];

static int count_one(unsigned long first, unsigned long last, void *arg)
{
    unsigned long *n = arg;

    assert_true(first <= last && last < SPACE);
    for (unsigned long i = first; i <= last; i++)
        assert_true(model[i]);
    /* Neighbours would have been joined. */
    assert_false(first && model[first - 1]);
    assert_false(last + 1 < SPACE && model[last + 1]);
    *n += last - first + 1;
    return 0;
}

static void check(const struct rangeset *r)
{
    unsigned long want = 0, got = 0;

    for (unsigned long i = 0; i < SPACE; i++)
        want += model[i];
    assert_int_equal(rangeset_for_each(r, count_one, &got), 0);
    assert_int_equal(want, got);
}

static int setup(void **state)
{
    host_boot_memory(512, 1);
    return 0;
}

static void random_sets(void **state)
{
    struct rangeset *r = rangeset_new();
    unsigned long objects = host_objects();
    unsigned int seed = 3;

    memset(model, 0, sizeof(model));
    for (unsigned int i = 0; i < 30000; i++) {
        unsigned long first, last;
        bool add, all = true;

        seed = seed * 1103515245 + 12345;
        first = seed >> 8 & (SPACE - 1);
        seed = seed * 1103515245 + 12345;
        last = MIN(first + (seed >> 8) % (seed >> 28 ? 8 : 64), SPACE - 1);
        add = seed >> 20 & 1;
        for (unsigned long k = first; k <= last; k++)
            all &= model[k];
        assert_int_equal(rangeset_contains(r, first, last), all);
        assert_int_equal(add ? rangeset_add(r, first, last) : rangeset_remove(r, first, last), 0);
        for (unsigned long k = first; k <= last; k++)
            model[k] = add;
        if (i % 16 == 0)
            check(r);
    }
    rangeset_free(r);
    assert_true(host_objects() <= objects);
}

static void edges(void **state)
{
    struct rangeset *r = rangeset_new();

    assert_int_equal(rangeset_add(r, 0, ~0UL), 0);
    assert_true(rangeset_contains(r, 0, ~0UL));
    assert_int_equal(rangeset_remove(r, 5, 5), 0);
    assert_true(rangeset_contains(r, 0, 4));
    assert_true(rangeset_contains(r, 6, ~0UL));
    assert_false(rangeset_contains(r, 4, 6));
    assert_int_equal(rangeset_remove(r, ~0UL, ~0UL), 0);
    assert_false(rangeset_contains(r, ~0UL, ~0UL));
    assert_int_equal(rangeset_remove(r, 0, 0), 0);
    assert_true(rangeset_contains(r, 1, 4));
    assert_int_equal(rangeset_add(r, 9, 8), -XEN_EINVAL);
    assert_false(rangeset_contains(r, 9, 8));
    assert_false(rangeset_contains(NULL, 0, 0));
    rangeset_free(r);
    rangeset_free(NULL);
}

/* A change that cannot be made changes nothing. */
static void out_of_memory(void **state)
{
    struct rangeset *r = rangeset_new();

    memset(model, 0, sizeof(model));
    for (unsigned long i = 0; i < 40; i++) {
        int rc;

        host_fail_allocation(1);
        rc = rangeset_add(r, i * 4, i * 4 + 1);
        if (host_failed()) {
            assert_int_equal(rc, -XEN_ENOMEM);
            check(r);
            rc = rangeset_add(r, i * 4, i * 4 + 1);
        }
        assert_int_equal(rc, 0);
        model[i * 4] = model[i * 4 + 1] = true;
        check(r);
    }
    host_fail_allocation(0);
    rangeset_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_sets, setup),
        cmocka_unit_test_setup(edges, setup),
        cmocka_unit_test_setup(out_of_memory, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
