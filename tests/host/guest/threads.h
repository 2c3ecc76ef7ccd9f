/* SPDX-License-Identifier: MIT */
/*
 * The kernel library's threads, events and clock on the host, for drivers' unit tests: threads of
 * ucontext, a clock that moves only when all threads wait, and events that the test sends.
 *
 * A test names this file's source in SOURCES and has
 *     CFLAGS: -Itests/host -idirafter pv-guest/include
 */
#ifndef HOST_GUEST_THREADS_H
#define HOST_GUEST_THREADS_H

#include <stdint.h>

/* Runs all threads until each one waits for something that only the caller can bring about. */
void threads_settle(void);

/* The same, with the clock moved on by @nanoseconds first, as deadlines come. */
void threads_pass_time(uint64_t nanoseconds);

/* How many threads there are besides the caller. */
unsigned int threads_count(void);

#endif
