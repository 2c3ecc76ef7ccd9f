/* SPDX-License-Identifier: MIT */
/*
 * Store client: requests to the store daemon over the ring that the builder set up.
 *
 * Calls wait for the answer; several threads may use the store at once. In a domain without a
 * store (dom0, before its daemon runs) every call returns -ENODEV.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <thread.h>

/** A transaction's number; 0 is none. */
typedef uint32_t store_transaction;

/** Whether this domain has a store ring. */
bool store_present(void);

/** Read a node. @param value receives malloc'ed NUL-terminated text. @return its length or <0. */
int store_read(store_transaction transaction, const char *path, char **value);

/** Write a node, creating it and its parents. @return 0 or a negative errno. */
int store_write(store_transaction transaction, const char *path, const char *value);

/** As store_write(), value from a format. */
int store_printf(store_transaction transaction, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Make an empty node. */
int store_mkdir(store_transaction transaction, const char *path);

/** Remove a node and all below it. */
int store_remove(store_transaction transaction, const char *path);

/**
 * List the children of a node.
 * @param names malloc'ed block: an array of pointers and the names behind it; free() it at once.
 * @return how many, or a negative errno.
 */
int store_directory(store_transaction transaction, const char *path, char ***names);

/** Begin a transaction. @return 0 or a negative errno. */
int store_begin(store_transaction *transaction);

/** End it. @return 0; -EAGAIN when somebody interfered and all must be done again; other errno. */
int store_end(store_transaction transaction, bool commit);

/** A watch that is set; all its events are counted and wake its queue. */
struct store_watch {
    const char *path;
    unsigned int fired; /* events so far; the first comes at once by protocol */
    struct wait_queue queue;
    struct store_watch *next;
};

/** Set a watch on `watch->path`. The structure belongs to the store until store_unwatch(). */
int store_watch(struct store_watch *watch);
void store_unwatch(struct store_watch *watch);

/** Wait until the watch fired more often than `seen` times. @return the new count. */
unsigned int store_watch_wait(struct store_watch *watch, unsigned int seen);

#endif
