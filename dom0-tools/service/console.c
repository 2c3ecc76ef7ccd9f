/* SPDX-License-Identifier: MIT */
/*
 * Consoles of domains. A guest that writes without end fills its ring and is served one ring's worth a turn;
 * what is older than the log's size is forgotten, never waited for.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <public/xen.h>

#include <public/io/console.h>

#include <tools/console.h>

struct console {
    struct xencons_interface *ring;
    uint8_t log[CONSOLE_LOG_SIZE];
    uint64_t written, seen; /* bytes ever; the log holds the last ones before `written` */
    uint8_t input[CONSOLE_INPUT_SIZE];
    size_t input_length;
    console_sink *sink;
    void *context;
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
    free(c);
}

/* Hands the sink what it has not seen. */
static void show(struct console *c)
{
    if (c->written - c->seen > CONSOLE_LOG_SIZE)
        c->seen = c->written - CONSOLE_LOG_SIZE;
    while (c->sink && c->seen != c->written) {
        size_t start = c->seen % CONSOLE_LOG_SIZE;
        size_t length = CONSOLE_LOG_SIZE - start;

        if (length > c->written - c->seen)
            length = c->written - c->seen;
        c->seen += length;
        c->sink(c->context, c->log + start, length);
    }
}

static bool take_output(struct console *c)
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

static bool give_input(struct console *c)
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
    bool moved = take_output(c);

    moved = give_input(c) || moved;
    show(c);
    return moved;
}

void console_attach(struct console *c, console_sink *sink, void *context)
{
    c->sink = sink;
    c->context = context;
    show(c);
}

size_t console_input(struct console *c, const void *data, size_t length)
{
    size_t room = CONSOLE_INPUT_SIZE - c->input_length;

    if (length > room)
        length = room;
    memcpy(c->input + c->input_length, data, length);
    c->input_length += length;
    return length;
}
