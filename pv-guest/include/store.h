/* SPDX-License-Identifier: MIT */
/*
 * Store client: requests to the store daemon over the ring that the builder set up, or over a link
 * that the daemon attaches where it lives in the same image (the built-in dom0).
 *
 * Calls wait for the answer; several threads may use the store at once. In a domain without a
 * store (dom0, before its daemon runs) every call returns -ENODEV.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <thread.h>

/* A transaction's number; 0 is none. */
typedef uint32_t store_transaction;

/* Whether this domain can reach a store. */
bool store_present(void);

/*
 * Reads a node.
 * @param value receives the malloc'ed text, with a NUL at its end.
 * @return the text's length or a negative errno.
 */
int store_read(store_transaction transaction, const char *path, char **value);

/* Writes a node, creating it and its parents. @return 0 or a negative errno. */
int store_write(store_transaction transaction, const char *path, const char *value);

/* As store_write(), value from a format. */
int store_printf(store_transaction transaction, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes an empty node. */
int store_mkdir(store_transaction transaction, const char *path);

/* Removes a node and all below it. */
int store_remove(store_transaction transaction, const char *path);

/*
 * Lists the children of a node.
 * @param names malloc'ed block: an array of pointers and the names behind it; free() it at once.
 * @return how many, or a negative errno.
 */
int store_directory(store_transaction transaction, const char *path, char ***names);

/* Begins a transaction. @return 0 or a negative errno. */
int store_begin(store_transaction *transaction);

/* Ends it. @return 0; -EAGAIN: a change of others interfered, repeat it all; another errno. */
int store_end(store_transaction transaction, bool commit);

/*
 * Makes changes in a transaction, and repeats it for as long as changes of others interfere.
 * @param change makes them, and may be called several times. It returns 0, or an error that ends
 * the transaction.
 * @return 0 or a negative errno, with nothing changed.
 */
int store_change(int (*change)(store_transaction transaction, void *argument), void *argument);

/* A watch that is set; all its events are counted and wake its queue. */
struct store_watch {
    const char *path;
    unsigned int fired; /* events so far; the first comes at once by protocol */
    struct wait_queue queue;
    /* NULL, or called for each event with the path that changed. It must not wait, nor use the
     *  store; what it writes is in place when waiters see `fired` grow. */
    void (*event)(struct store_watch *watch, const char *path);
    struct store_watch *next;
};

/* Sets a watch on `watch->path`. The structure belongs to the store until store_unwatch(). */
int store_watch(struct store_watch *watch);
void store_unwatch(struct store_watch *watch);

/* Waits until the watch fired more often than @seen times. @return the new count. */
unsigned int store_watch_wait(struct store_watch *watch, unsigned int seen);

/* What carries the messages of public/io/xs_wire.h, as plain bytes. None of it waits. */
struct store_link {
    /* Take bytes of a request. @return how many; 0: none before store_link_ready(). */
    size_t (*send)(const void *data, size_t length);
    /* Give bytes of answers and events. @return how many; 0: none before store_link_ready(). */
    size_t (*receive)(void *data, size_t length);
    /* Called after sending or receiving, before waiting: the other side may continue. */
    void (*notify)(void);
};

/*
 * Uses this link from now on, in a domain that has no ring. It stays for good.
 * @return 0, -EBUSY where there is a link already, or -ENOMEM.
 */
int store_attach(const struct store_link *new_link);

/* The link can take or give more. Safe in event handlers and inside the link's functions. */
void store_link_ready(void);

#endif
