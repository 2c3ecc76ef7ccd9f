/* SPDX-License-Identifier: MIT */
/*
 * A vif from its node in the store to its end, with events at every moment: what they schedule ends
 * before the vif does, and a front end that sends them without end is heard once for each round.
 */
/* SOURCES: pv-guest/drivers/netback.c pv-guest/drivers/netback_transmit.c */
/* SOURCES: pv-guest/drivers/netback_receive.c pv-guest/drivers/netback_ring.c */
/* SOURCES: tests/host/guest/net_copy.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <clock.h>
#include <errno.h>
#include <events.h>

#include <drivers/netback.h>
#include <drivers/netback_internal.h>

#define TRANSMIT 5u
#define RECEIVE  6u
#define PORTS    8u
#define SLOTS    256u

static struct split_driver *driver;
static struct split_device device;

static union {
    netif_tx_sring_t transmit;
    uint8_t bytes[PAGE_SIZE];
} transmit __attribute__((aligned(PAGE_SIZE)));
static uint8_t receive[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

/* ---- Events: ports whose front end sends all the time, if `storm` ---- */

static struct {
    event_handler handler;
    void *argument;
    bool masked;
} ports[PORTS];

static bool storm;
static unsigned int upcalls;

/* Whatever is not masked has an event. */
static void upcall(void)
{
    for (unsigned int i = 0; storm && i < PORTS; i++) {
        if (!ports[i].handler || ports[i].masked)
            continue;
        upcalls++;
        ports[i].handler(i, ports[i].argument);
    }
}

void event_set_handler(evtchn_port_t port, event_handler handler, void *argument)
{
    ports[port].handler = handler;
    ports[port].argument = argument;
    ports[port].masked = false;
}

void event_mask(evtchn_port_t port)
{
    ports[port].masked = true;
}

void event_unmask(evtchn_port_t port)
{
    ports[port].masked = false;
}

int event_bind_interdomain(domid_t remote, evtchn_port_t remote_port)
{
    return (int)remote_port;
}

int event_close(evtchn_port_t port)
{
    upcall();
    ports[port].handler = NULL;
    return 0;
}

int event_send(evtchn_port_t port)
{
    return 0;
}

/* ---- Work ---- */

static struct work *works[4];
static unsigned int work_count;

void work_schedule(struct work *work)
{
    if (work->scheduled)
        return;
    work->scheduled = true;
    works[work_count++] = work;
}

void work_cancel(struct work *work)
{
    upcall();
    for (unsigned int i = 0; i < work_count; i++) {
        if (works[i] == work) {
            works[i] = works[--work_count];
            work->scheduled = false;
            break;
        }
    }
}

/* Runs what is scheduled now. */
static void run_round(void)
{
    struct work *round[4];
    unsigned int count = work_count;

    memcpy(round, works, sizeof(works));
    work_count = 0;
    for (unsigned int i = 0; i < count; i++) {
        round[i]->scheduled = false;
        round[i]->run(round[i]);
    }
}

/* ---- Split devices ---- */

static void (*called)(struct split_device *device);
static bool split_ports;
static const char *rate;

int split_register(struct split_driver *d)
{
    driver = d;
    return 0;
}

void split_call(struct split_device *d, void (*function)(struct split_device *device))
{
    called = function;
}

void split_fail(struct split_device *d, int error, const char *format, ...)
{
    d->failed = true;
}

int split_set_state(struct split_device *d, enum xenbus_state state)
{
    upcall();
    d->state = state;
    return 0;
}

int split_write(struct split_device *d, store_transaction transaction, const char *key,
                const char *format, ...)
{
    return 0;
}

int split_own_text(const struct split_device *d, const char *key, char **value)
{
    const char *text = strcmp(key, "mac") == 0 ? "00:16:3e:00:00:01" : NULL;

    if (strcmp(key, "rate") == 0)
        text = rate;
    *value = text ? strdup(text) : NULL;
    return text ? (int)strlen(text) : -ENOENT;
}

int split_own_number(const struct split_device *d, const char *key, uint64_t *value)
{
    return -ENOENT;
}

int split_other_number(const struct split_device *d, const char *key, uint64_t *value)
{
    upcall();
    if (strcmp(key, "tx-ring-ref") == 0)
        *value = 1;
    else if (strcmp(key, "rx-ring-ref") == 0)
        *value = 2;
    else if (strcmp(key, split_ports ? "event-channel-tx" : "event-channel") == 0)
        *value = TRANSMIT;
    else if (split_ports && strcmp(key, "event-channel-rx") == 0)
        *value = RECEIVE;
    else
        return -ENOENT;
    return 0;
}

uint64_t split_other_feature(const struct split_device *d, const char *key)
{
    return strncmp(key, "feature-no", 10) != 0;
}

/* ---- The rest of the kernel ---- */

static uint64_t now = NANOSECONDS_PER_SECOND;

uint64_t clock_now(void)
{
    return now;
}

void thread_sleep(uint64_t nanoseconds)
{
    upcall();
    now += nanoseconds;
}

mfn_t pfn_to_mfn(pfn_t pfn)
{
    return pfn;
}

void *pages_alloc(unsigned long count)
{
    return aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
}

void pages_free(void *pages, unsigned long count)
{
    free(pages);
}

unsigned long memory_free_pages(void)
{
    return 100000;
}

int grant_map(struct grant_mapping *mapping, domid_t domid, const grant_ref_t *references,
              unsigned int count, bool readonly)
{
    mapping->va = references[0] == 1 ? transmit.bytes : receive;
    return 0;
}

void grant_unmap(struct grant_mapping *mapping)
{
    mapping->va = NULL;
}

void grant_copy_batch(struct gnttab_copy *ops, unsigned int count)
{
}

/* ---- The bridge and net.c ---- */

static uint64_t input_bytes; /* in this round */

int bridge_add(struct net_port *port, unsigned int room)
{
    return 0;
}

void bridge_remove(struct net_port *port)
{
}

bool net_parse_mac(const char *text, uint8_t *mac)
{
    memset(mac, 0, MAC_SIZE);
    return text[0] != '\0';
}

void net_input(struct net_port *port, struct net_packet *packet)
{
    input_bytes += packet->length;
}

void net_flush(void)
{
}

void net_forget(struct net_port *port)
{
}

void net_mark_dirty(struct net_port *port)
{
}

/* ---- Tests ---- */

static int set_up(void **state)
{
    memset(&device, 0, sizeof(device));
    memset(&transmit, 0, sizeof(transmit));
    memset(receive, 0, sizeof(receive));
    memset(ports, 0, sizeof(ports));
    transmit.transmit.req_event = transmit.transmit.rsp_event = 1;
    storm = split_ports = false;
    rate = NULL;
    called = NULL;
    work_count = upcalls = 0;
    input_bytes = 0;
    return netback_start();
}

static void connect(void)
{
    device.driver = driver;
    assert_int_equal(driver->probe(&device), 0);
    driver->other_changed(&device, XenbusStateConnected);
    assert_int_equal(device.state, XenbusStateConnected);
}

/* Packets of `count` pages, the last one short. */
static void put(unsigned int count)
{
    netif_tx_sring_t *ring = (netif_tx_sring_t *)transmit.bytes;

    for (unsigned int i = 0; i < count; i++)
        ring->ring[ring->req_prod++ % SLOTS].req = (netif_tx_request_t){
            .gref = 9,
            .flags = i + 1 < count ? NETTXF_more_data : 0,
            .size = (uint16_t)(i ? PAGE_SIZE : count * PAGE_SIZE - 1),
        };
    /* The last piece is a byte less than a page, as the first one's size has it. */
    if (count > 1)
        ring->ring[(ring->req_prod - 1) % SLOTS].req.size = PAGE_SIZE - 1;
}

static void events_schedule_nothing_for_who_is_gone(void **state)
{
    for (unsigned int i = 0; i < 4; i++) {
        set_up(state);
        split_ports = i & 1;
        storm = true;
        connect();
        if (i & 2) {
            driver->other_changed(&device, XenbusStateClosed);
            run_round();
        }
        driver->remove(&device);
        assert_int_equal(work_count, 0);
        run_round();
    }
}

/* The interval's end comes to a vif that was disconnected before. */
static void credit_comes_too_late(void **state)
{
    rate = "1000,1000";
    connect();
    put(2);
    put(2);
    run_round();
    assert_non_null(called);
    called(&device);
    assert_int_equal(work_count, 1);
    driver->other_changed(&device, XenbusStateClosed);
    assert_int_equal(work_count, 0);
    called(&device);
    assert_int_equal(work_count, 0);
    driver->remove(&device);
}

static void a_storm_is_heard_once_a_round(void **state)
{
    split_ports = true;
    connect();
    run_round();
    storm = true;
    for (unsigned int i = 0; i < 100; i++) {
        upcall();
        upcall();
        upcall();
        assert_int_equal(upcalls, 2 * (i + 1));
        run_round();
    }
    storm = false;
    driver->remove(&device);
}

/* All that the front end put goes through, in rounds that leave time to others. */
static void a_round_ends_after_so_many_bytes(void **state)
{
    uint64_t all = 0;

    connect();
    for (unsigned int i = 0; i < 15; i++)
        put(16);
    while (work_count > 0) {
        input_bytes = 0;
        run_round();
        assert_in_range(input_bytes, 1, 5ull * NET_MAX_PACKET);
        all += input_bytes;
    }
    assert_int_equal(all, 15ull * NET_MAX_PACKET);
    assert_int_equal(transmit.transmit.rsp_prod, transmit.transmit.req_prod);
    driver->remove(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(events_schedule_nothing_for_who_is_gone, set_up),
        cmocka_unit_test_setup(credit_comes_too_late, set_up),
        cmocka_unit_test_setup(a_storm_is_heard_once_a_round, set_up),
        cmocka_unit_test_setup(a_round_ends_after_so_many_bytes, set_up),
    };

    return cmocka_run_group_tests_name("network back driver", tests, NULL, NULL);
}
