/* SPDX-License-Identifier: MIT */
/*
 * Virtio network cards (virtio 1.2, chapter 5.1): one queue in each direction.
 *
 * Received frames lie in pages that the card filled, several for a large one where it merges
 * buffers; they are passed on from there, and the pages posted again. A frame to be sent is copied
 * into pages of the driver, behind the card's header. Frames for which the queue has no room wait,
 * up to a bound; beyond it they are dropped, as on a wire that is too slow.
 */
#include <drivers/virtio_net.h>

#include <drivers/bridge.h>
#include <drivers/net_checksum.h>
#include <drivers/virtio.h>

#include <errno.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define F_CSUM       (1ull << 0)
#define F_GUEST_CSUM (1ull << 1)
#define F_MTU        (1ull << 3)
#define F_MAC        (1ull << 5)
#define F_GUEST_TSO4 (1ull << 7)
#define F_GUEST_TSO6 (1ull << 8)
#define F_HOST_TSO4  (1ull << 11)
#define F_HOST_TSO6  (1ull << 12)
#define F_MERGE      (1ull << 15)
#define F_STATUS     (1ull << 16)
#define F_ALWAYS     (F_CSUM | F_MTU | F_MAC | F_HOST_TSO4 | F_HOST_TSO6 | F_MERGE | F_STATUS)
#define F_LARGE      (F_GUEST_CSUM | F_GUEST_TSO4 | F_GUEST_TSO6)

#define STATUS_LINK_UP 1u

#define RECEIVE  0u
#define TRANSMIT 1u

/* In front of each frame. All fields are little-endian. */
struct header {
    uint8_t flags; /* HEADER_* */
    uint8_t gso_type;
    uint16_t header_length, gso_size, checksum_start, checksum_offset;
    uint16_t buffers; /* that a received frame occupies, with F_MERGE */
};

_Static_assert(sizeof(struct header) == 12, "5.1.6");

#define HEADER_NEEDS_CHECKSUM 1u
#define HEADER_DATA_VALID     2u

#define GSO_NONE  0u
#define GSO_TCPV4 1u
#define GSO_TCPV6 4u
#define GSO_ECN   0x80u

/* The device's configuration, 5.1.4. */
struct configuration {
    uint8_t mac[MAC_SIZE];
    uint16_t status, queue_pairs, mtu;
};

#define RECEIVE_PAGES 256u
#define RECEIVE_BATCH 64u

/* A frame's first page: header, data, and the chain of descriptors at its end. */
#define CHAIN_AT            3584u
#define CHAIN_SIZE          18u
#define FIRST_DATA          (CHAIN_AT - (uint32_t)sizeof(struct header))
#define MAX_FRAMES          512u  /* on their way to the card */
#define MAX_PAGES           1024u /* that they occupy */
#define IS_EXPECTED(length) ((length) <= FIRST_DATA + (CHAIN_SIZE - 1) * PAGE_SIZE)

_Static_assert(CHAIN_AT + CHAIN_SIZE * sizeof(struct virtq_desc) <= PAGE_SIZE, "one page");
_Static_assert(IS_EXPECTED(NET_MAX_FRAME), "the largest frame has room");

struct frame {
    struct frame *next;
    uint8_t *pages[CHAIN_SIZE];
    unsigned int page_count;
    uint32_t length;
    unsigned int first_copy, end_copy;
};

struct frame_list {
    struct frame *first, *last;
};

static struct card {
    struct net_port port;
    struct virtio_device *device;
    struct virtio_queue queues[2];
    struct frame_list gathered; /* until the next flush */
    struct frame_list waiting;  /* for room in the queue */
    struct frame *unused;
    unsigned int frame_count, page_count;
    bool stopped;
} card;

static void card_stop(const char *why)
{
    card.stopped = true;
    card.port.carrier = false;
    virtio_stop(card.device, why);
}

/* ---- Transmitting --------------------------------------------------------------------------- */

static void append_frame(struct frame_list *list, struct frame *frame)
{
    frame->next = NULL;
    if (list->last)
        list->last->next = frame;
    else
        list->first = frame;
    list->last = frame;
}

static struct frame *take_first_frame(struct frame_list *list)
{
    struct frame *frame = list->first;

    if (frame)
        list->first = frame->next;
    if (!list->first)
        list->last = NULL;
    return frame;
}

/* Its first page is kept with it. */
static void free_frame(struct frame *frame)
{
    for (unsigned int i = 1; i < frame->page_count; i++)
        page_free(frame->pages[i]);
    card.page_count -= frame->page_count - 1;
    frame->page_count = 1;
    frame->next = card.unused;
    card.unused = frame;
}

static struct frame *new_frame(void)
{
    struct frame *frame = card.unused;

    if (frame) {
        card.unused = frame->next;
        return frame;
    }
    if (card.frame_count == MAX_FRAMES)
        return NULL;
    frame = calloc(1, sizeof(*frame));
    if (!frame)
        return NULL;
    frame->pages[0] = page_alloc();
    if (!frame->pages[0]) {
        free(frame);
        return NULL;
    }
    frame->page_count = 1;
    card.frame_count++;
    card.page_count++;
    return frame;
}

static struct frame *alloc_frame(uint32_t length)
{
    unsigned int pages = 1;
    struct frame *frame;

    if (length > FIRST_DATA)
        pages += (length - FIRST_DATA + PAGE_SIZE - 1) / PAGE_SIZE;
    if (pages > CHAIN_SIZE || card.page_count + pages - 1 > MAX_PAGES)
        return NULL;
    frame = new_frame();
    if (!frame)
        return NULL;
    frame->length = length;
    while (frame->page_count < pages) {
        frame->pages[frame->page_count] = page_alloc();
        if (!frame->pages[frame->page_count]) {
            free_frame(frame);
            return NULL;
        }
        frame->page_count++;
        card.page_count++;
    }
    return frame;
}

/* Frames that the card is done with. */
static void reclaim_sent(void)
{
    struct frame *frame;
    uint32_t length;

    while ((frame = virtqueue_get(&card.queues[TRANSMIT].ring, &length)))
        free_frame(frame);
    if (card.queues[TRANSMIT].ring.broken && !card.stopped)
        card_stop("the card answers what it was not asked");
}

/* @return false when there is no room in the queue. */
static bool give_buffer(struct frame *frame)
{
    struct virtq_desc *chain = (struct virtq_desc *)(frame->pages[0] + CHAIN_AT);
    uint32_t left = frame->length, size = left < FIRST_DATA ? left : FIRST_DATA;

    left -= size;
    size += (uint32_t)sizeof(struct header);
    for (unsigned int i = 0; i < frame->page_count; i++) {
        chain[i] = (struct virtq_desc){
            .address = va_to_maddr(frame->pages[i]),
            .length = size,
            .flags = i + 1 < frame->page_count ? VIRTQ_DESC_NEXT : 0,
            .next = (uint16_t)(i + 1),
        };
        size = left < PAGE_SIZE ? left : PAGE_SIZE;
        left -= size;
    }
    return virtqueue_add(&card.queues[TRANSMIT].ring, chain, va_to_maddr(chain), frame->page_count,
                         0, frame);
}

/* What waits goes first. An interrupt is asked for only when something is left. */
static void give_waiting(void)
{
    struct virtqueue *ring = &card.queues[TRANSMIT].ring;

    while (card.waiting.first) {
        if (give_buffer(card.waiting.first)) {
            take_first_frame(&card.waiting);
        } else {
            virtqueue_kick(ring);
            if (virtqueue_rearm(ring))
                return;
            reclaim_sent();
            if (card.stopped)
                return;
        }
    }
    virtqueue_kick(ring);
}

static void transmit_run(struct work *work)
{
    if (card.stopped)
        return;
    reclaim_sent();
    if (!card.stopped)
        give_waiting();
}

static void write_header(struct frame *frame, const struct net_packet *packet)
{
    struct header *header = (struct header *)frame->pages[0];

    memset(header, 0, sizeof(*header));
    if (packet->csum_blank)
        header->flags = HEADER_NEEDS_CHECKSUM;
    if (packet->gso_size == 0)
        return;
    header->gso_size = packet->gso_size;
    header->gso_type = packet->gso_type == XEN_NETIF_GSO_TYPE_TCPV6 ? GSO_TCPV6 : GSO_TCPV4;
}

/* With the frame's headers there, tell the card where the checksum belongs. */
static bool complete_header(struct frame *frame)
{
    struct header *header = (struct header *)frame->pages[0];
    uint32_t length = frame->length < FIRST_DATA ? frame->length : FIRST_DATA;
    uint8_t *data = (uint8_t *)(header + 1);
    struct net_layers layers;

    if (header->flags == 0)
        return true;
    if (!net_find_layers(data, length, &layers))
        return false;
    net_prepare_checksum(data, &layers, frame->length);
    header->checksum_start = (uint16_t)layers.transport;
    header->checksum_offset = (uint16_t)(layers.checksum - layers.transport);
    header->header_length = (uint16_t)layers.payload;
    return true;
}

static void port_send(struct net_port *port, const struct net_packet *packet)
{
    struct net_cursor cursor = {0};
    struct net_target target = {.port = port};
    struct frame *frame;
    uint32_t left = packet->length;

    if (!card.unused)
        reclaim_sent();
    frame = card.stopped ? NULL : alloc_frame(packet->length);
    if (!frame) {
        port->counters.sent_dropped++;
        return;
    }
    net_copy_reserve();
    write_header(frame, packet);
    frame->first_copy = net_copy_mark();
    for (unsigned int i = 0; i < frame->page_count; i++) {
        uint32_t room = i == 0 ? FIRST_DATA : PAGE_SIZE, size = left < room ? left : room;

        target.va = frame->pages[i] + (i == 0 ? sizeof(struct header) : 0);
        net_copy(packet, &cursor, &target, size);
        left -= size;
    }
    frame->end_copy = net_copy_mark();
    append_frame(&card.gathered, frame);
    net_mark_dirty(port);
}

static void port_flush(struct net_port *port)
{
    struct frame *frame;

    while ((frame = take_first_frame(&card.gathered))) {
        if (!net_copies_done(frame->first_copy, frame->end_copy) || !complete_header(frame)) {
            port->counters.sent_errors++;
            free_frame(frame);
            continue;
        }
        port->counters.sent_packets++;
        port->counters.sent_bytes += frame->length;
        append_frame(&card.waiting, frame);
    }
    if (!card.stopped)
        give_waiting();
}

static const struct net_port_operations operations = {.send = port_send, .flush = port_flush};

/* ---- Receiving ------------------------------------------------------------------------------ */

static bool post_page(uint8_t *page)
{
    struct virtq_desc descriptor = {
        .address = va_to_maddr(page), .length = PAGE_SIZE, .flags = VIRTQ_DESC_WRITE};

    return virtqueue_add(&card.queues[RECEIVE].ring, &descriptor, 0, 1, PAGE_SIZE, page);
}

/* Takes the pages of a frame behind its first. @return whether the frame is whole. */
static bool take_receive_pages(struct net_packet *packet, unsigned int buffers, uint8_t **pages,
                               unsigned int *page_count)
{
    bool whole = true;

    for (unsigned int i = 1; i < buffers; i++) {
        uint32_t length;
        uint8_t *page = virtqueue_get(&card.queues[RECEIVE].ring, &length);

        if (!page)
            return false;
        pages[(*page_count)++] = page;
        if (packet->fragment_count == NET_MAX_FRAGMENTS || length == 0) {
            whole = false;
            continue;
        }
        packet->fragments[packet->fragment_count++] = (struct net_fragment){.va = page,
                                                                            .length = length};
        packet->length += length;
    }
    return whole;
}

static void deliver_frame(struct net_packet *packet, const struct header *header)
{
    uint8_t type = header->gso_type & (uint8_t)~GSO_ECN;

    packet->csum_blank = header->flags & HEADER_NEEDS_CHECKSUM;
    packet->csum_valid = header->flags & (HEADER_NEEDS_CHECKSUM | HEADER_DATA_VALID);
    packet->gso_size = 0;
    packet->gso_type = XEN_NETIF_GSO_TYPE_NONE;
    if (type == GSO_TCPV4 || type == GSO_TCPV6) {
        packet->gso_size = header->gso_size;
        packet->gso_type = type == GSO_TCPV4 ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_TCPV6;
    }
    if ((type != GSO_NONE && packet->gso_size == 0) || packet->length > NET_MAX_FRAME)
        card.port.counters.received_errors++;
    else
        net_input(&card.port, packet);
}

/*
 * Takes one received frame from the device and hands it to the bridge.
 * @param pages receives the pages that were taken.
 * @return false when there was no frame.
 */
static bool take_frame(uint8_t **pages, unsigned int *page_count)
{
    static struct net_packet packet;
    struct virtqueue *ring = &card.queues[RECEIVE].ring;
    unsigned int buffers = 1;
    struct header header;
    uint32_t length;
    uint8_t *page = virtqueue_get(ring, &length);

    if (!page)
        return false;
    pages[(*page_count)++] = page;
    memcpy(&header, page, sizeof(header));
    if (virtio_has(card.device, F_MERGE) && header.buffers > 0 && header.buffers <= CHAIN_SIZE)
        buffers = header.buffers;
    if (length <= sizeof(header)) {
        card.port.counters.received_errors++;
        return true;
    }
    packet.length = length - (uint32_t)sizeof(header);
    packet.fragments[0] = (struct net_fragment){.va = page + sizeof(header),
                                                .length = packet.length};
    packet.fragment_count = 1;
    if (take_receive_pages(&packet, buffers, pages, page_count))
        deliver_frame(&packet, &header);
    else
        card.port.counters.received_errors++;
    return true;
}

static void receive_run(struct work *work)
{
    static uint8_t *pages[RECEIVE_BATCH + CHAIN_SIZE];
    struct virtqueue *ring = &card.queues[RECEIVE].ring;
    unsigned int page_count = 0;

    if (card.stopped)
        return;
    while (page_count < RECEIVE_BATCH && take_frame(pages, &page_count))
        ;
    net_flush();
    for (unsigned int i = 0; i < page_count; i++)
        post_page(pages[i]);
    virtqueue_kick(ring);
    if (ring->broken)
        card_stop("the card hands over pages that it does not have");
    else if (page_count >= RECEIVE_BATCH || !virtqueue_rearm(ring))
        work_schedule(work);
}

/* ---- Beginning ------------------------------------------------------------------------------ */

static void read_status(struct work *work)
{
    struct configuration configuration;

    if (card.stopped)
        return;
    if (virtio_needs_reset(card.device)) {
        card_stop("the card cannot go on");
        return;
    }
    card.port.carrier = true;
    if (!virtio_has(card.device, F_STATUS))
        return;
    virtio_config_read(card.device, 0, &configuration, sizeof(configuration));
    card.port.carrier = configuration.status & STATUS_LINK_UP;
}

/* Large frames are taken only in buffers that are merged: ours are one page each. */
static int negotiate_net(struct virtio_device *device)
{
    uint64_t wanted = F_ALWAYS;

    if (device->offered & F_MERGE)
        wanted |= F_LARGE;
    return virtio_negotiate(device, wanted);
}

static void card_read_features(struct virtio_device *device)
{
    struct net_port *port = &card.port;
    struct configuration configuration;

    virtio_config_read(device, 0, &configuration, sizeof(configuration));
    memcpy(port->mac, configuration.mac, MAC_SIZE);
    port->mtu = ETHERNET_MTU;
    if (virtio_has(device, F_MTU) && configuration.mtu >= 68)
        port->mtu = configuration.mtu;
    port->features.csum_ipv4 = port->features.csum_ipv6 = virtio_has(device, F_CSUM);
    port->features.tso_ipv4 = virtio_has(device, F_CSUM) && virtio_has(device, F_HOST_TSO4);
    port->features.tso_ipv6 = virtio_has(device, F_CSUM) && virtio_has(device, F_HOST_TSO6);
}

static void fill_queue(void)
{
    for (unsigned int i = 0; i < RECEIVE_PAGES; i++) {
        uint8_t *page = page_alloc();

        if (!page)
            break;
        if (!post_page(page)) {
            page_free(page);
            break;
        }
    }
    virtqueue_kick(&card.queues[RECEIVE].ring);
}

static void print_card(void)
{
    const struct net_port *port = &card.port;
    const uint8_t *mac = port->mac;

    printf("%s: virtio at %s, %02x:%02x:%02x:%02x:%02x:%02x, MTU %u%s%s, in bridge " BRIDGE_NAME
           "\n",
           port->name, card.device->place, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
           port->mtu, port->features.csum_ipv4 ? ", checksums" : "",
           port->features.tso_ipv4 ? ", segmentation" : "");
}

static int card_probe(struct virtio_device *device)
{
    int error;

    if (card.device) {
        printf("virtio %s: the bridge has a network card already\n", device->place);
        return -EBUSY;
    }
    error = negotiate_net(device);
    if (error)
        return error;
    card.port.operations = &operations;
    snprintf(card.port.name, sizeof(card.port.name), "eth0");
    card_read_features(device);
    card.queues[RECEIVE].work.run = receive_run;
    card.queues[TRANSMIT].work.run = transmit_run;
    device->config_work.run = read_status;
    error = bridge_add(&card.port, BRIDGE_ADDRESSES_OF_CARD);
    if (error)
        return error;
    card.device = device;
    error = virtio_start(device, card.queues, 2);
    if (error) {
        card.device = NULL;
        bridge_remove(&card.port);
        printf("virtio %s: the card does not start: %s\n", device->place, strerror(-error));
        return error;
    }
    read_status(&device->config_work);
    fill_queue();
    print_card();
    return 0;
}

void virtio_net_init(void)
{
    virtio_probe(VIRTIO_TYPE_NET, card_probe);
}
