/* SPDX-License-Identifier: MIT */
/*
 * DHCP client: discover, offer, request, acknowledgement. One exchange at a time, in the thread
 * that calls; the work thread keeps the packets that come in for it.
 */
#include <clock.h>
#include <stdio.h>
#include <string.h>

#include <drivers/ip_dhcp.h>
#include <drivers/net_checksum.h>

#define CLIENT_PORT 68u
#define SERVER_PORT 67u

#define DISCOVER 1u
#define OFFER    2u
#define REQUEST  3u
#define ACK      5u
#define NAK      6u

/* Fields of a message, by their offset; options follow a magic number. */
#define TRANSACTION 4u
#define CLIENT      12u
#define YOURS       16u
#define HARDWARE    28u
#define MAGIC       236u
#define OPTIONS     240u
#define MAGIC_VALUE 0x63825363u

#define OPTION_MASK      1u
#define OPTION_ROUTER    3u
#define OPTION_ADDRESS   50u
#define OPTION_LEASE     51u
#define OPTION_TYPE      53u
#define OPTION_SERVER    54u
#define OPTION_PARAMETER 55u
#define OPTION_END       255u

#define MESSAGE_SIZE 300u

#define FIRST_WAIT (NANOSECONDS_PER_SECOND * 2)
#define MAX_WAIT   (NANOSECONDS_PER_SECOND * 16)
#define TRIES      4u

/* What the thread waits for. */
static struct {
    uint32_t transaction; /* 0: nothing */
    uint8_t hardware[MAC_SIZE];
    uint8_t type; /* of what came in; 0: nothing yet */
    struct dhcp_lease lease;
} exchange;

static struct wait_queue answered;

/* Finds an option of at least @size bytes. */
static const uint8_t *dhcp_option(const uint8_t *data, uint32_t length, uint8_t code, uint32_t size)
{
    uint32_t at = OPTIONS;

    while (at + 1 < length && data[at] != OPTION_END) {
        if (data[at] == 0) {
            at++;
            continue;
        }
        if (at + 2 + data[at + 1] > length)
            break;
        if (data[at] == code && data[at + 1] >= size)
            return data + at + 2;
        at += 2u + data[at + 1];
    }
    return NULL;
}

static uint32_t dhcp_number_option(const uint8_t *data, uint32_t length, uint8_t code,
                                   uint32_t other)
{
    const uint8_t *value = dhcp_option(data, length, code, 4);

    return value ? net_get32(value) : other;
}

static void dhcp_receive(struct ip_interface *interface, struct udp_socket *socket,
                         const struct udp_source *source, const uint8_t *data, uint32_t length)
{
    const uint8_t *type;

    if (length < OPTIONS || data[0] != 2 || net_get32(data + MAGIC) != MAGIC_VALUE ||
        exchange.transaction == 0 || net_get32(data + TRANSACTION) != exchange.transaction ||
        !mac_equal(data + HARDWARE, exchange.hardware))
        return;
    type = dhcp_option(data, length, OPTION_TYPE, 1);
    if (!type || (*type != OFFER && *type != ACK && *type != NAK))
        return;
    exchange.type = *type;
    exchange.lease.address = net_get32(data + YOURS);
    exchange.lease.mask = dhcp_number_option(data, length, OPTION_MASK, 0xffffff00);
    exchange.lease.gateway = dhcp_number_option(data, length, OPTION_ROUTER, IP_ANY);
    exchange.lease.server = dhcp_number_option(data, length, OPTION_SERVER, source->address);
    exchange.lease.seconds = dhcp_number_option(data, length, OPTION_LEASE, 3600);
    wake_all(&answered);
}

static struct udp_socket socket = {.port = CLIENT_PORT, .receive = dhcp_receive};

static uint8_t *put_dhcp_number(uint8_t *at, uint8_t code, uint32_t value)
{
    at[0] = code;
    at[1] = 4;
    net_put32(at + 2, value);
    return at + 6;
}

/* @param lease what is asked for, NULL in a DISCOVER */
static void dhcp_send(struct ip_interface *interface, uint8_t type, const struct dhcp_lease *lease)
{
    static uint8_t frame[UDP_HEADERS + MESSAGE_SIZE] __attribute__((aligned(512)));
    uint8_t *message = frame + UDP_HEADERS, *at = message + OPTIONS;
    bool renewing = lease && interface->address == lease->address;

    memset(message, 0, MESSAGE_SIZE);
    message[0] = 1; /* to the server */
    message[1] = 1; /* Ethernet */
    message[2] = MAC_SIZE;
    net_put32(message + TRANSACTION, exchange.transaction);
    if (renewing)
        net_put32(message + CLIENT, lease->address);
    memcpy(message + HARDWARE, interface->port->mac, MAC_SIZE);
    net_put32(message + MAGIC, MAGIC_VALUE);
    *at++ = OPTION_TYPE;
    *at++ = 1;
    *at++ = type;
    if (lease && !renewing) {
        at = put_dhcp_number(at, OPTION_ADDRESS, lease->address);
        at = put_dhcp_number(at, OPTION_SERVER, lease->server);
    }
    *at++ = OPTION_PARAMETER;
    *at++ = 3;
    *at++ = OPTION_MASK;
    *at++ = OPTION_ROUTER;
    *at++ = OPTION_LEASE;
    *at = OPTION_END;
    udp_send(interface, CLIENT_PORT, IP_BROADCAST, SERVER_PORT, message, MESSAGE_SIZE);
}

/* Sends and waits, again and again with longer waits. @return the type of the answer, or 0. */
static uint8_t dhcp_ask(struct ip_interface *interface, uint8_t type,
                        const struct dhcp_lease *lease)
{
    uint64_t wait = FIRST_WAIT;

    exchange.transaction = (uint32_t)(clock_tsc() ^ clock_wall()) | 1;
    exchange.type = 0;
    memcpy(exchange.hardware, interface->port->mac, MAC_SIZE);
    for (unsigned int i = 0; i < TRIES && exchange.type == 0; i++) {
        uint64_t deadline = clock_now() + wait;

        dhcp_send(interface, type, lease);
        while (exchange.type == 0 && clock_now() < deadline)
            wait_on_until(&answered, deadline);
        wait = wait < MAX_WAIT ? wait * 2 : wait;
    }
    exchange.transaction = 0;
    return exchange.type;
}

static void say_lease(void (*say)(const char *text), const char *what)
{
    char address[IP_TEXT_SIZE], server[IP_TEXT_SIZE], line[80];

    snprintf(line, sizeof(line), "%s %s from %s", what, ip_text(exchange.lease.address, address),
             ip_text(exchange.lease.server, server));
    say(line);
}

static bool try_once(struct ip_interface *interface, struct dhcp_lease *lease,
                     void (*say)(const char *text))
{
    say("DHCP discover");
    if (dhcp_ask(interface, DISCOVER, NULL) != OFFER)
        return false;
    say_lease(say, "DHCP offer of");
    *lease = exchange.lease;
    say("DHCP request");
    if (dhcp_ask(interface, REQUEST, lease) != ACK)
        return false;
    *lease = exchange.lease;
    say_lease(say, "DHCP acknowledgement of");
    return true;
}

void dhcp_acquire(struct ip_interface *interface, struct dhcp_lease *lease,
                  void (*say)(const char *text))
{
    ip_configure(interface, IP_ANY, 0, IP_ANY);
    udp_open(interface, &socket);
    while (!try_once(interface, lease, say))
        say("DHCP: no answer, trying again");
    udp_close(interface, &socket);
    ip_configure(interface, lease->address, lease->mask, lease->gateway);
}

bool dhcp_renew(struct ip_interface *interface, struct dhcp_lease *lease,
                void (*say)(const char *text))
{
    bool kept;

    udp_open(interface, &socket);
    kept = dhcp_ask(interface, REQUEST, lease) == ACK && exchange.lease.address == lease->address;
    udp_close(interface, &socket);
    if (kept)
        lease->seconds = exchange.lease.seconds;
    say(kept ? "DHCP: lease renewed" : "DHCP: lease lost");
    return kept;
}
