/* SPDX-License-Identifier: MIT */
/* Samples of what domains have used: see top.h. */
#include "top.h"

#include <stdlib.h>
#include <string.h>

#include <public/vcpu.h>

#include <tools/control.h>
#include <tools/measures.h>

#define FIRST_ROOM 32 /* domains */

/* ---- Taking a sample ---- */

static int compare_numbers(const void *a, const void *b)
{
    const struct top_row *left = a, *right = b;

    return (int)left->info.domain - (int)right->info.domain;
}

/* The row of a domain in a sample that is sorted by number, or NULL. */
static struct top_row *find_row(const struct top_sample *sample, domid_t domid)
{
    struct top_row key = {.info.domain = domid};

    return bsearch(&key, sample->rows, sample->count, sizeof(key), compare_numbers);
}

/*
 * Adds for how long the vCPUs of the domains from row @first on have waited. Domains may have come
 * or gone since these were listed.
 */
static void add_delays(struct top_sample *sample, unsigned int first)
{
    unsigned int room = sample->count - first;
    struct bulkhead_domain_times *times = room ? malloc(room * sizeof(*times)) : NULL;
    int count = times ? control_domain_times(sample->rows[first].info.domain, times, room) : 0;

    for (int i = 0; i < count; i++) {
        struct top_row *row = find_row(sample, times[i].domain);

        if (!row)
            continue;
        row->has_delay = true;
        row->total.delay = times[i].time[RUNSTATE_runnable];
        row->total.steal = row->total.delay + times[i].time[RUNSTATE_offline];
    }
    free(times);
}

/* Adds the domains from @first on, as many as there is room for. @return how many, or -1. */
static int list_into(struct top_sample *sample, domain_info *list, unsigned int room, domid_t first,
                     struct error *e)
{
    int count = control_list(first, list, room - sample->count, e);
    unsigned int listed = sample->count;

    for (int i = 0; i < count; i++)
        sample->rows[sample->count++] = (struct top_row){.info = list[i],
                                                         .total.cpu_time = list[i].cpu_time};
    add_delays(sample, listed);
    return count;
}

/* Lists all domains, in a room that doubles until all have a place. */
static int list_all(struct top_sample *sample, struct error *e)
{
    domid_t next = 0;
    int count;

    for (unsigned int room = FIRST_ROOM;; room *= 2) {
        struct top_row *rows = realloc(sample->rows, room * sizeof(*rows));
        domain_info *list;

        if (!rows)
            return error_set(e, "not enough memory");
        sample->rows = rows;
        list = malloc((room - sample->count) * sizeof(*list));
        if (!list)
            return error_set(e, "not enough memory");
        count = list_into(sample, list, room, next, e);
        free(list);
        if (count < 0)
            return -1;
        if (sample->count < room)
            return 0;
        next = (domid_t)(sample->rows[sample->count - 1].info.domain + 1);
    }
}

static void add_vif(void *context, domid_t domid, const struct platform_vif_counters *counters)
{
    struct top_row *row = find_row(context, domid);

    if (!row)
        return;
    row->nets++;
    row->total.net_tx += counters->tx_bytes;
    row->total.net_rx += counters->rx_bytes;
}

static void add_vbd(void *context, domid_t domid, const struct platform_vbd_counters *counters)
{
    struct top_row *row = find_row(context, domid);

    if (!row)
        return;
    row->vbds++;
    row->total.held_back += counters->held_back;
    row->total.reads += counters->reads;
    row->total.writes += counters->writes;
    row->total.sectors_read += counters->sectors_read;
    row->total.sectors_written += counters->sectors_written;
}

/* Devices that have gone meanwhile took their counters along: a total may be less than before. */
static uint64_t grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

/* The same number may be another domain's by now. */
static bool is_same_domain(const struct top_row *a, const struct top_row *b)
{
    return !memcmp(a->info.handle, b->info.handle, sizeof(a->info.handle)) &&
           a->total.cpu_time >= b->total.cpu_time;
}

static void compare_row(struct top_row *row, const struct top_sample *before)
{
    const struct top_row *old = find_row(before, row->info.domain);

    if (!old || !is_same_domain(row, old))
        return;
    row->recent = (struct top_use){
        .cpu_time = row->total.cpu_time - old->total.cpu_time,
        .delay = old->has_delay ? grown(row->total.delay, old->total.delay) : 0,
        .steal = old->has_delay ? grown(row->total.steal, old->total.steal) : 0,
        .net_tx = grown(row->total.net_tx, old->total.net_tx),
        .net_rx = grown(row->total.net_rx, old->total.net_rx),
        .sectors_read = grown(row->total.sectors_read, old->total.sectors_read),
        .sectors_written = grown(row->total.sectors_written, old->total.sectors_written),
    };
}

int top_sample_take(struct top_sample *sample, const struct top_sample *before, struct error *e)
{
    *sample = (struct top_sample){.time = platform_now()};
    if (list_all(sample, e)) {
        top_sample_free(sample);
        return -1;
    }
    platform_each_vif(add_vif, sample);
    platform_each_vbd(add_vbd, sample);
    if (!before)
        return 0;
    sample->interval = sample->time - before->time;
    for (unsigned int i = 0; i < sample->count; i++)
        compare_row(&sample->rows[i], before);
    return 0;
}

void top_sample_free(struct top_sample *sample)
{
    free(sample->rows);
    *sample = (struct top_sample){0};
}

/* ---- Looking at it ---- */

uint64_t top_permille(const struct top_sample *sample, uint64_t ns)
{
    uint64_t ms = sample->interval / (SECOND / 1000);

    return ms ? (ns / 1000 + ms / 2) / ms : 0;
}

uint64_t top_per_second(const struct top_sample *sample, uint64_t amount)
{
    uint64_t ms = sample->interval / (SECOND / 1000);

    return ms ? amount * 1000 / ms : 0;
}

/* No domain comes before another for what it has used. */
static uint64_t by_number(const struct top_row *row)
{
    return 0;
}

static uint64_t by_cpu(const struct top_row *row)
{
    return row->recent.cpu_time;
}

static uint64_t by_memory(const struct top_row *row)
{
    return row->info.tot_pages;
}

static uint64_t by_network(const struct top_row *row)
{
    return row->recent.net_tx + row->recent.net_rx;
}

static uint64_t by_disk(const struct top_row *row)
{
    return row->recent.sectors_read + row->recent.sectors_written;
}

static uint64_t (*sort_key)(const struct top_row *row); /* of the order that is being made */

static int compare_keys(const void *a, const void *b)
{
    uint64_t left = sort_key(a), right = sort_key(b);

    if (left != right)
        return left > right ? -1 : 1;
    return compare_numbers(a, b);
}

void top_sample_sort(struct top_sample *sample, enum top_order order)
{
    static uint64_t (*const orders[TOP_ORDERS])(const struct top_row *row) = {
        [TOP_BY_NUMBER] = by_number,   [TOP_BY_CPU] = by_cpu,   [TOP_BY_MEMORY] = by_memory,
        [TOP_BY_NETWORK] = by_network, [TOP_BY_DISK] = by_disk,
    };

    sort_key = orders[order];
    qsort(sample->rows, sample->count, sizeof(*sample->rows), compare_keys);
}
