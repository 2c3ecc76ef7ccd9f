/* SPDX-License-Identifier: MIT */
/*
 * Packets on their way: the checks that each port needs, and the gathered copies. When a copy
 * fails, each side is tried apart, so that only the side that granted a wrong page is blamed; and
 * nobody is where the hypervisor was short of memory.
 */
#include <ctype.h>
#include <grant.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <drivers/net.h>
#include <drivers/net_offload.h>

#define BATCH 512u

static struct gnttab_copy copies[BATCH];
static struct {
    struct net_port *from, *to;
} owners[BATCH];
static unsigned int copy_count;

static struct net_port *dirty_ports;

/* ---- Copying -------------------------------------------------------------------------------- */

/*
 * Finds out which end made a copy fail: tries each side with a local page in place of the other. If
 * both work now, one of the two granted its page again meanwhile. Which one cannot be known, so the
 * packet is lost and neither is blamed. The local page holds zeroes, since a receiver sees it.
 */
static void blame(const struct gnttab_copy *copy, struct net_port *from, struct net_port *to)
{
    void *page = page_alloc_zeroed();

    if (!page)
        return;
    if (copy->flags & GNTCOPY_source_gref && from &&
        grant_is_wrong(grant_copy_from(page, copy->source.domid, copy->source.u.ref,
                                       copy->source.offset, copy->len)))
        from->operations->bad_grant(from, copy->source.u.ref);
    else if (copy->flags & GNTCOPY_dest_gref && to &&
             grant_is_wrong(grant_copy_to(page, copy->dest.domid, copy->dest.u.ref,
                                          copy->dest.offset, copy->len)))
        to->operations->bad_grant(to, copy->dest.u.ref);
    page_free(page);
}

static void run_copies(void)
{
    if (copy_count == 0)
        return;
    grant_copy_batch(copies, copy_count);
    for (unsigned int i = 0; i < copy_count; i++)
        if (grant_is_wrong(copies[i].status))
            blame(&copies[i], owners[i].from, owners[i].to);
}

void net_flush(void)
{
    run_copies();
    while (dirty_ports) {
        struct net_port *port = dirty_ports;

        dirty_ports = port->dirty;
        port->is_dirty = false;
        port->operations->flush(port);
    }
    copy_count = 0;
}

void net_mark_dirty(struct net_port *port)
{
    if (port->is_dirty)
        return;
    port->is_dirty = true;
    port->dirty = dirty_ports;
    dirty_ports = port;
}

void net_forget(struct net_port *port)
{
    for (struct net_port **at = &dirty_ports; *at; at = &(*at)->dirty) {
        if (*at == port) {
            *at = port->dirty;
            break;
        }
    }
    port->is_dirty = false;
}

void net_copy_reserve(void)
{
    if (copy_count + NET_COPIES_OF_PACKET > BATCH)
        net_flush();
}

unsigned int net_copy_mark(void)
{
    return copy_count;
}

bool net_copies_done(unsigned int first, unsigned int end)
{
    for (unsigned int i = first; i < end; i++)
        if (copies[i].status != GNTST_okay)
            return false;
    return true;
}

/* One piece that crosses no page at either end. */
static void gather(const struct net_fragment *from, uint32_t from_offset,
                   struct net_port *from_port, const struct net_target *to, uint32_t to_offset,
                   uint32_t length)
{
    struct gnttab_copy *copy = &copies[copy_count];

    copy->flags = 0;
    copy->len = (uint16_t)length;
    copy->status = GNTST_okay;
    if (from->va) {
        copy->source.u.gmfn = va_to_mfn(from->va + from_offset);
        copy->source.domid = DOMID_SELF;
        copy->source.offset = (uint16_t)((uintptr_t)(from->va + from_offset) & (PAGE_SIZE - 1));
    } else {
        copy->source.u.ref = from->ref;
        copy->source.domid = from->domid;
        copy->source.offset = (uint16_t)(from->offset + from_offset);
        copy->flags |= GNTCOPY_source_gref;
    }
    if (to->va) {
        copy->dest.u.gmfn = va_to_mfn(to->va + to_offset);
        copy->dest.domid = DOMID_SELF;
        copy->dest.offset = (uint16_t)((uintptr_t)(to->va + to_offset) & (PAGE_SIZE - 1));
    } else {
        copy->dest.u.ref = to->ref;
        copy->dest.domid = to->domid;
        copy->dest.offset = (uint16_t)(to->offset + to_offset);
        copy->flags |= GNTCOPY_dest_gref;
    }
    owners[copy_count].from = from_port;
    owners[copy_count].to = to->port;
    copy_count++;
}

static uint32_t to_page_end(const void *va)
{
    return PAGE_SIZE - ((uintptr_t)va & (PAGE_SIZE - 1));
}

void net_copy(const struct net_packet *packet, struct net_cursor *cursor,
              const struct net_target *target, uint32_t length)
{
    uint32_t done = 0;

    while (done < length && cursor->fragment < packet->fragment_count) {
        const struct net_fragment *from = &packet->fragments[cursor->fragment];
        uint32_t size = from->length - cursor->offset;

        if (size == 0) {
            cursor->fragment++;
            cursor->offset = 0;
            continue;
        }
        if (size > length - done)
            size = length - done;
        if (from->va && target->va) {
            memcpy(target->va + done, from->va + cursor->offset, size);
        } else {
            if (from->va && size > to_page_end(from->va + cursor->offset))
                size = to_page_end(from->va + cursor->offset);
            if (target->va && size > to_page_end(target->va + done))
                size = to_page_end(target->va + done);
            gather(from, cursor->offset, packet->from, target, done, size);
        }
        done += size;
        cursor->offset += size;
    }
}

bool net_copy_now(const struct net_packet *packet, uint8_t *to)
{
    struct net_target target = {.va = to};
    struct net_cursor cursor = {0};
    unsigned int first;
    bool done;

    net_copy_reserve();
    first = net_copy_mark();
    net_copy(packet, &cursor, &target, packet->length);
    if (copy_count == first)
        return true;
    grant_copy_batch(&copies[first], copy_count - first);
    done = net_copies_done(first, copy_count);
    for (unsigned int i = first; !done && i < copy_count; i++)
        if (grant_is_wrong(copies[i].status))
            blame(&copies[i], owners[i].from, NULL);
    copy_count = first;
    return done;
}

/* ---- Ports ---------------------------------------------------------------------------------- */

void net_input(struct net_port *port, struct net_packet *packet)
{
    packet->from = port;
    /*
     * A hostile back end, or a faulty card, can cut the header in two: net_header() is all of it.
     */
    if (packet->fragment_count == 0 || packet->fragments[0].length < ETHERNET_HEADER ||
        !port->input) {
        port->counters.received_dropped++;
        return;
    }
    port->counters.received_packets++;
    port->counters.received_bytes += packet->length;
    port->input(port, packet);
}

/* Room for a VLAN tag is not part of the MTU. */
#define FRAME_OVERHEAD (ETHERNET_HEADER + 4)

void net_send(struct net_port *port, const struct net_packet *packet)
{
    bool ipv6 = packet->gso_type == XEN_NETIF_GSO_TYPE_TCPV6;

    if (!port->carrier || (packet->gso_size == 0 && packet->length > port->mtu + FRAME_OVERHEAD) ||
        (packet->gso_size > port->mtu)) {
        port->counters.sent_dropped++;
        return;
    }
    if (packet->gso_size > 0 && !(ipv6 ? port->features.tso_ipv6 : port->features.tso_ipv4)) {
        net_send_segments(port, packet);
        return;
    }
    if (packet->csum_blank) {
        ipv6 = net_is_ipv6(net_header(packet), packet->fragments[0].length);
        if (!(ipv6 ? port->features.csum_ipv6 : port->features.csum_ipv4)) {
            net_send_with_checksum(port, packet);
            return;
        }
    }
    port->operations->send(port, packet);
}

bool net_parse_mac(const char *text, uint8_t *mac)
{
    for (unsigned int i = 0; i < MAC_SIZE; i++, text += 3) {
        char digits[3];

        if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
            text[2] != (i + 1 < MAC_SIZE ? ':' : '\0'))
            return false;
        digits[0] = text[0];
        digits[1] = text[1];
        digits[2] = '\0';
        mac[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return true;
}
