/* SPDX-License-Identifier: MIT */
/*
 * Threads and time of a Linux program. Threads are Linux's own; a lock, the turn,
 * lets one run at a time.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <platform.h>

#include "linux_platform.h"

#define SECOND 1000000000ull /* ns */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void linux_turn_take(void)
{
    pthread_mutex_lock(&turn);
}

void linux_turn_give(void)
{
    pthread_mutex_unlock(&turn);
}

/* ---- Threads ---- */

struct start {
    void (*function)(void *);
    void *argument;
};

static void *run_thread(void *context)
{
    struct start start = *(struct start *)context;

    free(context);
    linux_turn_take();
    start.function(start.argument);
    linux_turn_give();
    return NULL;
}

int platform_thread_start(const char *name, void (*function)(void *), void *argument)
{
    struct start *start = malloc(sizeof(*start));
    pthread_t thread;

    if (!start)
        return -1;
    *start = (struct start){function, argument};
    if (pthread_create(&thread, NULL, run_thread, start)) {
        free(start);
        return -1;
    }
    pthread_setname_np(thread, name); /* a longer name than Linux takes is not set */
    pthread_detach(thread);
    return 0;
}

void platform_sleep(uint64_t nanoseconds)
{
    struct timespec time = {(time_t)(nanoseconds / SECOND), (long)(nanoseconds % SECOND)};

    linux_turn_give();
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL); /* a signal may end it early */
    linux_turn_take();
}

void platform_yield(void)
{
    platform_sleep(0); /* Linux sleeps a little even then, long enough for another to take over */
}

/* ---- Time ---- */

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* Linux started a moment after the hypervisor. */
uint64_t platform_now(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

uint64_t platform_wall_clock(void)
{
    return read_clock(CLOCK_REALTIME);
}
