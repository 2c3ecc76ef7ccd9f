/* SPDX-License-Identifier: MIT */
/* Finding things by a number: see index.h. */
#include "index.h"

void index_enter(struct index *index, struct index_entry *e, uint32_t key)
{
    struct index_entry **bucket = &index->buckets[key % INDEX_BUCKETS];

    e->key = key;
    e->link = bucket;
    e->next = *bucket;
    if (e->next)
        e->next->link = &e->next;
    *bucket = e;
}

void index_leave(struct index_entry *e)
{
    if (!e->link)
        return;
    *e->link = e->next;
    if (e->next)
        e->next->link = e->link;
    e->link = NULL;
}

static struct index_entry *same_key(struct index_entry *e, uint32_t key)
{
    while (e && e->key != key)
        e = e->next;
    return e;
}

struct index_entry *index_first(const struct index *index, uint32_t key)
{
    return same_key(index->buckets[key % INDEX_BUCKETS], key);
}

struct index_entry *index_next(const struct index_entry *e)
{
    return same_key(e->next, e->key);
}

uint32_t index_key(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    uint32_t key = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < length; i++)
        key = (key ^ at[i]) * 16777619u;
    return key;
}
