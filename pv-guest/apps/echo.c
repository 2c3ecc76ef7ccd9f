/* SPDX-License-Identifier: MIT */
/*
 * A host on the network: each vif gets an address, answers ping and sends UDP datagrams for port 7
 * back. Prints what it does, each DHCP step too.
 *
 * Command line: ip=ADDRESS/PREFIX  the address of the first vif; without it DHCP is asked
 *               gateway=ADDRESS    with ip=
 *               ping=ADDRESS       ask that host for an echo, with
 *               count=N            how many times (4), a second apart, and
 *               size=BYTES         bytes of data (56)
 *               offloads=no        plain frames only
 */
#include <clock.h>
#include <errno.h>
#include <guest.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#include <drivers/ip_dhcp.h>
#include <drivers/netfront.h>

#include "shutdown.h"

#define ECHO_PORT    7u
#define WORD_SIZE    40
#define PING_TIMEOUT (NANOSECONDS_PER_SECOND * 2)

struct link {
    struct ip_interface interface;
    struct udp_socket echo;
};

static void say(const char *text)
{
    printf("echo: %s\n", text);
}

static void echo_datagram(struct ip_interface *interface, struct udp_socket *socket,
                          const struct udp_source *source, const uint8_t *data, uint32_t length)
{
    udp_send(interface, socket->port, source->address, source->port, (uint8_t *)data, length);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
    char text[WORD_SIZE];

    return guest_option(name, text, sizeof(text)) ? strtoul(text, NULL, 10) : otherwise;
}

/* ip=10.0.0.1/24 and gateway=. @return false when there is none, or nonsense. */
static bool read_address(uint32_t *address, uint32_t *mask, uint32_t *gateway)
{
    char text[WORD_SIZE], *slash;
    unsigned long prefix = 24;

    if (!guest_option("ip", text, sizeof(text)))
        return false;
    slash = strchr(text, '/');
    if (slash) {
        *slash = '\0';
        prefix = strtoul(slash + 1, NULL, 10);
    }
    if (!ip_parse(text, address) || prefix < 1 || prefix > 30) {
        printf("echo: ip=%s is not ADDRESS/PREFIX; asking DHCP\n", text);
        return false;
    }
    *mask = ~(0xffffffffu >> prefix);
    if (!guest_option("gateway", text, sizeof(text)) || !ip_parse(text, gateway))
        *gateway = IP_ANY;
    return true;
}

static int prefix_of(uint32_t mask)
{
    int bits = 0;

    for (; mask; mask <<= 1)
        bits++;
    return bits;
}

static void print_ip_address(const struct ip_interface *interface)
{
    const uint8_t *mac = interface->port->mac;
    char address[IP_TEXT_SIZE], gateway[IP_TEXT_SIZE];

    printf("echo: %s %02x:%02x:%02x:%02x:%02x:%02x has %s/%d, gateway %s\n", interface->port->name,
           mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], ip_text(interface->address, address),
           prefix_of(interface->mask),
           interface->gateway ? ip_text(interface->gateway, gateway) : "none");
}

static void ping(struct ip_interface *interface)
{
    char text[WORD_SIZE];
    unsigned long count = number("count", 4), size = number("size", 56), answered = 0;
    uint32_t to;

    if (!guest_option("ping", text, sizeof(text)))
        return;
    if (!ip_parse(text, &to)) {
        printf("echo: ping=%s is no address\n", text);
        return;
    }
    for (unsigned int i = 0; i < count; i++) {
        int64_t time = ip_ping(interface, to, (uint16_t)i, (uint32_t)size,
                               clock_now() + PING_TIMEOUT);

        if (time >= 0) {
            answered++;
            printf("echo: %lu bytes from %s: seq=%u time=%" PRId64 " us\n", size, text, i,
                   time / 1000);
        } else {
            printf("echo: %s: seq=%u: %s\n", text, i,
                   time == -ETIMEDOUT ? "no answer" : "cannot be reached");
        }
        if (i + 1 < count)
            thread_sleep(NANOSECONDS_PER_SECOND);
    }
    printf("echo: ping %s: %lu of %lu answered\n", text, answered, count);
}

static void keep_lease(struct ip_interface *interface, struct dhcp_lease *lease)
{
    for (;;) {
        /* Half of the time, as is usual; a lease of less than a minute is not believed. */
        uint64_t seconds = lease->seconds < 60 ? 60 : lease->seconds;

        thread_sleep(seconds / 2 * NANOSECONDS_PER_SECOND);
        if (!dhcp_renew(interface, lease, say)) {
            dhcp_acquire(interface, lease, say);
            print_ip_address(interface);
        }
    }
}

static void link_thread(void *argument)
{
    struct link *link = argument;
    uint32_t address, mask, gateway;
    struct dhcp_lease lease;
    bool fixed = read_address(&address, &mask, &gateway);

    if (fixed)
        ip_configure(&link->interface, address, mask, gateway);
    else
        dhcp_acquire(&link->interface, &lease, say);
    print_ip_address(&link->interface);
    ping(&link->interface);
    if (!fixed)
        keep_lease(&link->interface, &lease);
}

static void echo_found(struct net_port *port)
{
    struct link *link = calloc(1, sizeof(*link));

    if (!link) {
        printf("echo: no memory for %s\n", port->name);
        return;
    }
    link->echo = (struct udp_socket){.port = ECHO_PORT, .receive = echo_datagram};
    ip_attach(&link->interface, port);
    udp_open(&link->interface, &link->echo);
    if (!thread_create(port->name, link_thread, link))
        printf("echo: no memory for the thread of %s\n", port->name);
}

void guest_main(void)
{
    static struct netfront_options options = {.offloads = true, .found = echo_found};
    struct wait_queue never = {0};
    char text[WORD_SIZE];

    if (guest_option("offloads", text, sizeof(text)) && strcmp(text, "no") == 0)
        options.offloads = false;
    printf("pv-guest echo: domain %u, command line \"%s\"\n", guest_domid(), guest_command_line());
    shutdown_obey();
    if (netfront_start(&options)) {
        printf("echo: this domain has no store, so it has no network\n");
        return;
    }
    for (;;)
        wait_on(&never);
}
