/* SPDX-License-Identifier: MIT */
/*
 * The domain's console: dom0 uses console_io, a domU through its ring.
 *
 * printf() writes to it. Output never waits in an event handler: there, what does not fit the ring
 * is dropped. Input is raw: every key arrives as it was typed, nothing is echoed.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes bytes; "\n" is sent as "\r\n" where the far end is a terminal. */
void console_write(const char *text, size_t length);

/* Writes bytes exactly as they are. */
void console_write_raw(const void *data, size_t length);

/* Waits for the next input byte. */
int console_read_key(void);

/*
 * Waits for an input byte until @deadline (clock_now() scale).
 * @return the byte, or -1 when there was none in time.
 */
int console_read_key_until(uint64_t deadline);

/* Whether an input byte is there. */
bool console_has_key(void);

/*
 * Reads a line with echo and backspace, without the line end.
 * @return its length.
 */
size_t console_read_line(char *line, size_t size);

#endif
