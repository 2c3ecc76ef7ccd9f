/* SPDX-License-Identifier: MIT */
/*
 * A domU whose disks and vifs are all driven by chance, on two vCPUs. The first one asks for
 * random, mostly valid things, closes and reconnects, writes to its nodes what it should not. The
 * second one rewrites what the back drivers may be reading: ring entries, descriptors, grant
 * entries. It sleeps for some microseconds and works for some; so when it wakes up it takes the CPU
 * from dom0, wherever that just is.
 *
 * Devices behave in three manners (driver-chaos.h), by turns. Those that are polite must still be
 * served at the end. Command line: seed=N, steps=N (2000). Prints one line,
 *
 *     CHAOS DONE seed N: <polite> of <polite> served, <rough> of .. open, <wild> of .. open
 *
 * or "CHAOS FAIL ...", and continues.
 */
#include "driver-chaos.h"

#include <clock.h>
#include <events.h>
#include <grant.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <public/sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <store.h>
#include <string.h>
#include <thread.h>
#include <vcpu.h>

#define MAX_DEVICES 32u
#define BACK        0 /* the domain of all backs */
#define PATIENCE    (30 * NANOSECONDS_PER_SECOND)

static struct device devices[MAX_DEVICES];
static unsigned int device_count;
static struct hostile sequences[2];
static unsigned long asked;

/* ---- The store ---- */

void tell(const struct device *device, const char *key, const char *format, ...)
{
    char path[96], value[64];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(value, sizeof(value), format, arguments);
    va_end(arguments);
    snprintf(path, sizeof(path), "%s/%s", device->node, key);
    store_write(0, path, value);
}

void untell(const struct device *device, const char *key)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/%s", device->node, key);
    store_remove(0, path);
}

unsigned int told(const struct device *device, const char *key)
{
    unsigned int number = 0;
    char path[128], *value;

    snprintf(path, sizeof(path), "%s/%s", device->back, key);
    if (store_read(0, path, &value) > 0) {
        number = (unsigned int)strtoul(value, NULL, 10);
        free(value);
    }
    return number;
}

static enum xenbus_state back_state(const struct device *device)
{
    return (enum xenbus_state)told(device, "state");
}

/* A device that is not polite does not insist. */
static bool wait_for(const struct device *device, enum xenbus_state state)
{
    uint64_t deadline = clock_now() + (device->manners == POLITE ? PATIENCE : MILLISECONDS(30));

    while (back_state(device) != state) {
        if (clock_now() > deadline)
            return false;
        thread_sleep(MILLISECONDS(1));
    }
    return true;
}

/* ---- A device's life ---- */

static void connect(struct device *device)
{
    struct hostile *h = &sequences[0];

    device->kind->offer(device, h);
    tell(device, "event-channel", "%u", device->port);
    device->shown = true;
    tell(device, "state", "%d",
         device->kind == &net_kind || (device->manners != POLITE && hostile_below(h, 2))
             ? XenbusStateConnected
             : XenbusStateInitialised);
    if (!wait_for(device, XenbusStateConnected))
        return;
    tell(device, "state", "%d", XenbusStateConnected);
}

static void reconnect(struct device *device)
{
    struct hostile *h = &sequences[0];

    if (device->manners == POLITE || hostile_below(h, 2)) {
        tell(device, "state", "%d", hostile_below(h, 2) ? XenbusStateClosing : XenbusStateClosed);
        tell(device, "state", "%d", XenbusStateClosed);
        /* Only then are the rings ours again. */
        if (wait_for(device, XenbusStateClosed))
            device->shown = false;
    }
    tell(device, "state", "%d", XenbusStateInitialising);
    if (wait_for(device, XenbusStateInitWait) || device->manners != POLITE)
        connect(device);
}

/* What is wrong with a node is put right when the device reconnects. */
static void spoil_node(struct device *device)
{
    static const char *const keys[] = {"state",       "ring-ref",      "ring-ref0",
                                       "tx-ring-ref", "event-channel", "feature-persistent",
                                       "protocol",    "rx-ring-ref",   "ring-page-order",
                                       "feature-sg",  "state"};
    struct hostile *h = &sequences[0];
    const char *key = keys[hostile_below(h, sizeof(keys) / sizeof(keys[0]))];

    switch (hostile_below(h, device->manners == WILD ? 5 : 2)) {
    case 0:
        tell(device, "state", "%u", 1 + hostile_below(h, 6));
        break;
    case 1:
        /* Unchanged: written again. */
        tell(device, "state", "%d", XenbusStateConnected);
        break;
    case 2:
        tell(device, key, "%llu", (unsigned long long)hostile_value(h));
        break;
    case 3:
        tell(device, key, "%s", hostile_below(h, 2) ? "" : "x%dnonsense");
        break;
    default:
        untell(device, key);
        break;
    }
}

static void ring_bell(const struct device *device)
{
    struct hostile *h = &sequences[0];
    unsigned int count = device->manners == WILD && hostile_below(h, 16) == 0 ? 1000 : 1;

    while (count-- > 0)
        event_send(device->port);
}

/* The port goes away under the back end, which learns of the new one when the device reconnects. */
static void replace_port(struct device *device)
{
    int port;

    event_close(device->port);
    port = event_alloc_unbound(BACK);
    if (port >= 0)
        device->port = (evtchn_port_t)port;
}

static void step(struct device *device)
{
    struct hostile *h = &sequences[0];
    unsigned int choice = hostile_below(h, 200);

    if (choice < 2) {
        reconnect(device);
    } else if (choice < 6 && device->manners != POLITE) {
        spoil_node(device);
    } else if (choice < 7 && device->manners == WILD) {
        replace_port(device);
    } else if (device->shown) {
        device->kind->ask(device, h);
        ring_bell(device);
        asked++;
    }
}

/* ---- The second vCPU ---- */

static void nap(uint64_t nanoseconds)
{
    struct sched_poll poll = {.timeout = clock_now() + nanoseconds};

    hypercall_sched_op(SCHEDOP_poll, &poll);
}

/* Grant entries: another of its pages at once, and what is worse. */
static void scribble_grants(struct device *device, struct hostile *h)
{
    unsigned int page = TABLE_PAGES + hostile_below(h, DATA_PAGES - TABLE_PAGES);
    grant_entry_v1_t *entry = &grant_table()[device->refs[page]];

    page = TABLE_PAGES + hostile_below(h, DATA_PAGES - TABLE_PAGES);
    entry->frame = (uint32_t)va_to_mfn(device->pages + page * PAGE_SIZE);
    if (device->manners == POLITE)
        return;
    if (wild(device, h)) {
        entry =
            &grant_table()[hostile_below(h, 2) ? device->refs[hostile_below(h, TABLE_PAGES)]
                                               : device->ring_refs[hostile_below(h, RING_PAGES)]];
        entry->frame = (uint32_t)hostile_value(h);
        entry->domid = (domid_t)hostile_value(h);
        __atomic_store_n(&entry->flags, (uint16_t)hostile_number(h), __ATOMIC_SEQ_CST);
        return;
    }
    /* Ended and granted again, whether in use or not. */
    __atomic_store_n(&entry->flags, 0, __ATOMIC_SEQ_CST);
    if (hostile_below(h, 200) == 0)
        nap(5000);
    __atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_SEQ_CST);
}

/*
 * One byte of what the back reads is wrong for a moment, for which the back has the CPU: it may
 * have found it right before.
 */
static void flash(struct device *device, struct hostile *h)
{
    volatile uint8_t *byte = hostile_below(h, 4) ? device->rings : device->pages;
    uint8_t before;

    byte += hostile_below(h, 2 * PAGE_SIZE);
    before = *byte;
    *byte = (uint8_t)hostile_number(h);
    nap(1000 + hostile_below(h, 20000));
    *byte = before;
}

static void scribble(void *argument)
{
    struct hostile *h = argument;

    for (;;) {
        for (unsigned int count = 1 + hostile_below(h, 60); count > 0; count--) {
            struct device *device = &devices[hostile_below(h, device_count)];

            if (!__atomic_load_n(&device->shown, __ATOMIC_ACQUIRE))
                continue;
            if (device->manners == WILD && hostile_below(h, 64) == 0)
                flash(device, h);
            else if (hostile_below(h, 8) == 0)
                scribble_grants(device, h);
            else
                device->kind->scribble(device, h);
        }
        nap(5000 + hostile_below(h, 100000));
    }
}

/* ---- Beginning and end ---- */

static bool add_device(const struct kind *kind, const char *id)
{
    struct device *device = &devices[device_count];
    char path[96], *back;
    int port = event_alloc_unbound(BACK);

    device->kind = kind;
    device->manners = (enum manners)(device_count % MANNERS);
    device->id = (unsigned int)strtoul(id, NULL, 10);
    snprintf(device->node, sizeof(device->node), "device/%s/%s", kind->name, id);
    snprintf(path, sizeof(path), "%s/backend", device->node);
    device->rings = pages_alloc(RING_PAGES);
    device->pages = pages_alloc(DATA_PAGES);
    if (!device->rings || !device->pages || port < 0 || store_read(0, path, &back) < 0)
        return false;
    snprintf(device->back, sizeof(device->back), "%s", back);
    free(back);
    memset(device->pages, 0, DATA_PAGES * PAGE_SIZE);
    device->port = (evtchn_port_t)port;
    for (unsigned int i = 0; i < RING_PAGES; i++)
        device->ring_refs[i] = (grant_ref_t)grant_offer(
            BACK, va_to_mfn(device->rings + i * PAGE_SIZE), false);
    for (unsigned int i = 0; i < DATA_PAGES; i++)
        device->refs[i] = (grant_ref_t)grant_offer(BACK, va_to_mfn(device->pages + i * PAGE_SIZE),
                                                   false);
    device_count++;
    return true;
}

static void find_devices(const struct kind *kind)
{
    char folder[16], **names;
    int count;

    snprintf(folder, sizeof(folder), "device/%s", kind->name);
    count = store_directory(0, folder, &names);
    for (int i = 0; i < count && device_count < MAX_DEVICES; i++)
        if (!add_device(kind, names[i]))
            guest_panic("cannot begin with %s", names[i]);
    if (count >= 0)
        free(names);
}

/* What it was asked for before, and one thing more. */
static bool is_served(struct device *device)
{
    uint64_t deadline = clock_now() + PATIENCE;

    if (back_state(device) != XenbusStateConnected)
        return false;
    device->kind->ask(device, &sequences[0]);
    event_send(device->port);
    while (!device->kind->answered(device) && clock_now() < deadline)
        thread_sleep(MILLISECONDS(1));
    return device->kind->answered(device);
}

static void report(void)
{
    unsigned int all[MANNERS] = {0}, open[MANNERS] = {0};
    char seed[24] = "1";

    guest_option("seed", seed, sizeof(seed));
    for (unsigned int i = 0; i < device_count; i++) {
        struct device *device = &devices[i];

        all[device->manners]++;
        if (device->manners == POLITE ? is_served(device)
                                      : back_state(device) == XenbusStateConnected)
            open[device->manners]++;
        else if (device->manners == POLITE)
            printf("CHAOS FAIL seed %s: %s is in state %d, put %u\n", seed, device->node,
                   back_state(device), device->put);
    }
    printf("CHAOS DONE seed %s: asked %lu times, %u of %u served, %u of %u and %u of %u open\n",
           seed, asked, open[POLITE], all[POLITE], open[ROUGH], all[ROUGH], open[WILD], all[WILD]);
}

void guest_main(void)
{
    char text[24] = "2000";
    unsigned long steps;

    guest_option("steps", text, sizeof(text));
    steps = strtoul(text, NULL, 10);
    hostile_init(&sequences[0], 0, NULL, 0);
    hostile_init(&sequences[1], 1, NULL, 0);
    find_devices(&blk_kind);
    find_devices(&net_kind);
    for (unsigned int i = 0; i < device_count; i++)
        if (wait_for(&devices[i], XenbusStateInitWait))
            connect(&devices[i]);
    /* Values of the kinds that get far are pages: those of the first device will do. */
    for (unsigned int i = 0; i < 2; i++) {
        sequences[i].pages = devices[0].pages + TABLE_PAGES * PAGE_SIZE;
        sequences[i].nr_pages = DATA_PAGES - TABLE_PAGES;
    }
    if (device_count == 0 || vcpu_start(1, scribble, &sequences[1]))
        guest_panic("it needs a device and two vCPUs");
    for (unsigned long i = 0;; i++) {
        if (i == steps)
            report();
        step(&devices[hostile_below(&sequences[0], device_count)]);
    }
}
