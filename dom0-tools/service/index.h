/* SPDX-License-Identifier: MIT */
/*
 * Finding things by a number: a hash table whose entries are parts of what they find. A thousand
 * domains are found as quickly as ten. Private to dom0-tools/service.
 */
#ifndef TOOLS_SERVICE_INDEX_H
#define TOOLS_SERVICE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#define INDEX_BUCKETS 1024u

struct index_entry {
    struct index_entry *next, **link; /* link is NULL while it is in no index */
    uint32_t key;
};

struct index {
    struct index_entry *buckets[INDEX_BUCKETS];
};

/* Enters @e, which is in no index, in front of others of the same key. */
void index_enter(struct index *index, struct index_entry *e, uint32_t key);

/* Takes @e out of its index, if it is in one. */
void index_leave(struct index_entry *e);

/* The first entry of that key, and the next one of the same key after @e; or NULL. */
struct index_entry *index_first(const struct index *index, uint32_t key);
struct index_entry *index_next(const struct index_entry *e);

/* A key for bytes. Others may have the same. */
uint32_t index_key(const void *bytes, size_t length);

/* What the entry @e is a part of; the second form yields NULL for NULL. */
#define index_owner(e, type, member)         ((type *)(void *)((char *)(e)-offsetof(type, member)))
#define index_owner_or_null(e, type, member) ((e) ? index_owner(e, type, member) : NULL)

#endif
