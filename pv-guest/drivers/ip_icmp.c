/* SPDX-License-Identifier: MIT */
/* ICMP echo (RFC 792): answering, and asking. */
#include <clock.h>
#include <errno.h>
#include <memory.h>
#include <string.h>

#include <drivers/ip.h>
#include <drivers/net_checksum.h>

#define ECHO_REPLY   0u
#define ECHO_REQUEST 8u
#define ECHO_HEADER  8u

#define PING_ID    0x6268u
#define PING_PAGES 3u

void icmp_input(struct ip_interface *interface, uint32_t from, uint8_t *data, uint32_t length)
{
    struct ip_ping *ping = interface->ping;

    if (length < ECHO_HEADER || net_checksum(data, length) != 0)
        return;
    if (data[0] == ECHO_REQUEST && interface->address != IP_ANY) {
        data[0] = ECHO_REPLY;
        net_put16(data + 2, 0);
        net_put_checksum(data + 2, net_checksum(data, length));
        interface->echoes++;
        ip_send(interface, from, IP_PROTOCOL_ICMP, data, length);
    } else if (data[0] == ECHO_REPLY && ping && net_get16(data + 4) == ping->id &&
               net_get16(data + 6) == ping->sequence) {
        ping->answered = true;
        ping->answered_at = clock_now();
        ping->length = length - ECHO_HEADER;
        wake_all(&interface->changed);
    }
}

/* Waits for the answer to interface->ping. */
static bool wait_for_answer(struct ip_interface *interface, uint64_t deadline)
{
    while (!interface->ping->answered && clock_now() < deadline)
        wait_on_until(&interface->changed, deadline);
    return interface->ping->answered;
}

int64_t ip_ping(struct ip_interface *interface, uint32_t to, uint16_t sequence, uint32_t length,
                uint64_t deadline)
{
    struct ip_ping ping = {.id = PING_ID, .sequence = sequence};
    uint8_t *pages, *data;
    uint64_t sent_at;
    int error;

    if (length > PING_PAGES * PAGE_SIZE - IP_HEADERS - ECHO_HEADER)
        return -EMSGSIZE;
    if (!ip_resolve(interface, to, deadline))
        return -EHOSTUNREACH;
    pages = pages_alloc(PING_PAGES);
    if (!pages)
        return -ENOMEM;
    data = pages + IP_HEADERS;
    memset(data, 0, ECHO_HEADER);
    data[0] = ECHO_REQUEST;
    net_put16(data + 4, ping.id);
    net_put16(data + 6, sequence);
    for (uint32_t i = 0; i < length; i++)
        data[ECHO_HEADER + i] = (uint8_t)(sequence + i);
    net_put_checksum(data + 2, net_checksum(data, ECHO_HEADER + length));
    interface->ping = &ping;
    sent_at = clock_now();
    error = ip_send(interface, to, IP_PROTOCOL_ICMP, data, ECHO_HEADER + length);
    if (!error && !wait_for_answer(interface, deadline))
        error = -ETIMEDOUT;
    interface->ping = NULL;
    pages_free(pages, PING_PAGES);
    return error ? error : (int64_t)(ping.answered_at - sent_at);
}
