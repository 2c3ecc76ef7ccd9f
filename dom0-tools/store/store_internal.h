/* SPDX-License-Identifier: MIT */
/* What the parts of the store service share: its state. Private to dom0-tools/store. */
#ifndef TOOLS_STORE_INTERNAL_H
#define TOOLS_STORE_INTERNAL_H

#include <tools/store.h>

#include "tree.h"

enum change_kind {
    CHANGE_WRITE,
    CHANGE_MKDIR,
    CHANGE_REMOVE,
    CHANGE_PERMISSIONS,
};

/* One change, with copies of all that it needs to be made again. */
struct change {
    struct change *next;
    enum change_kind kind;
    char *path;
    uint8_t *value; /* CHANGE_WRITE */
    size_t length;
    struct tree_perm *perms; /* CHANGE_PERMISSIONS */
    unsigned int perm_count;
};

/* A path that a transaction depends on. */
struct touched {
    struct touched *next;
    char path[];
};

struct transaction {
    struct transaction *next;
    uint32_t id;
    struct tree_node *base, *work; /* the live root when it began; what it looks like from inside */
    struct touched *touched;
    struct change *changes, **changes_end;
    unsigned int touched_count, change_count, created, limit;
};

struct watch {
    struct watch *next;
    char *absolute; /* what it matches */
    char *path;     /* as the client wrote it */
    char *token;
    size_t strip; /* bytes to leave out at the front of an event's path: the watch is relative */
};

struct store_connection {
    struct store_connection *next;
    struct store *store;
    uint16_t domid;
    bool privileged;
    const struct store_limits *limits;
    store_event_fn *event;
    void *context;
    struct watch *watches;
    struct transaction *transactions;
    uint32_t last_transaction;
};

/* Nodes that a domain owns in the live tree. */
struct usage {
    struct usage *next;
    uint16_t domid;
    unsigned int nodes;
};

struct store {
    struct tree_node *root;
    struct tree_stamps stamps;
    struct store_connection *connections;
    struct usage *usage;
};

/* Fires what @change, just made on the live tree, triggers. @former is the root before it. */
void watches_fire(struct store *s, const struct tree_node *former, const struct change *change);

/* Drops all watches of a connection. */
void watches_drop(struct store_connection *c);

#endif
