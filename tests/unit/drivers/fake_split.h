/* SPDX-License-Identifier: MIT */
/*
 * The half of split*.c that a back driver calls, for one device: its nodes in the store are a
 * table, and what the driver writes and says is noted. Memory runs out on demand.
 */
#ifndef FAKE_SPLIT_H
#define FAKE_SPLIT_H

#include <stdbool.h>

#include <drivers/split.h>

#define FRONT 7

extern struct split_driver *driver; /* what was registered */
extern struct split_device split;
extern bool no_memory;                  /* for calloc() */
extern unsigned int writes, fail_write; /* the write that fails, 0: none */
extern int state_error;                 /* what split_set_state() returns */

/* The device @id as new, without nodes; nothing fails. */
void fake_split_start(uint32_t id);
/* Node @key is ours if it begins with "own/", the front's if with "other/". NULL: it is gone. */
void set(const char *key, const char *value);
/* Reads node "@whose/@key", as split_own_text() and split_other_text() do. */
int read_node(const char *whose, const char *key, char **value);

#endif
