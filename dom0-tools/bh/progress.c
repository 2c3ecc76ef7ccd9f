/* SPDX-License-Identifier: MIT */
/*
 * The line that says how far a long action is: see progress.h. A thread looks every second, or for
 * Ctrl-C more often, and ends when it finds no action: so many short actions, one after the other,
 * start it once.
 */
#include "progress.h"

#include <platform.h>

#include "bh.h"
#include "listing.h"

#define HIDE     "\r\x1b[K"   /* ANSI: clear the line */
#define KEY_STEP 100000000ull /* ns between looks for Ctrl-C */

static struct {
    void (*tell)(void *context, char text[PROGRESS_TEXT_SIZE]); /* NULL: there is no action */
    void (*interrupt)(void *context);
    void *context;
    uint64_t begin;
    uint64_t told; /* the last second that has been told of */
    bool watched;  /* the thread is there */
    bool shown;
} action;

void bh_progress_hide(void)
{
    if (action.shown)
        bh_print(HIDE);
    action.shown = false;
}

static void show_progress(uint64_t seconds)
{
    char text[PROGRESS_TEXT_SIZE];

    action.tell(action.context, text);
    bh_progress_hide();
    bh_print("%s (%llu s)", text, (unsigned long long)seconds);
    action.shown = true;
}

static void watch_actions(void *unused)
{
    while (action.tell) {
        uint64_t passed = platform_now() - action.begin, rest = SECOND - passed % SECOND;

        if (action.interrupt && platform_terminal_interrupted())
            action.interrupt(action.context);
        if (passed / SECOND != action.told) {
            action.told = passed / SECOND;
            show_progress(action.told);
        }
        platform_sleep(action.interrupt && rest > KEY_STEP ? KEY_STEP : rest);
    }
    action.watched = false;
}

void bh_progress_begin(void (*tell)(void *context, char text[PROGRESS_TEXT_SIZE]),
                       void (*interrupt)(void *context), void *context)
{
    action.tell = tell;
    action.interrupt = interrupt;
    action.context = context;
    action.begin = platform_now();
    action.told = 0;
    if (!action.watched)
        action.watched = !platform_thread_start("progress", watch_actions, NULL);
}

void bh_progress_end(void)
{
    bh_progress_hide();
    action.tell = NULL;
}
