/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) hypervisor/lock_profile.c */
/* How waits for locks are counted and shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <control_impl.h>
#include <host.h>
#include <spinlock.h>

#define ALL   64U /* more than there are ranks */
#define DATA  ((struct xen_sysctl_lockprof_data *)GUEST(4096))
#define RANKS (LOCK_RANKS - 1U) /* 0 is none */

static spinlock_t lock;
static unsigned int relaxed;

static int setup(void **state)
{
    host_boot_memory(256, 2);
    spin_lock_init(&lock, RANK_HEAP);
    relaxed = 0;
    return 0;
}

/* The holder gives the lock back when it has been waited for three times. */
void host_relax(void)
{
    host_now += 100;
    if (++relaxed % 3 == 0)
        lock.serving++;
}

/* Takes the lock on @cpu while another one holds it. */
static void wait_on(unsigned int cpu)
{
    lock.next++;
    host_run_on(cpu);
    spin_lock(&lock);
    spin_unlock(&lock);
    host_run_on(0);
}

static long query(struct xen_sysctl_lockprof_op *op, unsigned int max)
{
    *op = (struct xen_sysctl_lockprof_op){.cmd = XEN_SYSCTL_LOCKPROF_query, .max_elem = max};
    set_xen_guest_handle(op->data, DATA);
    return lock_profile_op(op);
}

static void waits_are_counted(void **state)
{
    struct xen_sysctl_lockprof_op op;

    spin_lock(&lock); /* free: nothing is counted */
    spin_unlock(&lock);
    wait_on(0);
    wait_on(1);
    wait_on(1);
    assert_int_equal(query(&op, ALL), 0);
    assert_int_equal(op.nr_elem, RANKS);
    for (unsigned int i = 0; i < op.nr_elem; i++) {
        bool waited = i + 1 == RANK_HEAP;

        assert_int_equal(DATA[i].block_cnt, waited ? 3 : 0);
        assert_int_equal(DATA[i].block_time, waited ? 900 : 0);
        assert_int_equal(DATA[i].lock_cnt, 0);
        assert_int_equal(DATA[i].type, LOCKPROF_TYPE_GLOBAL);
    }
    assert_string_equal(DATA[RANK_HEAP - 1].name, "HEAP");
}

static void each_rank_has_a_name(void **state)
{
    struct xen_sysctl_lockprof_op op;

    assert_int_equal(query(&op, ALL), 0);
    for (unsigned int i = 0; i < op.nr_elem; i++)
        for (unsigned int k = 0; k <= i; k++) {
            assert_true(DATA[i].name[0] >= 'A' && DATA[i].name[0] <= 'Z');
            assert_int_equal(strcmp(DATA[i].name, DATA[k].name) == 0, i == k);
        }
    assert_string_equal(DATA[RANKS - 1].name, "CONSOLE");
}

static void room_and_reset(void **state)
{
    struct xen_sysctl_lockprof_op op;

    wait_on(1);
    memset(DATA, 0x55, 3 * sizeof(*DATA));
    assert_int_equal(query(&op, 2), 0); /* no more than there is room for */
    assert_int_equal(op.nr_elem, RANKS);
    assert_int_equal(DATA[2].type, 0x55555555);
    op = (struct xen_sysctl_lockprof_op){.cmd = XEN_SYSCTL_LOCKPROF_query};
    assert_int_equal(lock_profile_op(&op), 0); /* only asks how many there are */
    assert_int_equal(op.nr_elem, RANKS);
    op.max_elem = 1;
    set_xen_guest_handle(op.data, (struct xen_sysctl_lockprof_data *)16);
    assert_int_equal(lock_profile_op(&op), -XEN_EFAULT);

    op.cmd = XEN_SYSCTL_LOCKPROF_reset;
    assert_int_equal(lock_profile_op(&op), 0);
    host_now += 5000;
    assert_int_equal(query(&op, ALL), 0);
    assert_int_equal(op.time, 5000);
    assert_int_equal(DATA[RANK_HEAP - 1].block_cnt, 0);
    assert_int_equal(DATA[RANK_HEAP - 1].block_time, 0);
    op.cmd = 3;
    assert_int_equal(lock_profile_op(&op), -XEN_EINVAL);
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(waits_are_counted),
        TEST(each_rank_has_a_name),
        TEST(room_and_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
