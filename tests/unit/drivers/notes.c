/* SPDX-License-Identifier: MIT */
/* See notes.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "notes.h"

char notes[8192];

void note(const char *format, ...)
{
    size_t length = strlen(notes);
    va_list args;

    va_start(args, format);
    vsnprintf(notes + length, sizeof(notes) - length, format, args);
    va_end(args);
}

void assert_noted(const char *wanted)
{
    assert_string_equal(notes, wanted);
    notes[0] = '\0';
}
