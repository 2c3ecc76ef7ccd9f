/* SPDX-License-Identifier: MIT */
/* What `bh` prints. */
#include <stdarg.h>
#include <stdio.h>

#include <platform.h>

#include "bh.h"

void bh_print(const char *format, ...)
{
    char text[1024];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length < 0)
        return;
    platform_terminal_write(text,
                            (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

int bh_fail(const char *verb, const char *format, ...)
{
    char text[ERROR_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    bh_print("bh %s: %s\n", verb, text);
    return -1;
}

int bh_usage(const char *verb)
{
    const struct bh_verb *v = bh_find_verb(verb);

    return bh_fail(verb, "usage: bh %s%s%s", verb, v && *v->usage ? " " : "", v ? v->usage : "");
}

void bh_explain(const struct bh_verb *verb)
{
    bh_print("usage: bh %s%s%s\n%s\n", verb->name, *verb->usage ? " " : "", verb->usage,
             verb->help);
}
