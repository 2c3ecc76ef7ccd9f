/* SPDX-License-Identifier: MIT */
/*
 * A domain that is destroyed while dom0 maps one of its frames: it stays, dead, until the mapping
 * goes. What dom0 gives such a zombie goes with it.
 */
#include <clock.h>
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <public/domctl.h>
#include <public/memory.h>
#include <public/sched.h>
#include <public/sysctl.h>
#include <public/version.h>
#include <string.h>

#include "harness.h"

#define ROUNDS      24
#define MAP_ENTRIES 512u /* of a memory map: two and a half pages */
#define TOLERANCE   (ROUNDS * PAGE_SIZE)
#define DEATH_LIMIT NANOSECONDS_PER_SECOND /* until the last reference to a dead domain is gone */

/* Xen 4.17 loses the last map that it was given for a zombie. */
static bool is_xen(void)
{
    xen_extraversion_t extra;

    CHECK_EQ(hypercall_xen_version(XENVER_extraversion, extra), 0);
    return !strstr(extra, "bulkhead");
}

static long control(uint32_t cmd, domid_t *domain, uint64_t argument)
{
    struct xen_domctl op = {
        .cmd = cmd, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = *domain};
    long rc;

    if (cmd == XEN_DOMCTL_createdomain) {
        op.u.createdomain.max_vcpus = 1;
        op.u.createdomain.max_evtchn_port = 1023;
        op.u.createdomain.max_grant_frames = -1;
        op.u.createdomain.max_maptrack_frames = -1;
        op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    } else if (cmd == XEN_DOMCTL_max_mem) {
        op.u.max_mem.max_memkb = argument;
    }
    rc = hypercall_domctl(&op);
    *domain = op.domain;
    return rc;
}

/* Is there a domain of this number? */
static bool exists(domid_t id)
{
    domid_t found = id;

    return control(XEN_DOMCTL_getdomaininfo, &found, 0) == 0 && found == id;
}

static uint64_t free_bytes(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_availheap,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
                            .u.availheap.node = -1};

    CHECK_EQ(hypercall_sysctl(&op), 0);
    return op.u.availheap.avail_bytes;
}

static long set_memory_map(domid_t id)
{
    static struct {
        uint64_t start, size;
        uint32_t type;
    } __attribute__((packed)) entries[MAP_ENTRIES];
    struct xen_foreign_memory_map op = {.domid = id, .map.nr_entries = MAP_ENTRIES};

    for (unsigned int i = 0; i < MAP_ENTRIES; i++) {
        entries[i].start = (uint64_t)i << 20;
        entries[i].size = 1 << 20;
        entries[i].type = 1;
    }
    set_xen_guest_handle(op.map.buffer, (void *)entries);
    return hypercall_memory_op(XENMEM_set_memory_map, &op);
}

/* A dead domain, kept by the mapping that is returned. */
static void *make_zombie(domid_t *id)
{
    struct xen_memory_reservation memory = {.nr_extents = 1};
    xen_pfn_t frame = 0;
    void *mapping;

    *id = DOMID_INVALID;
    if (!CHECK_EQ(control(XEN_DOMCTL_createdomain, id, 0), 0))
        return NULL;
    CHECK_EQ(control(XEN_DOMCTL_max_mem, id, 1024), 0);
    memory.domid = *id;
    set_xen_guest_handle(memory.extent_start, &frame);
    CHECK_EQ(hypercall_memory_op(XENMEM_populate_physmap, &memory), 1);
    mapping = map_frames(&frame, 1, *id, PTE_KERNEL_DATA, NULL);
    CHECK(mapping);
    CHECK_EQ(set_memory_map(*id), 0);
    CHECK_EQ(control(XEN_DOMCTL_destroydomain, id, 0), 0);
    return mapping;
}

static void test_zombie(void)
{
    uint64_t before = 0, after;

    for (int i = 0; i < ROUNDS; i++) {
        domid_t id;
        void *mapping = make_zombie(&id);

        if (!mapping)
            return;
        CHECK(exists(id));
        CHECK_EQ(set_memory_map(id), 0);
        CHECK_EQ(set_memory_map(id), 0);
        unmap_frames(mapping, 1);
        for (uint64_t end = clock_now() + DEATH_LIMIT; exists(id) && clock_now() < end;)
            hypercall_sched_op(SCHEDOP_yield, NULL);
        CHECK(!exists(id));
        if (i == 0)
            before = free_bytes(); /* what the first one needed may be kept for the next */
    }
    after = free_bytes();
    if (!is_xen() && after + TOLERANCE < before)
        test_fail(__FILE__, __LINE__, "%lu KiB are lost", (before - after) >> 10);
}

static const struct test tests[] = {
    {"zombie", test_zombie},
    {NULL, NULL},
};

void guest_main(void)
{
    run_tests(tests);
}
