/* SPDX-License-Identifier: MIT */
/*
 * A domain's device in the store: its two nodes, as libxl writes them, through which the front and
 * the back driver find each other.
 *
 *   front  /local/domain/FRONT/device/KIND/ID     owned by the domain, readable by dom0
 *   back   /local/domain/0/backend/KIND/FRONT/ID  owned by dom0, readable by the domain
 *
 * A back driver that refuses a device says why below /local/domain/0/error.
 *
 * Waiting lets other threads run, which may destroy the domain: a function that waits keeps a copy
 * of the device, and no pointer to a record, unless the record's life protects it. Private to
 * dom0-tools/service.
 */
#ifndef TOOLS_SERVICE_DEVICE_NODES_H
#define TOOLS_SERVICE_DEVICE_NODES_H

#include <tools/service.h>

#define DEVICE_NODE_SIZE 96
#define DEVICE_POLL      5000000ull   /* ns between looks at a back end */
#define DEVICE_MOMENT    200000000ull /* ns for a driver to take notice of a device */

struct device {
    domid_t domid;
    enum device_kind kind;
    uint32_t id;
    bool empty;                     /* a drive without a medium, which its domain is not shown */
    char name[16 + DISK_VDEV_SIZE]; /* for messages: "disk xvda", "vif 0" */
    char front[DEVICE_NODE_SIZE], back[DEVICE_NODE_SIZE];
};

/* Fills in where a device's nodes are. */
void device_locate(struct device *v, domid_t domid, enum device_kind kind, uint32_t id);

/* The device that a configuration describes, of a domain. */
struct device device_of_disk(domid_t domid, const struct disk_config *disk);
struct device device_of_vif(domid_t domid, const struct vif_config *vif);

/* A number in a node, which the domain may have written. @return -1 if there is none. */
long device_read_number(const char *folder, const char *key);

/* The back end's state (public/io/xenbus.h); Unknown if the node is not there. */
long device_back_state(const struct device *v);

/* Whether the back end has released the device, or there is no back end. */
bool device_is_closed(const struct device *v);

/*
 * Each of these changes the device's nodes in one transaction, so the drivers see the change as a
 * whole. @return 0 or a positive errno. May wait.
 */

/* Makes the nodes. */
int device_write_disk(const struct device *v, const struct disk_config *disk);
int device_write_vif(const struct device *v, const struct vif_config *vif);

/* Asks the back end to close the device; it waits for the front end, if that is connected. */
int device_ask_close(const struct device *v);

/*
 * Asks the back end to close the device without waiting for the front end. A device that no driver
 * has taken so far keeps its state, and a driver that finds it now refuses it.
 */
int device_ask_gone(const struct device *v);

/* Removes all nodes. */
int device_remove_nodes(const struct device *v);

/* Waits until the back end is ready for the front end. @return 0, or -1 with the reason in @e. */
int device_wait_ready(const struct device *v, struct error *e);

/*
 * Waits until the back end has released the device, as it was asked to. @return whether it did. For
 * a device that no driver has taken, it waits only a moment.
 */
bool device_wait_closed(const struct device *v);

#endif
