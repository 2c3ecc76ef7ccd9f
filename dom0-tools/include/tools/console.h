/* SPDX-License-Identifier: MIT */
/*
 * A domain's console, seen from the service: output moves from the shared ring (public/io/console.h) into a
 * log of the last CONSOLE_LOG_SIZE bytes, and from there to whoever is attached; input goes the other way.
 * The ring is shared with a guest that may write anything into it at any time.
 */
#ifndef TOOLS_CONSOLE_H
#define TOOLS_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#define CONSOLE_LOG_SIZE   (32u << 10)
#define CONSOLE_INPUT_SIZE 1024u

struct console;

/* Takes output of an attached console. May take long, but does not wait for the guest. */
typedef void console_sink(void *context, const void *data, size_t length);

/* @page is the mapped ring; it outlives the console. Returns NULL when memory is short. */
struct console *console_open(void *page);
void console_close(struct console *c);

/*
 * Moves at most one ring's worth of output and as much input as fits. Returns whether anything moved, that
 * is, whether the guest is to be notified.
 */
bool console_turn(struct console *c);

/*
 * Attaches @sink, in place of another, and hands it the output that nobody has seen yet. NULL detaches:
 * output is kept from then on.
 */
void console_attach(struct console *c, console_sink *sink, void *context);

/*
 * Queues typed bytes. Returns how many were taken: the rest has no room until the guest reads. A turn is
 * due afterwards.
 */
size_t console_input(struct console *c, const void *data, size_t length);

#endif
