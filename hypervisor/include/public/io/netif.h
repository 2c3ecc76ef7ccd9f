/* SPDX-License-Identifier: MIT */
/*
 * The protocol of split network devices.
 *
 * Two rings (io/ring.h), one for each direction as the front end sees it, or a pair for each queue.
 *
 * Nodes of the front end, which it writes before it goes from Initialising straight to Connected (a
 * back end of a vif does not act on Initialised):
 *
 *   tx-ring-ref, rx-ring-ref   grants of the rings' pages
 *   event-channel              one port for both, or event-channel-tx and event-channel-rx if the
 *                              back end has feature-split-event-channels
 *   request-rx-copy            1: required; the back end copies into the pages that it is given
 *   feature-rx-notify          1: the front end asks for events of the receive ring
 *   multi-queue-num-queues     then rings and ports are below queue-%u
 *
 * The tools write the node `mac` ("00:16:3e:01:02:03") of both ends. Features, of each end about
 * what it can receive; 0 where a node is missing:
 *
 *   feature-sg                 packets of several pieces; without it also none above 1518 bytes
 *   feature-gso-tcpv4, -tcpv6  packets to be cut into segments (needs feature-sg)
 *   feature-no-csum-offload    1: no blank checksums of IPv4
 *   feature-ipv6-csum-offload  1: blank checksums of IPv6, too
 *
 * And of the back end alone:
 *
 *   feature-rx-copy            1: it can copy to the front end's pages
 *   feature-rx-flip            0: it does not exchange pages
 *   feature-split-event-channels, feature-multicast-control
 *   multi-queue-max-queues
 *
 * Transmitting: a packet is one or more requests, each with a granted piece of it; all but the last
 * have NETTXF_more_data. When NETTXF_extra_info is set in the first one, slots with
 * netif_extra_info follow it. The size in the first request is that of the whole packet.
 *
 * Receiving: the front end posts requests with granted, empty pages; the back end answers each with
 * a piece of a packet, in the order of the ring, with the same conventions.
 */
#ifndef XEN_PUBLIC_IO_NETIF_H
#define XEN_PUBLIC_IO_NETIF_H

#include "../grant_table.h"
#include "ring.h"

#define XEN_NETIF_NR_SLOTS_MIN 18     /* requests of one packet that every back end takes */
#define XEN_NETIF_MAX_TX_SIZE  0xFFFF /* bytes of one packet */

/* ---- Transmitting --------------------------------------------------------------------------- */

/* netif_tx_request.flags */
#define _NETTXF_csum_blank     (0) /* the checksum of TCP or UDP is still to be filled in */
#define NETTXF_csum_blank      (1U << _NETTXF_csum_blank)
#define _NETTXF_data_validated (1) /* the data is known to be right */
#define NETTXF_data_validated  (1U << _NETTXF_data_validated)
#define _NETTXF_more_data      (2) /* the packet continues in the next request */
#define NETTXF_more_data       (1U << _NETTXF_more_data)
#define _NETTXF_extra_info     (3) /* the next slot is a netif_extra_info */
#define NETTXF_extra_info      (1U << _NETTXF_extra_info)

struct netif_tx_request {
    grant_ref_t gref;
    uint16_t offset; /* of the piece in the page */
    uint16_t flags;  /* NETTXF_* */
    uint16_t id;     /* comes back in the response */
    uint16_t size;   /* bytes; in the first request, of the whole packet */
};
typedef struct netif_tx_request netif_tx_request_t;

/* Each request gets a response; that of a slot with extra information is NETIF_RSP_NULL. */
struct netif_tx_response {
    uint16_t id;
    int16_t status; /* NETIF_RSP_* */
};
typedef struct netif_tx_response netif_tx_response_t;

/* ---- Extra information ---------------------------------------------------------------------- */

/* netif_extra_info.type */
#define XEN_NETIF_EXTRA_TYPE_NONE      (0)
#define XEN_NETIF_EXTRA_TYPE_GSO       (1) /* u.gso: a packet to be cut into segments */
#define XEN_NETIF_EXTRA_TYPE_MCAST_ADD (2) /* u.mcast: begin to receive for this address */
#define XEN_NETIF_EXTRA_TYPE_MCAST_DEL (3) /* u.mcast: end it */
#define XEN_NETIF_EXTRA_TYPE_HASH      (4) /* u.hash: the packet's hash */
#define XEN_NETIF_EXTRA_TYPE_MAX       (5)

/* netif_extra_info.flags */
#define _XEN_NETIF_EXTRA_FLAG_MORE (0) /* the next slot is another one */
#define XEN_NETIF_EXTRA_FLAG_MORE  (1U << _XEN_NETIF_EXTRA_FLAG_MORE)

/* netif_extra_info.u.gso.type */
#define XEN_NETIF_GSO_TYPE_NONE  (0)
#define XEN_NETIF_GSO_TYPE_TCPV4 (1)
#define XEN_NETIF_GSO_TYPE_TCPV6 (2)

/* In place of a request or a response. */
struct netif_extra_info {
    uint8_t type;  /* XEN_NETIF_EXTRA_TYPE_* */
    uint8_t flags; /* XEN_NETIF_EXTRA_FLAG_* */
    union {
        struct {
            uint16_t size; /* bytes of payload in a segment */
            uint8_t type;  /* XEN_NETIF_GSO_TYPE_* */
            uint8_t pad;
            uint16_t features; /* 0 */
        } gso;
        struct {
            uint8_t addr[6]; /* a hardware address */
        } mcast;
        struct {
            uint8_t type;      /* which fields it was made from: _XEN_NETIF_CTRL_HASH_TYPE_* */
            uint8_t algorithm; /* XEN_NETIF_CTRL_HASH_ALGORITHM_* */
            uint8_t value[4];
        } hash;
        uint16_t pad[3];
    } u;
};
typedef struct netif_extra_info netif_extra_info_t;

/* ---- Receiving ------------------------------------------------------------------------------ */

struct netif_rx_request {
    uint16_t id; /* comes back in the response */
    uint16_t pad;
    grant_ref_t gref; /* a page that may be written */
};
typedef struct netif_rx_request netif_rx_request_t;

/* netif_rx_response.flags */
#define _NETRXF_data_validated (0) /* the data is known to be right */
#define NETRXF_data_validated  (1U << _NETRXF_data_validated)
#define _NETRXF_csum_blank     (1) /* the checksum is not filled in */
#define NETRXF_csum_blank      (1U << _NETRXF_csum_blank)
#define _NETRXF_more_data      (2) /* the packet continues in the next response */
#define NETRXF_more_data       (1U << _NETRXF_more_data)
#define _NETRXF_extra_info     (3) /* the next slot is a netif_extra_info */
#define NETRXF_extra_info      (1U << _NETRXF_extra_info)
#define _NETRXF_gso_prefix     (4) /* only the segment size of the packet behind it */
#define NETRXF_gso_prefix      (1U << _NETRXF_gso_prefix)

struct netif_rx_response {
    uint16_t id;
    uint16_t offset; /* of the piece in the page */
    uint16_t flags;  /* NETRXF_* */
    int16_t status;  /* bytes of the piece, or NETIF_RSP_* when negative */
};
typedef struct netif_rx_response netif_rx_response_t;

DEFINE_RING_TYPES(netif_tx, struct netif_tx_request, struct netif_tx_response);
DEFINE_RING_TYPES(netif_rx, struct netif_rx_request, struct netif_rx_response);

#define NETIF_RSP_DROPPED -2
#define NETIF_RSP_ERROR   -1
#define NETIF_RSP_OKAY    0
#define NETIF_RSP_NULL    1 /* this slot was extra information */

/* ---- The control ring ----------------------------------------------------------------------- */

/* Which fields of a packet go into its hash, as bits and numbers. */
#define _XEN_NETIF_CTRL_HASH_TYPE_IPV4     0 /* addresses */
#define XEN_NETIF_CTRL_HASH_TYPE_IPV4      (1 << _XEN_NETIF_CTRL_HASH_TYPE_IPV4)
#define _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP 1 /* addresses and ports */
#define XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP  (1 << _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP)
#define _XEN_NETIF_CTRL_HASH_TYPE_IPV6     2
#define XEN_NETIF_CTRL_HASH_TYPE_IPV6      (1 << _XEN_NETIF_CTRL_HASH_TYPE_IPV6)
#define _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP 3
#define XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP  (1 << _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP)

#define XEN_NETIF_CTRL_HASH_ALGORITHM_NONE     0
#define XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ 1

/* xen_netif_ctrl_request.type */
#define XEN_NETIF_CTRL_TYPE_INVALID               0
#define XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS        1
#define XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS        2  /* data[0]: XEN_NETIF_CTRL_HASH_TYPE_* */
#define XEN_NETIF_CTRL_TYPE_SET_HASH_KEY          3  /* data[0]: grant, data[1]: bytes */
#define XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE 4  /* how large the table can be */
#define XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE 5  /* data[0]: entries */
#define XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING      6  /* data[0]: grant, [1]: count, [2]: first */
#define XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM    7  /* data[0]: the algorithm */
#define XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE 8  /* data[0]: queue */
#define XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING      9  /* data[0]: queue, [1]: grant, [2]: count */
#define XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING      10 /* the same */

struct xen_netif_ctrl_request {
    uint16_t id; /* comes back in the response */
    uint16_t type;
    uint32_t data[3];
};

#define XEN_NETIF_CTRL_STATUS_SUCCESS           0
#define XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED     1
#define XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER 2
#define XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW   3

struct xen_netif_ctrl_response {
    uint16_t id;
    uint16_t type;   /* of the request */
    uint32_t status; /* XEN_NETIF_CTRL_STATUS_* */
    uint32_t data;   /* the answer of the GET kinds */
};

/* An element of the page of ADD_GREF_MAPPING and DEL_GREF_MAPPING. */
struct xen_netif_gref {
    grant_ref_t ref;
    uint16_t flags;  /* XEN_NETIF_CTRLF_GREF_* */
    uint16_t status; /* out: XEN_NETIF_CTRL_STATUS_* */
};
#define _XEN_NETIF_CTRLF_GREF_readonly 0
#define XEN_NETIF_CTRLF_GREF_readonly  (1U << _XEN_NETIF_CTRLF_GREF_readonly)

DEFINE_RING_TYPES(xen_netif_ctrl, struct xen_netif_ctrl_request, struct xen_netif_ctrl_response);

#endif /* XEN_PUBLIC_IO_NETIF_H */
