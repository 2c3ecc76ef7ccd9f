/* SPDX-License-Identifier: MIT */
/*
 * Deferred work: a list of items in the order in which they were scheduled, and the thread that runs
 * them. The list is changed with events disabled, since handlers add to it.
 */
#include <clock.h>
#include <drivers/work.h>
#include <events.h>
#include <guest.h>
#include <stddef.h>
#include <thread.h>

/* Between two looks at the other threads, which must not starve: items, and time. */
#define BATCH 64
#define TURN  MILLISECONDS(1)

static struct work *first, **end = &first;
static struct wait_queue queue;

void work_schedule(struct work *work)
{
    bool enabled = events_disable();

    if (!work->scheduled) {
        work->scheduled = true;
        work->next = NULL;
        *end = work;
        end = &work->next;
        wake_one(&queue);
    }
    events_restore(enabled);
}

void work_cancel(struct work *work)
{
    bool enabled = events_disable();
    struct work **link = &first;

    while (*link && *link != work)
        link = &(*link)->next;
    if (*link) {
        *link = work->next;
        if (end == &work->next)
            end = link;
        work->scheduled = false;
    }
    events_restore(enabled);
}

/* The next item, no more scheduled, so that it can be scheduled again while it runs. */
static struct work *take(void)
{
    struct work *work;

    wait_until(&queue, first != NULL);
    bool enabled = events_disable();
    work = first;
    first = work->next;
    if (!first)
        end = &first;
    work->scheduled = false;
    events_restore(enabled);
    return work;
}

static void work_thread(void *argument)
{
    unsigned int done = 0;
    uint64_t since = 0;

    (void)argument;
    for (;;) {
        struct work *work = take();

        work->run(work);
        if (++done < BATCH && clock_now() - since < TURN)
            continue;
        thread_yield();
        done = 0;
        since = clock_now();
    }
}

/* With the kernel's start, so that an event handler finds the thread there. */
static void __attribute__((constructor)) start(void)
{
    if (!thread_create("work", work_thread, NULL))
        guest_panic("no memory for the work thread");
}
