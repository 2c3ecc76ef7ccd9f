/* SPDX-License-Identifier: MIT */
/* The kernel library's threads on the host; see threads.h. */
/* CFLAGS: -idirafter pv-guest/include */
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <clock.h>
#include <events.h>
#include <guest.h>
#include <thread.h>

#include "threads.h"

#define STACK_BYTES (256ul << 10) /* sanitizers' frames are large */
#define MAX_TURNS   1000000u

struct thread {
    struct thread *next, *all_next;
    struct wait_queue *queue;
    uint64_t deadline; /* 0: none */
    bool runnable, timed_out, ended;
    void (*function)(void *);
    void *argument, *stack;
    const char *name;
    ucontext_t context;
};

static struct thread *all;
static struct thread main_thread = {.name = "test"};
static struct thread *current = &main_thread;
static uint64_t now = NANOSECONDS_PER_SECOND;

start_info_t *start_info;

/* ---- Events and the rest that waits are made of ---- */

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
    fprintf(stderr, "guest_panic: %s\n", format);
    abort();
}

/* ---- Threads ---- */

static void switch_to(struct thread *next)
{
    struct thread *self = current;

    current = next;
    swapcontext(&self->context, &next->context);
}

static void begin(void)
{
    current->function(current->argument);
    current->ended = true;
    switch_to(&main_thread);
}

/* Apart, since getcontext() returns as setjmp() does. */
static __attribute__((noinline)) void prepare(struct thread *t)
{
    getcontext(&t->context);
    t->context.uc_stack.ss_sp = t->stack;
    t->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&t->context, begin, 0);
}

struct thread *thread_create_sized(const char *name, void (*function)(void *), void *argument,
                                   size_t stack_size)
{
    struct thread *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->stack = malloc(STACK_BYTES);
    if (!t->stack) {
        free(t);
        return NULL;
    }
    t->name = name;
    t->function = function;
    t->argument = argument;
    t->runnable = true;
    prepare(t);
    t->all_next = all;
    all = t;
    return t;
}

struct thread *thread_create(const char *name, void (*function)(void *), void *argument)
{
    return thread_create_sized(name, function, argument, STACK_BYTES);
}

static void leave_queue(struct thread *t)
{
    struct thread *before = NULL;

    for (struct thread *at = t->queue ? t->queue->first : NULL; at; before = at, at = at->next) {
        if (at != t)
            continue;
        if (before)
            before->next = at->next;
        else
            t->queue->first = at->next;
        if (t->queue->last == at)
            t->queue->last = before;
        break;
    }
    t->queue = NULL;
}

static void make_runnable(struct thread *t)
{
    leave_queue(t);
    t->deadline = 0;
    t->runnable = true;
}

void wake_one(struct wait_queue *queue)
{
    if (queue->first)
        make_runnable(queue->first);
}

void wake_all(struct wait_queue *queue)
{
    while (queue->first)
        make_runnable(queue->first);
}

bool wait_on_until(struct wait_queue *queue, uint64_t deadline)
{
    struct thread *self = current;

    self->next = NULL;
    if (queue->last)
        queue->last->next = self;
    else
        queue->first = self;
    queue->last = self;
    self->queue = queue;
    self->deadline = deadline;
    self->runnable = self->timed_out = false;
    if (self == &main_thread) {
        /* The test itself calls what waits: let the others bring it about. */
        while (!self->runnable)
            threads_settle();
    } else {
        switch_to(&main_thread);
    }
    return !self->timed_out;
}

void wait_on(struct wait_queue *queue)
{
    wait_on_until(queue, 0);
}

void thread_yield(void)
{
    if (current != &main_thread)
        switch_to(&main_thread);
}

static bool expire(void)
{
    bool any = false;

    for (struct thread *t = all; t; t = t->all_next) {
        if (!t->deadline || t->deadline > now)
            continue;
        make_runnable(t);
        t->timed_out = true;
        any = true;
    }
    return any;
}

static void reap(void)
{
    struct thread **link = &all;

    while (*link) {
        struct thread *t = *link;

        if (!t->ended) {
            link = &t->all_next;
            continue;
        }
        *link = t->all_next;
        free(t->stack);
        free(t);
    }
}

void threads_settle(void)
{
    unsigned int turns = 0;
    bool any;

    do {
        any = false;
        expire();
        for (struct thread *t = all; t; t = t->all_next) {
            if (!t->runnable || t->ended)
                continue;
            any = true;
            switch_to(t);
            if (++turns > MAX_TURNS)
                guest_panic("the threads do not come to rest");
        }
        reap();
    } while (any);
}

void threads_pass_time(uint64_t nanoseconds)
{
    uint64_t end = now + nanoseconds;

    threads_settle();
    for (;;) {
        uint64_t first = end;

        for (struct thread *t = all; t; t = t->all_next)
            if (t->deadline && t->deadline < first)
                first = t->deadline;
        now = first;
        threads_settle();
        if (now == end)
            return;
    }
}

unsigned int threads_count(void)
{
    unsigned int count = 0;

    for (struct thread *t = all; t; t = t->all_next)
        count += !t->ended;
    return count;
}
