/* SPDX-License-Identifier: MIT */
/*
 * Rings of requests and responses, which split drivers share.
 *
 * A ring lies in one or more pages that the front end grants to the back end. Its slots hold
 * requests on the way there and responses on the way back: a response goes into a slot whose
 * request was consumed. Four free-running indices are shared:
 *
 *   req_prod   requests put so far; the front end writes it
 *   rsp_prod   responses put so far; the back end writes it
 *   req_event  the back end wants an event when req_prod reaches this
 *   rsp_event  the front end wants an event when rsp_prod reaches this
 *
 * Each side keeps its view in a private structure, and publishes with the PUSH macros. The other
 * side can be hostile: copy each entry out of the ring (RING_COPY_*) before looking at it, and
 * check what is read from an index (RING_*_OVERFLOW).
 *
 * Needs nothing but compiler builtins. Barriers may
 * be replaced by defining xen_mb, xen_rmb and xen_wmb before this header is included.
 */
#ifndef XEN_PUBLIC_IO_RING_H
#define XEN_PUBLIC_IO_RING_H

#include <stddef.h>
#include <stdint.h>

#ifndef xen_mb
#define xen_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST) /* all before all */
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE) /* loads before loads */
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE) /* stores before stores */
#endif

typedef unsigned int RING_IDX;

/* The largest power of two that is not above `n`; n is not 0 and has 32 bits. */
#define XEN_RING_POWER_OF_TWO(n) (1U << (31 - __builtin_clz((unsigned int)(n))))

/* Slots that a ring of `_sz` bytes has: by the name of its types, or by a pointer to it. */
#define __CONST_RING_SIZE(_s, _sz)                                    \
    XEN_RING_POWER_OF_TWO(((_sz)-offsetof(struct _s##_sring, ring)) / \
                          sizeof(((struct _s##_sring *)0)->ring[0]))
#define __RING_SIZE(_s, _sz) \
    XEN_RING_POWER_OF_TWO(((_sz)-offsetof(__typeof__(*(_s)), ring)) / sizeof((_s)->ring[0]))

/*
 * Create the types of a ring with requests of type `__req_t` and responses of type `__rsp_t`:
 *   struct name_sring       the shared part
 *   struct name_front_ring  the front end's private part
 *   struct name_back_ring   the back end's private part
 * each with a typedef name_..._t.
 */
#define DEFINE_RING_TYPES(__name, __req_t, __rsp_t)                             \
    union __name##_sring_entry {                                                \
        __req_t req;                                                            \
        __rsp_t rsp;                                                            \
    };                                                                          \
    struct __name##_sring {                                                     \
        RING_IDX req_prod, req_event;                                           \
        RING_IDX rsp_prod, rsp_event;                                           \
        union {                                                                 \
            struct {                                                            \
                uint8_t smartpoll_active;                                       \
            } netif;                                                            \
            struct {                                                            \
                uint8_t msg;                                                    \
            } tapif_user;                                                       \
            uint8_t pvt_pad[4];                                                 \
        } pvt;                                                                  \
        uint8_t __pad[44];                                                      \
        union __name##_sring_entry ring[1]; /* in truth nr_ents of them */      \
    };                                                                          \
    struct __name##_front_ring {                                                \
        RING_IDX req_prod_pvt; /* requests written, maybe not yet published */  \
        RING_IDX rsp_cons;     /* responses taken */                            \
        unsigned int nr_ents;                                                   \
        struct __name##_sring *sring;                                           \
    };                                                                          \
    struct __name##_back_ring {                                                 \
        RING_IDX rsp_prod_pvt; /* responses written, maybe not yet published */ \
        RING_IDX req_cons;     /* requests taken */                             \
        unsigned int nr_ents;                                                   \
        struct __name##_sring *sring;                                           \
    };                                                                          \
    typedef struct __name##_sring __name##_sring_t;                             \
    typedef struct __name##_front_ring __name##_front_ring_t;                   \
    typedef struct __name##_back_ring __name##_back_ring_t

/* ---- Beginning ------------------------------------------------------------------------------ */

/* Make a shared part empty; the front end does it, before the back end is told. */
#define SHARED_RING_INIT(_s)                                          \
    do {                                                              \
        __builtin_memset((_s), 0, offsetof(__typeof__(*(_s)), ring)); \
        (_s)->req_event = 1;                                          \
        (_s)->rsp_event = 1;                                          \
    } while (0)

/* Begin with a private part on a shared one of `__size` bytes, at index `_i`, or at 0. */
#define FRONT_RING_ATTACH(_r, _s, _i, __size)    \
    do {                                         \
        (_r)->sring = (_s);                      \
        (_r)->nr_ents = __RING_SIZE(_s, __size); \
        (_r)->rsp_cons = (_i);                   \
        (_r)->req_prod_pvt = (_i);               \
    } while (0)
#define FRONT_RING_INIT(_r, _s, __size) FRONT_RING_ATTACH(_r, _s, 0, __size)

#define BACK_RING_ATTACH(_r, _s, _i, __size)     \
    do {                                         \
        (_r)->sring = (_s);                      \
        (_r)->nr_ents = __RING_SIZE(_s, __size); \
        (_r)->req_cons = (_i);                   \
        (_r)->rsp_prod_pvt = (_i);               \
    } while (0)
#define BACK_RING_INIT(_r, _s, __size) BACK_RING_ATTACH(_r, _s, 0, __size)

/* ---- Counting ------------------------------------------------------------------------------- */

#define RING_SIZE(_r) ((_r)->nr_ents) /* slots; a power of two */

/* Front end: slots that are free for requests. */
#define RING_FREE_REQUESTS(_r) (RING_SIZE(_r) - ((_r)->req_prod_pvt - (_r)->rsp_cons))
#define RING_FULL(_r)          (RING_FREE_REQUESTS(_r) == 0)

/* Front end: responses that wait. */
#define RING_HAS_UNCONSUMED_RESPONSES(_r) ((_r)->sring->rsp_prod - (_r)->rsp_cons)

/* Back end: requests that wait, and never more than there can be. */
#define RING_HAS_UNCONSUMED_REQUESTS(_r)                                                \
    ({                                                                                  \
        unsigned int ring_put_ = (_r)->sring->req_prod - (_r)->req_cons;                \
        unsigned int ring_max_ = RING_SIZE(_r) - ((_r)->req_cons - (_r)->rsp_prod_pvt); \
        ring_put_ < ring_max_ ? ring_put_ : ring_max_;                                  \
    })

/* Back end: taking the request at `_cons` would overtake our own responses. */
#define RING_REQUEST_CONS_OVERFLOW(_r, _cons) (((_cons) - (_r)->rsp_prod_pvt) >= RING_SIZE(_r))

/* Back end: the front end's index `_prod` is impossible. */
#define RING_REQUEST_PROD_OVERFLOW(_r, _prod) (((_prod) - (_r)->rsp_prod_pvt) > RING_SIZE(_r))

/* Front end: the back end's index `_prod` is impossible. */
#define RING_RESPONSE_PROD_OVERFLOW(_r, _prod) (((_prod) - (_r)->rsp_cons) > RING_SIZE(_r))

/* ---- Entries -------------------------------------------------------------------------------- */

/* The slot of an index, as a pointer into the shared ring: for writing. */
#define RING_GET_REQUEST(_r, _idx)  (&(_r)->sring->ring[(_idx) & (RING_SIZE(_r) - 1)].req)
#define RING_GET_RESPONSE(_r, _idx) (&(_r)->sring->ring[(_idx) & (RING_SIZE(_r) - 1)].rsp)

/* Copy the entry of an index out, in a way that the compiler does not repeat later. */
#define RING_COPY_REQUEST(_r, _idx, _req) \
    (*(_req) = *(volatile __typeof__(*(_req)) *)RING_GET_REQUEST(_r, _idx))
#define RING_COPY_RESPONSE(_r, _idx, _rsp) \
    (*(_rsp) = *(volatile __typeof__(*(_rsp)) *)RING_GET_RESPONSE(_r, _idx))

/* ---- Publishing ----------------------------------------------------------------------------- */

/* Publish all that was written, without a thought for events. */
#define RING_PUSH_REQUESTS(_r)                      \
    do {                                            \
        xen_wmb();                                  \
        (_r)->sring->req_prod = (_r)->req_prod_pvt; \
    } while (0)
#define RING_PUSH_RESPONSES(_r)                     \
    do {                                            \
        xen_wmb();                                  \
        (_r)->sring->rsp_prod = (_r)->rsp_prod_pvt; \
    } while (0)

/*
 * Publish, and set `_notify` if the other side asked for an event at an index that was passed. The
 * barrier orders our index before our look at theirs; they do the reverse in FINAL_CHECK.
 */
#define RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(_r, _notify)                      \
    do {                                                                      \
        RING_IDX ring_from_ = (_r)->sring->req_prod;                          \
        RING_PUSH_REQUESTS(_r);                                               \
        xen_mb();                                                             \
        (_notify) = (RING_IDX)((_r)->req_prod_pvt - (_r)->sring->req_event) < \
                    (RING_IDX)((_r)->req_prod_pvt - ring_from_);              \
    } while (0)
#define RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(_r, _notify)                     \
    do {                                                                      \
        RING_IDX ring_from_ = (_r)->sring->rsp_prod;                          \
        RING_PUSH_RESPONSES(_r);                                              \
        xen_mb();                                                             \
        (_notify) = (RING_IDX)((_r)->rsp_prod_pvt - (_r)->sring->rsp_event) < \
                    (RING_IDX)((_r)->rsp_prod_pvt - ring_from_);              \
    } while (0)

/*
 * Before going to sleep: ask for an event at the next entry, and look once more, because it may
 * have come before we asked. `_work_to_do` is then set, and there may be no event.
 */
#define RING_FINAL_CHECK_FOR_REQUESTS(_r, _work_to_do)        \
    do {                                                      \
        (_work_to_do) = RING_HAS_UNCONSUMED_REQUESTS(_r);     \
        if (!(_work_to_do)) {                                 \
            (_r)->sring->req_event = (_r)->req_cons + 1;      \
            xen_mb();                                         \
            (_work_to_do) = RING_HAS_UNCONSUMED_REQUESTS(_r); \
        }                                                     \
    } while (0)
#define RING_FINAL_CHECK_FOR_RESPONSES(_r, _work_to_do)        \
    do {                                                       \
        (_work_to_do) = RING_HAS_UNCONSUMED_RESPONSES(_r);     \
        if (!(_work_to_do)) {                                  \
            (_r)->sring->rsp_event = (_r)->rsp_cons + 1;       \
            xen_mb();                                          \
            (_work_to_do) = RING_HAS_UNCONSUMED_RESPONSES(_r); \
        }                                                      \
    } while (0)

#endif /* XEN_PUBLIC_IO_RING_H */
