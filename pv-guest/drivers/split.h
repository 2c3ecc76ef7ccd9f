/* SPDX-License-Identifier: MIT */
/*
 * Split devices in the store: how the two ends of a device find each other and move through the
 * states of public/io/xenbus.h. The same code serves front and back drivers.
 *
 *   front   device/KIND/ID                              in the front's own directory
 *   back    /local/domain/BACK/backend/KIND/FRONT/ID    each end has the other's path in its node
 *
 * A driver registers for a kind and a role. For every device of the kind that the tools put into
 * the store, split.c makes a `struct split_device`, keeps a thread for it that follows both ends'
 * states and calls the driver's functions from there, so they may wait and may use the store.
 */
#ifndef DRIVERS_SPLIT_H
#define DRIVERS_SPLIT_H

#include <public/io/xenbus.h>
#include <public/xen.h>
#include <stdbool.h>
#include <stdint.h>
#include <store.h>

struct split_device;

struct split_driver {
    const char *kind; /* "vbd", "vif" */
    bool back;        /* the role */
    /**
     * A device was found. The driver allocates its own state (device->driver_data) and writes what
     * the other end needs to know first (features). @return 0, or a negative errno: the device is
     * closed with the reason.
     */
    int (*probe)(struct split_device *device);
    /**
     * The other end went to `state` (XenbusState*), or our own first look found it there. The driver
     * answers with split_set_state().
     */
    void (*other_changed)(struct split_device *device, enum xenbus_state state);
    /** The device is taken away: release all. Called once after a successful probe, also at the end of
     *  the other domain. */
    void (*remove)(struct split_device *device);
    struct split_driver *next; /* split.c's */
};

struct split_device {
    const struct split_driver *driver;
    domid_t other;       /* the domain of the other end */
    unsigned int id;     /* as in the path: the virtual device number, the vif's handle */
    char path[80];       /* our node */
    char other_path[80]; /* theirs */
    enum xenbus_state state, other_state;
    void *driver_data;
    /* The rest is split.c's. */
    struct split_internal *internal;
};

/** Serve every device of the driver's kind from now on. @return 0 or a negative errno. */
int split_register(struct split_driver *driver);

/** Write our state to the store. */
int split_set_state(struct split_device *device, enum xenbus_state state);

/**
 * Something about the device is wrong beyond repair: print one line ("vbd 3/51712: why"), write it
 * to the `error` node, and go to XenbusStateClosing. May be called from work items too: the
 * store is then told by the device's thread.
 */
void split_fail(struct split_device *device, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Have the device's thread call `function` soon. Safe in work items and event handlers. */
void split_call(struct split_device *device, void (*function)(struct split_device *device));

/** Read a number from our own (split_own) or the other end's node. @return 0 or a negative errno. */
int split_own_number(const struct split_device *device, const char *key, uint64_t *value);
int split_other_number(const struct split_device *device, const char *key, uint64_t *value);

/** As above with 0 for what is absent: for features. */
uint64_t split_other_feature(const struct split_device *device, const char *key);

/** Read text; `value` is malloc'ed. @return its length or a negative errno. */
int split_own_text(const struct split_device *device, const char *key, char **value);
int split_other_text(const struct split_device *device, const char *key, char **value);

/** Write under our own node. @return 0 or a negative errno. */
int split_write(struct split_device *device, store_transaction transaction, const char *key,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
