/* SPDX-License-Identifier: MIT */
/*
 * Time: clocks never go back, on whatever vCPU they are read and by whatever way; sleeps and timers
 * are never early, and none gets lost.
 */
#include "stress.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t latest;
static pthread_mutex_t latest_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t now_by_system_call(void)
{
    struct timespec t;

    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What one thread has read is in no other thread's future. */
static void *read_clocks(void *argument)
{
    unsigned int seconds = (unsigned int)(uintptr_t)argument;
    uint64_t start = now();

    do {
        for (unsigned int i = 0; i < 200; i++) {
            uint64_t before, time;

            pthread_mutex_lock(&latest_lock);
            before = latest;
            time = i & 1 ? now() : now_by_system_call();
            latest = time;
            pthread_mutex_unlock(&latest_lock);
            check(time >= before, "the clock went back by %llu ns, read %s",
                  (unsigned long long)(before - time), i & 1 ? "in user mode" : "by the kernel");
        }
        sched_yield();
    } while (!elapsed(start, seconds));
    return NULL;
}

static void clocks(unsigned int seconds)
{
    pthread_t threads[4];

    for (unsigned int i = 0; i < 4; i++) {
        cpu_set_t cpu;

        check(pthread_create(&threads[i], NULL, read_clocks, (void *)(uintptr_t)seconds) == 0,
              "no thread");
        CPU_ZERO(&cpu);
        CPU_SET(i % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &cpu);
        pthread_setaffinity_np(threads[i], sizeof(cpu), &cpu);
    }
    for (unsigned int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void sleeps(unsigned int seconds)
{
    uint64_t start = now();

    do {
        uint64_t wanted = random_number() % 20000000, before = now(), took;
        struct timespec request = {0, (long)wanted};

        check(nanosleep(&request, NULL) == 0, "nanosleep: %s", strerror(errno));
        took = now() - before;
        check(took >= wanted, "a sleep of %llu ns ended after %llu", (unsigned long long)wanted,
              (unsigned long long)took);
        check(took < wanted + 10000000000ULL, "a sleep of %llu ns took %llu",
              (unsigned long long)wanted, (unsigned long long)took);
    } while (!elapsed(start, seconds));
}

static void timers(unsigned int seconds)
{
    const struct itimerspec each = {{0, 5000000}, {0, 5000000}};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    uint64_t start = now(), armed, ticks = 0, more, least;

    check(timer >= 0 && timerfd_settime(timer, 0, &each, NULL) == 0, "timer: %s", strerror(errno));
    armed = now();
    do {
        least = (now() - armed) / 5000000;
        check(read(timer, &more, sizeof(more)) == sizeof(more), "timer: %s", strerror(errno));
        ticks += more;
        check(ticks >= least && ticks <= (now() - start) / 5000000,
              "%llu ticks, at least %llu have passed", (unsigned long long)ticks,
              (unsigned long long)least);
    } while (!elapsed(start, seconds));
    close(timer);
}

/* Time spent computing is what ends a CPU-time limit. */
static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
    alarms++;
}

static void cpu_timers(unsigned int seconds)
{
    const struct itimerval each = {{0, 20000}, {0, 20000}};
    uint64_t start = now();

    signal(SIGVTALRM, on_alarm);
    setitimer(ITIMER_VIRTUAL, &each, NULL);
    while (!elapsed(start, seconds) || (alarms == 0 && !elapsed(start, 60))) {
    }
    check(alarms > 0, "a timer of CPU time never fired");
}

const struct subject time_subjects[] = {
    {"clocks", clocks},         {"sleeps", sleeps}, {"timers", timers},
    {"cpu-timers", cpu_timers}, {NULL, NULL},
};
