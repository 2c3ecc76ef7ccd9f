/* SPDX-License-Identifier: MIT */
/*
 * A domain's console: output moves from the shared ring (public/io/console.h) into a log of the
 * last CONSOLE_LOG_SIZE bytes, and from there to every reader that is attached; input goes the
 * other way. The ring is shared with a guest that may write anything into it at any time.
 *
 * Output stays in the ring until all readers have taken it, so a slow reader slows the guest and
 * loses nothing. While no reader is attached the log takes all output, and drops the oldest.
 * Private to dom0-tools/service.
 */
#ifndef TOOLS_SERVICE_CONSOLE_H
#define TOOLS_SERVICE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <platform.h>

#define CONSOLE_LOG_SIZE   (128u << 10)
#define CONSOLE_INPUT_SIZE 1024u

struct console;

/* Takes at most TERMINAL_PART bytes of output. Does not let other threads run. */
typedef void console_sink(void *context, const void *data, size_t length);

/* A client of the console. The structure belongs to the client, which does not move it. */
struct console_reader {
    console_sink *sink;
    void (*gone)(void *context); /* the console is closed, and the reader detached */
    void *context;
    uint64_t seen; /* this and the next belong to the console */
    struct console_reader *next;
};

/*
 * Opens the console of a mapped ring. @page outlives the console. @return NULL when memory is
 * short.
 */
struct console *console_open(void *page);

/* Closes a console, and calls its readers' gone(). */
void console_close(struct console *c);

/*
 * Moves at most one ring's worth of output into the log, unless a reader has not been shown all
 * that is there, and as much input as fits. @return whether anything moved, that is, whether the
 * guest is to be notified.
 */
bool console_turn(struct console *c);

/*
 * Takes what the ring has now; from then on the ring is not touched. What the readers have not been
 * shown then they can be shown afterwards.
 */
void console_stop(struct console *c);

/* Whether a reader has not been shown all. Then console_show is due, and after that a turn. */
bool console_is_behind(const struct console *c);

/* Passes each reader a small part of what it has not seen. A sink must not attach or detach. */
void console_show(struct console *c);

/*
 * Attaches one more reader, which is to be shown the output that no reader has had yet. After a
 * reader has been detached a turn is due.
 */
void console_attach(struct console *c, struct console_reader *reader);
void console_detach(struct console *c, struct console_reader *reader);

/*
 * Queues typed bytes. @return how many were taken; there is room for the rest when the guest has
 * read. The caller runs a turn afterwards.
 */
size_t console_queue_input(struct console *c, const void *data, size_t length);

/* How many bytes of output there have been. */
uint64_t console_written(const struct console *c);

/*
 * Copies output from the log, from byte number *@position of all output on, or from the oldest byte
 * that is left; moves *@position behind it. @return how many bytes: none at the end.
 */
size_t console_read_log(const struct console *c, uint64_t *position, void *buffer, size_t size);

#endif
