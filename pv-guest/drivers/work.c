/* SPDX-License-Identifier: MIT */
/*
 * Deferred work: a list of items in the order in which they were scheduled, and the thread that
 * runs them. The list is changed with events disabled, since handlers add to it.
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

/*
 * The next item, no more scheduled, so that it can be scheduled again while it runs.
 * @param waited receives whether there was none: then the other threads had their turn.
 */
static struct work *take_work(bool *waited)
{
    bool enabled = events_disable();
    struct work *work;

    *waited = !first;
    while (!first)
        wait_on(&queue);
    work = first;
    first = work->next;
    if (!first)
        end = &first;
    work->scheduled = false;
    events_restore(enabled);
    return work;
}

/* The clock is looked at only between items: most turns have one or two. */
static void work_thread(void *argument)
{
    unsigned int done = 0;
    uint64_t since = 0; /* the end of the turn's first item; 0: it has not ended */

    for (;;) {
        bool waited;
        struct work *work = take_work(&waited);

        if (waited) {
            done = 0;
            since = 0;
        }
        work->run(work);
        if (++done < BATCH) {
            uint64_t now;

            if (!first)
                continue;
            now = clock_now();
            if (!since)
                since = now;
            if (now - since < TURN)
                continue;
        }
        thread_yield();
        done = 0;
        since = 0;
    }
}

/* With the kernel's start, so that an event handler finds the thread there. */
static void __attribute__((constructor)) start_work_thread(void)
{
    if (!thread_create("work", work_thread, NULL))
        guest_panic("no memory for the work thread");
}
