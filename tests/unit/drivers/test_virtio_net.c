/* SPDX-License-Identifier: MIT */
/*
 * The driver of virtio cards over a transport and a device that are the test: which features are
 * asked for, large frames in merged buffers with what their header says, frames that make no sense,
 * and the header of what is sent.
 */
/* SOURCES: pv-guest/drivers/virtio_net.c pv-guest/drivers/virtqueue.c */
/* SOURCES: pv-guest/drivers/net_checksum.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <drivers/bridge.h>
#include <drivers/virtio.h>
#include <drivers/virtio_net.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE   256u
#define RECEIVE 0u
#define SEND    1u

/* ---- The kernel ---- */

mfn_t pfn_to_mfn(pfn_t pfn)
{
    /* So that machine addresses are pointers. */
    return pfn + (KERNEL_BASE >> PAGE_SHIFT);
}

void *page_alloc(void)
{
    return aligned_alloc(PAGE_SIZE, PAGE_SIZE);
}

void pages_free(void *pages, unsigned long count)
{
    free(pages);
}

void work_schedule(struct work *work)
{
    work->scheduled = true;
}

/* ---- What is above the driver ---- */

static struct net_port *card, *dirty;
static struct net_packet input; /* the last one */
static uint8_t data[NET_MAX_FRAME + PAGE_SIZE];
static unsigned int inputs;

int bridge_add(struct net_port *port, unsigned int room)
{
    assert_int_equal(room, BRIDGE_ADDRESSES_OF_CARD);
    card = port;
    return 0;
}

void bridge_remove(struct net_port *port)
{
    assert_ptr_equal(port, card);
    card = NULL;
}

void net_input(struct net_port *port, struct net_packet *packet)
{
    uint32_t done = 0;

    assert_ptr_equal(port, card);
    inputs++;
    input = *packet;
    for (unsigned int i = 0; i < packet->fragment_count; i++) {
        memcpy(data + done, packet->fragments[i].va, packet->fragments[i].length);
        done += packet->fragments[i].length;
    }
    assert_int_equal(done, packet->length);
}

void net_mark_dirty(struct net_port *port)
{
    dirty = port;
}

void net_flush(void)
{
    struct net_port *flushed = dirty;

    dirty = NULL;
    if (flushed)
        flushed->operations->flush(flushed);
}

void net_copy_reserve(void)
{
}

unsigned int net_copy_mark(void)
{
    return 0;
}

/* Packets of one fragment. */
void net_copy(const struct net_packet *packet, struct net_cursor *cursor,
              const struct net_target *target, uint32_t length)
{
    memcpy(target->va, packet->fragments[0].va + cursor->offset, length);
    cursor->offset += length;
}

bool net_copies_done(unsigned int first, unsigned int end)
{
    return true;
}

/* ---- The transport ---- */

static uint64_t offered;
static struct virtio_device transport;
static struct virtio_queue *device_queues;
static volatile uint16_t doorbell;
static int probe_result, start_result;

void virtio_probe(unsigned int type, int (*probe)(struct virtio_device *device))
{
    assert_int_equal(type, VIRTIO_TYPE_NET);
    memset(&transport, 0, sizeof(transport));
    transport.offered = offered;
    probe_result = probe(&transport);
}

int virtio_negotiate(struct virtio_device *device, uint64_t wanted)
{
    device->features = offered & (wanted | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
    return 0;
}

void virtio_config_read(struct virtio_device *device, size_t offset, void *to, size_t size)
{
    memset(to, 0, size);
}

int virtio_start(struct virtio_device *device, struct virtio_queue *queues, unsigned int count)
{
    assert_int_equal(count, 2);
    if (start_result)
        return start_result;
    device_queues = queues;
    for (unsigned int i = 0; i < count; i++) {
        char *pages = aligned_alloc(PAGE_SIZE, 2 * PAGE_SIZE);

        memset(pages, 0, 2 * PAGE_SIZE);
        virtqueue_init(&device_queues[i].ring, (uint16_t)i, QUEUE, pages, pages + PAGE_SIZE,
                       calloc(QUEUE, sizeof(struct virtqueue_slot)), &doorbell, true, true);
    }
    return 0;
}

bool virtio_needs_reset(struct virtio_device *device)
{
    return false;
}

void virtio_stop(struct virtio_device *device, const char *why)
{
    fail_msg("stopped: %s", why);
}

/* ---- The device ---- */

struct header {
    uint8_t flags, gso_type;
    uint16_t header_length, gso_size, checksum_start, checksum_offset, buffers;
};

#define NEEDS_CHECKSUM 1u
#define DATA_VALID     2u
#define TCPV4          1u
#define UDP            3u
#define TCPV6          4u
#define ECN            0x80u

static uint16_t taken[2];

static const struct virtq_desc *next_chain(unsigned int queue, uint16_t *id)
{
    const struct virtqueue *ring = &device_queues[queue].ring;

    if (taken[queue] == __atomic_load_n(&ring->avail->index, __ATOMIC_ACQUIRE))
        return NULL;
    *id = ring->avail->ring[taken[queue]++ & ring->mask];
    return &ring->descriptors[*id];
}

static void answer(unsigned int queue, uint16_t id, uint32_t length)
{
    struct virtq_used *used = device_queues[queue].ring.used;

    used->ring[used->index & device_queues[queue].ring.mask] = (struct virtq_used_entry){
        .id = id, .length = length};
    __atomic_store_n(&used->index, used->index + 1, __ATOMIC_RELEASE);
}

static unsigned int empty_pages(void)
{
    return (uint16_t)(device_queues[RECEIVE].ring.avail->index - taken[RECEIVE]);
}

static uint8_t byte_at(uint32_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8));
}

/* Receive a frame of known bytes; the device spreads it over as many pages as it takes. */
static void receive(struct header header, uint32_t length)
{
    uint32_t done = 0;
    bool first = true;

    header.buffers = (uint16_t)((length + sizeof(header) + PAGE_SIZE - 1) / PAGE_SIZE);
    while (done < length || first) {
        uint16_t id;
        const struct virtq_desc *page = next_chain(RECEIVE, &id);
        uint8_t *to = (uint8_t *)(uintptr_t)page->address;
        uint32_t at = 0;

        assert_int_equal(page->length, PAGE_SIZE);
        assert_int_equal(page->flags, VIRTQ_DESC_WRITE);
        if (first) {
            memcpy(to, &header, sizeof(header));
            at = sizeof(header);
        }
        while (at < PAGE_SIZE && done < length)
            to[at++] = byte_at(done++);
        answer(RECEIVE, id, at);
        first = false;
    }
    device_queues[RECEIVE].work.run(&device_queues[RECEIVE].work);
}

static void expect_input(uint32_t length)
{
    assert_int_equal(inputs, 1);
    inputs = 0;
    assert_int_equal(input.length, length);
    for (uint32_t i = 0; i < length; i++)
        assert_int_equal(data[i], byte_at(i));
    assert_int_equal(empty_pages(), 256);
}

/* ---- Before and after each test ---- */

#define F_CSUM       (1ull << 0)
#define F_GUEST_CSUM (1ull << 1)
#define F_GUEST_TSO4 (1ull << 7)
#define F_GUEST_TSO6 (1ull << 8)
#define F_HOST_TSO4  (1ull << 11)
#define F_HOST_TSO6  (1ull << 12)
#define F_MERGE      (1ull << 15)
#define F_LARGE      (F_GUEST_CSUM | F_GUEST_TSO4 | F_GUEST_TSO6)
#define F_SEND       (F_CSUM | F_HOST_TSO4 | F_HOST_TSO6)

/* The driver has one card for good, so it starts once. */
static int begin(void **state)
{
    start_result = 0;
    offered = F_LARGE | F_SEND | F_MERGE | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;
    virtio_net_init();
    return probe_result;
}

/* ---- Tests ---- */

/* Buffers are single pages, so without merging no large frame may come. */
static void large_frames_need_merging(void **state)
{
    offered = F_LARGE | F_SEND;
    start_result = -EIO;
    virtio_net_init();
    assert_int_equal(probe_result, -EIO);
    assert_int_equal(transport.features, F_SEND);
    assert_int_equal(begin(state), 0);
}

static void large_frames_are_asked_for(void **state)
{
    assert_int_equal(transport.features & F_LARGE, F_LARGE);
    assert_true(card->features.csum_ipv4 && card->features.csum_ipv6);
    assert_true(card->features.tso_ipv4 && card->features.tso_ipv6);
    assert_int_equal(empty_pages(), 256);
}

static void plain_frames(void **state)
{
    receive((struct header){0}, 60);
    expect_input(60);
    assert_false(input.csum_blank || input.csum_valid || input.gso_size);
    receive((struct header){.flags = DATA_VALID}, 1514);
    expect_input(1514);
    assert_true(!input.csum_blank && input.csum_valid);
    receive((struct header){.flags = NEEDS_CHECKSUM, .checksum_start = 34}, 1514);
    expect_input(1514);
    assert_true(input.csum_blank && input.csum_valid);
}

static void large_frames_come_whole(void **state)
{
    static const uint32_t lengths[] = {1515,  4084,  4085,  8180,         8181,
                                       65226, 65535, 65549, NET_MAX_FRAME};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        receive((struct header){.flags = NEEDS_CHECKSUM, .gso_type = TCPV4, .gso_size = 1448},
                lengths[i]);
        expect_input(lengths[i]);
        assert_int_equal(input.gso_size, 1448);
        assert_int_equal(input.gso_type, XEN_NETIF_GSO_TYPE_TCPV4);
        assert_true(input.csum_blank && input.csum_valid);
    }
    receive((struct header){.flags = NEEDS_CHECKSUM, .gso_type = TCPV6 | ECN, .gso_size = 1428},
            30000);
    expect_input(30000);
    assert_int_equal(input.gso_size, 1428);
    assert_int_equal(input.gso_type, XEN_NETIF_GSO_TYPE_TCPV6);
}

static void bad_frames_are_counted(void **state)
{
    uint64_t errors = card->counters.received_errors;

    receive((struct header){0}, 0);
    receive((struct header){.flags = NEEDS_CHECKSUM, .gso_type = TCPV4}, 3000);
    receive((struct header){.flags = NEEDS_CHECKSUM, .gso_type = UDP}, 3000);
    receive((struct header){.flags = NEEDS_CHECKSUM, .gso_type = TCPV4, .gso_size = 1448},
            NET_MAX_FRAME + 1);
    assert_int_equal(inputs, 0);
    assert_int_equal(card->counters.received_errors, errors + 4);
    assert_int_equal(empty_pages(), 256);
}

/* Headers of TCP over IPv4 in the first bytes of a frame. */
static void make_tcp(uint8_t *frame, uint32_t length)
{
    memset(frame, 0, length);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[16] = (uint8_t)((length - 14) >> 8);
    frame[17] = (uint8_t)(length - 14);
    frame[23] = 6;
    frame[46] = 0x50;
}

static void sent_frames_say_what_is_missing(void **state)
{
    static uint8_t frame[30000];
    struct net_packet packet = {.fragments[0] = {.va = frame, .length = sizeof(frame)},
                                .fragment_count = 1,
                                .length = sizeof(frame),
                                .gso_size = 1448,
                                .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
                                .csum_blank = true,
                                .csum_valid = true};
    const struct virtq_desc *chain;
    const struct header *header;
    uint64_t length = 0;
    uint16_t id;

    make_tcp(frame, sizeof(frame));
    card->operations->send(card, &packet);
    net_flush();
    chain = next_chain(SEND, &id);
    assert_non_null(chain);
    assert_int_equal(chain->flags, VIRTQ_DESC_INDIRECT);
    header =
        (const void *)(uintptr_t)((const struct virtq_desc *)(uintptr_t)chain->address)->address;
    for (size_t i = 0; i < chain->length / sizeof(*chain); i++)
        length += ((const struct virtq_desc *)(uintptr_t)chain->address)[i].length;
    assert_int_equal(length, sizeof(frame) + sizeof(*header));
    assert_int_equal(header->flags, NEEDS_CHECKSUM);
    assert_int_equal(header->gso_type, TCPV4);
    assert_int_equal(header->gso_size, 1448);
    assert_int_equal(header->header_length, 54);
    assert_int_equal(header->checksum_start, 34);
    assert_int_equal(header->checksum_offset, 16);
    answer(SEND, id, 0);
    assert_int_equal(card->counters.sent_packets, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_frames_need_merging),
        cmocka_unit_test(large_frames_are_asked_for),
        cmocka_unit_test(plain_frames),
        cmocka_unit_test(large_frames_come_whole),
        cmocka_unit_test(bad_frames_are_counted),
        cmocka_unit_test(sent_frames_say_what_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
