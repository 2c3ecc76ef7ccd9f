/* SPDX-License-Identifier: MIT */
/*
 * The terminal of a Linux program: standard output and standard input. While keys are read, a
 * terminal passes each one as it is typed; it is set back when the program ends.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include <platform.h>

#include "linux_platform.h"

#define MILLISECOND 1000000ull /* ns */
#define STEP        1000ull    /* ms, at most, of one wait */

static bool output_lost;

static void write_all(int fd, const char *bytes, size_t length)
{
    while (length) {
        ssize_t written = write(fd, bytes, length);

        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (written < 0 && errno != EINTR) {
            output_lost = true;
            return;
        }
    }
}

void platform_terminal_write(const void *data, size_t length)
{
    write_all(STDOUT_FILENO, data, length);
}

void platform_terminal_complain(const void *data, size_t length)
{
    write_all(STDERR_FILENO, data, length);
}

bool linux_output_lost(void)
{
    return output_lost;
}

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal)
{
    interrupted = 1;
}

bool platform_terminal_interrupted(void)
{
    static bool noting;
    struct sigaction before;
    bool was;

    /* From now on it does not end the program, unless it is typed once more in the meantime. */
    if (!noting || interrupted) {
        struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND};

        if (!sigaction(SIGINT, NULL, &before) && before.sa_handler != SIG_IGN)
            sigaction(SIGINT, &action, NULL); /* a script's background job ignores it */
        noting = true;
    }
    was = interrupted;
    interrupted = 0;
    return was;
}

/* ---- Keys ---- */

static struct termios usual;
static int wake_event = -1;

static void open_wake_event(void)
{
    if (wake_event < 0)
        wake_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void set_back(void)
{
    tcsetattr(STDIN_FILENO, TCSADRAIN, &usual);
}

static void end_by_signal(int number)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &usual);
    raise(number); /* its usual action now, once this returns */
}

/* A signal that would end the program sets the terminal back first; an ignored one is left so. */
static void set_back_on_signals(void)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM};
    struct sigaction action = {.sa_handler = end_by_signal, .sa_flags = (int)SA_RESETHAND}, before;

    sigaddset(&action.sa_mask, SIGTTOU); /* in the background, tcsetattr() would stop us */
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!sigaction(numbers[i], NULL, &before) && before.sa_handler == SIG_DFL)
            sigaction(numbers[i], &action, NULL);
}

/* Has the terminal, if it is one, pass each key; output keeps its form. */
static void start_keys(void)
{
    static bool started;
    struct termios raw;

    if (started)
        return;
    started = true;
    open_wake_event();
    if (tcgetattr(STDIN_FILENO, &usual))
        return;
    raw = usual;
    cfmakeraw(&raw);
    raw.c_oflag = usual.c_oflag;
    set_back_on_signals();
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    atexit(set_back);
}

/* Waits for a key or for platform_terminal_wake, at most for some time. */
static void wait_for_key(struct pollfd polled[2], uint64_t deadline)
{
    uint64_t now = platform_now();
    uint64_t left = deadline > now ? (deadline - now) / MILLISECOND + 1 : 0;

    linux_turn_give();
    poll(polled, 2, (int)(left < STEP ? left : STEP));
    linux_turn_take();
}

int platform_terminal_read(void)
{
    return platform_terminal_read_until(UINT64_MAX);
}

int platform_terminal_read_until(uint64_t deadline)
{
    static bool ended; /* standard input: from then on nothing is typed any more */
    unsigned char key;
    uint64_t count;

    start_keys();
    for (;;) {
        struct pollfd polled[] = {{.fd = wake_event, .events = POLLIN},
                                  {.fd = ended ? -1 : STDIN_FILENO, .events = POLLIN}};

        wait_for_key(polled, deadline);
        if (polled[1].revents && read(STDIN_FILENO, &key, 1) == 1)
            return key;
        if (polled[1].revents)
            ended = true;
        if (read(wake_event, &count, sizeof(count)) == (ssize_t)sizeof(count) ||
            platform_now() >= deadline)
            return -1;
    }
}

void platform_terminal_wake(void)
{
    uint64_t one = 1;
    ssize_t written;

    open_wake_event();
    written = write(wake_event, &one, sizeof(one));
    (void)written; /* it only fails when the event is set already */
}
