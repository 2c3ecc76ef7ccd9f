/* SPDX-License-Identifier: MIT */
/*
 * Taking requests from a block ring and answering them (blkback_ring.h).
 *
 * The layouts of 32-bit and 64-bit fronts differ in one thing: the 64-bit one has four bytes of
 * padding before the id. Slots of the 32-bit layout are aligned to four bytes only.
 */
#include <drivers/blkback_ring.h>
#include <stddef.h>

/* Offsets from the id. */
#define REST_ID       0u
#define REST_SECTOR   8u
#define REST_SEGMENTS 16u
#define REST_DISCARD  16u
#define REST_GREFS    20u

#define WIDE_REST    offsetof(struct blkif_request, id)
#define PADDING      4u
#define SLOTS_OFFSET offsetof(struct blkif_sring, ring)

_Static_assert(offsetof(struct blkif_request, sector_number) == WIDE_REST + REST_SECTOR &&
                   offsetof(struct blkif_request, seg) == WIDE_REST + REST_SEGMENTS &&
                   offsetof(struct blkif_request_discard, nr_sectors) == WIDE_REST + REST_DISCARD &&
                   offsetof(struct blkif_request_indirect, indirect_grefs) ==
                       WIDE_REST + REST_GREFS,
               "the slot's layout");

/* Words at any alignment, read or written exactly once. */
struct __attribute__((packed)) word64 {
    uint64_t value;
};
struct __attribute__((packed)) word32 {
    uint32_t value;
};

static inline uint64_t take64(const uint8_t *at)
{
    return ((const volatile struct word64 *)at)->value;
}

static inline uint32_t take32(const uint8_t *at)
{
    return ((const volatile struct word32 *)at)->value;
}

static inline struct blkif_sring *indices(const struct blkback_ring *ring)
{
    return (struct blkif_sring *)ring->shared;
}

static inline uint8_t *slot(const struct blkback_ring *ring, uint32_t index)
{
    return ring->shared + SLOTS_OFFSET + (index & (ring->slots - 1)) * ring->slot_size;
}

void blkback_ring_init(struct blkback_ring *ring, void *shared, uint32_t size, bool narrow)
{
    *ring = (struct blkback_ring){
        .shared = shared,
        .slot_size = sizeof(struct blkif_request) - (narrow ? PADDING : 0),
        .rest = WIDE_REST - (narrow ? PADDING : 0),
    };
    ring->slots = XEN_RING_POWER_OF_TWO((size - SLOTS_OFFSET) / ring->slot_size);
}

bool blkback_ring_waiting(const struct blkback_ring *ring, uint32_t *count)
{
    uint32_t put = __atomic_load_n(&indices(ring)->req_prod, __ATOMIC_ACQUIRE);

    *count = put - ring->req_cons;
    return *count <= ring->slots - (ring->req_cons - ring->rsp_prod);
}

/* Checks @count descriptors, which are out of the front's reach. @return NULL, or what is wrong. */
static const char *check_segments(const uint64_t *segments, unsigned int count, uint64_t *sectors)
{
    for (unsigned int i = 0; i < count; i++) {
        uint32_t first = blkback_segment_first(segments[i]);
        uint32_t last = blkback_segment_last(segments[i]);

        if (first > last || last >= BLKBACK_PAGE_SECTORS)
            return "a segment is no part of a page";
        *sectors += last - first + 1;
    }
    return NULL;
}

/*
 * Takes @count descriptors from shared memory, the first of which is the command's number @index.
 * Mostly all are whole pages: what they have in common and what any of them has says so.
 * @return NULL, or why the device is to be closed.
 */
static inline const char *take_segments(struct blkback_command *command, unsigned int index,
                                        unsigned int count, const uint8_t *at)
{
    uint64_t *to = &command->segments[index];
    uint64_t all = ~0ull, any = 0;

    for (const uint8_t *end = at + count * sizeof(uint64_t); at < end; at += sizeof(uint64_t)) {
        uint64_t segment = take64(at);

        *to++ = segment;
        all &= segment;
        any |= segment;
    }
    if (!blkback_segment_is_page(all) || !blkback_segment_is_page(any))
        return check_segments(&command->segments[index], count, &command->sectors);
    command->sectors += count * BLKBACK_PAGE_SECTORS;
    return NULL;
}

static inline const char *check_range(const struct blkback_command *command,
                                      const struct blkback_limits *limits)
{
    if (command->sectors > limits->sectors || command->sector > limits->sectors - command->sectors)
        return "a request goes beyond the end of the disk";
    return NULL;
}

static const char *take_direct(const struct blkback_limits *limits, struct blkback_command *command,
                               uint32_t head, const uint8_t *rest)
{
    unsigned int count = (uint8_t)(head >> 8);
    const char *why;

    if (count > BLKIF_MAX_SEGMENTS_PER_REQUEST)
        return "a request has more segments than fit";
    if (count == 0 && (command->kind == BLKBACK_READ || command->kind == BLKBACK_WRITE))
        return "a request has no segments";
    command->segment_count = count;
    why = take_segments(command, 0, count, rest + REST_SEGMENTS);
    if (why)
        return why;
    /* A flush without data may have any number there. */
    return count ? check_range(command, limits) : NULL;
}

static const char *take_indirect(const struct blkback_limits *limits,
                                 struct blkback_command *command, uint32_t head,
                                 const uint8_t *rest)
{
    uint8_t operation = (uint8_t)(head >> 8);
    unsigned int count = head >> 16;

    command->operation = operation;
    if (limits->segments == 0) {
        command->kind = BLKBACK_UNKNOWN;
        return NULL;
    }
    if (operation != BLKIF_OP_READ && operation != BLKIF_OP_WRITE)
        return "an indirect request neither reads nor writes";
    if (count == 0 || count > limits->segments || count > BLKBACK_MAX_SEGMENTS)
        return "an indirect request has a wrong number of segments";
    command->kind = operation == BLKIF_OP_READ ? BLKBACK_READ : BLKBACK_WRITE;
    command->operation = operation;
    command->segment_count = count;
    command->page_count = (count + BLKIF_SEGMENTS_PER_PAGE - 1) / BLKIF_SEGMENTS_PER_PAGE;
    for (unsigned int i = 0; i < command->page_count; i++)
        command->pages[i] = take32(rest + REST_GREFS + i * sizeof(grant_ref_t));
    return NULL;
}

static const char *take_discard(const struct blkback_limits *limits,
                                struct blkback_command *command, uint32_t head, const uint8_t *rest)
{
    uint8_t flags = (uint8_t)(head >> 8);

    command->sectors = take64(rest + REST_DISCARD);
    /* Nothing that we stand on promises to leave no trace. */
    if (flags & BLKIF_DISCARD_SECURE)
        command->kind = BLKBACK_UNKNOWN;
    return check_range(command, limits);
}

const char *blkback_ring_take(struct blkback_ring *ring, const struct blkback_limits *limits,
                              struct blkback_command *command)
{
    const uint8_t *request = slot(ring, ring->req_cons++);
    const uint8_t *rest = request + ring->rest;
    uint32_t head = take32(request);

    command->operation = (uint8_t)head;
    command->id = take64(rest + REST_ID);
    command->sector = take64(rest + REST_SECTOR);
    command->sectors = 0;
    command->segment_count = 0;
    command->page_count = 0;
    switch (command->operation) {
    case BLKIF_OP_READ:
        command->kind = BLKBACK_READ;
        return take_direct(limits, command, head, rest);
    case BLKIF_OP_WRITE:
        command->kind = BLKBACK_WRITE;
        return take_direct(limits, command, head, rest);
    case BLKIF_OP_WRITE_BARRIER:
        command->kind = BLKBACK_BARRIER;
        return take_direct(limits, command, head, rest);
    case BLKIF_OP_FLUSH_DISKCACHE:
        command->kind = BLKBACK_FLUSH;
        return take_direct(limits, command, head, rest);
    case BLKIF_OP_DISCARD:
        command->kind = BLKBACK_DISCARD;
        return take_discard(limits, command, head, rest);
    case BLKIF_OP_INDIRECT:
        return take_indirect(limits, command, head, rest);
    default:
        command->kind = BLKBACK_UNKNOWN;
        return NULL;
    }
}

const char *blkback_ring_segments(struct blkback_command *command,
                                  const struct blkback_limits *limits, unsigned int page,
                                  const void *shared)
{
    unsigned int first = page * BLKIF_SEGMENTS_PER_PAGE;
    unsigned int end = first + BLKIF_SEGMENTS_PER_PAGE;
    const char *why;

    if (end > command->segment_count)
        end = command->segment_count;
    why = take_segments(command, first, end - first, shared);
    if (why)
        return why;
    return end == command->segment_count ? check_range(command, limits) : NULL;
}

void blkback_ring_answer(struct blkback_ring *ring, uint64_t id, uint8_t operation, int16_t status)
{
    uint8_t *answer = slot(ring, ring->rsp_prod++);

    ((volatile struct word64 *)answer)->value = id;
    /* The operation, and the status in the upper half. */
    ((volatile struct word32 *)(answer + offsetof(struct blkif_response, operation)))->value =
        operation | (uint32_t)(uint16_t)status << 16;
}

bool blkback_ring_push(struct blkback_ring *ring)
{
    struct blkif_sring *shared = indices(ring);
    uint32_t from = ring->rsp_pushed;

    __atomic_store_n(&shared->rsp_prod, ring->rsp_prod, __ATOMIC_RELEASE);
    ring->rsp_pushed = ring->rsp_prod;
    xen_mb(); /* our index before our look at what the front asked for */
    return ring->rsp_prod - __atomic_load_n(&shared->rsp_event, __ATOMIC_RELAXED) <
           ring->rsp_prod - from;
}

bool blkback_ring_sleep(struct blkback_ring *ring)
{
    struct blkif_sring *shared = indices(ring);

    __atomic_store_n(&shared->req_event, ring->req_cons + 1, __ATOMIC_RELAXED);
    xen_mb(); /* our wish before our look at what the front has put */
    return __atomic_load_n(&shared->req_prod, __ATOMIC_ACQUIRE) != ring->req_cons;
}
