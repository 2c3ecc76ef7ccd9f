/* SPDX-License-Identifier: MIT */
/*
 * Driver chaos: what its parts share. driver-chaos.c has the devices' lives and the two vCPUs,
 * driver-chaos-blk.c and driver-chaos-net.c what is put into rings and done to them meanwhile.
 */
#ifndef DRIVER_CHAOS_H
#define DRIVER_CHAOS_H

#include <public/event_channel.h>
#include <public/grant_table.h>
#include <public/io/blkif.h>
#include <public/io/netif.h>
#include <public/io/xenbus.h>
#include <stdbool.h>
#include <stdint.h>

#include "hostile.h"

enum manners {
    POLITE, /* every value that the back can read is one that it must serve: it is never closed */
    ROUGH,  /* legal, but in ways in which no front behaves; sometimes not quite */
    WILD,   /* anything */
    MANNERS
};

#define RING_PAGES  4u
#define DATA_PAGES  24u
#define TABLE_PAGES 4u /* the first ones: they hold descriptors and no data */

struct device;

/* What differs between disks and vifs. Those with a sequence `h` run on the vCPU that it is of. */
struct kind {
    const char *name; /* in the store */
    /* Make the rings empty and write what the back needs to know, but no state. */
    void (*offer)(struct device *device, struct hostile *h);
    /* Put some requests, and show them. */
    void (*ask)(struct device *device, struct hostile *h);
    /* Rewrite something that the back may be reading. */
    void (*scribble)(struct device *device, struct hostile *h);
    /* Whether all that was asked is answered. */
    bool (*answered)(const struct device *device);
};

struct device {
    const struct kind *kind;
    enum manners manners;
    unsigned int id;
    char node[48], back[80];
    uint8_t *rings; /* RING_PAGES of them */
    grant_ref_t ring_refs[RING_PAGES];
    uint8_t *pages; /* DATA_PAGES of them */
    grant_ref_t refs[DATA_PAGES];
    evtchn_port_t port;
    bool shown; /* the back end knows of the rings: both vCPUs may use them */
    uint32_t slots;
    unsigned int max_segments; /* of a disk's indirect requests */
    uint32_t put, put_receive; /* requests in the ring; of a vif, in its two rings */
};

extern const struct kind blk_kind, net_kind;

/* Write into the device's node, or remove from it. */
void tell(const struct device *device, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void untell(const struct device *device, const char *key);

/* A number in the back's node; 0 if it is not there. */
unsigned int told(const struct device *device, const char *key);

/* The reference of one of its pages with data. */
static inline grant_ref_t some_ref(const struct device *device, struct hostile *h)
{
    return device->refs[TABLE_PAGES + hostile_below(h, DATA_PAGES - TABLE_PAGES)];
}

/* Whether something is to be wrong now: seldom, since it mostly ends the device. */
static inline bool wild(const struct device *device, struct hostile *h)
{
    return device->manners == WILD && hostile_below(h, 4000) == 0;
}

#endif
