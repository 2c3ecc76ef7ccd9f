/* SPDX-License-Identifier: MIT */
/*
 * The few functions on bytes and texts that hypervisor/image needs. It includes no library's
 * header, since those of the hypervisor and of the tools differ.
 */
#ifndef IMAGE_BYTES_H
#define IMAGE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* @return the number in @length bytes, the lowest first */
static inline uint64_t bytes_little(const uint8_t *bytes, unsigned int length)
{
    uint64_t value = 0;

    while (length--)
        value = value << 8 | bytes[length];
    return value;
}

static inline bool bytes_equal(const void *a, const void *b, size_t length)
{
    return !__builtin_memcmp(a, b, length);
}

/* Whether the zero-terminated @text begins with @start. */
static inline bool text_starts(const char *text, const char *start)
{
    while (*start && *text == *start) {
        text++;
        start++;
    }
    return !*start;
}

/*
 * Copies a text of at most @length bytes, which a zero may end early, to @to, which has room for
 * @room bytes with the final zero. What does not fit is cut off.
 */
static inline void text_copy(char *to, size_t room, const void *text, size_t length)
{
    const char *from = (const char *)text;
    size_t i = 0;

    for (; i + 1 < room && i < length && from[i]; i++)
        to[i] = from[i];
    to[i] = '\0';
}

#endif
