/* SPDX-License-Identifier: MIT */
/*
 * The console of a domU: one page that it shares with the console back end, and an event channel.
 *
 * Indices run freely and are reduced when used; a ring is empty when they are equal, full when
 * they differ by its size. Each side writes only its own indices: data first, a write barrier, then
 * the index, then an event to the other side. The other side's indices are not to be trusted.
 */
#ifndef XEN_PUBLIC_IO_CONSOLE_H
#define XEN_PUBLIC_IO_CONSOLE_H

#include <stdint.h>

typedef uint32_t XENCONS_RING_IDX;

#define MASK_XENCONS_IDX(idx, ring) ((idx) & (sizeof(ring) - 1)) /* place of an index in a ring */

/* The shared page, at start_info.console.domU.mfn. */
struct xencons_interface {
    char in[1024];                       /* towards the guest: what was typed */
    char out[2048];                      /* from the guest: what it prints */
    XENCONS_RING_IDX in_cons, in_prod;   /* the guest takes, the back end puts */
    XENCONS_RING_IDX out_cons, out_prod; /* the back end takes, the guest puts */
};

#endif /* XEN_PUBLIC_IO_CONSOLE_H */
