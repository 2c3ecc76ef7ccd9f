/* SPDX-License-Identifier: MIT */
/* The work thread: the order of items, cancelling, and that other threads get their turn. */
/* SOURCES: pv-guest/drivers/work.c */
/* CFLAGS: -idirafter pv-guest/include */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <clock.h>
#include <drivers/work.h>
#include <events.h>
#include <guest.h>
#include <thread.h>

/* ---- The kernel: one thread, which ends where it would wait ---- */

static void (*work_thread)(void *);
static jmp_buf waits;
static uint64_t now = NANOSECONDS_PER_SECOND;
static unsigned int yields;

struct thread *thread_create(const char *name, void (*function)(void *), void *argument)
{
    static char thread;

    work_thread = function;
    return (struct thread *)&thread;
}

void thread_yield(void)
{
    yields++;
}

void wait_on(struct wait_queue *queue)
{
    longjmp(waits, 1);
}

void wake_one(struct wait_queue *queue)
{
}

bool events_disable(void)
{
    return true;
}

void events_restore(bool enabled)
{
}

uint64_t clock_now(void)
{
    return now;
}

void guest_panic(const char *format, ...)
{
    abort();
}

/* ---- Items ---- */

struct item {
    struct work work;
    uint64_t takes;      /* ns */
    unsigned int rounds; /* how often it schedules itself again */
    unsigned int ran;
    char name;
};

static char order[16];

static void run(struct work *work)
{
    struct item *item = (struct item *)work;

    now += item->takes;
    item->ran++;
    if (strlen(order) + 1 < sizeof(order))
        order[strlen(order)] = item->name;
    if (item->rounds > 0) {
        item->rounds--;
        work_schedule(work);
    }
}

static int set_up(void **state)
{
    memset(order, 0, sizeof(order));
    return 0;
}

static void run_all(void)
{
    yields = 0;
    if (setjmp(waits) == 0)
        work_thread(NULL);
}

static void items_run_in_their_order(void **state)
{
    struct item a = {.work.run = run, .name = 'a', .rounds = 2};
    struct item b = {.work.run = run, .name = 'b', .rounds = 1};
    struct item c = {.work.run = run, .name = 'c'};

    work_schedule(&a.work);
    work_schedule(&b.work);
    work_schedule(&c.work);
    work_schedule(&a.work); /* it is already */
    run_all();
    assert_string_equal(order, "abcaba");
}

static void what_is_cancelled_does_not_run(void **state)
{
    struct item items[3] = {{.work.run = run, .name = 'a'},
                            {.work.run = run, .name = 'b'},
                            {.work.run = run, .name = 'c'}};

    for (unsigned int gone = 0; gone < 3; gone++) {
        for (unsigned int i = 0; i < 3; i++)
            work_schedule(&items[i].work);
        work_cancel(&items[gone].work);
        work_cancel(&items[gone].work); /* nothing more to do */
        work_schedule(&items[(gone + 1) % 3].work);
        run_all();
    }
    assert_string_equal(order, "bcacab");
}

static void other_threads_get_their_turn(void **state)
{
    struct item quick = {.work.run = run, .name = 'q', .rounds = 6399};
    struct item slow = {.work.run = run, .name = 's', .takes = MILLISECONDS(2), .rounds = 99};

    work_schedule(&quick.work);
    run_all();
    assert_int_equal(quick.ran, 6400);
    assert_in_range(yields, 100, 101);
    work_schedule(&slow.work);
    run_all();
    assert_int_equal(slow.ran, 100);
    /* Two each turn, whose time is counted from the end of the first; none after the last turn. */
    assert_int_equal(yields, 49);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(items_run_in_their_order, set_up),
        cmocka_unit_test_setup(what_is_cancelled_does_not_run, set_up),
        cmocka_unit_test_setup(other_threads_get_their_turn, set_up),
    };

    return cmocka_run_group_tests_name("deferred work", tests, NULL, NULL);
}
