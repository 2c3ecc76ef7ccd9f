/* SPDX-License-Identifier: MIT */
/*
 * Text in UTF-8: where its characters end, and how wide they are on a terminal. Nothing here
 * touches the platform or allocates memory.
 */
#ifndef TOOLS_UTF8_H
#define TOOLS_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * @return the length in bytes of the character at @text, of which @left bytes can be read; 0 if it
 * is not a character in UTF-8.
 */
size_t utf8_length(const char *text, size_t left);

/*
 * Whether the character of @length bytes at @text, as utf8_length gives it, is one of the control
 * characters U+0000 to U+001f and U+007f to U+009f, which terminals obey.
 */
bool utf8_is_control(const char *text, size_t length);

/*
 * Copies @text, whose control characters and whose bytes that are not UTF-8 are written as in C
 * ("\x1b"), to @to, which has room for @room bytes (at least 1) with the final zero. What does not
 * fit is cut off behind a whole character.
 */
void utf8_printable(char *to, size_t room, const char *text);

/* The columns that @length bytes take on a terminal; a byte that is not UTF-8 takes one. */
size_t utf8_columns(const char *text, size_t length);

/* The length in bytes of as much of @text as fits into @columns of a terminal. */
size_t utf8_fit(const char *text, size_t columns);

/* The largest length of at most @length bytes at which no character of @text is cut. */
size_t utf8_whole(const char *text, size_t length);

#endif
