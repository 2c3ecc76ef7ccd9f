/* SPDX-License-Identifier: MIT */
/*
 * A small IPv4 stack on one net port, for tests and demonstration: ARP, ICMP echo both ways, UDP,
 * no fragments, no TCP. Addresses and ports are numbers in the machine's order everywhere here.
 *
 * Packets that come in are handled in the work thread; functions that wait are for other threads.
 */
#ifndef DRIVERS_IP_H
#define DRIVERS_IP_H

#include <drivers/net.h>
#include <thread.h>

#define IP_ANY        0u
#define IP_BROADCAST  0xffffffffu
#define IP_TEXT_SIZE  16u
#define IP_NEIGHBOURS 32u

#define IP_PROTOCOL_ICMP 1u
#define IP_PROTOCOL_UDP  17u

/* Bytes of headers in front of what ip_send() and udp_send() are given. */
#define IP_HEADERS  34u /* Ethernet, IPv4 */
#define UDP_HEADERS 42u

struct ip_interface;

/* Where a datagram comes from. */
struct udp_source {
    uint32_t address;
    uint16_t port;
};

/* A local port. */
struct udp_socket {
    uint16_t port;
    /* A datagram came in; in the work thread. It may be answered with udp_send(). */
    void (*receive)(struct ip_interface *interface, struct udp_socket *socket,
                    const struct udp_source *source, const uint8_t *data, uint32_t length);
    struct udp_socket *next;
};

struct ip_neighbour {
    uint32_t address; /* 0: none */
    uint8_t mac[MAC_SIZE];
    uint64_t heard;
};

/* An echo request that waits for its answer. */
struct ip_ping {
    uint16_t id, sequence;
    bool answered;
    uint64_t answered_at; /* clock_now() */
    uint32_t length;      /* of the answer's payload */
};

struct ip_interface {
    struct net_port *port;
    uint32_t address, mask, gateway; /* IP_ANY where there is none yet */
    uint16_t next_id;
    struct ip_neighbour neighbours[IP_NEIGHBOURS];
    struct udp_socket *sockets;
    struct ip_ping *ping;
    struct wait_queue changed; /* a neighbour answered, or a ping was */
    uint64_t echoes;           /* echo requests answered */
};

/* Takes a port's input. @interface is zeroed before. */
void ip_attach(struct ip_interface *interface, struct net_port *port);

/* Gives the interface an address, and tells the neighbours. */
void ip_configure(struct ip_interface *interface, uint32_t address, uint32_t mask,
                  uint32_t gateway);

/*
 * Sends a datagram. If the hardware address for @to is not known, only an ARP request is sent; call
 * ip_resolve() before.
 * @param data payload with IP_HEADERS writable bytes in front of it, in the physical map
 * @return 0, -EHOSTUNREACH without a route, or -EAGAIN: the address is not known
 */
int ip_send(struct ip_interface *interface, uint32_t to, uint8_t protocol, uint8_t *data,
            uint32_t length);

/* As ip_send(), for UDP; @data has UDP_HEADERS bytes in front. */
int udp_send(struct ip_interface *interface, uint16_t from_port, uint32_t to, uint16_t to_port,
             uint8_t *data, uint32_t length);

/* Receives datagrams for socket->port from now on. @return 0 or -EADDRINUSE. */
int udp_open(struct ip_interface *interface, struct udp_socket *socket);
void udp_close(struct ip_interface *interface, struct udp_socket *socket);

/* Waits until the hardware address for a destination is known. @return false at the deadline. */
bool ip_resolve(struct ip_interface *interface, uint32_t to, uint64_t deadline);

/*
 * Sends an echo request with @length bytes of payload, and waits for the answer until @deadline.
 * @return the round trip in nanoseconds, or a negative errno (-ETIMEDOUT, -EHOSTUNREACH).
 */
int64_t ip_ping(struct ip_interface *interface, uint32_t to, uint16_t sequence, uint32_t length,
                uint64_t deadline);

/* Reads "10.0.2.15". @return false when @text is not an address. */
bool ip_parse(const char *text, uint32_t *address);

/* Writes it. @return @text. */
char *ip_text(uint32_t address, char text[IP_TEXT_SIZE]);

/* ---- Between the files of the stack --------------------------------------------------------- */

/* Sends the @length bytes at @frame unchanged. */
void ip_send_frame(struct ip_interface *interface, const uint8_t *frame, uint32_t length,
                   bool checksum_valid);

void arp_input(struct ip_interface *interface, const uint8_t *frame, uint32_t length);
void arp_ask(struct ip_interface *interface, uint32_t address);
void arp_announce(struct ip_interface *interface);
void arp_learn(struct ip_interface *interface, uint32_t address, const uint8_t *mac, bool always);
const uint8_t *arp_find(struct ip_interface *interface, uint32_t address);

/* @data is the IP payload. The frame around it may be changed, and is sent back as an answer. */
void icmp_input(struct ip_interface *interface, uint32_t from, uint8_t *data, uint32_t length);
void udp_input(struct ip_interface *interface, uint32_t from, uint8_t *data, uint32_t length);

#endif
