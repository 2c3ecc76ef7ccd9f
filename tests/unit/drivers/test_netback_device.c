/* SPDX-License-Identifier: MIT */
/*
 * The network back driver's devices, word for word: what the tools may have written, what is
 * offered, what is done when a front end comes and goes, and what is undone when a step fails. All
 * around netback.c is the test's and notes what it is asked.
 */
/* SOURCES: pv-guest/drivers/netback.c */
/* SOURCES: tests/unit/drivers/fake_split.c tests/unit/drivers/notes.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
/* CFLAGS: -Dcalloc=counted_calloc */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <clock.h>
#include <errno.h>
#include <events.h>

#include <drivers/netback.h>
#include <drivers/netback_internal.h>

#include "fake_split.h"
#include "notes.h"

static uint8_t rings[2][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static struct vif *vif(void)
{
    return split.driver_data;
}

/* ---- Work ---- */

static void note_work(const char *what, struct work *work)
{
    note("%s %s ", what, work == &vif()->transmit_work ? "transmit" : "receive");
}

void work_schedule(struct work *work)
{
    note_work("schedule", work);
}

void work_cancel(struct work *work)
{
    note_work("cancel", work);
}

/* ---- Grants and events ---- */

static int map_error, bind_error; /* of the second of each */
static event_handler handlers[32];

int grant_map(struct grant_mapping *mapping, domid_t domid, const grant_ref_t *references,
              unsigned int count, bool readonly)
{
    assert_int_equal(domid, FRONT);
    assert_int_equal(count, 1);
    assert_false(readonly);
    note("map(%u) ", references[0]);
    mapping->va = rings[references[0] % 2];
    return references[0] == 11 ? map_error : 0;
}

void grant_unmap(struct grant_mapping *mapping)
{
    note("unmap(%s) ", mapping == &vif()->transmit_page ? "transmit" : "receive");
}

int event_bind_interdomain(domid_t remote, evtchn_port_t remote_port)
{
    assert_int_equal(remote, FRONT);
    if (remote_port == 31 && bind_error)
        return bind_error;
    return (int)remote_port - 20;
}

void event_set_handler(evtchn_port_t port, event_handler handler, void *argument)
{
    assert_ptr_equal(argument, vif());
    assert_true(vif()->connected); /* an event may come at once */
    handlers[port] = handler;
    note("listen(%u) ", port);
}

int event_close(evtchn_port_t port)
{
    note("close(%u) ", port);
    return 0;
}

void event_mask(evtchn_port_t port)
{
    note("mask(%u) ", port);
}

uint64_t clock_now(void)
{
    return 123456;
}

/* ---- The bridge, and the rest of the driver ---- */

static int bridge_error; /* what joining it comes to */

int bridge_add(struct net_port *port, unsigned int room)
{
    assert_true(port->carrier);
    assert_int_equal(room, BRIDGE_ADDRESSES_OF_VIF);
    note("add(%s) ", port->name);
    return bridge_error;
}

void bridge_remove(struct net_port *port)
{
    assert_false(port->carrier);
    note("remove(%s) ", port->name);
}

bool net_parse_mac(const char *text, uint8_t *mac)
{
    memset(mac, text[0] - '0', MAC_SIZE);
    return text[0] != 'x';
}

void net_forget(struct net_port *port)
{
    note("forget ");
}

void vif_transmit_run(struct work *work)
{
}

void vif_receive_run(struct work *work)
{
}

void vif_send(struct net_port *port, const struct net_packet *packet)
{
}

void vif_flush(struct net_port *port)
{
}

void vif_drop_waiting(struct vif *v)
{
    note("drop ");
}

/* ---- Tests ---- */

static int set_up(void **state)
{
    fake_split_start(2);
    map_error = bind_error = 0;
    memset(rings, 0, sizeof(rings));
    set("own/mac", "0");
    set("other/request-rx-copy", "1");
    set("other/tx-ring-ref", "10");
    set("other/rx-ring-ref", "11");
    set("other/event-channel", "25");
    assert_int_equal(netback_start(), -EEXIST);
    assert_string_equal(driver->kind, "vif");
    assert_true(driver->back);
    return 0;
}

static void probe(void)
{
    assert_int_equal(driver->probe(&split), 0);
    notes[0] = '\0';
}

static void take_away(void)
{
    driver->remove(&split);
    notes[0] = '\0';
}

#define FEATURES                                                                        \
    "feature-sg=1 feature-gso-tcpv4=1 feature-gso-tcpv6=1 feature-ipv6-csum-offload=1 " \
    "feature-rx-copy=1 feature-rx-flip=0 feature-split-event-channels=1 "               \
    "feature-multicast-control=0 hotplug-status=connected "

static void features_are_offered(void **state)
{
    assert_int_equal(driver->probe(&split), 0);
    assert_noted(FEATURES "state=2 ");
    assert_string_equal(vif()->port.name, "vif7.2");
    assert_false(vif()->port.only_own_mac);
    assert_int_equal(vif()->rate, 0);
    driver->remove(&split);
    assert_noted("cancel transmit cancel receive ");
}

static void a_failed_write_ends_a_probe(void **state)
{
    for (unsigned int n = 1; n <= 9; n++) {
        writes = 0;
        fail_write = n;
        assert_int_equal(driver->probe(&split), -ENOSPC);
        assert_int_equal(writes, n);
        assert_null(strstr(notes, "state"));
        notes[0] = '\0';
    }
    fail_write = 0;
    state_error = -ENOENT;
    assert_int_equal(driver->probe(&split), -ENOENT);
    no_memory = true;
    assert_int_equal(driver->probe(&split), -ENOMEM);
    assert_null(vif_of_longest_backlog());
}

static void the_address_is_one_cards(void **state)
{
    static const char *const wrong[] = {"x", "1", NULL}; /* none, a group's, not there */

    for (unsigned int i = 0; i < 3; i++) {
        set("own/mac", wrong[i]);
        assert_int_equal(driver->probe(&split), -EINVAL);
        assert_noted("fail(-22, its `mac` is no hardware address of one card) cancel transmit "
                     "cancel receive ");
    }
}

static void limits_are_read(void **state)
{
    static const struct {
        const char *rate;
        uint64_t bytes, interval; /* 0: refused */
    } cases[] = {
        {"1,1", 1, 1000},
        {"1099511627776,1000000", 1099511627776, 1000000000},
        {"1099511627777,1000000", 0, 0},
        {"1000,1000001", 0, 0},
        {"0,1000", 0, 0},
        {"1000,0", 0, 0},
        {"1000", 0, 0},
        {"1000;1000", 0, 0},
    };

    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set("own/rate", cases[i].rate);
        if (cases[i].bytes == 0) {
            assert_int_equal(driver->probe(&split), -EINVAL);
            assert_noted("fail(-22, its `rate` is not BYTES,MICROSECONDS of up to a second) "
                         "cancel transmit cancel receive ");
            continue;
        }
        probe();
        assert_int_equal(vif()->rate, cases[i].bytes);
        assert_int_equal(vif()->interval, cases[i].interval);
        assert_int_equal(vif()->credit_since, 123456);
        take_away();
    }
    set("own/rate", NULL);
    set("own/antispoof", "1");
    probe();
    assert_true(vif()->port.only_own_mac);
    take_away();
    set("own/antispoof", "0");
    probe();
    assert_false(vif()->port.only_own_mac);
    take_away();
}

static void the_bridge_is_ours(void **state)
{
    set("own/bridge", "");
    probe();
    take_away();
    set("own/bridge", BRIDGE_NAME);
    probe();
    take_away();
    set("own/bridge", "other0");
    assert_int_equal(driver->probe(&split), -ENODEV);
    assert_noted("fail(-19, there is no bridge other0, only " BRIDGE_NAME
                 ") cancel transmit cancel receive ");
}

static void a_front_comes_and_goes(void **state)
{
    probe();
    driver->other_changed(&split, XenbusStateInitialising);
    assert_noted("state=2 ");
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("");
    for (unsigned int i = 0; i < 2; i++) {
        driver->other_changed(&split, XenbusStateConnected);
        assert_noted("map(10) map(11) listen(5) add(vif7.2) state=4 schedule transmit ");
        driver->other_changed(&split, XenbusStateConnected);
        assert_noted("");
        vif()->slot_count = 9;
        driver->other_changed(&split, i ? XenbusStateClosing : XenbusStateClosed);
        assert_noted("remove(vif7.2) close(5) cancel transmit cancel receive forget drop "
                     "unmap(transmit) unmap(receive) ");
        assert_int_equal(vif()->slot_count, 0);
        assert_int_equal(vif()->transmit_port, -1);
        driver->other_changed(&split, XenbusStateClosed);
        assert_noted("");
    }
    set("other/event-channel-tx", "30");
    set("other/event-channel-rx", "31");
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(10) map(11) listen(10) listen(11) add(vif7.2) state=4 schedule transmit ");
    driver->remove(&split);
    assert_noted("remove(vif7.2) close(10) close(11) cancel transmit cancel receive forget drop "
                 "unmap(transmit) unmap(receive) cancel transmit cancel receive ");
}

/* Whatever numbers the ports get. */
static void a_port_may_be_0(void **state)
{
    probe();
    set("other/event-channel", "20");
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(10) map(11) listen(0) add(vif7.2) state=4 schedule transmit ");
    driver->other_changed(&split, XenbusStateClosed);
    assert_noted("remove(vif7.2) close(0) cancel transmit cancel receive forget drop "
                 "unmap(transmit) unmap(receive) ");
    set("other/event-channel-tx", "30");
    set("other/event-channel-rx", "20");
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(10) map(11) listen(10) listen(0) add(vif7.2) state=4 schedule transmit ");
    driver->other_changed(&split, XenbusStateClosed);
    assert_noted("remove(vif7.2) close(10) close(0) cancel transmit cancel receive forget drop "
                 "unmap(transmit) unmap(receive) ");
    set("other/event-channel-tx", "20");
    set("other/event-channel-rx", "31");
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(10) map(11) listen(0) listen(11) add(vif7.2) state=4 schedule transmit ");
    take_away();
}

static void each_step_may_fail(void **state)
{
    probe();
    set("other/request-rx-copy", "0");
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("fail(-95, the front end does not ask for request-rx-copy) ");
    set("other/request-rx-copy", "1");
    set("other/tx-ring-ref", "4294967306"); /* 10, and a bit above */
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("fail(-22, cannot map the front end's tx-ring-ref) ");
    set("other/tx-ring-ref", NULL);
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("fail(-2, cannot map the front end's tx-ring-ref) ");
    set("other/tx-ring-ref", "10");
    map_error = -EFAULT;
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(10) map(11) fail(-14, cannot map the front end's rx-ring-ref) "
                 "unmap(transmit) ");
    map_error = 0;
    set("other/event-channel", NULL);
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(10) map(11) fail(-2, cannot bind the front end's event channels) "
                 "cancel transmit cancel receive unmap(receive) unmap(transmit) ");
    set("other/event-channel-tx", "30");
    set("other/event-channel-rx", "31");
    bind_error = -EINVAL;
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(10) map(11) listen(10) fail(-22, cannot bind the front end's event "
                 "channels) close(10) cancel transmit cancel receive unmap(receive) "
                 "unmap(transmit) ");
    bind_error = 0;
    bridge_error = -ENOMEM;
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(10) map(11) listen(10) listen(11) add(vif7.2) fail(-12, no memory for the "
                 "bridge) remove(vif7.2) close(10) close(11) cancel transmit cancel receive forget "
                 "drop unmap(transmit) unmap(receive) ");
    bridge_error = 0;
    state_error = -ENOENT;
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(10) map(11) listen(10) listen(11) add(vif7.2) state=4 remove(vif7.2) "
                 "close(10) close(11) cancel transmit cancel receive forget drop "
                 "unmap(transmit) unmap(receive) ");
    driver->remove(&split);
    assert_noted("cancel transmit cancel receive ");
}

static void connect_with(const char *sg, const char *mtu)
{
    set("other/feature-sg", sg);
    set("own/mtu", mtu);
    probe();
    driver->other_changed(&split, XenbusStateConnected);
}

static void a_fronts_features(void **state)
{
    struct net_features *features;

    connect_with(NULL, NULL);
    features = &vif()->port.features;
    assert_true(features->csum_ipv4);
    assert_false(features->csum_ipv6 || features->tso_ipv4 || features->tso_ipv6);
    assert_int_equal(vif()->port.mtu, 1500);
    take_away();
    set("other/feature-gso-tcpv4", "1"); /* which needs feature-sg */
    set("other/feature-gso-tcpv6", "1");
    set("other/feature-ipv6-csum-offload", "1");
    set("other/feature-no-csum-offload", "1");
    connect_with("0", "9000");
    features = &vif()->port.features;
    assert_true(features->csum_ipv6);
    assert_false(features->csum_ipv4 || features->tso_ipv4 || features->tso_ipv6);
    assert_int_equal(vif()->port.mtu, 1500);
    take_away();
    connect_with("1", "8999");
    features = &vif()->port.features;
    assert_true(features->tso_ipv4 && features->tso_ipv6);
    assert_int_equal(vif()->port.mtu, 8999);
    take_away();
    set("other/feature-gso-tcpv6", "0");
    connect_with("1", "4294968000"); /* more than there is */
    features = &vif()->port.features;
    assert_true(features->tso_ipv4 && !features->tso_ipv6);
    assert_int_equal(vif()->port.mtu, 9000);
    take_away();
    connect_with("1", NULL);
    assert_int_equal(vif()->port.mtu, 9000);
    take_away();
    connect_with("1", "1");
    assert_int_equal(vif()->port.mtu, 1);
    take_away();
}

/* An event is masked until its work has run. */
static void events_schedule_work(void **state)
{
    struct vif_waiting *const some = (struct vif_waiting *)notes;

    probe();
    driver->other_changed(&split, XenbusStateConnected);
    notes[0] = '\0';
    handlers[5](5, vif());
    assert_noted("mask(5) schedule transmit ");
    vif()->first_waiting = some;
    handlers[5](5, vif());
    assert_noted("mask(5) schedule transmit schedule receive ");
    vif()->first_waiting = NULL;
    driver->other_changed(&split, XenbusStateClosed);
    set("other/event-channel-tx", "30");
    set("other/event-channel-rx", "31");
    driver->other_changed(&split, XenbusStateConnected);
    notes[0] = '\0';
    vif()->first_waiting = some;
    handlers[10](10, vif());
    assert_noted("mask(10) schedule transmit ");
    handlers[11](11, vif());
    assert_noted("mask(11) schedule receive ");
    vif()->first_waiting = NULL;
    take_away();
}

static void an_enemy_is_told_of_once(void **state)
{
    probe();
    driver->other_changed(&split, XenbusStateConnected);
    notes[0] = '\0';
    vif()->port.operations->bad_grant(&vif()->port, 99);
    assert_noted("fail(-22, the front end is closed: cannot copy with its grant reference 99) ");
    assert_true(vif()->broken);
    assert_false(vif()->port.carrier);
    vif()->port.operations->bad_grant(&vif()->port, 98);
    assert_noted("");
    take_away();
}

static void several_vifs(void **state)
{
    struct split_device devices[3];
    struct net_counters counters = {0};
    struct vif_waiting *const some = (struct vif_waiting *)notes;
    struct vif *vifs[3];

    assert_null(vif_of_longest_backlog());
    for (unsigned int i = 0; i < 3; i++) {
        devices[i] = (struct split_device){.other = (domid_t)(7 + i / 2), .id = i % 2};
        assert_int_equal(driver->probe(&devices[i]), 0);
        vifs[i] = devices[i].driver_data;
        vifs[i]->port.counters.sent_packets = 10 + i;
    }
    assert_null(vif_of_longest_backlog());
    vifs[0]->first_waiting = vifs[1]->first_waiting = some;
    vifs[0]->waiting_pages = 5;
    vifs[1]->waiting_pages = 6;
    vifs[2]->waiting_pages = 7; /* of which nothing can be dropped */
    assert_ptr_equal(vif_of_longest_backlog(), vifs[1]);
    vifs[0]->waiting_pages = 7;
    assert_ptr_equal(vif_of_longest_backlog(), vifs[0]);

    assert_true(netback_counters(7, 1, &counters));
    assert_int_equal(counters.sent_packets, 11);
    assert_true(netback_counters(8, 0, &counters));
    assert_int_equal(counters.sent_packets, 12);
    assert_false(netback_counters(8, 1, &counters));
    assert_false(netback_counters(9, 0, &counters));
    split.driver_data = vifs[1]; /* for the notes */
    driver->remove(&devices[1]);
    assert_false(netback_counters(7, 1, &counters));
    assert_true(netback_counters(7, 0, &counters));
    assert_true(netback_counters(8, 0, &counters));
    split.driver_data = vifs[0];
    driver->remove(&devices[0]);
    split.driver_data = vifs[2];
    driver->remove(&devices[2]);
    assert_false(netback_counters(7, 0, &counters));
    assert_false(netback_counters(8, 0, &counters));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(features_are_offered, set_up),
        cmocka_unit_test_setup(a_failed_write_ends_a_probe, set_up),
        cmocka_unit_test_setup(the_address_is_one_cards, set_up),
        cmocka_unit_test_setup(limits_are_read, set_up),
        cmocka_unit_test_setup(the_bridge_is_ours, set_up),
        cmocka_unit_test_setup(a_front_comes_and_goes, set_up),
        cmocka_unit_test_setup(a_port_may_be_0, set_up),
        cmocka_unit_test_setup(each_step_may_fail, set_up),
        cmocka_unit_test_setup(a_fronts_features, set_up),
        cmocka_unit_test_setup(events_schedule_work, set_up),
        cmocka_unit_test_setup(an_enemy_is_told_of_once, set_up),
        cmocka_unit_test_setup(several_vifs, set_up),
    };

    return cmocka_run_group_tests_name("network devices", tests, NULL, NULL);
}
