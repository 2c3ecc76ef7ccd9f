/* SPDX-License-Identifier: MIT */
/* Text in UTF-8 (RFC 3629): see tools/utf8.h. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <tools/utf8.h>

size_t utf8_length(const char *text, size_t left)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length;

    if (!left)
        return 0;
    length = at[0] < 0x80                    ? 1
             : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
             : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
             : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                             : 0;
    if (length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    /* Longer than needed; a surrogate; beyond the last character. */
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

bool utf8_is_control(const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text;

    return length == 1 ? at[0] < 0x20 || at[0] == 0x7f
                       : length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
}

void utf8_printable(char *to, size_t room, const char *text)
{
    size_t left = strlen(text), used = 0;

    while (left) {
        size_t character = utf8_length(text, left), step = character ? character : 1;
        bool escaped = !character || utf8_is_control(text, character);

        if (used + (escaped ? 4 * step : step) >= room)
            break;
        for (size_t i = 0; escaped && i < step; i++)
            snprintf(to + used + 4 * i, 5, "\\x%02x", (unsigned char)text[i]);
        if (!escaped)
            memcpy(to + used, text, step);
        used += escaped ? 4 * step : step;
        text += step;
        left -= step;
    }
    to[used] = '\0';
}

static uint32_t utf8_number(const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text;
    uint32_t number = length == 1 ? at[0] : at[0] & (0x7fu >> length);

    for (size_t i = 1; i < length; i++)
        number = number << 6 | (at[i] & 0x3f);
    return number;
}

/*
 * The usual columns of a character (Unicode's East Asian Width, annex 11, by blocks): marks that
 * combine with the character before them take none, ideographs and the like take two.
 */
static unsigned int character_columns(uint32_t number)
{
    static const struct {
        uint32_t first, last;
        unsigned int columns;
    } blocks[] = {
        {0x0300, 0x036f, 0}, {0x1100, 0x115f, 2},   {0x200b, 0x200f, 0},   {0x20d0, 0x20ff, 0},
        {0x2e80, 0x303e, 2}, {0x3041, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2},
        {0xfe00, 0xfe0f, 0}, {0xfe20, 0xfe2f, 0},   {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2},
        {0xffe0, 0xffe6, 2}, {0x1f300, 0x1f64f, 2}, {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2},
    };

    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        if (number >= blocks[i].first && number <= blocks[i].last)
            return blocks[i].columns;
    return 1;
}

size_t utf8_columns(const char *text, size_t length)
{
    size_t columns = 0, at = 0;

    while (at < length) {
        size_t bytes = utf8_length(text + at, length - at);

        columns += bytes ? character_columns(utf8_number(text + at, bytes)) : 1;
        at += bytes ? bytes : 1;
    }
    return columns;
}

size_t utf8_fit(const char *text, size_t columns)
{
    size_t length = strlen(text), fits = 0;

    while (fits < length) {
        size_t character = utf8_length(text + fits, length - fits), next;

        next = fits + (character ? character : 1);
        if (utf8_columns(text, next) > columns)
            break;
        fits = next;
    }
    return fits;
}

size_t utf8_whole(const char *text, size_t length)
{
    size_t start = length;

    /* Back to the start of the last character: it has at most three bytes that continue it. */
    while (start && length - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (!start || !((unsigned char)text[start - 1] & 0x80))
        return length;
    return utf8_length(text + start - 1, length - start + 1) ? length : start - 1;
}
