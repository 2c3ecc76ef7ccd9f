/* SPDX-License-Identifier: MIT */
/*
 * Measures the cost of packets: one domain sends frames of several kinds, and another domain or the
 * outside takes them. There is no protocol, only the headers that offloads need. The sender waits
 * after each burst until it was taken: by an answer of the other domain, or, to the outside, by the
 * back driver's responses.
 *
 * Command line: role=sink               take frames and answer each burst role=send to=MAC send to
 * the sink with that address role=send to=outside    send to the network behind the bridge's card
 * bursts=N                how many of each kind (20), after one to warm up
 *
 * The sender's measured part lies between marks for a counter outside (tests/qemu/count.c), one
 * pair for each kind, in the order of `kinds`.
 */
#include <clock.h>
#include <guest.h>
#include <inttypes.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#include <drivers/net_checksum.h>
#include <drivers/netfront.h>

#define TYPE_ANSWER    0x88b5u /* for local experiments */
#define HEADERS        54u     /* Ethernet, IPv4, TCP */
#define SEGMENT        1460u
#define LARGE_SEGMENTS 44u
#define FRAME_PAGES    17u
#define WORD_SIZE      24
#define TCP_PSH        0x08u
#define TCP_ACK        0x10u
#define PATIENCE       (NANOSECONDS_PER_SECOND * 10)

/* The emulated card gets time to take what it was given: it drops nothing then. */
#define OUTSIDE_PAUSE MILLISECONDS(20)

/* More than is ever in the ring: room for it is an empty ring. */
#define WHOLE_RING ((256u - 1) * (uint32_t)PAGE_SIZE)

static const struct {
    const char *name;
    uint32_t payload;
    unsigned int burst; /* packets */
    bool offload;       /* the checksum is left blank */
    bool large;         /* to be cut into segments */
} kinds[] = {
    {"small", 6, 64, false, false},
    {"full", SEGMENT, 64, false, false},
    {"full-blank", SEGMENT, 64, true, false},
    {"large", SEGMENT *LARGE_SEGMENTS, 12, true, true},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static uint8_t *frame;
static struct net_port *port;

/* ---- Sink ---- */

static uint64_t taken; /* packets of the burst */

/* Where the sender did not leave the checksum to others, it is checked. */
static bool is_right(const struct net_packet *packet)
{
    struct net_layers layers;

    if (packet->csum_valid)
        return true;
    return net_copy_now(packet, frame) && net_find_layers(frame, packet->length, &layers) &&
           net_sum_finish(
               net_sum(frame + layers.transport, packet->length - layers.transport,
                       net_pseudo_sum(frame, &layers, packet->length - layers.transport))) == 0;
}

static void answer_packet(const uint8_t *header)
{
    static uint8_t reply[64] __attribute__((aligned(64)));
    struct net_packet packet = {
        .fragments[0] = {.va = reply, .length = sizeof(reply)},
        .fragment_count = 1,
        .length = sizeof(reply),
    };

    memcpy(reply, header + MAC_SIZE, MAC_SIZE);
    memcpy(reply + MAC_SIZE, port->mac, MAC_SIZE);
    net_put16(reply + 12, TYPE_ANSWER);
    net_put32(reply + 14, (uint32_t)taken);
    taken = 0;
    net_send(port, &packet);
}

static void take_packet(struct net_port *from, struct net_packet *packet)
{
    const uint8_t *header = net_header(packet);

    if (packet->length < HEADERS || !mac_equal(header, from->mac))
        return;
    taken += is_right(packet);
    if (header[47] & TCP_PSH)
        answer_packet(header);
}

/* ---- Sender ---- */

static uint32_t answered;
static bool has_answer;
static struct wait_queue answer_queue;

static void take_echo(struct net_port *from, struct net_packet *packet)
{
    const uint8_t *header = net_header(packet);

    if (packet->length < 18 || net_get16(header + 12) != TYPE_ANSWER)
        return;
    answered = net_get32(header + 14);
    has_answer = true;
    wake_all(&answer_queue);
}

static void fill_frame(const uint8_t *to, uint32_t payload)
{
    uint8_t *ip = frame + ETHERNET_HEADER, *tcp = ip + 20;

    memset(frame, 0, HEADERS);
    memcpy(frame, to, MAC_SIZE);
    memcpy(frame + MAC_SIZE, port->mac, MAC_SIZE);
    net_put16(frame + 12, 0x0800);
    ip[0] = 0x45;
    net_put16(ip + 2, 40 + payload);
    ip[8] = 64;
    ip[9] = 6;
    net_put32(ip + 12, 0x0a010001);
    net_put32(ip + 16, 0x0a010002);
    net_put_checksum(ip + 10, net_checksum(ip, 20));
    tcp[12] = 5 << 4;
    for (uint32_t i = 0; i < payload; i++)
        tcp[20 + i] = (uint8_t)(i * 7);
}

static void send_burst(unsigned int kind)
{
    struct net_packet packet = {
        .fragments[0] = {.va = frame, .length = HEADERS + kinds[kind].payload},
        .fragment_count = 1,
        .length = HEADERS + kinds[kind].payload,
        .gso_size = kinds[kind].large ? SEGMENT : 0,
        .gso_type = kinds[kind].large ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_NONE,
        .csum_blank = kinds[kind].offload,
        .csum_valid = kinds[kind].offload,
    };

    for (unsigned int i = 1; i <= kinds[kind].burst; i++) {
        frame[47] = TCP_ACK | (i == kinds[kind].burst ? TCP_PSH : 0);
        net_put32(frame + 38, i);
        if (!kinds[kind].offload)
            net_fill_checksum(frame, packet.length);
        netfront_wait_for_room(port, packet.length);
        net_send(port, &packet);
    }
    net_flush();
}

static void wait_for_burst(bool outside)
{
    uint64_t deadline = clock_now() + PATIENCE;

    if (outside) {
        netfront_wait_for_room(port, WHOLE_RING);
        thread_sleep(OUTSIDE_PAUSE);
        return;
    }
    while (!has_answer && clock_now() < deadline)
        wait_on_until(&answer_queue, deadline);
    has_answer = false;
}

static inline void mark_begin(void)
{
    asm volatile("nopl 0x424c4b01(%%rax)" ::: "memory");
}

static inline void mark_end(void)
{
    asm volatile("nopl 0x424c4b02(%%rax)" ::: "memory");
}

static void measure_bursts(unsigned int kind, const uint8_t *to, bool outside, unsigned int bursts)
{
    unsigned int lost = 0;

    fill_frame(to, kinds[kind].payload);
    send_burst(kind);
    wait_for_burst(outside);
    mark_begin();
    for (unsigned int i = 0; i < bursts; i++) {
        send_burst(kind);
        wait_for_burst(outside);
        if (!outside)
            lost += kinds[kind].burst - answered;
    }
    mark_end();
    printf("BENCH %s packets %u bytes %u lost %u\n", kinds[kind].name, bursts * kinds[kind].burst,
           HEADERS + kinds[kind].payload, lost);
}

static void send_thread(void *argument)
{
    static const uint8_t gateway[MAC_SIZE] = {0x52, 0x55, 0x0a, 0x00, 0x02, 0x02};
    char text[WORD_SIZE], count[WORD_SIZE] = "20";
    uint8_t to[MAC_SIZE];
    bool outside;

    guest_option("to", text, sizeof(text));
    guest_option("bursts", count, sizeof(count));
    outside = strcmp(text, "outside") == 0;
    if (outside)
        memcpy(to, gateway, MAC_SIZE);
    else if (!net_parse_mac(text, to))
        guest_panic("to=%s is no hardware address", text);
    for (unsigned int kind = 0; kind < KINDS; kind++)
        measure_bursts(kind, to, outside, (unsigned int)strtoul(count, NULL, 10));
    printf("BENCH DONE\n");
}

static void netbench_found(struct net_port *found_port)
{
    char role[WORD_SIZE] = "";

    port = found_port;
    guest_option("role", role, sizeof(role));
    if (strcmp(role, "sink") == 0) {
        port->input = take_packet;
        printf("sink ready\n");
    } else {
        port->input = take_echo;
        thread_create("send", send_thread, NULL);
    }
}

void guest_main(void)
{
    static const struct netfront_options options = {.offloads = true, .found = netbench_found};
    struct wait_queue never = {0};

    frame = pages_alloc(FRAME_PAGES);
    if (!frame || netfront_start(&options))
        guest_panic("no memory, or no store");
    for (;;)
        wait_on(&never);
}
