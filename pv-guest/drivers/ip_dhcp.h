/* SPDX-License-Identifier: MIT */
/*
 * DHCP client (RFC 2131): an address for an interface, renewed for as long as it runs.
 */
#ifndef DRIVERS_IP_DHCP_H
#define DRIVERS_IP_DHCP_H

#include <drivers/ip.h>

struct dhcp_lease {
    uint32_t address, mask, gateway, server;
    uint32_t seconds;
};

/*
 * Asks for an address until there is one, and configures the interface with it. Waits.
 * @param say is called with a line for each step, without a newline
 */
void dhcp_acquire(struct ip_interface *interface, struct dhcp_lease *lease,
                  void (*say)(const char *text));

/* Asks the server to let us keep the address. Waits. @return false when it does not. */
bool dhcp_renew(struct ip_interface *interface, struct dhcp_lease *lease,
                void (*say)(const char *text));

#endif
