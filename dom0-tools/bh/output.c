/* SPDX-License-Identifier: MIT */
/* The output of `bh`. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <platform.h>
#include <tools/utf8.h>

#include "bh.h"

static void print_by(void (*write)(const void *data, size_t length), const char *format,
                     va_list args)
{
    char text[1024];
    int length = vsnprintf(text, sizeof(text), format, args);

    if (length >= 0)
        write(text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

void bh_print(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_by(platform_terminal_write, format, args);
    va_end(args);
}

void bh_complain(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_by(platform_terminal_complain, format, args);
    va_end(args);
}

/* ---- Long output ---- */

static bool part_is_open; /* its line is not over while other threads run */
static uint64_t turn_began, part_ended;

void bh_end_part(void)
{
    if (part_is_open)
        platform_terminal_write("\n", 1);
    part_is_open = false;
}

/* Writes a part, and lets other threads run if it is their turn. */
static void write_part(const char *bytes, size_t length)
{
    uint64_t now = platform_now();

    if (now - part_ended >= TERMINAL_TURN) /* others have had theirs, or nothing was printed */
        turn_began = now;
    platform_terminal_write(bytes, length);
    part_ended = platform_now();
    if (part_ended - turn_began < TERMINAL_TURN)
        return;
    part_is_open = bytes[length - 1] != '\n';
    platform_yield();
    part_is_open = false;
    turn_began = part_ended = platform_now();
}

bool bh_print_long(const void *data, size_t length)
{
    const char *text = data;

    while (length) {
        size_t part = length < TERMINAL_PART ? length : TERMINAL_PART;

        write_part(text, part);
        text += part;
        length -= part;
        if (platform_terminal_interrupted()) {
            if (text[-1] != '\n')
                bh_print("\n");
            return false;
        }
    }
    return true;
}

void bh_write_end(struct bh_writer *w)
{
    if (!w->used)
        return;
    if (w->others_run)
        write_part(w->part, w->used);
    else
        platform_terminal_write(w->part, w->used);
    w->used = 0;
}

void bh_write(struct bh_writer *w, const char *bytes, size_t length)
{
    while (length) {
        size_t room = sizeof(w->part) - w->used, part = length < room ? length : room;

        memcpy(w->part + w->used, bytes, part);
        w->used += part;
        bytes += part;
        length -= part;
        if (w->used == sizeof(w->part))
            bh_write_end(w);
    }
}

/* ---- Lines ---- */

void bh_print_padded(const char *text, unsigned int columns)
{
    size_t used = utf8_columns(text, strlen(text));

    bh_print("%s%*s", text, used < columns ? (int)(columns - used) : 0, "");
}

int bh_fail(const struct bh_call *call, const char *format, ...)
{
    char text[ERROR_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    bh_complain("bh %s: %s\n", call->verb->name, text);
    return -1;
}

/* "list [-l|--long] [--json] [DOMAIN...]" */
static void usage_text(const struct bh_verb *verb, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s", verb->name);

    for (const struct bh_option *o = verb->options; o->letter || o->word; o++) {
        char letter[] = {'-', o->letter, '\0'};

        used += (size_t)snprintf(text + used, size - used, " [%s%s%s%s%s%s]",
                                 o->letter ? letter : "", o->letter && o->word ? "|" : "",
                                 o->word ? "--" : "", o->word ? o->word : "", o->value ? " " : "",
                                 o->value ? o->value : "");
    }
    snprintf(text + used, size - used, "%s%s", *verb->arguments ? " " : "", verb->arguments);
}

int bh_usage(const struct bh_call *call)
{
    char usage[160];

    usage_text(call->verb, usage, sizeof(usage));
    return bh_fail(call, "usage: bh %s", usage);
}

int bh_misused(const struct bh_call *call, const char *format, ...)
{
    char usage[160], what[120];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    usage_text(call->verb, usage, sizeof(usage));
    return bh_fail(call, "%s; usage: bh %s", what, usage);
}

void bh_explain(const struct bh_verb *verb)
{
    char usage[160];

    usage_text(verb, usage, sizeof(usage));
    bh_print("usage: bh %s\n%s\n", usage, verb->help);
}
