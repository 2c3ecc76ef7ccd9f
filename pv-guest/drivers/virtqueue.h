/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues (virtio 1.2, chapter 2.7), the driver's side: descriptors given to a device and
 * taken back when it has used them. No kernel dependencies: memory is handed in, addresses come
 * ready-made.
 *
 * Two features shorten a request. With INDIRECT_DESC a chain of any length takes one descriptor of
 * the ring, which points to a table that the driver keeps. With EVENT_IDX each side says after
 * which entry it wants to hear again.
 *
 * What the device writes is read once and checked: it can make requests fail, not more. After the
 * first wrong answer the queue is `broken` and gives nothing back any more.
 *
 * One user at a time: all calls for a queue come from threads and work items.
 */
#ifndef DRIVERS_VIRTQUEUE_H
#define DRIVERS_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So each of the three parts lies within a page, and the two that share one fit. */
#define VIRTQUEUE_MAX_SIZE 256u

#define VIRTQ_DESC_NEXT     1u
#define VIRTQ_DESC_WRITE    2u /* the device writes it */
#define VIRTQ_DESC_INDIRECT 4u

struct virtq_desc {
    uint64_t address;
    uint32_t length;
    uint16_t flags; /* VIRTQ_DESC_* */
    uint16_t next;  /* index in the same table, with VIRTQ_DESC_NEXT */
};

/* `flags` and `next` as they lie behind `length`, so that a descriptor is made by two stores. */
#define VIRTQ_DESC_LINK(flags, next) ((uint64_t)(flags) << 32 | (uint64_t)(next) << 48)

/* Fills in a descriptor. */
static inline void virtq_desc_set(struct virtq_desc *descriptor, uint64_t address, uint32_t length,
                                  uint64_t link)
{
    uint64_t rest = length | link;

    descriptor->address = address;
    __builtin_memcpy(&descriptor->length, &rest, sizeof(rest));
}

struct virtq_avail {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[]; /* and, behind it, used_event */
};

struct virtq_used_entry {
    uint32_t id;
    uint32_t length; /* bytes that the device wrote */
};

struct virtq_used {
    uint16_t flags;
#define VIRTQ_USED_NO_NOTIFY 1u
    uint16_t index;
    struct virtq_used_entry ring[]; /* and, behind it, avail_event */
};

/* What we know of a descriptor of the ring; the device does not see this. */
struct virtqueue_slot {
    void *token;
    uint32_t writable; /* bytes */
    uint16_t next;     /* of the chain, or of the free list */
    uint16_t count;    /* descriptors of the chain that begins here; 0: none does */
};

struct virtqueue {
    struct virtq_desc *descriptors;
    struct virtq_avail *avail;
    struct virtq_used *used;
    uint16_t *used_event;        /* ours to write */
    const uint16_t *avail_event; /* the device's */
    volatile uint16_t *doorbell;
    struct virtqueue_slot *slots;
    uint16_t number; /* what the doorbell is rung with */
    uint16_t mask;   /* size - 1 */
    uint16_t free_first, free_count;
    uint16_t avail_next;  /* where the next chain goes */
    uint16_t avail_shown; /* up to where the device has seen it */
    uint16_t used_next;   /* what is taken next */
    bool indirect, event_idx;
    bool broken;
};

/*
 * Prepares an empty queue.
 * @param size        a power of two up to VIRTQUEUE_MAX_SIZE.
 * @param descriptors a page of zeroes for the descriptors.
 * @param rings       a page of zeroes for the other parts, at VIRTQUEUE_*_OFFSET.
 * @param slots       @size of them.
 */
void virtqueue_init(struct virtqueue *queue, uint16_t number, unsigned int size, void *descriptors,
                    void *rings, struct virtqueue_slot *slots, volatile uint16_t *doorbell,
                    bool indirect, bool event_idx);

/* Where the available ring and the used ring are in the page `rings`. */
#define VIRTQUEUE_AVAIL_OFFSET 0u
#define VIRTQUEUE_USED_OFFSET  1024u

/* For chains that go into the ring itself. */
bool virtqueue_add_direct(struct virtqueue *queue, const struct virtq_desc *table,
                          unsigned int count, uint32_t writable, void *token);

/*
 * Queues a chain. The device sees it with the next virtqueue_kick().
 * @param table    the chain, from its first entry on along `next`; it has @count entries, which
 *                 are the table's first. It stays as it is until the chain comes back.
 * @param maddr    machine address of the table, within one page.
 * @param writable bytes that the device may write.
 * @param token    what virtqueue_get() returns; not NULL.
 * @return false when there is no room.
 */
static inline bool virtqueue_add(struct virtqueue *queue, const struct virtq_desc *table,
                                 uint64_t maddr, unsigned int count, uint32_t writable, void *token)
{
    uint16_t id = queue->free_first;
    struct virtqueue_slot *slot = &queue->slots[id];
    struct virtq_desc *descriptor = &queue->descriptors[id];

    if (count > 1 && !queue->indirect)
        return virtqueue_add_direct(queue, table, count, writable, token);
    if (queue->free_count == 0)
        return false;
    if (count > 1)
        virtq_desc_set(descriptor, maddr, count * (uint32_t)sizeof(*table),
                       VIRTQ_DESC_LINK(VIRTQ_DESC_INDIRECT, 0));
    else
        *descriptor = *table;
    queue->free_count--;
    queue->free_first = slot->next;
    slot->token = token;
    slot->writable = writable;
    slot->count = 1;
    queue->avail->ring[queue->avail_next++ & queue->mask] = id;
    return true;
}

/* Shows the device what was added since the last time, and wakes it if it asked for that. */
static inline void virtqueue_kick(struct virtqueue *queue)
{
    uint16_t old = queue->avail_shown, new = queue->avail_next;
    bool wanted;

    if (old == new)
        return;
    __atomic_store_n(&queue->avail->index, new, __ATOMIC_RELEASE);
    queue->avail_shown = new;
    /* Either the device sees the new index, or we see that it wants to be woken. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (queue->event_idx) {
        uint16_t event = __atomic_load_n(queue->avail_event, __ATOMIC_RELAXED);

        wanted = (uint16_t)(new - event - 1) < (uint16_t)(new - old);
    } else {
        wanted = !(__atomic_load_n(&queue->used->flags, __ATOMIC_RELAXED) & VIRTQ_USED_NO_NOTIFY);
    }
    if (wanted)
        *queue->doorbell = queue->number;
}

/*
 * Takes back a chain that the device has used.
 * @param length receives how many bytes it says to have written: at most `writable`.
 * @return the token, or NULL: there is none, or the queue is broken.
 */
void *virtqueue_get(struct virtqueue *queue, uint32_t *length);

/*
 * Asks for an interrupt at the next chain that is used.
 * @return false if one was used meanwhile: call virtqueue_get() again.
 */
static inline bool virtqueue_rearm(struct virtqueue *queue)
{
    if (!queue->event_idx || queue->broken)
        return true;
    __atomic_store_n(queue->used_event, queue->used_next, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&queue->used->index, __ATOMIC_ACQUIRE) == queue->used_next;
}

/*
 * Looks for what got lost (virtio_watch.c): wakes the device if it may not have seen all chains.
 * @return whether used chains wait to be taken.
 */
bool virtqueue_recheck(struct virtqueue *queue);

/*
 * Takes back a chain that the device has not used, from a device that was reset.
 * @return its token, or NULL when none is left.
 */
void *virtqueue_detach(struct virtqueue *queue);

#endif
