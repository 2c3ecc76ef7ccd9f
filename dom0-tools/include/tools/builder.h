/* SPDX-License-Identifier: MIT */
/*
 * The domain builder: memory, kernel, ramdisk and start-of-day state of a 64-bit PV domain
 * (public/xen.h, struct start_info).
 */
#ifndef TOOLS_BUILDER_H
#define TOOLS_BUILDER_H

#include <stdbool.h>

#include <platform.h>
#include <tools/error.h>

/*
 * Memory that a domain may have beyond its target, as with libxl: for the frames of its grant table
 * and other special frames.
 */
#define DOMAIN_SLACK_KIB 1024

struct build_request {
    domid_t domid;       /* as control_create left it */
    uint32_t memory_mib; /* at start, and its limit until its target changes */
    uint32_t maxmem_mib; /* the end of its memory map */
    const char *cmdline;
    struct platform_file kernel, ramdisk;   /* no ramdisk: data is NULL */
    const char *kernel_name, *ramdisk_name; /* for messages */
    const bool *cancelled; /* once it is true, the builder gives up where it waits next */
};

/* What the service needs to connect to the domain. */
struct build_result {
    xen_pfn_t console_frame, store_frame;
    evtchn_port_t console_port, store_port; /* the domain's ends, unbound */
};

/*
 * Builds the domain, which stays paused. May wait.
 *
 * @return 0; or -1 with the reason in @e. The caller then destroys the domain, with the part that
 * was built.
 */
int build_domain(const struct build_request *request, struct build_result *result, struct error *e);

#endif
