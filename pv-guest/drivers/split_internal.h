/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the split-device code share: a device with its thread (split_device.c), its
 * nodes (split_nodes.c), and the registration of a driver (split.c).
 */
#ifndef DRIVERS_SPLIT_INTERNAL_H
#define DRIVERS_SPLIT_INTERNAL_H

#include <drivers/split.h>
#include <thread.h>

#define SPLIT_CALLS_MAX 8
#define NODE_SIZE       128 /* a node's path and a key */
#define SAYING_SIZE     240

struct device_watch {
    struct store_watch watch; /* first: what event functions are given */
    struct split_thread *owner;
    bool set, fired;
    char path[NODE_SIZE];
};

struct split_thread {
    struct split_device public; /* first: what the driver has is this */
    struct split_registration *registration;
    struct split_thread *next;
    struct wait_queue queue;
    bool poked;
    struct device_watch own, online, other; /* the nodes `state`, `online` and their `state` */
    void (*calls[SPLIT_CALLS_MAX])(struct split_device *device);
    unsigned int call_count;
    bool probed;   /* probe() succeeded and remove() was not called */
    bool offline;  /* the tools take it away: Closed is not written before all is released */
    bool closed;   /* this device gets no more service */
    bool linked;   /* the driver was told of a state in which it has something to release */
    bool reported; /* the failure is in the store */
    bool unsaid;   /* the failure is still to be printed */
    int error;
    char failure[SAYING_SIZE];
};

struct split_registration {
    struct split_driver *driver;
    struct store_watch watch; /* found by its address in event functions */
    char path[32];
    struct split_thread *devices;
    struct wait_queue queue; /* for the finder, and for the thread that waits for its end */
    bool look, stopping, stopped;
};

/* Reads the text of FOLDER/KEY; @value is malloc'ed. @return its length or a negative errno. */
int split_read_text(const char *folder, const char *key, char **value);

/* Reads a number. @return 0, -EINVAL when the text is not one, or another negative errno. */
int split_read_number(const char *folder, const char *key, uint64_t *value);

/* Reads a state; one that is absent, not readable or nonsense is Unknown. @return as above. */
int split_read_state(const char *folder, enum xenbus_state *state);

/* Reads all of @text as a decimal number. @return 0 or -EINVAL. */
int split_parse_number(const char *text, uint64_t *value);

/* Prints a line for the user, by split_notice if that is set. May wait for the console. */
void split_print(const char *text);

/* Wakes the device's thread. Safe in event handlers. */
void split_poke(struct split_thread *d);

/* Starts the thread of a device whose public part is filled in. @return false without memory. */
bool split_device_start(struct split_thread *d);

#endif
