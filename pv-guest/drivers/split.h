/* SPDX-License-Identifier: MIT */
/*
 * Split devices in the store: how the two ends of a device find each other and move through the
 * states of public/io/xenbus.h. The same code serves front and back drivers.
 *
 *   front   device/KIND/ID          each in the own domain's directory, and each with
 *   back    backend/KIND/FRONT/ID   the other's absolute path in its node
 *
 * A driver registers for a kind and a role. For every device of the kind that the tools put into
 * the store, split.c makes a `struct split_device` and a thread that follows both ends' states and
 * calls the driver's functions, so they may wait and may use the store.
 *
 * The steps of a device; the driver does those in [brackets], and split.c the rest:
 *
 *   back                                         front
 *   probe: [features, state InitWait]            probe: [own state]
 *                                                told InitWait: [rings, ports, Initialised]
 *   told Initialised or Connected:
 *     [map, bind, sectors..., Connected]         told Connected: [the device is ready]
 *   told Closing: [finish]; Closing              told Closing or Closed: [stop, keep what was not
 *   told Closed: [unmap, unbind]; Closed           answered]; Closed
 *   told Initialising: InitWait, start over      told InitWait: Initialising, start over,
 *                                                [replay]
 *   the node is gone: [remove]                   the node is gone: [remove]
 *
 * split.c sets the state behind a semicolon when other_changed() has returned and has not set it
 * itself. When the other end vanishes, or starts over so fast that Closed was not seen, the driver
 * is told Closed first. It is told Closed only if it was told of a state beyond the one in which it
 * may begin. A back device whose `online` is 0 closes as soon as the front end lets it.
 */
#ifndef DRIVERS_SPLIT_H
#define DRIVERS_SPLIT_H

#include <public/io/xenbus.h>
#include <public/xen.h>
#include <stdbool.h>
#include <stdint.h>
#include <store.h>

struct split_device;
struct split_registration;

struct split_driver {
    const char *kind; /* "vbd", "vif" */
    bool back;        /* the role */
    /*
     * A device was found. The driver allocates its own state (device->driver_data) and writes what
     * the other end needs to know first (features). @return 0, or a negative errno: the device is
     * closed with the reason, unless split_fail() gave one.
     */
    int (*probe)(struct split_device *device);
    /*
     * The other end moved to `state`, or was in it when split.c looked first; never Unknown.
     * Connected comes again when the other end writes it again, as after a change of a disk's size.
     */
    void (*other_changed)(struct split_device *device, enum xenbus_state state);
    /*
     * The device is taken away, or has failed: release all. Called once after a successful probe;
     * nothing else is called afterwards.
     */
    void (*remove)(struct split_device *device);
    struct split_registration *registration; /* split.c's */
};

struct split_device {
    const struct split_driver *driver;
    domid_t other;       /* the domain of the other end */
    unsigned int id;     /* as in the path: the virtual device number, the vif's handle */
    char path[80];       /* our node, relative to this domain's directory */
    char other_path[80]; /* theirs, absolute */
    enum xenbus_state state, other_state;
    bool failed; /* split_fail() was called: data paths shall do nothing more */
    void *driver_data;
};

/* Serves every device of the driver's kind from now on. @return 0 or a negative errno. */
int split_register(struct split_driver *driver);

/*
 * Stops: removes every device, each left in XenbusStateClosed. Waits until that is done. A driver
 * that registers again finds the devices and lets their front ends connect again.
 */
void split_unregister(struct split_driver *driver);

/*
 * Writes our state to the store. For the driver's functions and what split_call() calls.
 * @return 0, -ENOENT when the device's node is gone, or another negative errno.
 */
int split_set_state(struct split_device *device, enum xenbus_state state);

/*
 * Gives the device up, for a fault that cannot be mended. The device's thread prints one line ("vbd
 * 3/51712: why"), unless it is a back end that has not begun and there are tools (split_notice)
 * that report it; calls remove(), writes the line to the `error` node and moves to
 * XenbusStateClosing. Safe in work items, since it does not wait, and in the driver's functions,
 * but not in event handlers. Only the first failure of a device counts. @error is a negative errno.
 */
void split_fail(struct split_device *device, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Has the device's thread call @function soon, unless remove() comes first; once, however often
 * it is asked before. Safe in work items and event handlers.
 */
void split_call(struct split_device *device, void (*function)(struct split_device *device));

/*
 * Reads a number from our own (split_own) or the other end's node.
 * @return 0, -ENOENT, -EINVAL when it is not a decimal number, or another negative errno.
 */
int split_own_number(const struct split_device *device, const char *key, uint64_t *value);
int split_other_number(const struct split_device *device, const char *key, uint64_t *value);

/* As above, but 0 for a node that is absent or not a number: for features. */
uint64_t split_other_feature(const struct split_device *device, const char *key);

/* Reads text; @value is malloc'ed. @return its length or a negative errno. */
int split_own_text(const struct split_device *device, const char *key, char **value);
int split_other_text(const struct split_device *device, const char *key, char **value);

/*
 * Writes under our own node, in a transaction or (0) alone.
 * @return 0, -ENOENT when the node is gone, or another negative errno.
 */
int split_write(struct split_device *device, store_transaction transaction, const char *key,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Prints one line about the device ("vbd 3/51712: what"). For the driver's functions. */
void split_say(const struct split_device *device, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The function that prints the lines of split_fail() and split_say(); NULL: printf does. */
extern void (*split_notice)(const char *text);

#endif
