/* SPDX-License-Identifier: MIT */
/*
 * Packets and net ports: one interface for the vifs of other domains, a virtio card, the front
 * driver and everything else that sends and receives Ethernet frames, so that the bridge and the IP
 * stack need not know which of them they use.
 *
 * A packet is a list of fragments that lie in this domain's memory or in pages that another domain
 * granted. It is passed by pointer, from the port where it came in to those where it goes out, and
 * is copied only there: mostly straight from the sender's pages to the receiver's.
 *
 * Copies are gathered, and net_flush() does them: the maker of a packet does not change what its
 * fragments point to until it has called that. All of this happens in the work thread (work.h).
 */
#ifndef DRIVERS_NET_H
#define DRIVERS_NET_H

#include <public/io/netif.h>
#include <public/xen.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAC_SIZE           6u
#define ETHERNET_HEADER    14u
#define ETHERNET_MTU       1500u
#define NET_MAX_MTU        9000u
#define NET_MAX_PACKET     65535u /* bytes with the Ethernet header: what a vif can transmit */
#define NET_MAX_FRAME      65593u /* the largest IPv6 packet, Ethernet header and VLAN tag */
#define NET_HEADER_ROOM    128u   /* first bytes of a frame, where its headers lie */
#define NET_MAX_FRAGMENTS  24u
#define NET_PORT_NAME_SIZE 24u

/* A piece of a packet: in our memory, or in one page of another domain. */
struct net_fragment {
    const uint8_t *va; /* in the physical map, NULL for a granted page */
    grant_ref_t ref;
    domid_t domid; /* the domain that granted it */
    uint16_t offset;
    uint32_t length;
};

struct net_port;

struct net_packet {
    /* The first one is in our memory, with all headers as far as NET_HEADER_ROOM bytes reach. */
    struct net_fragment fragments[NET_MAX_FRAGMENTS];
    unsigned int fragment_count;
    uint32_t length;       /* bytes from the Ethernet header on */
    struct net_port *from; /* the port where it came in */
    uint16_t gso_size;     /* bytes of payload in a segment, or 0: it is not to be cut */
    uint8_t gso_type;      /* XEN_NETIF_GSO_TYPE_* */
    bool csum_blank;       /* the checksum of TCP or UDP is still to be filled in */
    bool csum_valid;       /* that checksum is known to be right (or blank) */
};

static inline const uint8_t *net_header(const struct net_packet *packet)
{
    return packet->fragments[0].va;
}

/* The packets that a port's other end takes unfinished. */
struct net_features {
    bool csum_ipv4, csum_ipv6; /* a checksum left blank */
    bool tso_ipv4, tso_ipv6;   /* a packet to be cut into segments */
};

/* As this kernel sees them: sent is what went out to the port's other end. */
struct net_counters {
    uint64_t sent_packets, sent_bytes, sent_dropped, sent_errors;
    uint64_t received_packets, received_bytes, received_dropped, received_errors;
};

struct net_port_operations {
    /*
     * Send a packet that fits the port's features and MTU: copy its data, or have net_copy() do
     * that, and count it as sent or dropped. The packet is the caller's again at once.
     */
    void (*send)(struct net_port *port, const struct net_packet *packet);
    /* Pass on all packets that were sent: their copies are done. Called by net_flush(). */
    void (*flush)(struct net_port *port);
    /*
     * A copy from or to a page that the port's other end granted has failed: the grant was wrong.
     */
    void (*bad_grant)(struct net_port *port, grant_ref_t ref);
};

struct net_port {
    const struct net_port_operations *operations;
    char name[NET_PORT_NAME_SIZE]; /* "vif3.0", "eth0" */
    uint8_t mac[MAC_SIZE];         /* of the other end for a vif, else our own */
    uint32_t mtu;                  /* bytes behind the Ethernet header (and one VLAN tag) */
    bool carrier;                  /* the other end is there to receive */
    bool only_own_mac; /* frames from another source address are dropped (anti-spoofing) */
    struct net_features features;
    struct net_counters counters;
    /* Takes what comes in; the bridge's or the stack's. NULL: dropped. */
    void (*input)(struct net_port *port, struct net_packet *packet);
    void *input_context;
    struct net_port *next;              /* the bridge's list */
    struct bridge_addresses *addresses; /* the bridge's: those behind this port; NULL: not in it */
    struct net_port *dirty;             /* net.c's: ports to flush */
    bool is_dirty;
};

/*
 * Takes a packet that came in at @port: counts it and passes it to the port's input, unless its
 * first piece does not hold the Ethernet header.
 */
void net_input(struct net_port *port, struct net_packet *packet);

/*
 * Sends a packet out of a port. Dropped when there is no carrier or it is larger than the MTU.
 * Where the port lacks a feature that the packet needs, it is cut and its checksums are filled in
 * first.
 */
void net_send(struct net_port *port, const struct net_packet *packet);

/* Has flush() called for the port by the next net_flush(). */
void net_mark_dirty(struct net_port *port);

/* Forgets a port that goes away: no flush() for it. Its copies must have been flushed before. */
void net_forget(struct net_port *port);

/* Does all gathered copies, then lets each port pass on its packets. */
void net_flush(void);

/* ---- Copying -------------------------------------------------------------------------------- */

/* Where a copy goes: into our own memory, or into a granted page. */
struct net_target {
    struct net_port *port; /* the owner, for bad_grant() */
    uint8_t *va;           /* NULL for a granted page */
    grant_ref_t ref;
    domid_t domid;
    uint16_t offset;
};

/* How far a packet was copied. Begin with all zero. */
struct net_cursor {
    unsigned int fragment;
    uint32_t offset;
};

/* Copies that a whole packet can need, at most. */
#define NET_COPIES_OF_PACKET (2 * NET_MAX_FRAGMENTS + 40)

/* Makes room for the copies of one packet; may call net_flush(). */
void net_copy_reserve(void);

/*
 * Gathers the copy of the next @length bytes of a packet; to our own memory from our own memory it
 * happens at once. A target in a page must not cross its end.
 */
void net_copy(const struct net_packet *packet, struct net_cursor *cursor,
              const struct net_target *target, uint32_t length);

/* The number of the next copy. Those of one target lie between two calls. */
unsigned int net_copy_mark(void);

/* In flush(): whether all copies from number @first up to @end succeeded. */
bool net_copies_done(unsigned int first, unsigned int end);

/* Copies a whole packet to our memory now. @return whether that worked. */
bool net_copy_now(const struct net_packet *packet, uint8_t *to);

/* Whether two addresses are the same. */
static inline bool mac_equal(const uint8_t *a, const uint8_t *b)
{
    return __builtin_memcmp(a, b, MAC_SIZE) == 0;
}

/* Broadcast or multicast. */
static inline bool mac_is_group(const uint8_t *mac)
{
    return mac[0] & 1;
}

/* Reads "00:16:3e:01:02:03". @return false when the text is not an address. */
bool net_parse_mac(const char *text, uint8_t *mac);

#endif
