/* SPDX-License-Identifier: MIT */
/*
 * Copies that fail, and which port is closed for it: granted pages are pages of the test's, and a
 * reference fails as often as the test wants.
 */
/* SOURCES: pv-guest/drivers/net.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <drivers/net.h>
#include <drivers/net_offload.h>
#include <grant.h>

#define SENDER   0
#define RECEIVER 1
#define LENGTH   300u

/* By reference: the sender's page and the receiver's. */
static uint8_t granted[2][PAGE_SIZE];
static unsigned int failures[2]; /* copies that fail before one works */
static int refusal;              /* what they fail with; apart, if this is not 0: */
static int probe_refusal;
static unsigned int blamed[2], flushed;
static bool copied;
static unsigned int mark;

/* ---- The kernel ---- */

mfn_t pfn_to_mfn(pfn_t pfn)
{
    return pfn;
}

void *page_alloc_zeroed(void)
{
    return memset(aligned_alloc(PAGE_SIZE, PAGE_SIZE), 0, PAGE_SIZE);
}

void *page_alloc(void)
{
    return memset(aligned_alloc(PAGE_SIZE, PAGE_SIZE), 0x5a, PAGE_SIZE);
}

void pages_free(void *pages, unsigned long count)
{
    assert_int_equal(count, 1);
    free(pages);
}

static bool reach(grant_ref_t ref)
{
    assert_in_range(ref, 0, 1);
    if (failures[ref] == 0)
        return true;
    failures[ref]--;
    return false;
}

void grant_copy_batch(struct gnttab_copy *ops, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        bool local = !(ops[i].flags & GNTCOPY_dest_gref);
        bool from = reach(ops[i].source.u.ref), to = local || reach(ops[i].dest.u.ref);

        assert_int_equal(ops[i].flags | GNTCOPY_dest_gref, GNTCOPY_source_gref | GNTCOPY_dest_gref);
        ops[i].status = from && to ? GNTST_okay : (int16_t)refusal;
        if (from && to && !local)
            memcpy(granted[RECEIVER] + ops[i].dest.offset, granted[SENDER] + ops[i].source.offset,
                   ops[i].len);
    }
}

int grant_copy_from(void *local, domid_t domid, grant_ref_t reference, unsigned int offset,
                    unsigned int length)
{
    if (!reach(reference))
        return probe_refusal ? probe_refusal : refusal;
    memcpy(local, granted[reference] + offset, length);
    return 0;
}

int grant_copy_to(const void *local, domid_t domid, grant_ref_t reference, unsigned int offset,
                  unsigned int length)
{
    if (!reach(reference))
        return probe_refusal ? probe_refusal : refusal;
    memcpy(granted[reference] + offset, local, length);
    return 0;
}

void net_send_segments(struct net_port *port, const struct net_packet *packet)
{
}

void net_send_with_checksum(struct net_port *port, const struct net_packet *packet)
{
}

bool net_is_ipv6(const uint8_t *frame, uint32_t length)
{
    return false;
}

/* ---- The ports ---- */

static struct net_port ports[2];

static void flush(struct net_port *port)
{
    flushed += port == &ports[RECEIVER];
    copied = net_copies_done(mark, mark + 1);
}

static void bad_grant(struct net_port *port, grant_ref_t ref)
{
    assert_int_equal(ref, port - ports);
    blamed[ref]++;
}

static const struct net_port_operations operations = {.flush = flush, .bad_grant = bad_grant};

static int set_up(void **state)
{
    memset(ports, 0, sizeof(ports));
    ports[0].operations = ports[1].operations = &operations;
    memset(granted[SENDER], 0x11, PAGE_SIZE);
    memset(granted[RECEIVER], 0x22, PAGE_SIZE);
    memset(failures, 0, sizeof(failures));
    refusal = GNTST_bad_gntref;
    probe_refusal = 0;
    memset(blamed, 0, sizeof(blamed));
    flushed = 0;
    copied = false;
    return 0;
}

/* Copy from one page to the other, the sides failing so often. */
static void send(unsigned int sender_fails, unsigned int receiver_fails)
{
    const struct net_packet packet = {
        .fragments[0] = {.ref = SENDER, .domid = 7, .offset = 100, .length = LENGTH},
        .fragment_count = 1,
        .length = LENGTH,
        .from = &ports[SENDER],
    };
    const struct net_target target = {.port = &ports[RECEIVER], .ref = RECEIVER, .domid = 8};
    struct net_cursor cursor = {0};

    failures[SENDER] = sender_fails;
    failures[RECEIVER] = receiver_fails;
    net_copy_reserve();
    mark = net_copy_mark();
    net_copy(&packet, &cursor, &target, LENGTH);
    net_mark_dirty(&ports[RECEIVER]);
    net_flush();
    assert_int_equal(flushed, 1);
}

static void a_copy_that_works_blames_nobody(void **state)
{
    send(0, 0);
    assert_true(copied);
    assert_int_equal(blamed[SENDER] + blamed[RECEIVER], 0);
    assert_int_equal(granted[RECEIVER][LENGTH - 1], 0x11);
    assert_int_equal(granted[RECEIVER][LENGTH], 0x22);
}

static void who_granted_nothing_is_blamed_alone(void **state)
{
    send(2, 0);
    assert_false(copied);
    assert_int_equal(blamed[SENDER], 1);
    assert_int_equal(blamed[RECEIVER], 0);
    set_up(state);
    send(0, 2);
    assert_false(copied);
    assert_int_equal(blamed[SENDER], 0);
    assert_int_equal(blamed[RECEIVER], 1);
}

/* The sender takes its page away and gives it back: nothing shows whose fault it was. */
static void who_grants_again_brings_no_blame_on_others(void **state)
{
    send(1, 0);
    assert_false(copied);
    assert_int_equal(blamed[SENDER] + blamed[RECEIVER], 0);
    /* What the receiver's page was tried with is the packet. */
    for (unsigned int i = 0; i < LENGTH; i++)
        assert_int_equal(granted[RECEIVER][i], 0x11);
    assert_int_equal(granted[RECEIVER][LENGTH], 0x22);
}

/* The hypervisor is short of memory: the packet is lost, and no port is closed for it. */
static void nobody_is_blamed_for_a_shortage(void **state)
{
    static const int statuses[] = {GNTST_eagain, GNTST_no_device_space};
    const struct net_packet packet = {
        .fragments[0] = {.ref = SENDER, .domid = 7, .length = LENGTH},
        .fragment_count = 1,
        .length = LENGTH,
        .from = &ports[SENDER],
    };
    static uint8_t page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

    for (unsigned int i = 0; i < 2; i++) {
        for (unsigned int side = 0; side < 2; side++) {
            set_up(state);
            refusal = statuses[i];
            send(side == SENDER ? 2 : 0, side == RECEIVER ? 2 : 0);
            assert_false(copied);
            assert_int_equal(blamed[SENDER] + blamed[RECEIVER], 0);
        }
        set_up(state);
        refusal = statuses[i];
        failures[SENDER] = 2;
        assert_false(net_copy_now(&packet, page));
        assert_int_equal(blamed[SENDER], 0);
    }
    /* A copy failed for a wrong page, and memory is short when each side is tried. */
    set_up(state);
    probe_refusal = GNTST_eagain;
    send(2, 2);
    assert_int_equal(blamed[SENDER] + blamed[RECEIVER], 0);
}

static unsigned int inputs;

static void count_input(struct net_port *port, struct net_packet *packet)
{
    inputs++;
}

/* The first piece of a packet holds the whole Ethernet header. */
static void a_packet_with_its_header_in_pieces_is_dropped(void **state)
{
    struct net_packet packet = {
        .fragments = {{.va = granted[SENDER] + PAGE_SIZE - 1, .length = 1},
                      {.va = granted[RECEIVER], .length = 100}},
        .fragment_count = 2,
        .length = 101,
    };

    inputs = 0;
    ports[0].input = count_input;
    net_input(&ports[0], &packet);
    assert_int_equal(inputs, 0);
    assert_int_equal(ports[0].counters.received_dropped, 1);
    packet.fragments[0] = (struct net_fragment){.va = granted[SENDER], .length = ETHERNET_HEADER};
    packet.length = ETHERNET_HEADER + 100;
    net_input(&ports[0], &packet);
    assert_int_equal(inputs, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_copy_that_works_blames_nobody, set_up),
        cmocka_unit_test_setup(who_granted_nothing_is_blamed_alone, set_up),
        cmocka_unit_test_setup(who_grants_again_brings_no_blame_on_others, set_up),
        cmocka_unit_test_setup(nobody_is_blamed_for_a_shortage, set_up),
        cmocka_unit_test_setup(a_packet_with_its_header_in_pieces_is_dropped, set_up),
    };

    return cmocka_run_group_tests_name("copies of packets", tests, NULL, NULL);
}
