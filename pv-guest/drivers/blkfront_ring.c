/* SPDX-License-Identifier: MIT */
/* Putting requests into a block ring and taking the answers (blkfront_ring.h). */
#include <drivers/blkfront_ring.h>

void blkfront_ring_init(struct blkfront_ring *ring, void *shared, uint32_t size)
{
    ring->shared = shared;
    ring->slots = __RING_SIZE(ring->shared, size);
    ring->req_prod = ring->req_pushed = ring->rsp_cons = 0;
    ring->free_count = ring->slots;
    for (uint32_t id = 0; id < ring->slots; id++) {
        ring->free_ids[id] = (uint16_t)(ring->slots - 1 - id);
        ring->operations[id] = BLKFRONT_IDLE;
    }
    SHARED_RING_INIT(ring->shared);
}

static inline union blkif_sring_entry *next_slot(struct blkfront_ring *ring)
{
    return &ring->shared->ring[ring->req_prod++ & (ring->slots - 1)];
}

static inline uint16_t take_id(struct blkfront_ring *ring, uint8_t operation)
{
    uint16_t id = ring->free_ids[--ring->free_count];

    ring->operations[id] = operation;
    return id;
}

uint16_t blkfront_ring_put(struct blkfront_ring *ring, uint8_t operation, blkif_vdev_t handle,
                           uint64_t sector, const uint64_t *segments, unsigned int count)
{
    uint16_t id = take_id(ring, operation);
    struct blkif_request *request = &next_slot(ring)->req;

    request->operation = operation;
    request->nr_segments = (uint8_t)count;
    request->handle = handle;
    request->id = id;
    request->sector_number = sector;
    for (unsigned int i = 0; i < count; i++)
        ((uint64_t *)(void *)request->seg)[i] = segments[i];
    return id;
}

uint16_t blkfront_ring_put_indirect(struct blkfront_ring *ring, uint8_t operation,
                                    blkif_vdev_t handle, uint64_t sector, unsigned int count,
                                    const grant_ref_t *pages, unsigned int page_count)
{
    /* The answer names what is done, not that it was asked for indirectly. */
    uint16_t id = take_id(ring, operation);
    struct blkif_request_indirect *request = (void *)&next_slot(ring)->req;

    request->operation = BLKIF_OP_INDIRECT;
    request->indirect_op = operation;
    request->nr_segments = (uint16_t)count;
    request->id = id;
    request->sector_number = sector;
    request->handle = handle;
    for (unsigned int i = 0; i < page_count; i++)
        request->indirect_grefs[i] = pages[i];
    return id;
}

uint16_t blkfront_ring_put_discard(struct blkfront_ring *ring, blkif_vdev_t handle, uint64_t sector,
                                   uint64_t sectors)
{
    uint16_t id = take_id(ring, BLKIF_OP_DISCARD);
    struct blkif_request_discard *request = (void *)&next_slot(ring)->req;

    request->operation = BLKIF_OP_DISCARD;
    request->flag = 0;
    request->handle = handle;
    request->id = id;
    request->sector_number = sector;
    request->nr_sectors = sectors;
    return id;
}

bool blkfront_ring_push(struct blkfront_ring *ring)
{
    uint32_t from = ring->req_pushed;

    __atomic_store_n(&ring->shared->req_prod, ring->req_prod, __ATOMIC_RELEASE);
    ring->req_pushed = ring->req_prod;
    xen_mb(); /* our index before our look at what the back asked for */
    return ring->req_prod - __atomic_load_n(&ring->shared->req_event, __ATOMIC_RELAXED) <
           ring->req_prod - from;
}

const char *blkfront_ring_waiting(const struct blkfront_ring *ring, uint32_t *count)
{
    uint32_t put = __atomic_load_n(&ring->shared->rsp_prod, __ATOMIC_ACQUIRE);

    *count = put - ring->rsp_cons;
    return *count <= ring->req_pushed - ring->rsp_cons ? NULL : "it answered more than was asked";
}

const char *blkfront_ring_take(struct blkfront_ring *ring, struct blkfront_answer *answer)
{
    const volatile struct blkif_response *shared =
        &ring->shared->ring[ring->rsp_cons++ & (ring->slots - 1)].rsp;
    uint64_t id = shared->id;
    uint8_t operation = shared->operation;
    int16_t status = shared->status;

    if (id >= ring->slots || ring->operations[id] == BLKFRONT_IDLE)
        return "it answered what was not asked";
    if (operation != ring->operations[id])
        return "it answered another operation";
    if (status > BLKIF_RSP_OKAY || status < BLKIF_RSP_EOPNOTSUPP)
        return "it answered with no status of the protocol";
    ring->operations[id] = BLKFRONT_IDLE;
    ring->free_ids[ring->free_count++] = (uint16_t)id;
    answer->id = (uint16_t)id;
    answer->status = status;
    return NULL;
}

bool blkfront_ring_sleep(struct blkfront_ring *ring)
{
    __atomic_store_n(&ring->shared->rsp_event, ring->rsp_cons + 1, __ATOMIC_RELAXED);
    xen_mb(); /* our wish before our look at what the back has put */
    return __atomic_load_n(&ring->shared->rsp_prod, __ATOMIC_ACQUIRE) != ring->rsp_cons;
}
