/* SPDX-License-Identifier: MIT */
/*
 * A line on the terminal that says how far a long action is: it appears when a second has passed,
 * is written anew every second, and goes when the action ends. An action that cannot look at the
 * terminal itself also learns from here that Ctrl-C was typed. Private to dom0-tools/bh.
 *
 * Commands run one after the other, so there is one action at a time.
 */
#ifndef TOOLS_BH_PROGRESS_H
#define TOOLS_BH_PROGRESS_H

#include <stddef.h>

#define PROGRESS_TEXT_SIZE 64

/*
 * An action begins. @tell writes what is going on and how far it is, in at most PROGRESS_TEXT_SIZE
 * bytes; it does not wait. @interrupt is called when Ctrl-C has been typed; NULL for an action that
 * looks for it itself. Without memory for the thread that does this there is no line, and Ctrl-C
 * has no effect.
 */
void bh_progress_begin(void (*tell)(void *context, char text[PROGRESS_TEXT_SIZE]),
                       void (*interrupt)(void *context), void *context);
void bh_progress_end(void);

/* Takes the line away, for other output, until it is written again. */
void bh_progress_hide(void);

#endif
