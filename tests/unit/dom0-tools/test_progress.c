/* SPDX-License-Identifier: MIT */
/* The line that says how far a long action is, on a machine whose time passes in sleep alone. */
/* SOURCES: $(addprefix dom0-tools/bh/,output.c progress.c) dom0-tools/utf8.c */
/* CFLAGS: -Idom0-tools */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bh/bh.h>
#include <bh/progress.h>

#define MS 1000000ull

/* The times of what happens to the action; 0: it does not. */
static uint64_t ends_at, begins_at, again_at, hides_at, typed_at;
static unsigned int interrupts;

static uint64_t now;
static unsigned int done, threads;
static void (*thread)(void *);
static char printed[1024];

static void tell(void *context, char text[PROGRESS_TEXT_SIZE])
{
    snprintf(text, PROGRESS_TEXT_SIZE, "%u done", *(unsigned int *)context);
}

uint64_t platform_now(void)
{
    return now;
}

static void interrupt(void *context)
{
    assert_ptr_equal(context, &done);
    interrupts++;
    ends_at = now + 1;
}

bool platform_terminal_interrupted(void)
{
    bool typed = typed_at && now >= typed_at;

    if (typed)
        typed_at = 0;
    return typed;
}

/* What happens while the thread sleeps. */
void platform_sleep(uint64_t nanoseconds)
{
    assert_true(nanoseconds > 0);
    now += nanoseconds;
    done++;
    if (hides_at && now >= hides_at) {
        hides_at = 0;
        bh_progress_hide();
        bh_print("notice\n");
    }
    if (ends_at && now >= ends_at) {
        ends_at = 0;
        bh_progress_end();
    }
    if (begins_at && now >= begins_at) {
        begins_at = 0;
        bh_progress_begin(tell, NULL, &done);
        ends_at = again_at;
    }
    assert_true(now < 60000 * MS);
}

int platform_thread_start(const char *name, void (*function)(void *), void *argument)
{
    threads++;
    thread = function;
    return 0;
}

void platform_yield(void)
{
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

static int setup(void **state)
{
    now = 700 * MS;
    ends_at = begins_at = again_at = hides_at = typed_at = 0;
    done = threads = interrupts = 0;
    thread = NULL;
    printed[0] = '\0';
    return 0;
}

#define CLEAR "\r\x1b[K"

static void test_long_action(void **state)
{
    bh_progress_begin(tell, NULL, &done);
    ends_at = 4000 * MS;
    thread(NULL);
    assert_string_equal(printed, "1 done (1 s)" CLEAR "2 done (2 s)" CLEAR "3 done (3 s)" CLEAR);
    assert_int_equal(threads, 1);
}

/* Short actions print nothing, and one thread is enough for them. */
static void test_short_actions(void **state)
{
    for (unsigned int i = 0; i < 10; i++) {
        bh_progress_begin(tell, NULL, &done);
        now += 100 * MS;
        bh_progress_end();
    }
    assert_int_equal(threads, 1);
    bh_progress_begin(tell, NULL, &done);
    now += 900 * MS;
    ends_at = now + 50 * MS;
    thread(NULL);
    assert_string_equal(printed, "");
    assert_int_equal(threads, 1);
    /* It has ended: the next action starts another one. */
    bh_progress_begin(tell, NULL, &done);
    assert_int_equal(threads, 2);
    ends_at = now + MS;
    thread(NULL);
}

/* The thread sleeps while one action ends and another one begins: that has its own second. */
static void test_next_action(void **state)
{
    bh_progress_begin(tell, NULL, &done);
    ends_at = begins_at = 1600 * MS; /* it wakes at 1700 */
    again_at = 3000 * MS;
    thread(NULL);
    assert_string_equal(printed, "2 done (1 s)" CLEAR);
    assert_int_equal(threads, 1);
}

/* Other output takes the line's place, until it is written again. */
static void test_other_output(void **state)
{
    bh_progress_begin(tell, NULL, &done);
    hides_at = 2200 * MS;
    ends_at = 3000 * MS;
    thread(NULL);
    assert_string_equal(printed, "1 done (1 s)" CLEAR "notice\n2 done (2 s)" CLEAR);
    bh_progress_hide();
    assert_null(strstr(strstr(printed, "2 done"), CLEAR CLEAR));
}

/* Ctrl-C reaches an action that wants it soon, and the line is still written once a second. */
static void test_interrupts(void **state)
{
    uint64_t began;

    bh_progress_begin(tell, interrupt, &done);
    began = now;
    typed_at = began + 1350 * MS;
    thread(NULL);
    assert_int_equal(interrupts, 1);
    assert_in_range(now - began, 1350 * MS, 1550 * MS);
    assert_string_equal(strstr(printed, " done"), " done (1 s)" CLEAR);
    /* One that looks itself keeps the key. */
    bh_progress_begin(tell, NULL, &done);
    typed_at = now + 100 * MS;
    ends_at = now + 1500 * MS;
    thread(NULL);
    assert_int_equal(interrupts, 1);
    assert_int_not_equal(typed_at, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_long_action, setup),
        cmocka_unit_test_setup(test_short_actions, setup),
        cmocka_unit_test_setup(test_next_action, setup),
        cmocka_unit_test_setup(test_other_output, setup),
        cmocka_unit_test_setup(test_interrupts, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
