/* SPDX-License-Identifier: MIT */
/*
 * Split virtqueues: the parts that are too long to be inlined. Free descriptors are a list in
 * memory that the device does not see, so nothing that it can write decides which are handed out.
 */
#include <drivers/virtqueue.h>

#include <string.h>

_Static_assert(sizeof(struct virtq_desc) == 16, "as the device sees it");
_Static_assert(sizeof(struct virtq_desc) * VIRTQUEUE_MAX_SIZE <= 4096, "within a page");
_Static_assert(sizeof(struct virtq_avail) + 2 * VIRTQUEUE_MAX_SIZE + 2 <= VIRTQUEUE_USED_OFFSET,
               "the used ring is behind the available ring");
_Static_assert(VIRTQUEUE_USED_OFFSET + sizeof(struct virtq_used) +
                       sizeof(struct virtq_used_entry) * VIRTQUEUE_MAX_SIZE + 2 <=
                   4096,
               "both are within a page");

void virtqueue_init(struct virtqueue *queue, uint16_t number, unsigned int size, void *descriptors,
                    void *rings, struct virtqueue_slot *slots, volatile uint16_t *doorbell,
                    bool indirect, bool event_idx)
{
    *queue = (struct virtqueue){
        .descriptors = descriptors,
        .avail = (void *)((char *)rings + VIRTQUEUE_AVAIL_OFFSET),
        .used = (void *)((char *)rings + VIRTQUEUE_USED_OFFSET),
        .doorbell = doorbell,
        .slots = slots,
        .number = number,
        .mask = (uint16_t)(size - 1),
        .free_count = (uint16_t)size,
        .indirect = indirect,
        .event_idx = event_idx,
    };
    queue->used_event = &queue->avail->ring[size];
    queue->avail_event = (const uint16_t *)(const void *)&queue->used->ring[size];
    memset(slots, 0, size * sizeof(*slots));
    for (unsigned int i = 0; i < size; i++)
        slots[i].next = (uint16_t)(i + 1);
}

bool virtqueue_add_direct(struct virtqueue *queue, const struct virtq_desc *table,
                          unsigned int count, uint32_t writable, void *token)
{
    uint16_t first = queue->free_first, id = first;

    if (count > queue->free_count)
        return false;
    for (unsigned int i = 0, entry = 0; i < count; i++) {
        uint16_t next = queue->slots[id].next;

        queue->descriptors[id] = table[entry];
        queue->descriptors[id].next = next;
        entry = table[entry].next;
        if (i + 1 == count)
            queue->free_first = next;
        else
            id = next;
    }
    queue->free_count = (uint16_t)(queue->free_count - count);
    queue->slots[first].token = token;
    queue->slots[first].writable = writable;
    queue->slots[first].count = (uint16_t)count;
    queue->avail->ring[queue->avail_next++ & queue->mask] = first;
    return true;
}

/* Puts the chain that begins at @first on the free list. */
static void free_descriptors(struct virtqueue *queue, uint16_t first)
{
    struct virtqueue_slot *last = &queue->slots[first];
    uint16_t count = last->count;

    for (uint16_t i = 1; i < count; i++)
        last = &queue->slots[last->next];
    last->next = queue->free_first;
    queue->free_first = first;
    queue->free_count = (uint16_t)(queue->free_count + count);
    queue->slots[first].count = 0;
}

void *virtqueue_get(struct virtqueue *queue, uint32_t *length)
{
    uint16_t shown = __atomic_load_n(&queue->used->index, __ATOMIC_ACQUIRE);
    struct virtq_used_entry *entry = &queue->used->ring[queue->used_next & queue->mask];
    const struct virtqueue_slot *slot;
    uint32_t id;

    if (shown == queue->used_next || queue->broken)
        return NULL;
    id = __atomic_load_n(&entry->id, __ATOMIC_RELAXED);
    *length = __atomic_load_n(&entry->length, __ATOMIC_RELAXED);
    slot = &queue->slots[id & queue->mask];
    if (id > queue->mask || slot->count == 0 || *length > slot->writable) {
        queue->broken = true;
        return NULL;
    }
    queue->used_next++;
    free_descriptors(queue, (uint16_t)id);
    return slot->token;
}

bool virtqueue_recheck(struct virtqueue *queue)
{
    if (queue->broken)
        return false;
    if (__atomic_load_n(&queue->used->index, __ATOMIC_ACQUIRE) != queue->used_next)
        return true;
    if (queue->avail_shown != queue->used_next &&
        (!queue->event_idx ||
         __atomic_load_n(queue->avail_event, __ATOMIC_RELAXED) != queue->avail_shown))
        *queue->doorbell = queue->number;
    return false;
}

void *virtqueue_detach(struct virtqueue *queue)
{
    for (unsigned int id = 0; id <= queue->mask; id++) {
        if (queue->slots[id].count) {
            free_descriptors(queue, (uint16_t)id);
            return queue->slots[id].token;
        }
    }
    return NULL;
}
