/* SPDX-License-Identifier: MIT */
/* Keys and Ctrl-C of a Linux program, with a real pseudoterminal as its standard input. */
/* SOURCES: dom0-tools/platform/linux/terminal.c */
/* CFLAGS: -Idom0-tools */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <platform.h>
#include <platform/linux/linux_platform.h>

#define MILLISECOND 1000000ull

static int other_end; /* the pseudoterminal's, where keys are typed */
static int turns;     /* that are taken */

void linux_turn_take(void)
{
    turns++;
}

void linux_turn_give(void)
{
    turns--;
}

uint64_t platform_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void type(const char *keys, size_t length)
{
    assert_int_equal(write(other_end, keys, length), length);
}

static int begin(void **state)
{
    char path[64];
    int terminal;

    other_end = posix_openpt(O_RDWR | O_NOCTTY);
    if (other_end < 0 || grantpt(other_end) || unlockpt(other_end) ||
        ptsname_r(other_end, path, sizeof(path)))
        return -1;
    terminal = open(path, O_RDWR | O_NOCTTY);
    if (terminal < 0 || dup2(terminal, STDIN_FILENO) < 0)
        return -1;
    close(terminal);
    return 0;
}

/* In this order: what has once ended stays so. */
static void test_keys(void **state)
{
    struct termios mode;

    platform_terminal_wake(); /* before anybody reads: not lost */
    assert_int_equal(platform_terminal_read(), -1);
    assert_int_equal(platform_terminal_read_until(platform_now() + MILLISECOND), -1);
    type("a\r\003", 3);
    assert_int_equal(platform_terminal_read(), 'a');
    assert_int_equal(platform_terminal_read(), '\r'); /* as it was typed */
    assert_int_equal(platform_terminal_read(), 3);    /* a key, and no signal */
    assert_int_equal(tcgetattr(STDIN_FILENO, &mode), 0);
    assert_false(mode.c_lflag & (ICANON | ECHO | ISIG));
    assert_true(mode.c_oflag & OPOST); /* lines still begin on the left */

    close(other_end);
    assert_int_equal(platform_terminal_read_until(platform_now() + 20 * MILLISECOND), -1);
    platform_terminal_wake();
    assert_int_equal(platform_terminal_read(), -1);
    assert_int_equal(turns, 0);
}

static void test_interrupt(void **state)
{
    signal(SIGINT, SIG_DFL); /* a shell's background job, which this may be, ignores it */
    assert_false(platform_terminal_interrupted());
    raise(SIGINT);
    assert_true(platform_terminal_interrupted());
    assert_false(platform_terminal_interrupted());
    raise(SIGINT); /* it is noted anew each time */
    assert_true(platform_terminal_interrupted());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_keys, begin),
        cmocka_unit_test(test_interrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
