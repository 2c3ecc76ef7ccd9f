/* SPDX-License-Identifier: MIT */
/*
 * Driver chaos on disks. A disk has requests of one layout only, direct or indirect, so that each
 * of its fields can be rewritten at any time with another value that is right. One that is rough
 * discards, too, so its requests stay as they are; its descriptors do not.
 */
#include <string.h>

#include "driver-chaos.h"

/* Of a disk of 4 MiB at least: no request of ours that begins there goes beyond its end. */
#define SECTORS       4096u
#define SEGMENT_WORDS (4096u / sizeof(uint64_t))

static struct blkif_sring *ring(const struct device *device)
{
    return (struct blkif_sring *)device->rings;
}

static bool indirect_only(const struct device *device)
{
    return (device->id / 16) % 2 && device->max_segments > 0;
}

static uint64_t usual_segment(const struct device *device, struct hostile *h)
{
    uint64_t first = hostile_below(h, 4), last = 4 + hostile_below(h, 4);

    return some_ref(device, h) | first << 32 | last << 40;
}

static uint64_t segment(const struct device *device, struct hostile *h)
{
    return wild(device, h) ? hostile_number(h) : usual_segment(device, h);
}

static uint64_t sector(const struct device *device, struct hostile *h)
{
    return wild(device, h) ? hostile_value(h) : hostile_below(h, SECTORS);
}

static uint8_t operation(const struct device *device, struct hostile *h)
{
    static const uint8_t usual[] = {BLKIF_OP_READ,  BLKIF_OP_READ,         BLKIF_OP_WRITE,
                                    BLKIF_OP_WRITE, BLKIF_OP_READ,         BLKIF_OP_FLUSH_DISKCACHE,
                                    BLKIF_OP_WRITE, BLKIF_OP_WRITE_BARRIER};

    return wild(device, h) ? (uint8_t)hostile_number(h) : usual[hostile_below(h, sizeof(usual))];
}

static void fill_table(struct device *device, struct hostile *h, unsigned int table)
{
    uint64_t *words = (uint64_t *)(device->pages + table * 4096u);

    /* Not all of them wild: one word is as good as many. */
    for (unsigned int i = 0; i < SEGMENT_WORDS; i++)
        words[i] = usual_segment(device, h);
    words[hostile_below(h, SEGMENT_WORDS)] = segment(device, h);
}

static void put_direct(struct device *device, struct hostile *h, struct blkif_request *request)
{
    request->operation = operation(device, h);
    request->nr_segments = (uint8_t)(1 + hostile_below(h, BLKIF_MAX_SEGMENTS_PER_REQUEST));
    request->sector_number = sector(device, h);
    for (unsigned int i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
        ((uint64_t *)(void *)request->seg)[i] = segment(device, h);
}

static void put_indirect(struct device *device, struct hostile *h,
                         struct blkif_request_indirect *request)
{
    unsigned int table = hostile_below(h, TABLE_PAGES);

    fill_table(device, h, table);
    request->indirect_op = (uint8_t)hostile_below(h, 2);
    request->nr_segments = (uint16_t)(1 + hostile_below(h, device->max_segments));
    request->sector_number = sector(device, h);
    for (unsigned int i = 0; i < BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST; i++)
        request->indirect_grefs[i] = device->refs[table];
    request->operation = BLKIF_OP_INDIRECT;
}

static void put_discard(struct device *device, struct hostile *h,
                        struct blkif_request_discard *request)
{
    request->flag = (uint8_t)hostile_below(h, 2);
    request->sector_number = sector(device, h);
    request->nr_sectors = 1 + hostile_below(h, SECTORS);
    request->operation = BLKIF_OP_DISCARD;
}

static void offer(struct device *device, struct hostile *h)
{
    unsigned int order = hostile_below(h, 3);

    memset(device->rings, 0, RING_PAGES * 4096u);
    SHARED_RING_INIT(ring(device));
    device->slots = __RING_SIZE(ring(device), 4096u << order);
    device->put = 0;
    device->max_segments = told(device, "feature-max-indirect-segments");
    for (unsigned int i = 0; i < TABLE_PAGES; i++)
        fill_table(device, h, i);
    if (order == 0 && hostile_below(h, 2)) {
        untell(device, "ring-page-order");
        tell(device, "ring-ref", "%u", device->ring_refs[0]);
    } else {
        tell(device, "ring-page-order", "%u", order);
        for (unsigned int i = 0; i < 1u << order; i++) {
            char key[16] = "ring-ref0";

            key[8] = (char)('0' + i);
            tell(device, key, "%u", device->ring_refs[i]);
        }
    }
    tell(device, "feature-persistent", "%u", hostile_below(h, 2));
    tell(device, "protocol",
         device->manners == WILD && hostile_below(h, 8) == 0 ? "x86_32-abi" : "x86_64-abi");
}

static void ask(struct device *device, struct hostile *h)
{
    uint32_t under_way = device->put - __atomic_load_n(&ring(device)->rsp_prod, __ATOMIC_ACQUIRE);
    uint32_t count = hostile_below(h, 12);

    if (under_way > device->slots)
        return;
    for (; count > 0 && under_way < device->slots; count--, under_way++) {
        struct blkif_request *request =
            &ring(device)->ring[device->put++ & (device->slots - 1)].req;
        bool discards = device->manners == ROUGH && hostile_below(h, 16) == 0;

        request->id = hostile_number(h);
        if (discards)
            put_discard(device, h, (void *)request);
        else if (indirect_only(device))
            put_indirect(device, h, (void *)request);
        else
            put_direct(device, h, request);
    }
    if (wild(device, h))
        device->put += (uint32_t)hostile_value(h);
    __atomic_store_n(&ring(device)->req_prod, device->put, __ATOMIC_RELEASE);
}

/* Any field of a request that is in the ring, or will be, or was. */
static void scribble_request(struct device *device, struct hostile *h)
{
    void *slot = &ring(device)->ring[hostile_below(h, device->slots)];
    struct blkif_request *direct = slot;
    struct blkif_request_indirect *indirect = slot;

    if (indirect_only(device)) {
        switch (hostile_below(h, 4)) {
        case 0:
            indirect->nr_segments = (uint16_t)(1 + hostile_below(h, device->max_segments));
            break;
        case 1:
            indirect->sector_number = sector(device, h);
            break;
        case 2:
            indirect->indirect_op = (uint8_t)hostile_below(h, 2);
            break;
        default:
            indirect->indirect_grefs[0] = device->refs[hostile_below(h, TABLE_PAGES)];
            break;
        }
        return;
    }
    switch (hostile_below(h, 4)) {
    case 0:
        direct->operation = operation(device, h);
        break;
    case 1:
        direct->nr_segments = (uint8_t)(1 + hostile_below(h, BLKIF_MAX_SEGMENTS_PER_REQUEST));
        break;
    case 2:
        direct->sector_number = sector(device, h);
        break;
    default:
        ((uint64_t *)(void *)direct->seg)[hostile_below(h, BLKIF_MAX_SEGMENTS_PER_REQUEST)] =
            segment(device, h);
        break;
    }
}

static void scribble(struct device *device, struct hostile *h)
{
    switch (hostile_below(h, 8)) {
    case 0:
        ring(device)->rsp_event = (uint32_t)hostile_number(h);
        break;
    case 1:
        ring(device)->req_event = (uint32_t)hostile_number(h);
        break;
    case 2:
        if (wild(device, h))
            ring(device)->req_prod = (uint32_t)hostile_value(h);
        break;
    case 3:
    case 4:
    case 5: {
        uint64_t *table = (uint64_t *)(device->pages + hostile_below(h, TABLE_PAGES) * 4096u);

        table[hostile_below(h, SEGMENT_WORDS)] = segment(device, h);
        break;
    }
    default:
        if (device->manners != ROUGH)
            scribble_request(device, h);
        break;
    }
}

static bool answered(const struct device *device)
{
    return __atomic_load_n(&ring(device)->rsp_prod, __ATOMIC_ACQUIRE) == device->put;
}

const struct kind blk_kind = {
    .name = "vbd", .offer = offer, .ask = ask, .scribble = scribble, .answered = answered};
