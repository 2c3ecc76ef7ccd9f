/* SPDX-License-Identifier: MIT */
/*
 * Network back driver, from the front end to the bridge: a batch of packets is taken out of the
 * ring, their headers are fetched with one hypercall, the rest stays in the front end's pages until
 * the receivers copy it. The headers that were looked at are the ones that are passed on.
 */
#include <clock.h>
#include <events.h>
#include <memory.h>
#include <string.h>
#include <thread.h>

#include "netback_internal.h"

#define BATCH   64u
#define FETCHES (2 * BATCH)
/* Bytes after which a batch ends: what is flooded is copied for each port. */
#define BATCH_BYTES 0x40000u
/* More of them without a packet give no more than one. */
#define MAX_INTERVALS 1000u

#define TO_VIF(w)    ((struct vif *)((char *)(w)-offsetof(struct vif, transmit_work)))
#define PER_PAGE     (PAGE_SIZE / NET_HEADER_ROOM)
#define HEADER_PAGES (BATCH / PER_PAGE)

static struct netback_packet taken[BATCH];
static struct {
    uint32_t header; /* bytes fetched */
    unsigned int first_fetch, end_fetch;
    bool drop;
} marks[BATCH];
static struct gnttab_copy fetches[FETCHES];
static unsigned int fetch_count;
static uint8_t *headers; /* NET_HEADER_ROOM bytes for each packet of the batch */

/* Fetches the first bytes of packet number @index. */
static void fetch_header(const struct vif *vif, unsigned int index)
{
    const struct netback_packet *from = &taken[index];
    uint8_t *to = headers + (size_t)index * NET_HEADER_ROOM;
    uint32_t wanted = from->length < NET_HEADER_ROOM ? from->length : NET_HEADER_ROOM;
    uint32_t done = 0;

    marks[index].first_fetch = fetch_count;
    for (unsigned int i = 0; i < from->piece_count && done < wanted; i++) {
        struct gnttab_copy *copy = &fetches[fetch_count];
        uint32_t size = from->pieces[i].size;

        if (size > wanted - done)
            size = wanted - done;
        if (size == 0)
            continue;
        copy->source.u.ref = from->pieces[i].ref;
        copy->source.domid = vif->device->other;
        copy->source.offset = from->pieces[i].offset;
        copy->dest.u.gmfn = va_to_mfn(to + done);
        copy->dest.domid = DOMID_SELF;
        copy->dest.offset = (uint16_t)((uintptr_t)(to + done) & (PAGE_SIZE - 1));
        copy->len = (uint16_t)size;
        copy->flags = GNTCOPY_source_gref;
        copy->status = GNTST_okay;
        fetch_count++;
        done += size;
    }
    marks[index].end_fetch = fetch_count;
    marks[index].header = done;
}

/* Whether the vif may transmit now. */
static bool has_credit(struct vif *vif)
{
    uint64_t now, intervals;

    if (vif->rate == 0 || vif->credit > 0)
        return true;
    now = clock_now();
    intervals = (now - vif->credit_since) / vif->interval;
    if (intervals > 0) {
        /* What was not used is not kept; what was used too much is made up for. */
        vif->credit_since += intervals * vif->interval;
        vif->credit += intervals > MAX_INTERVALS ? (int64_t)vif->rate
                                                 : (int64_t)(intervals * vif->rate);
        if (vif->credit > (int64_t)vif->rate)
            vif->credit = (int64_t)vif->rate;
    }
    return vif->credit > 0;
}

/* In the device's thread: continues when the next interval begins. */
static void vif_continue_with_credit(struct split_device *device)
{
    struct vif *vif = device->driver_data;
    uint64_t now = clock_now(), next = vif->credit_since + vif->interval;

    if (!vif->connected)
        return;
    if (next > now)
        thread_sleep(next - now);
    /* It is this thread that disconnects. */
    work_schedule(&vif->transmit_work);
}

static unsigned int take_batch(struct vif *vif)
{
    unsigned int count = 0;
    uint32_t bytes = 0;

    fetch_count = 0;
    while (count < BATCH && bytes < BATCH_BYTES && fetch_count + NETBACK_MAX_PIECES <= FETCHES &&
           has_credit(vif)) {
        enum netback_taken result = netback_take(&vif->transmit, &taken[count]);

        if (result == NETBACK_NONE)
            break;
        if (result == NETBACK_BROKEN) {
            vif_break(vif, "%s", taken[count].why);
            break;
        }
        bytes += taken[count].length;
        vif->credit -= taken[count].length;
        marks[count].drop = result != NETBACK_PACKET;
        if (result == NETBACK_PACKET)
            fetch_header(vif, count);
        else
            vif->port.counters.received_errors += result == NETBACK_DROP;
        count++;
    }
    return count;
}

/* Whether all of its header is here; where the hypervisor was short of memory, it is dropped. */
static bool fetched(struct vif *vif, unsigned int index)
{
    bool all = true;

    for (unsigned int i = marks[index].first_fetch; i < marks[index].end_fetch; i++) {
        if (grant_is_wrong(fetches[i].status)) {
            vif_break(vif, "cannot copy from grant reference %u that it transmits",
                      fetches[i].source.u.ref);
            return false;
        }
        all = all && fetches[i].status == GNTST_okay;
    }
    if (!all) {
        marks[index].drop = true;
        vif->port.counters.received_dropped++;
    }
    return all;
}

/* The header in our memory, then what is left of the pieces. */
static void make_packet(const struct vif *vif, unsigned int index, struct net_packet *packet)
{
    const struct netback_packet *from = &taken[index];
    uint32_t skip = marks[index].header;
    struct net_fragment *fragment = packet->fragments;

    fragment->va = headers + (size_t)index * NET_HEADER_ROOM;
    fragment->length = skip;
    for (unsigned int i = 0; i < from->piece_count; i++) {
        uint32_t size = from->pieces[i].size;

        if (size <= skip) {
            skip -= size;
            continue;
        }
        fragment++;
        fragment->va = NULL;
        fragment->ref = from->pieces[i].ref;
        fragment->domid = vif->device->other;
        fragment->offset = (uint16_t)(from->pieces[i].offset + skip);
        fragment->length = size - skip;
        skip = 0;
    }
    packet->fragment_count = (unsigned int)(fragment - packet->fragments) + 1;
    packet->length = from->length;
    packet->gso_size = from->gso_size;
    packet->gso_type = from->gso_type;
    packet->csum_blank = from->flags & NETTXF_csum_blank || from->gso_size > 0;
    packet->csum_valid = packet->csum_blank || from->flags & NETTXF_data_validated;
}

static void answer_packets(struct vif *vif, unsigned int count)
{
    int notify;

    for (unsigned int i = 0; i < count; i++)
        netback_answer(&vif->transmit, &taken[i], marks[i].drop ? NETIF_RSP_ERROR : NETIF_RSP_OKAY);
    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&vif->transmit, notify);
    if (notify)
        event_send((evtchn_port_t)vif->transmit_port);
}

static void transmit(struct vif *vif)
{
    static struct net_packet packet;
    unsigned int count;
    int more;

    if (!headers)
        headers = pages_alloc(HEADER_PAGES);
    if (!headers)
        return;
    count = take_batch(vif);
    if (fetch_count > 0)
        grant_copy_batch(fetches, fetch_count);
    for (unsigned int i = 0; i < count && !vif->broken; i++) {
        if (marks[i].drop || !fetched(vif, i))
            continue;
        make_packet(vif, i, &packet);
        net_input(&vif->port, &packet);
    }
    net_flush();
    if (vif->broken)
        return;
    if (count > 0)
        answer_packets(vif, count);
    RING_FINAL_CHECK_FOR_REQUESTS(&vif->transmit, more);
    if (more && !has_credit(vif))
        split_call(vif->device, vif_continue_with_credit);
    else if (more)
        work_schedule(&vif->transmit_work);
}

void vif_transmit_run(struct work *work)
{
    struct vif *vif = TO_VIF(work);

    if (!vif->connected || vif->broken)
        return;
    transmit(vif);
    if (!vif->broken)
        event_unmask((evtchn_port_t)vif->transmit_port);
}
