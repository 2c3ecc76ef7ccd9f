/* SPDX-License-Identifier: MIT */
/*
 * Cooperative threads. All lists are changed with events disabled, because event handlers wake
 * threads. switch_thread() is entered and left with events disabled; a thread that has nothing to
 * switch to blocks the vCPU in its own context.
 */
#include <clock.h>
#include <guest.h>
#include <hypercall.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#include "internal.h"

#define STACK_MAGIC 0x5354414b454e4421ul
#define NO_DEADLINE (~0ull)

struct thread {
    uint64_t stack_pointer;
    const char *name;
    void (*function)(void *);
    void *argument;
    uint64_t *stack; /* lowest word holds STACK_MAGIC */
    unsigned long stack_pages;
    struct thread *next;      /* in the run queue or a wait queue */
    struct wait_queue *queue; /* the wait queue it is in */
    struct thread *sleeper;   /* next in the list of threads with a deadline */
    uint64_t deadline;
    bool timed_out;
};

static struct wait_queue run_queue;
static struct thread *sleepers;
static struct thread *current;
static struct thread *dead; /* ended; its stack is still in use until the next switch is over */

static void wait_queue_add(struct wait_queue *queue, struct thread *thread)
{
    thread->next = NULL;
    if (queue->last)
        queue->last->next = thread;
    else
        queue->first = thread;
    queue->last = thread;
}

static void wait_queue_remove(struct wait_queue *queue, struct thread *thread)
{
    struct thread *before = NULL;

    for (struct thread *at = queue->first; at; before = at, at = at->next) {
        if (at != thread)
            continue;
        if (before)
            before->next = at->next;
        else
            queue->first = at->next;
        if (queue->last == at)
            queue->last = before;
        return;
    }
}

static void forget_deadline(struct thread *thread)
{
    struct thread **link = &sleepers;

    while (*link && *link != thread)
        link = &(*link)->sleeper;
    if (*link)
        *link = thread->sleeper;
    thread->deadline = NO_DEADLINE;
}

static void make_runnable(struct thread *thread)
{
    if (thread->queue) {
        wait_queue_remove(thread->queue, thread);
        thread->queue = NULL;
    }
    if (thread->deadline != NO_DEADLINE)
        forget_deadline(thread);
    wait_queue_add(&run_queue, thread);
}

void threads_timer_expired(void)
{
    uint64_t now = clock_now();
    struct thread *next;

    for (struct thread *thread = sleepers; thread; thread = next) {
        next = thread->sleeper;
        if (thread->deadline > now)
            continue;
        thread->timed_out = true;
        make_runnable(thread);
    }
}

static void free_dead(void)
{
    if (!dead)
        return;
    pages_free(dead->stack, dead->stack_pages);
    free(dead);
    dead = NULL;
}

/*
 * Blocks until an event. One is the timer's, which comes at once for a deadline that is over, and
 * makes the sleepers runnable.
 */
static void wait_for_event(void)
{
    uint64_t deadline = NO_DEADLINE;

    for (struct thread *thread = sleepers; thread; thread = thread->sleeper)
        if (thread->deadline < deadline)
            deadline = thread->deadline;
    clock_set_timer(deadline == NO_DEADLINE ? 0 : deadline);
    /* Enables events and blocks in one step. */
    hypercall_sched_op(SCHEDOP_block, NULL);
    events_disable();
}

/* Runs whoever is next; returns when the caller's turn comes again. */
static void switch_thread(void)
{
    struct thread *self = current;
    struct thread *next;

    if (self && self->stack[0] != STACK_MAGIC)
        guest_panic("thread %s ran out of stack", self->name);
    /* The timer is set only when all wait: threads that never do must not keep sleepers waiting. */
    if (run_queue.first && sleepers)
        threads_timer_expired();
    while (!run_queue.first)
        wait_for_event();
    next = run_queue.first;
    wait_queue_remove(&run_queue, next);
    if (next != self) {
        uint64_t boot_stack;

        current = next;
        thread_switch(self ? &self->stack_pointer : &boot_stack, next->stack_pointer);
        free_dead();
    }
}

static _Noreturn void thread_begin(void)
{
    free_dead();
    events_restore(true);
    current->function(current->argument);
    thread_exit();
}

struct thread *thread_create_sized(const char *name, void (*function)(void *), void *argument,
                                   size_t stack_size)
{
    unsigned long pages = (stack_size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    struct thread *thread = calloc(1, sizeof(*thread));
    uint64_t *top;
    bool enabled;

    if (!thread)
        return NULL;
    thread->stack = pages_alloc(pages);
    if (!thread->stack) {
        free(thread);
        return NULL;
    }
    thread->stack_pages = pages;
    thread->stack[0] = STACK_MAGIC;
    thread->name = name;
    thread->function = function;
    thread->argument = argument;
    thread->deadline = NO_DEADLINE;
    /* What thread_switch() pops: six registers, then the address it returns to; after that the
     * stack is aligned as at a function's entry. */
    top = thread->stack + pages * PAGE_SIZE / sizeof(*top) - 3;
    memset(top, 0, 3 * sizeof(*top));
    *--top = (uint64_t)thread_begin;
    top -= 6;
    memset(top, 0, 6 * sizeof(*top));
    thread->stack_pointer = (uint64_t)top;
    enabled = events_disable();
    wait_queue_add(&run_queue, thread);
    events_restore(enabled);
    return thread;
}

struct thread *thread_create(const char *name, void (*function)(void *), void *argument)
{
    return thread_create_sized(name, function, argument, THREAD_STACK_SIZE);
}

struct thread *thread_self(void)
{
    return current;
}

const char *thread_name(const struct thread *thread)
{
    return thread->name;
}

bool thread_may_wait(void)
{
    return current && this_vcpu()->id == 0;
}

void thread_yield(void)
{
    bool enabled = events_disable();

    wait_queue_add(&run_queue, current);
    switch_thread();
    events_restore(enabled);
}

void thread_exit(void)
{
    events_disable();
    dead = current;
    switch_thread();
    guest_panic("a dead thread ran");
}

bool wait_on_until(struct wait_queue *queue, uint64_t deadline)
{
    struct thread *self = current;
    bool enabled = events_disable();

    self->timed_out = false;
    self->queue = queue;
    wait_queue_add(queue, self);
    if (deadline != NO_DEADLINE) {
        self->deadline = deadline ? deadline : 1; /* 0 would be no timer */
        self->sleeper = sleepers;
        sleepers = self;
    }
    switch_thread();
    events_restore(enabled);
    return !self->timed_out;
}

void wait_on(struct wait_queue *queue)
{
    wait_on_until(queue, NO_DEADLINE);
}

void thread_sleep(uint64_t nanoseconds)
{
    struct wait_queue nobody = {NULL, NULL};
    uint64_t deadline = clock_now() + nanoseconds;

    while (wait_on_until(&nobody, deadline))
        ;
}

void wake_one(struct wait_queue *queue)
{
    bool enabled;

    if (!queue->first) /* only handlers may have woken it meanwhile */
        return;
    enabled = events_disable();
    if (queue->first)
        make_runnable(queue->first);
    events_restore(enabled);
}

void wake_all(struct wait_queue *queue)
{
    bool enabled = events_disable();

    while (queue->first)
        make_runnable(queue->first);
    events_restore(enabled);
}

void threads_init(void)
{
    current = NULL;
}

void threads_run(void)
{
    events_disable();
    switch_thread();
    guest_panic("the boot stack ran again");
}
