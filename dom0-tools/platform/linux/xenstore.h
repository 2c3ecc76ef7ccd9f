/* SPDX-License-Identifier: MIT */
/*
 * A client of the store that runs, xenstored: one connection to its socket, one request at a time.
 * Linux's /dev/xen/xenbus leads to it as well, but who asks there waits for ever when xenstored has
 * ended. Private to dom0-tools/platform/linux.
 *
 * The functions that return int return 0, or a positive errno (public/errno.h): what the store
 * answered, or XEN_EIO when it does not answer as its protocol (public/io/xs_wire.h) says; the
 * connection is then closed.
 */
#ifndef TOOLS_LINUX_XENSTORE_H
#define TOOLS_LINUX_XENSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tools/error.h>

#define XENSTORE_NO_TRANSACTION 0u

/* Connects, unless that is done already. @return 0, or -1 with the reason in @e. */
int xenstore_open(struct error *e);

/* Reads a node. The caller frees *@value, which ends in a zero byte. */
int xenstore_read(uint32_t transaction, const char *path, char **value);

/* Writes text to a node, which is made if need be. */
int xenstore_write(uint32_t transaction, const char *path, const char *value);

/* Removes a node with all below it. */
int xenstore_remove(uint32_t transaction, const char *path);

/* Lists a node's children: names that each end in a zero byte, *@length bytes. The caller frees. */
int xenstore_directory(uint32_t transaction, const char *path, char **names, size_t *length);

int xenstore_transaction_start(uint32_t *transaction);

/*
 * Carries out a transaction, or forgets it. @return also XEN_EAGAIN: somebody came first, and all
 * is to be done again.
 */
int xenstore_transaction_end(uint32_t transaction, bool commit);

#endif
