/* SPDX-License-Identifier: MIT */
/*
 * What `bh top` shows: samples of what each domain has used, the difference between two of them,
 * and the order in which domains are shown. Private to dom0-tools/bh.
 */
#ifndef TOOLS_BH_TOP_H
#define TOOLS_BH_TOP_H

#include "listing.h"

/* What a domain has used since it was created. */
struct top_use {
    uint64_t cpu_time;       /* ns */
    uint64_t delay;          /* ns for which its vCPUs waited for a CPU */
    uint64_t steal;          /* ns, and those for which they were paused as well */
    uint64_t net_tx, net_rx; /* bytes, as the domain sees them */
    uint64_t held_back, reads, writes;
    uint64_t sectors_read, sectors_written; /* of 512 bytes */
};

struct top_row {
    domain_info info;
    bool has_delay;          /* the hypervisor tells its delay and steal */
    unsigned int nets, vbds; /* how many it has */
    struct top_use total;
    struct top_use recent; /* since the sample before; nothing for a domain that was not in that */
};

/* All domains at one time; at first in the order of their numbers. */
struct top_sample {
    uint64_t time;     /* platform_now */
    uint64_t interval; /* ns since the sample before; 0: there was none */
    struct top_row *rows;
    unsigned int count;
};

/*
 * Takes a sample; the differences are those to @before, if that is not NULL. top_sample_free frees
 * it. @return 0, or -1 with the reason in @e.
 */
int top_sample_take(struct top_sample *sample, const struct top_sample *before, struct error *e);
void top_sample_free(struct top_sample *sample);

/* What part of the time between the samples @ns are, in tenths of a per cent. */
uint64_t top_permille(const struct top_sample *sample, uint64_t ns);

/* @amount a second, if a domain has used that much between the samples. */
uint64_t top_per_second(const struct top_sample *sample, uint64_t amount);

enum top_order {
    TOP_BY_NUMBER,
    TOP_BY_CPU,
    TOP_BY_MEMORY,
    TOP_BY_NETWORK,
    TOP_BY_DISK,
    TOP_ORDERS,
};

/*
 * Sorts the rows: those with the most of what the order is about come first. A sample that the next
 * one is compared with has to be sorted by number.
 */
void top_sample_sort(struct top_sample *sample, enum top_order order);

#endif
