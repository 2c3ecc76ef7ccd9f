/* SPDX-License-Identifier: MIT */
/*
 * Consoles of domains. A guest that writes without end fills its ring and is served one ring's
 * worth a turn, so that other domains are served in between. What readers are shown goes to them in
 * small parts, since a terminal is slow.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <public/xen.h>

#include <public/io/console.h>

#include "console.h"

#define FIRST_LOG_SIZE 2000u /* fits into a block of 2 KiB */

struct console {
    struct xencons_interface *ring;
    uint8_t *log;
    size_t log_size;  /* doubles when it is full, up to CONSOLE_LOG_SIZE */
    uint64_t written; /* bytes ever; the log holds the last ones before that */
    uint64_t seen;    /* how many of them any reader has seen */
    bool stopped;     /* the ring is not touched any more */
    uint8_t *input;   /* CONSOLE_INPUT_SIZE bytes; NULL while none waits */
    size_t input_length;
    struct console_reader *readers;
};

struct console *console_open(void *page)
{
    struct console *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->log = malloc(FIRST_LOG_SIZE);
    if (!c->log) {
        free(c);
        return NULL;
    }
    c->log_size = FIRST_LOG_SIZE;
    c->ring = page;
    return c;
}

void console_close(struct console *c)
{
    while (c->readers) {
        struct console_reader *reader = c->readers;

        c->readers = reader->next;
        reader->gone(reader->context);
    }
    free(c->log);
    free(c->input);
    free(c);
}

/* The part of the log from byte @from of all output on that lies in one piece. */
static const uint8_t *log_piece(const struct console *c, uint64_t from, size_t *length)
{
    size_t start = from % c->log_size, room = c->log_size - start;

    *length = c->written - from < room ? (size_t)(c->written - from) : room;
    return c->log + start;
}

/* Skips what is not in the log any more. */
static uint64_t log_oldest(const struct console *c, uint64_t from)
{
    return c->written - from > c->log_size ? c->written - c->log_size : from;
}

/* Makes the log larger if @length more bytes do not fit. Without memory it keeps fewer of them. */
static void log_grow(struct console *c, size_t length)
{
    uint64_t from = log_oldest(c, 0);
    size_t size = c->log_size;
    uint8_t *log;

    while (size < CONSOLE_LOG_SIZE && size < c->written - from + length)
        size = 2 * size < CONSOLE_LOG_SIZE ? 2 * size : CONSOLE_LOG_SIZE;
    log = size > c->log_size ? malloc(size) : NULL;
    if (!log)
        return;
    for (uint64_t at = from; at < c->written; at++)
        log[at % size] = c->log[at % c->log_size];
    free(c->log);
    c->log = log;
    c->log_size = size;
}

static void log_add(struct console *c, const char *data, size_t length)
{
    while (length) {
        size_t start = c->written % c->log_size, part = c->log_size - start;

        if (part > length)
            part = length;
        memcpy(c->log + start, data, part);
        c->written += part;
        data += part;
        length -= part;
    }
}

bool console_is_behind(const struct console *c)
{
    const struct console_reader *r = c->readers;

    while (r && r->seen == c->written)
        r = r->next;
    return r;
}

static void show_part(struct console *c, struct console_reader *r)
{
    size_t length;
    const uint8_t *data;

    r->seen = log_oldest(c, r->seen);
    data = log_piece(c, r->seen, &length);
    if (length > TERMINAL_PART)
        length = TERMINAL_PART;
    r->seen += length;
    if (r->seen > c->seen)
        c->seen = r->seen;
    if (length)
        r->sink(r->context, data, length);
}

void console_show(struct console *c)
{
    for (struct console_reader *r = c->readers; r; r = r->next)
        show_part(c, r);
}

static bool console_take_output(struct console *c)
{
    uint32_t cons = __atomic_load_n(&c->ring->out_cons, __ATOMIC_RELAXED);
    uint32_t prod = __atomic_load_n(&c->ring->out_prod, __ATOMIC_ACQUIRE);
    uint32_t length = prod - cons, start = MASK_XENCONS_IDX(cons, c->ring->out);
    uint32_t head = sizeof(c->ring->out) - start;

    /* An impossible amount: take the indices as they are, the guest gets what it asked for. */
    if (length > sizeof(c->ring->out))
        length = 0;
    log_grow(c, length);
    if (head > length)
        head = length;
    log_add(c, c->ring->out + start, head);
    log_add(c, c->ring->out, length - head);
    if (length)
        __atomic_store_n(&c->ring->out_cons, prod, __ATOMIC_RELEASE);
    return length != 0;
}

static bool console_give_input(struct console *c)
{
    uint32_t cons = __atomic_load_n(&c->ring->in_cons, __ATOMIC_ACQUIRE);
    uint32_t prod = __atomic_load_n(&c->ring->in_prod, __ATOMIC_RELAXED);
    uint32_t used = prod - cons, size = sizeof(c->ring->in);
    size_t length = used < size ? size - used : 0;

    if (length > c->input_length)
        length = c->input_length;
    if (!length)
        return false;
    for (size_t i = 0; i < length; i++)
        c->ring->in[MASK_XENCONS_IDX(prod + (uint32_t)i, c->ring->in)] = (char)c->input[i];
    __atomic_store_n(&c->ring->in_prod, prod + (uint32_t)length, __ATOMIC_RELEASE);
    c->input_length -= length;
    memmove(c->input, c->input + length, c->input_length);
    if (!c->input_length) {
        free(c->input);
        c->input = NULL;
    }
    return true;
}

bool console_turn(struct console *c)
{
    bool moved;

    if (c->stopped)
        return false;
    moved = !console_is_behind(c) && console_take_output(c);
    return console_give_input(c) || moved;
}

void console_stop(struct console *c)
{
    console_take_output(c);
    c->stopped = true;
}

void console_attach(struct console *c, struct console_reader *reader)
{
    reader->seen = c->seen;
    reader->next = c->readers;
    c->readers = reader;
}

void console_detach(struct console *c, struct console_reader *reader)
{
    struct console_reader **link = &c->readers;

    while (*link && *link != reader)
        link = &(*link)->next;
    if (*link)
        *link = reader->next;
}

uint64_t console_written(const struct console *c)
{
    return c->written;
}

size_t console_read_log(const struct console *c, uint64_t *position, void *buffer, size_t size)
{
    const uint8_t *data;
    size_t length;

    *position = log_oldest(c, *position);
    data = log_piece(c, *position, &length);
    if (length > size)
        length = size;
    memcpy(buffer, data, length);
    *position += length;
    return length;
}

size_t console_queue_input(struct console *c, const void *data, size_t length)
{
    size_t room = CONSOLE_INPUT_SIZE - c->input_length;

    if (length && !c->input)
        c->input = malloc(CONSOLE_INPUT_SIZE);
    if (!c->input)
        return 0;
    if (length > room)
        length = room;
    memcpy(c->input + c->input_length, data, length);
    c->input_length += length;
    return length;
}
