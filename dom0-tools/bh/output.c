/* SPDX-License-Identifier: MIT */
/* What `bh` prints, and how it finds options. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

bool bh_take_option(int *argc, char **argv, const char *option)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], option) != 0)
            continue;
        memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof(argv[0]));
        --*argc;
        return true;
    }
    return false;
}
