/* SPDX-License-Identifier: MIT */
/*
 * Cooperative threads on vCPU 0, and wait queues.
 *
 * A thread runs until it yields, waits or ends. Only upcalls (event handlers) interrupt it, and
 * they never switch threads. So data that only threads touch needs no lock, and events_disable()
 * guards data that is shared with an event handler.
 *
 * SSE may be used in threads; the kernel itself is compiled without it, so upcalls leave it alone.
 * %fs:0x28 is a readable stack-protector canary, the same for all threads of a vCPU.
 */
#ifndef THREAD_H
#define THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THREAD_STACK_SIZE (32ul * 1024)

struct thread;

/*
 * Threads that wait for the same thing, in order of arrival. All zero is an empty queue, so a
 * static one needs no initialisation.
 */
struct wait_queue {
    struct thread *first;
    struct thread *last;
};

/*
 * Starts a thread: it runs `function(argument)` and ends when that returns.
 * @param name kept by pointer, for messages.
 * @return the thread, or NULL without memory. The pointer is valid until the thread ends.
 */
struct thread *thread_create(const char *name, void (*function)(void *), void *argument);

/* As thread_create(), with a stack of @stack_size bytes (rounded up to pages). */
struct thread *thread_create_sized(const char *name, void (*function)(void *), void *argument,
                                   size_t stack_size);

/* The thread that is running. */
struct thread *thread_self(void);

/* Its name. */
const char *thread_name(const struct thread *thread);

/* Lets the other runnable threads run first. */
void thread_yield(void);

/* Ends the calling thread. */
_Noreturn void thread_exit(void);

/* Sleeps for at least @nanoseconds. */
void thread_sleep(uint64_t nanoseconds);

/*
 * Waits until wake_all() or wake_one() wakes the thread. May return without cause: callers test
 * their condition in a loop. To test and wait without a lost wake-up from an event handler, hold
 * events_disable() from the test to the call; waiting switches away and comes back with events
 * disabled again.
 */
void wait_on(struct wait_queue *queue);

/*
 * As wait_on(), but no longer than until @deadline (clock_now() scale, nanoseconds).
 * @return false when the deadline passed first.
 */
bool wait_on_until(struct wait_queue *queue, uint64_t deadline);

/* Makes all waiters runnable. Safe in event handlers. */
void wake_all(struct wait_queue *queue);

/* Makes the longest waiter runnable. Safe in event handlers. */
void wake_one(struct wait_queue *queue);

/* Wait until `condition` holds; what it reads may be changed by threads and event handlers. */
#define wait_until(queue, condition)           \
    do {                                       \
        bool wait_enabled_ = events_disable(); \
        while (!(condition))                   \
            wait_on(queue);                    \
        events_restore(wait_enabled_);         \
    } while (0)

#endif
