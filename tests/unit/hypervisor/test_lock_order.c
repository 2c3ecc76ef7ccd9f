/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/* What a debug build refuses of locks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <host.h>
#include <spinlock.h>

static spinlock_t low, high, beside;

static void take(void *lock)
{
    spin_lock(lock);
}

static void give_back(void *lock)
{
    spin_unlock(lock);
}

static int setup(void **state)
{
    host_boot_memory(256, 2); /* no lock is held */
    spin_lock_init(&low, RANK_DOMAIN);
    spin_lock_init(&high, RANK_HEAP);
    spin_lock_init(&beside, RANK_HEAP);
    return 0;
}

static void ranks_rise(void **state)
{
    spin_lock(&low);
    spin_lock(&high);
    spin_lock(&beside); /* one rank twice: the caller has an order */
    spin_unlock(&beside);
    spin_unlock(&low);
    assert_true(host_panics(take, &low));
}

/* Given back in any order; what is held then counts. */
static void order_of_release(void **state)
{
    spin_lock(&low);
    spin_lock(&high);
    spin_unlock(&low);
    spin_unlock(&high);
    spin_lock(&beside);
    spin_unlock(&beside);
    spin_lock(&low);
    spin_unlock(&low);
}

static void only_its_holder_gives_it_back(void **state)
{
    assert_true(host_panics(give_back, &low));
    spin_lock(&low);
    host_run_on(1);
    assert_true(host_panics(give_back, &low));
    host_run_on(0);
    spin_unlock(&low);
    assert_true(host_panics(give_back, &low));
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ranks_rise),
        TEST(order_of_release),
        TEST(only_its_holder_gives_it_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
