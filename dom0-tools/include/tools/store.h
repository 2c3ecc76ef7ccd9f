/* SPDX-License-Identifier: MIT */
/*
 * The store: the small tree of names and values by which domains and their tools find each other
 * (docs/store.md). This is the service behind the wire: permissions, watches, transactions,
 * quotas. It does not know rings and messages (tools/store_protocol.h), nor the platform.
 *
 * Functions that can fail return 0 or a positive errno value of the ABI (public/errno.h), which is
 * what the wire protocol reports. A function that fails has changed nothing.
 */
#ifndef TOOLS_STORE_H
#define TOOLS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_PATH_SIZE    3072 /* bytes of an absolute path, terminator included */
#define STORE_RELATIVE_MAX 2048 /* bytes of one that is not, without terminator */
#define STORE_MAX_PERMS    64   /* entries in one node's permissions, also for domain 0 */
#define STORE_EVENT_MAX    4096 /* bytes of an event's path and token, each with a zero byte */

#define STORE_NO_TRANSACTION 0u

struct store;
struct store_connection;

struct store_permission {
    uint16_t domid;
    bool read, write;
};

/*
 * What an unprivileged connection may use; beyond a limit, requests fail with the error in
 * brackets.
 */
struct store_limits {
    unsigned int nodes;        /* owned by the domain (ENOSPC) */
    unsigned int node_size;    /* bytes of one value (ENOSPC) */
    unsigned int watches;      /* (E2BIG) */
    unsigned int transactions; /* open at a time (ENOSPC) */
    unsigned int changes;      /* paths looked at or changed in one transaction (ENOSPC) */
    unsigned int permissions;  /* entries in one node's (ENOSPC) */
    unsigned int outstanding;  /* answers not yet fetched; beyond that, requests wait */
    /* Bytes of nodes, live or made in an open transaction, watches, transactions and messages
     * (ENOMEM) */
    unsigned int memory;
};

/* clang-format off */
#define STORE_DEFAULT_LIMITS {.nodes = 1000, .node_size = 2048, .watches = 128, \
                              .transactions = 10, .changes = 1024, .permissions = 5, \
                              .outstanding = 20, .memory = 1u << 20}
/* clang-format on */

extern const struct store_limits store_default_limits;

/*
 * Called for an event of a watch: @path has changed; it is relative if the watch's path is. Runs
 * inside of the change and must not call back into the store. An event of more than STORE_EVENT_MAX
 * bytes is not told. @return whether the event was delivered; if not, xs_missed_events delivers it
 * later, as a change of the watch's own path.
 */
typedef bool store_event_fn(void *context, const char *path, const char *token);

/*
 * Makes an empty store: only "/", owned by domain 0. @seed: a number that clients do not know, so
 * that they cannot choose texts whose hashes are equal. @return NULL when memory is short.
 */
struct store *store_create(uint32_t seed);

/* Frees the store; all connections are closed before. */
void store_destroy(struct store *store);

/*
 * Opens a connection for @domid. A privileged one may do everything; others are subject to @limits,
 * which outlives the connection. @return NULL when memory is short.
 */
struct store_connection *store_connect(struct store *store, uint16_t domid, bool privileged,
                                       const struct store_limits *limits, store_event_fn *event,
                                       void *context);

/* Ends a connection with its watches and open transactions. */
void store_disconnect(struct store_connection *c);

bool store_connection_privileged(const struct store_connection *c);

/* Gives a connection the rights of another domain in addition to its own. */
void store_connection_set_target(struct store_connection *c, uint16_t target);

/*
 * Makes @path absolute: one that does not start with / is below the domain's own directory. Checks
 * length, depth and characters. @return EINVAL if it is not a path.
 */
int xs_resolve(const struct store_connection *c, const char *path, char absolute[STORE_PATH_SIZE]);

/*
 * The requests. @path is absolute, from xs_resolve; @transaction is STORE_NO_TRANSACTION or one of
 * the connection's own, else ENOENT.
 */

/* @value points into the store and is good until the next call. */
int xs_read(struct store_connection *c, uint32_t transaction, const char *path, const void **value,
            size_t *length);
int xs_write(struct store_connection *c, uint32_t transaction, const char *path, const void *value,
             size_t length);
int xs_mkdir(struct store_connection *c, uint32_t transaction, const char *path);
int xs_remove(struct store_connection *c, uint32_t transaction, const char *path);

/*
 * Lists the names of the children, as zero-terminated strings one after the other in a block from
 * malloc. *@generation changes when the set of children does.
 */
int xs_directory(struct store_connection *c, uint32_t transaction, const char *path, char **names,
                 size_t *length, uint64_t *generation);

/*
 * As xs_directory, without the block: copies whole strings from the byte @offset of the list on
 * into @names, which has room for *@length bytes. *@length receives how many they take, *@last
 * whether they were the last.
 */
int xs_directory_part(struct store_connection *c, uint32_t transaction, const char *path,
                      uint64_t offset, char *names, size_t *length, bool *last,
                      uint64_t *generation);

/* Read and set up to STORE_MAX_PERMS entries; the first names the owner and what others may do. */
int xs_get_permissions(struct store_connection *c, uint32_t transaction, const char *path,
                       struct store_permission *permissions, unsigned int *count);
int xs_set_permissions(struct store_connection *c, uint32_t transaction, const char *path,
                       const struct store_permission *permissions, unsigned int count);

int xs_transaction_start(struct store_connection *c, uint32_t *transaction);

/*
 * Commits the transaction if @wanted, else drops it. EAGAIN: nodes that it used have changed
 * meanwhile; it is dropped, and the client may repeat it.
 */
int xs_transaction_end(struct store_connection *c, uint32_t transaction, bool wanted);

/*
 * Set and remove a watch. @path is as the client gave it; @introduceDomain and @releaseDomain are
 * allowed. The caller answers the request, then has xs_watch_first deliver the first event.
 */
int xs_watch(struct store_connection *c, const char *path, const char *token);
void xs_watch_first(struct store_connection *c, const char *path, const char *token);
int xs_unwatch(struct store_connection *c, const char *path, const char *token);

/* Drops all watches and transactions. */
void xs_reset(struct store_connection *c);

/* Delivers events that could not be delivered before, as far as that is possible now. */
void xs_missed_events(struct store_connection *c);

/*
 * Fires @introduceDomain or @releaseDomain, to the connections that may read it:
 * xs_set_permissions takes the name.
 */
void xs_fire_special(struct store *store, const char *name);

/*
 * A domain has gone: removes the nodes that it owns and its number from all permissions, since
 * another domain may get that number. Watches fire. ENOMEM: the nodes are still there, and the
 * caller may try again.
 */
int xs_domain_gone(struct store *store, uint16_t domid);

/* How many nodes @domid owns, and the bytes that count against its limit. */
unsigned int xs_nodes_owned(const struct store *store, uint16_t domid);
size_t xs_memory_used(const struct store *store, uint16_t domid);

/*
 * The bytes of all domains' nodes that are not in the live tree: transactions keep them, or have
 * made them.
 */
size_t xs_memory_held(const struct store *store);

/*
 * How much work the store has done, in steps of about the time in which a list's next element is
 * looked at.
 */
uint64_t xs_steps(const struct store *store);

/* Counts bytes that are allocated (negative: freed) for the connection outside of the store. */
void xs_charge(struct store_connection *c, long bytes);

/* How many bytes xs_charge may still count for this connection; SIZE_MAX: any number. */
size_t xs_memory_left(const struct store_connection *c);

/* Calls @entry for each domain that has anything in the store, with its nodes and bytes. */
void xs_each_domain(const struct store *store,
                    void (*entry)(void *context, uint16_t domid, unsigned int nodes, size_t bytes),
                    void *context);

/* Whether all counts agree with the tree: for tests and `xenstore-control check`. */
bool xs_is_consistent(const struct store *store);

/* As xs_write, with a value from a printf-style format. */
int xs_printf(struct store_connection *c, uint32_t transaction, const char *path,
              const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
