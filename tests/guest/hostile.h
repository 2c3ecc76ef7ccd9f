/* SPDX-License-Identifier: MIT */
/*
 * What hostile guests throw at hypercalls: pointers that lead nowhere, and random values of the
 * kinds that get far: frames, machine addresses, entries, domains, small and huge counts. The
 * command line's seed=N chooses the sequence.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stddef.h>
#include <stdint.h>

#define BAD_POINTERS 12

/*
 * NULL, unmapped, the hypervisor's, not canonical, at the ends of both. The one at M2P_POINTER can
 * be read.
 */
extern void *const bad_pointers[BAD_POINTERS];
#define M2P_POINTER 8

/* A sequence of random numbers; one for each vCPU that makes some. */
struct hostile {
    uint64_t state;
    uint8_t *pages; /* that the values speak of, and that calls may write to */
    unsigned int nr_pages;
};

/* Start a sequence: the command line's seed, and `stream` to tell several apart. */
void hostile_init(struct hostile *h, unsigned int stream, uint8_t *pages, unsigned int nr_pages);

uint64_t hostile_number(struct hostile *h);

/* A number below `end`. */
static inline unsigned int hostile_below(struct hostile *h, unsigned int end)
{
    return (unsigned int)(hostile_number(h) % end);
}

/* One of its pages. */
uint8_t *hostile_page(struct hostile *h);

/* A value of some interesting kind. */
uint64_t hostile_value(struct hostile *h);

/* Fill an argument with such values, 2, 4 or 8 bytes wide. */
void hostile_fill(struct hostile *h, void *argument, size_t bytes);

#endif
