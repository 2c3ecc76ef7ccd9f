/* SPDX-License-Identifier: MIT */
/*
 * The wire protocol of the store, the tree of small values through which domains and tools find
 * each other.
 *
 * A request is an xsd_sockmsg and `len` bytes; its answer has the same req_id and tx_id, and the
 * same type, or XS_ERROR with the name of an error as its text. Watch events come unasked. Strings
 * in a payload end with a zero byte except where it holds one value up to its end.
 */
#ifndef XEN_PUBLIC_IO_XS_WIRE_H
#define XEN_PUBLIC_IO_XS_WIRE_H

#include <stdint.h>

/* xsd_sockmsg.type; `a|b` are strings, each with its zero; `a b` has none behind b. */
enum xsd_sockmsg_type {
    XS_CONTROL,           /* command|parameter|...: for operators of the store itself */
    XS_DIRECTORY,         /* path| gives child|child|... */
    XS_READ,              /* path| gives value */
    XS_GET_PERMS,         /* path| gives perm|perm|...; a perm is one of n, r, w, b and a domid */
    XS_WATCH,             /* path|token|: events for path and all below it, one at once */
    XS_UNWATCH,           /* path|token| */
    XS_TRANSACTION_START, /* | gives transaction| */
    XS_TRANSACTION_END,   /* T| or F|: commit, which may fail with EAGAIN, or forget */
    XS_INTRODUCE,         /* domid|mfn|port|: dom0 tells of a domain with its ring */
    XS_RELEASE,           /* domid|: dom0 tells that it is gone */
    XS_GET_DOMAIN_PATH,   /* domid| gives /local/domain/domid| */
    XS_WRITE,             /* path|value: missing parents are made */
    XS_MKDIR,             /* path| */
    XS_RM,                /* path|: with all below it */
    XS_SET_PERMS,         /* path|perm|perm|...: the first names the owner and the others' right */
    XS_WATCH_EVENT,       /* from the store: path|token| */
    XS_ERROR,             /* from the store: name of an error| */
    XS_IS_DOMAIN_INTRODUCED, /* domid| gives T| or F| */
    XS_RESUME,               /* domid|: dom0 tells that it runs again after a shutdown */
    XS_SET_TARGET,           /* domid|target|: dom0 gives a domain the rights of another */
    XS_RESET_WATCHES = XS_SET_TARGET + 2, /* |: forget all watches and transactions of mine */
    XS_DIRECTORY_PART, /* path|offset| gives generation|child|...: a list that is too long */

    XS_TYPE_COUNT, /* one more than the highest */

    XS_INVALID = 0xffff /* never used in a message */
};
#define XS_DEBUG XS_CONTROL

#define XS_WRITE_NONE        "NONE"
#define XS_WRITE_CREATE      "CREATE"
#define XS_WRITE_CREATE_EXCL "CREATE|EXCL"

/* A number and the name under which it travels; every server and client makes its own table. */
struct xsd_errors {
    int errnum;
    const char *errstring;
};

/* The head of every message, in both directions. */
struct xsd_sockmsg {
    uint32_t type;   /* XS_* */
    uint32_t req_id; /* chosen by the client, 0 in watch events */
    uint32_t tx_id;  /* a transaction, or 0 */
    uint32_t len;    /* bytes that follow, at most XENSTORE_PAYLOAD_MAX */
};

/* Which string is which in XS_WATCH_EVENT. */
enum xs_watch_type { XS_WATCH_PATH = 0, XS_WATCH_TOKEN };

#define XENSTORE_RING_SIZE 1024 /* bytes, of each direction */
typedef uint32_t XENSTORE_RING_IDX;
#define MASK_XENSTORE_IDX(idx) ((idx) & (XENSTORE_RING_SIZE - 1))

/* The page that a domain shares with the store, at start_info.store_mfn. Indices run freely. */
struct xenstore_domain_interface {
    char req[XENSTORE_RING_SIZE];         /* from the domain */
    char rsp[XENSTORE_RING_SIZE];         /* answers and watch events */
    XENSTORE_RING_IDX req_cons, req_prod; /* the store takes, the domain puts */
    XENSTORE_RING_IDX rsp_cons, rsp_prod; /* the domain takes, the store puts */
    uint32_t server_features;             /* XENSTORE_SERVER_FEATURE_* */
    uint32_t connection;                  /* XENSTORE_CONNECTED, XENSTORE_RECONNECT */
    uint32_t error;                       /* XENSTORE_ERROR_* */
};

#define XENSTORE_PAYLOAD_MAX  4096 /* bytes of a message, without its head */
#define XENSTORE_ABS_PATH_MAX 3072 /* bytes of a path that begins with a slash */
#define XENSTORE_REL_PATH_MAX 2048 /* bytes of one that does not: below /local/domain/<domid>/ */

#define XENSTORE_SERVER_FEATURE_RECONNECTION 1 /* `connection` works */
#define XENSTORE_SERVER_FEATURE_ERROR        2 /* `error` works */

#define XENSTORE_CONNECTED 0 /* as usual */
#define XENSTORE_RECONNECT 1 /* the domain wants to start again; the store empties the rings */

#define XENSTORE_ERROR_NONE    0
#define XENSTORE_ERROR_COMM    1 /* the store cannot continue this connection */
#define XENSTORE_ERROR_RINGIDX 2 /* an index is impossible */
#define XENSTORE_ERROR_PROTO   3 /* a message breaks the protocol */

#endif /* XEN_PUBLIC_IO_XS_WIRE_H */
