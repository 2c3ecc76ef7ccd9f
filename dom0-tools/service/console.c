/* SPDX-License-Identifier: MIT */
/*
 * Consoles of domains. A guest that writes without end fills its ring and is served one ring's
 * worth a turn, so that other domains are served in between.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <public/xen.h>

#include <public/io/console.h>

#include "console.h"

struct console {
    struct xencons_interface *ring;
    uint8_t log[CONSOLE_LOG_SIZE];
    uint64_t written; /* bytes ever; the log holds the last ones before that */
    uint64_t seen;    /* how many of them any reader has seen */
    uint8_t input[CONSOLE_INPUT_SIZE];
    size_t input_length;
    struct console_reader *readers;
};

struct console *console_open(void *page)
{
    struct console *c = calloc(1, sizeof(*c));

    if (c)
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
    free(c);
}

/* The part of the log from byte @from of all output on that lies in one piece. */
static const uint8_t *log_piece(const struct console *c, uint64_t from, size_t *length)
{
    size_t start = from % CONSOLE_LOG_SIZE, room = CONSOLE_LOG_SIZE - start;

    *length = c->written - from < room ? (size_t)(c->written - from) : room;
    return c->log + start;
}

/* Skips what is not in the log any more. */
static uint64_t log_oldest(const struct console *c, uint64_t from)
{
    return c->written - from > CONSOLE_LOG_SIZE ? c->written - CONSOLE_LOG_SIZE : from;
}

/* Hands the readers what they have not seen. */
static void console_show(struct console *c)
{
    for (struct console_reader *r = c->readers; r; r = r->next) {
        r->seen = log_oldest(c, r->seen);
        while (r->seen != c->written) {
            size_t length;
            const uint8_t *data = log_piece(c, r->seen, &length);

            r->seen += length;
            r->sink(r->context, data, length);
        }
        c->seen = c->written;
    }
}

static bool console_take_output(struct console *c)
{
    uint32_t cons = __atomic_load_n(&c->ring->out_cons, __ATOMIC_RELAXED);
    uint32_t prod = __atomic_load_n(&c->ring->out_prod, __ATOMIC_ACQUIRE);
    uint32_t length = prod - cons;

    /* An impossible amount: take the indices as they are, the guest gets what it asked for. */
    if (length > sizeof(c->ring->out))
        length = 0;
    for (uint32_t i = 0; i < length; i++)
        c->log[c->written++ % CONSOLE_LOG_SIZE] =
            (uint8_t)c->ring->out[MASK_XENCONS_IDX(cons + i, c->ring->out)];
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
    return true;
}

bool console_turn(struct console *c)
{
    bool moved = console_take_output(c);

    moved = console_give_input(c) || moved;
    console_show(c);
    return moved;
}

void console_attach(struct console *c, struct console_reader *reader)
{
    reader->seen = c->seen;
    reader->next = c->readers;
    c->readers = reader;
    console_show(c);
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

    if (length > room)
        length = room;
    memcpy(c->input + c->input_length, data, length);
    c->input_length += length;
    return length;
}
