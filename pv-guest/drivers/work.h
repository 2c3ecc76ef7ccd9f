/* SPDX-License-Identifier: MIT */
/*
 * Deferred work: what an event handler wants done in a thread.
 *
 * One thread, started with the kernel, runs the items in the order in which they were scheduled.
 * All data paths of the drivers run there, one after the other, so they need no locks among
 * themselves. An item must not wait; what has to (talking to the store, for one) has a thread of
 * its own.
 */
#ifndef DRIVERS_WORK_H
#define DRIVERS_WORK_H

#include <stdbool.h>

struct work {
    struct work *next;
    bool scheduled;
    void (*run)(struct work *work);
};

/*
 * Has `work->run` called soon; once, however often it is scheduled before. Safe in event handlers.
 */
void work_schedule(struct work *work);

/* Takes back what was scheduled and has not begun. */
void work_cancel(struct work *work);

#endif
