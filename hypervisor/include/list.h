/* SPDX-License-Identifier: MIT */
/* Doubly linked circular lists with an embedded node; an empty list's head points at itself. */
#ifndef BULKHEAD_LIST_H
#define BULKHEAD_LIST_H

#include "lib.h"

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

/* Puts @node between @prev and its successor. */
static inline void list_add_after(struct list *prev, struct list *node)
{
    node->prev = prev;
    node->next = prev->next;
    prev->next->prev = node;
    prev->next = node;
}

static inline void list_add_tail(struct list *head, struct list *node)
{
    list_add_after(head->prev, node);
}

/* Takes @node out and leaves it as an empty list, so that taking it out again is harmless. */
static inline void list_del(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#define list_entry(node, type, member) container_of(node, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_for_each(it, head, member)                                                 \
    for (it = list_entry((head)->next, __typeof__(*it), member); &it->member != (head); \
         it = list_entry(it->member.next, __typeof__(*it), member))

#endif
