/* SPDX-License-Identifier: MIT */
/*
 * A virtqueue between a driver and a device that writes whatever it likes, in any order. Each chain
 * comes back once, with a length that fits it, and in the end all are accounted for.
 */
/* SOURCES: pv-guest/drivers/virtqueue.c */
#include <drivers/virtqueue.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 8u

static _Alignas(4096) uint8_t descriptors[4096], rings[4096];
static struct virtqueue_slot slots[SIZE];
static struct virtqueue queue;
static volatile uint16_t doorbell;

/* The tokens: how much the device may write, while it has the chain. */
static struct token {
    bool given;
    uint32_t writable;
} tokens[SIZE];

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static void add(uint8_t argument)
{
    struct virtq_desc table[SIZE];
    unsigned int count = argument % 5 + 1;
    struct token *token = tokens;

    while (token < tokens + SIZE && token->given)
        token++;
    if (token == tokens + SIZE)
        return;
    for (unsigned int i = 0; i < count; i++)
        virtq_desc_set(&table[i], i, 512,
                       i + 1 < count ? VIRTQ_DESC_LINK(VIRTQ_DESC_NEXT, i + 1) : 0);
    token->writable = argument * 2u;
    token->given = virtqueue_add(&queue, table, 0x1000, count, token->writable, token);
}

static void take_back(struct token *token)
{
    expect(token >= tokens && token < tokens + SIZE && token->given);
    token->given = false;
}

static void get(void)
{
    struct token *token;
    uint32_t length;

    /* No more than there can be, however far the device says that it is. */
    for (unsigned int i = 0; (token = virtqueue_get(&queue, &length)); i++) {
        expect(i < SIZE && length <= token->writable);
        take_back(token);
    }
    virtqueue_rearm(&queue);
}

/* The device's memory is the used ring, and all of it is the device's. */
static void device_write(const uint8_t *input)
{
    unsigned int room = sizeof(struct virtq_used) + SIZE * sizeof(struct virtq_used_entry) + 2;

    rings[VIRTQUEUE_USED_OFFSET + input[0] % room] = input[1];
}

/* Honest as far as it goes: a chain that was given, or the index one further. */
static void device_answer(uint8_t argument)
{
    struct virtq_used *used = queue.used;

    used->ring[used->index % SIZE] = (struct virtq_used_entry){.id = argument % (SIZE + 1),
                                                               .length = argument};
    used->index++;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct token *token;

    if (size < 1)
        return 0;
    memset(descriptors, 0, sizeof(descriptors));
    memset(rings, 0, sizeof(rings));
    memset(tokens, 0, sizeof(tokens));
    virtqueue_init(&queue, 0, SIZE, descriptors, rings, slots, &doorbell, input[0] & 1,
                   input[0] & 2);
    for (size_t i = 1; i + 3 <= size; i += 3) {
        if (input[i] < 80)
            add(input[i + 1]);
        else if (input[i] < 120)
            virtqueue_kick(&queue);
        else if (input[i] < 180)
            device_answer(input[i + 1]);
        else if (input[i] < 200)
            device_write(input + i + 1);
        else
            get();
    }
    while ((token = virtqueue_detach(&queue)))
        take_back(token);
    for (unsigned int i = 0; i < SIZE; i++)
        expect(!tokens[i].given);
    expect(queue.free_count == SIZE);
    return 0;
}
