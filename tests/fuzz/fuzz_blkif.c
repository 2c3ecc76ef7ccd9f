/* SPDX-License-Identifier: MIT */
/*
 * A block ring whose shared memory the input writes to at any time, between the steps of both ends.
 * Whatever it does, a command that the back takes lies within the disk and the protocol, and the
 * front takes at most one answer to each of its requests.
 */
/* SOURCES: pv-guest/drivers/blkback_ring.c pv-guest/drivers/blkfront_ring.c */
#include <drivers/blkback_ring.h>
#include <drivers/blkfront_ring.h>
#include <stdlib.h>
#include <string.h>

#define PAGE    4096u
#define SECTORS 100000u

static uint8_t memory[PAGE] __attribute__((aligned(PAGE)));
static uint8_t descriptors[PAGE] __attribute__((aligned(PAGE)));
static struct blkfront_ring front;
static struct blkback_ring back;
static struct blkback_command command;
static const struct blkback_limits limits = {.sectors = SECTORS, .segments = 200};
static unsigned int asked, answered; /* by the front, to the front */
static unsigned int unanswered;      /* that the back has taken */

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_command(void)
{
    uint64_t sectors = 0;

    must(command.segment_count <= BLKBACK_MAX_SEGMENTS);
    for (unsigned int i = 0; i < command.segment_count; i++) {
        uint32_t first = blkback_segment_first(command.segments[i]);
        uint32_t last = blkback_segment_last(command.segments[i]);

        must(first <= last && last < 8);
        sectors += last - first + 1;
    }
    if (command.kind == BLKBACK_UNKNOWN)
        return;
    if (command.kind == BLKBACK_DISCARD)
        sectors = command.sectors;
    must(sectors == command.sectors);
    must(sectors == 0 || (command.sector < SECTORS && sectors <= SECTORS - command.sector));
    must(sectors > 0 || (command.kind != BLKBACK_READ && command.kind != BLKBACK_WRITE));
}

static void back_takes(void)
{
    uint32_t waiting;
    const char *why;

    if (!blkback_ring_waiting(&back, &waiting) || waiting == 0)
        return;
    must(waiting <= back.slots - unanswered);
    why = blkback_ring_take(&back, &limits, &command);
    if (!why && command.page_count > 0) {
        must(command.page_count == 1);
        why = blkback_ring_segments(&command, &limits, 0, descriptors);
    }
    if (!why)
        check_command();
    unanswered++;
}

static void back_answers(void)
{
    if (unanswered == 0)
        return;
    blkback_ring_answer(&back, command.id, command.operation, BLKIF_RSP_OKAY);
    unanswered--;
}

static void front_puts(uint8_t what)
{
    uint64_t segments[BLKIF_MAX_SEGMENTS_PER_REQUEST];
    grant_ref_t gref = what;

    if (blkfront_ring_room(&front) == 0)
        return;
    for (unsigned int i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
        segments[i] = blkfront_segment(i, what % 8, 7);
    asked++;
    if (what % 3 == 0)
        blkfront_ring_put(&front, BLKIF_OP_READ, 0, what * 100u, segments,
                          1 + what % BLKIF_MAX_SEGMENTS_PER_REQUEST);
    else if (what % 3 == 1)
        blkfront_ring_put_indirect(&front, BLKIF_OP_WRITE, 0, what, what, &gref, 1);
    else
        blkfront_ring_put_discard(&front, 0, what * 1000u, what);
    blkfront_ring_push(&front);
}

static void front_takes(void)
{
    struct blkfront_answer answer;
    uint32_t count;

    if (blkfront_ring_waiting(&front, &count) || count == 0)
        return;
    must(count <= front.slots);
    if (blkfront_ring_take(&front, &answer))
        return;
    must(answer.id < front.slots);
    must(answer.status <= 0 && answer.status >= BLKIF_RSP_EOPNOTSUPP);
    must(++answered <= asked);
    must(front.free_count == front.slots - (asked - answered));
}

static size_t spoil(uint8_t *target, const uint8_t *input, size_t size)
{
    size_t length, at;

    if (size < 3)
        return size;
    at = (input[0] | (size_t)input[1] << 8) % PAGE;
    length = input[2] % 33;
    if (length > size - 3)
        length = size - 3;
    if (length > PAGE - at)
        length = PAGE - at;
    memcpy(target + at, input + 3, length);
    return 3 + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (size < 1)
        return 0;
    memset(memory, 0, sizeof(memory));
    memset(descriptors, 0, sizeof(descriptors));
    blkfront_ring_init(&front, memory, PAGE);
    blkback_ring_init(&back, memory, PAGE, *input++ & 1);
    asked = answered = unanswered = 0;
    size--;
    while (size > 0) {
        uint8_t step = *input++;
        size_t used = 0;

        size--;
        switch (step % 8) {
        case 0:
            used = spoil(memory, input, size);
            break;
        case 1:
            used = spoil(descriptors, input, size);
            break;
        case 2:
            front_puts(step / 8);
            break;
        case 3:
            front_takes();
            break;
        case 4:
            back_answers();
            if (step & 8)
                blkback_ring_push(&back);
            break;
        case 5:
            blkback_ring_sleep(&back);
            blkfront_ring_sleep(&front);
            break;
        default:
            back_takes();
            break;
        }
        input += used;
        size -= used;
    }
    return 0;
}
