/* SPDX-License-Identifier: MIT */
/*
 * Console. Dom0 writes through console_io and learns of input by VIRQ_CONSOLE; a domU has a ring
 * (public/io/console.h), shared with the daemon in dom0, and an event channel for both directions.
 */
#include <clock.h>
#include <console.h>
#include <ctype.h>
#include <guest.h>
#include <hypercall.h>
#include <public/io/console.h>
#include <string.h>
#include <thread.h>

#include "internal.h"

#define INPUT_SIZE 1024u

/* How often a writer that may not wait looks again at a full ring before it drops its text. */
#define FULL_RING_RETRIES 100000

static struct xencons_interface *ring; /* NULL in dom0 */
static evtchn_port_t ring_port;

static uint8_t input[INPUT_SIZE];
static unsigned int input_produced, input_consumed;
static struct wait_queue input_queue, output_queue;

static unsigned int ring_space(void)
{
    return (unsigned int)sizeof(ring->out) -
           (ring->out_prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE));
}

/* Waits for room in the ring. @return false to give up. */
static bool ring_make_room(void)
{
    event_send(ring_port);
    if (thread_may_wait() && !this_vcpu()->info->evtchn_upcall_mask) {
        wait_until(&output_queue, ring_space() > 0);
        return true;
    }
    for (unsigned int i = 0; i < FULL_RING_RETRIES; i++) {
        if (ring_space() > 0)
            return true;
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    return false;
}

static void ring_write(const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (ring_space() == 0 && !ring_make_room())
            return;
        ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = data[i];
        __atomic_store_n(&ring->out_prod, ring->out_prod + 1, __ATOMIC_RELEASE);
    }
    event_send(ring_port);
}

void console_write_raw(const void *data, size_t length)
{
    if (ring)
        ring_write(data, length);
    else
        hypercall_console_io(CONSOLEIO_write, (unsigned int)length, (void *)data);
}

void console_write(const char *text, size_t length)
{
    /* The hypervisor's own console adds carriage returns by itself. */
    while (ring && length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t part = end ? (size_t)(end - text) : length;

        ring_write(text, part);
        if (!end)
            return;
        ring_write("\r\n", 2);
        text += part + 1;
        length -= part + 1;
    }
    if (length > 0)
        console_write_raw(text, length);
}

static unsigned int input_space(void)
{
    return INPUT_SIZE - (input_produced - input_consumed);
}

static void fetch_ring_input(void)
{
    unsigned int consumed = ring->in_cons;
    unsigned int produced = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE);

    while (consumed != produced && input_space() > 0)
        input[input_produced++ % INPUT_SIZE] =
            (uint8_t)ring->in[MASK_XENCONS_IDX(consumed++, ring->in)];
    if (consumed != ring->in_cons) {
        __atomic_store_n(&ring->in_cons, consumed, __ATOMIC_RELEASE);
        event_send(ring_port);
    }
}

static void fetch_hypervisor_input(void)
{
    char buffer[64] = {0};
    long count;

    while (input_space() >= sizeof(buffer)) {
        count = hypercall_console_io(CONSOLEIO_read, sizeof(buffer), buffer);
        if (count <= 0)
            return;
        for (long i = 0; i < count; i++)
            input[input_produced++ % INPUT_SIZE] = (uint8_t)buffer[i];
    }
}

static void fetch_input(void)
{
    if (ring)
        fetch_ring_input();
    else
        fetch_hypervisor_input();
}

static void console_event(evtchn_port_t port, void *argument)
{
    fetch_input();
    if (input_produced != input_consumed)
        wake_all(&input_queue);
    if (ring)
        wake_all(&output_queue);
}

bool console_has_key(void)
{
    return input_produced != input_consumed;
}

int console_read_key_until(uint64_t deadline)
{
    bool enabled = events_disable();
    bool in_time = true;
    int key = -1;

    while (!console_has_key() && in_time)
        in_time = wait_on_until(&input_queue, deadline);
    if (console_has_key()) {
        key = input[input_consumed++ % INPUT_SIZE];
        /* What did not fit into the buffer before may do so now. */
        if (!console_has_key())
            fetch_input();
    }
    events_restore(enabled);
    return key;
}

int console_read_key(void)
{
    return console_read_key_until(~0ull);
}

size_t console_read_line(char *line, size_t size)
{
    size_t length = 0;

    for (;;) {
        int key = console_read_key();

        if (key == '\r' || key == '\n') {
            console_write("\n", 1);
            line[length] = '\0';
            return length;
        }
        if ((key == '\b' || key == 0x7f) && length > 0) {
            length--;
            console_write("\b \b", 3);
        } else if (isprint(key) && length + 1 < size) {
            line[length++] = (char)key;
            console_write(&line[length - 1], 1);
        }
    }
}

void console_init(void)
{
    if (guest_is_dom0())
        return;
    ring = mfn_to_va(start_info->console.domU.mfn);
    ring_port = start_info->console.domU.evtchn;
}

void console_start_input(void)
{
    int port = (int)ring_port;

    if (!ring)
        port = event_bind_virq(VIRQ_CONSOLE, 0);
    if (port < 0)
        guest_panic("no console input: %d", port);
    event_set_handler((evtchn_port_t)port, console_event, NULL);
}
