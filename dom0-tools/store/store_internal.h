/* SPDX-License-Identifier: MIT */
/* What the parts of the store service share: its state. Private to dom0-tools/store. */
#ifndef TOOLS_STORE_INTERNAL_H
#define TOOLS_STORE_INTERNAL_H

#include <tools/store.h>

#include "tree.h"

/*
 * FNV-1a. A hash starts from the store's seed, so that a domain does not know which texts have
 * equal ones. The upper bits are the best.
 */
static inline uint32_t hash_byte(uint32_t hash, char byte)
{
    return (hash ^ (uint8_t)byte) * 16777619u;
}

static inline uint32_t hash_bytes(uint32_t hash, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = hash_byte(hash, bytes[i]);
    return hash;
}

enum change_kind {
    CHANGE_WRITE,
    CHANGE_MKDIR,
    CHANGE_REMOVE,
    CHANGE_PERMISSIONS,
};

struct touched;

/* One change, with copies of all that it needs to be made again. */
struct change {
    struct change *next;
    struct touched *touched; /* its path, among those that its transaction depends on */
    enum change_kind kind;
    char *path;
    uint8_t *value; /* CHANGE_WRITE */
    size_t length;
    struct tree_perm *perms; /* CHANGE_PERMISSIONS */
    unsigned int perm_count;
};

/* A path on which a transaction depends. */
struct touched {
    struct touched *next, *bucket_next;
    uint32_t hash;
    bool removed; /* some change removes what is there */
    bool told;    /* the commit has fired its watches */
    char path[];
};

#define TOUCHED_BITS 6

struct transaction {
    struct transaction *next;
    struct transaction *later, **earlier; /* of all connections, by the age of @base */
    struct store_connection *owner;
    size_t bytes; /* charged to its domain for what follows, without its nodes */
    size_t made;  /* charged to its domain for the nodes that @work has and @base has not */
    uint32_t id;
    struct tree_node *base, *work; /* the live root when it began; what it looks like from inside */
    struct touched *touched;
    struct touched *buckets[1u << TOUCHED_BITS]; /* the same, by their hashes */
    struct change *changes, **changes_end;
    bool failed; /* a path on which it depends has changed: it will not be committed */
    unsigned int touched_count, change_count, limit;
    int created; /* more nodes of the domain's than there were */
};

struct watch {
    struct watch *next, **link; /* of its connection */
    struct watch *bucket_next, **bucket_link;
    struct watch *matched; /* the next that the same change fires */
    struct store_connection *owner;
    uint64_t serial;     /* the later it was set, the greater */
    uint64_t place;      /* a number that those on the same path share */
    uint32_t hash;       /* of absolute */
    uint32_t token_hash; /* of the token */
    uint16_t length;     /* of absolute */
    uint16_t token_length;
    uint16_t strip;  /* bytes to leave out at the front of an event's path: the watch is relative */
    bool missed;     /* an event could not be delivered */
    char absolute[]; /* what it matches; the token follows, both with a zero byte */
};

struct store_connection {
    struct store_connection *next, **link;
    struct store *store;
    struct tree_usage *usage; /* of its domain */
    uint16_t domid;
    uint16_t target; /* has the rights of this domain, too; its own number: none */
    bool privileged;
    bool any_missed; /* some watch has missed an event */
    const struct store_limits *limits;
    store_event_fn *event;
    void *context;
    struct watch *watches, **watches_end; /* in the order in which they were set */
    unsigned int watch_count;
    struct transaction *transactions;
    uint32_t last_transaction;
};

/* @introduceDomain and @releaseDomain: they are not nodes, but have permissions. */
#define SPECIAL_COUNT 2

struct special {
    const char *name;
    struct tree_perm perms[STORE_MAX_PERMS];
    unsigned int perm_count;
};

#define WATCH_BITS     10
#define MENTION_COUNTS 1024u

struct store {
    struct tree_node *root;
    struct tree_forest forest;
    struct store_connection *connections;
    struct watch *watches[1u << WATCH_BITS]; /* of all connections, by the hash of their paths */
    uint64_t last_watch;                     /* serial number */
    unsigned int missing_events;             /* connections with any_missed */
    /* Permissions in the live tree that name a domain; domains share counts. */
    unsigned int mentions[MENTION_COUNTS];
    struct special special[SPECIAL_COUNT];
    struct transaction *oldest, **newest_end; /* open ones of all connections, see there */
    unsigned int transaction_count;
    size_t made;    /* the sum of theirs */
    size_t held;    /* of former trees, at most as much as when all transactions had followed */
    uint32_t seed;  /* where hashes start */
    uint64_t steps; /* see xs_steps */
};

/* The special name that @path is, or NULL. */
struct special *store_find_special(struct store *s, const char *path);

/* What these permissions allow a connection to do: PERM_* bits. */
unsigned int connection_access(const struct store_connection *c, const struct tree_perm *perms,
                               unsigned int count);

/*
 * Whether @c may do @wanted at @path: 0, EACCES or, where it may but nothing is there, ENOENT.
 * @found: what is there.
 */
int connection_check(const struct store_connection *c, const struct tree_node *root,
                     const char *path, unsigned int wanted, const struct tree_node **found);

/* Whether the connection's domain may not take more memory. */
bool connection_is_over_memory(const struct store_connection *c);

/*
 * Counts the nodes of a subtree for their owners: it was @before and is @now, either of which may
 * be NULL.
 */
void store_recount(struct store *s, const struct tree_node *before, const struct tree_node *now);

/* The same for one change of the live tree. */
void store_recount_edit(struct store *s, const struct tree_edit *edit);

/* False: no node of the live tree has a permission that names the domain. */
bool store_may_mention(const struct store *s, uint16_t domid);

/* How many nodes of a subtree a domain owns. */
unsigned int store_count_owned(const struct tree_node *node, uint16_t domid);

/* A change with copies of all that it needs, to be freed; NULL without memory. */
struct change *change_new(enum change_kind kind, const char *path, const void *value, size_t length,
                          const struct tree_perm *perms, unsigned int count);

/*
 * Checks whether a change may be made on the tree @root. *@node receives the node at its path, or
 * NULL. @return 0 or an errno.
 */
int change_check(const struct store_connection *c, const struct tree_node *root, int created,
                 const struct change *change, const struct tree_node **node);

/*
 * Makes one checked change on a tree. Adds to *@created how many more (or, negative, fewer) nodes
 * the connection's domain has then. A domain that comes to own nodes gets an entry in the usage
 * table. The caller ends *@edit.
 */
int change_make(struct store_connection *c, struct tree_node **root, int *created,
                const struct change *change, const struct tree_node *node, struct tree_edit *edit);

/* ---- Transactions (transaction.c) ---- */

/* The connection's transaction of that number, or NULL. */
struct transaction *transaction_find(struct store_connection *c, uint32_t id);

/*
 * Notes that a transaction (NULL: none) depends on @path. *@found, unless NULL, receives the note.
 */
int transaction_touch(struct transaction *t, const char *path, struct touched **found);

/*
 * Makes a change, checked and with its path touched, on the transaction's tree, and keeps it to
 * repeat it at the commit. The change is the transaction's or freed.
 */
int transaction_change(struct transaction *t, struct change *change, const struct tree_node *node);

/*
 * The live tree has changed: when transactions keep many bytes of former trees alive, the oldest
 * continue from the live one, as many as it takes; some now, the others at the next change. Clients
 * see no difference.
 */
void transactions_follow(struct store *s);

/* Drops all transactions of a connection. */
void transactions_drop(struct store_connection *c);

/* ---- Watches (watch.c) ---- */

/*
 * Has the watches that have missed events try again. It precedes what a request fires: nothing else
 * may come to pass for a connection that has missed an event.
 */
void watches_retry(struct store *s);

/*
 * Fires what a change of @path, just made on the live tree, triggers. @former was there before, or
 * NULL; @removed: it is gone, or was and was made again, with all below.
 */
void watches_fire(struct store *s, const struct tree_node *former, const char *path, bool removed);

/* Drops all watches of a connection. */
void watches_drop(struct store_connection *c);

#endif
