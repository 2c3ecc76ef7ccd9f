/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor as user programs of a domain see it, through /dev/xen: event channels and grants
 * of the domain to itself.
 */
#include "stress.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint16_t domid_t;
typedef uint32_t grant_ref_t;
#include <xen/evtchn.h>
#include <xen/gntalloc.h>
#include <xen/gntdev.h>

static unsigned int own_domid;

static int device(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        skip("%s: %s", path, strerror(errno));
    }
    return fd;
}

/* A domain reads its number from the store; dom0 knows its own. */
static void find_own_domid(void)
{
    static const struct {
        uint32_t type, request, transaction, length;
        char path[6];
    } __attribute__((packed)) question = {2 /* read */, 0, 0, 6, "domid"};
    char answer[64] = "";
    int file;

    if (in_dom0()) {
        return;
    }
    file = device("/dev/xen/xenbus");
    check(write(file, &question, sizeof(question)) == sizeof(question), "store: %s",
          strerror(errno));
    check(read(file, answer, sizeof(answer) - 1) > 16, "store: %s", strerror(errno));
    own_domid = (unsigned int)strtoul(answer + 16, NULL, 10);
    close(file);
    check(own_domid > 0, "no number: %s", answer + 16);
}

static void must(int result, const char *what)
{
    check(result >= 0, "%s: %s", what, strerror(errno));
}

static uint32_t read_port(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    uint32_t port;

    check(poll(&ready, 1, 60000) == 1, "an event got lost");
    check(read(fd, &port, sizeof(port)) == sizeof(port), "read: %s", strerror(errno));
    check(write(fd, &port, sizeof(port)) == sizeof(port), "unmask: %s", strerror(errno));
    return port;
}

/* A pair of ports of the same domain: what is sent on one arrives on the other. */
static void event_round(void)
{
    struct ioctl_evtchn_bind_unbound_port listen = {.remote_domain = own_domid};
    struct ioctl_evtchn_bind_interdomain bind = {.remote_domain = own_domid};
    struct ioctl_evtchn_notify notify;
    int one = device("/dev/xen/evtchn"), two = device("/dev/xen/evtchn");
    int listener = ioctl(one, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &listen);
    int binder;

    must(listener, "bind unbound");
    bind.remote_port = (unsigned int)listener;
    binder = ioctl(two, IOCTL_EVTCHN_BIND_INTERDOMAIN, &bind);
    must(binder, "bind interdomain");
    check(read_port(two) == (uint32_t)binder, "binding rings one's own bell");
    notify.port = (unsigned int)binder;
    must(ioctl(two, IOCTL_EVTCHN_NOTIFY, &notify), "notify");
    for (unsigned int i = 0; i < 20; i++) {
        check(read_port(one) == (uint32_t)listener, "another port");
        notify.port = (unsigned int)listener;
        must(ioctl(one, IOCTL_EVTCHN_NOTIFY, &notify), "notify");
        check(read_port(two) == (uint32_t)binder, "another port");
        notify.port = (unsigned int)binder;
        must(ioctl(two, IOCTL_EVTCHN_NOTIFY, &notify), "notify");
    }
    close(two);
    close(one);
}

static void events(unsigned int seconds)
{
    uint64_t start = now();

    find_own_domid();
    do {
        event_round();
    } while (!elapsed(start, seconds));
}

enum { GRANTS = 8 };

static void grant_round(void)
{
    int allocator = device("/dev/xen/gntalloc"), mapper = device("/dev/xen/gntdev");
    size_t bytes = sizeof(struct ioctl_gntalloc_alloc_gref) + GRANTS * sizeof(uint32_t);
    struct ioctl_gntalloc_alloc_gref *grant = calloc(1, bytes);
    size_t map_bytes = sizeof(struct ioctl_gntdev_map_grant_ref) +
                       GRANTS * sizeof(struct ioctl_gntdev_grant_ref);
    struct ioctl_gntdev_map_grant_ref *mapping = calloc(1, map_bytes);
    struct ioctl_gntdev_unmap_grant_ref unmap;
    struct ioctl_gntalloc_dealloc_gref free_grant;
    volatile uint64_t *ours, *theirs;

    grant->domid = (uint16_t)own_domid;
    grant->flags = GNTALLOC_FLAG_WRITABLE;
    grant->count = GRANTS;
    must(ioctl(allocator, IOCTL_GNTALLOC_ALLOC_GREF, grant), "alloc");
    ours = mmap(NULL, GRANTS * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, allocator,
                (off_t)grant->index);
    check(ours != MAP_FAILED, "mmap of the granted pages: %s", strerror(errno));

    mapping->count = GRANTS;
    for (unsigned int i = 0; i < GRANTS; i++) {
        (&mapping->refs[0])[i].domid = own_domid;
        (&mapping->refs[0])[i].ref = (&grant->gref_ids[0])[i];
    }
    must(ioctl(mapper, IOCTL_GNTDEV_MAP_GRANT_REF, mapping), "map");
    theirs = mmap(NULL, GRANTS * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, mapper,
                  (off_t)mapping->index);
    check(theirs != MAP_FAILED, "mmap of the grants: %s", strerror(errno));

    for (size_t i = 0; i < GRANTS * PAGE_SIZE / 8; i += 64) {
        uint64_t value = random_number();

        ours[i] = value;
        check(theirs[i] == value, "a grant shows other memory");
        theirs[i] = ~value;
        check(ours[i] == ~value, "a write through a grant got lost");
    }
    if (random_number() & 1) { /* else closing has to do it all */
        unmap = (struct ioctl_gntdev_unmap_grant_ref){.index = mapping->index, .count = GRANTS};
        munmap((void *)theirs, GRANTS * PAGE_SIZE);
        must(ioctl(mapper, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap), "unmap");
        munmap((void *)ours, GRANTS * PAGE_SIZE);
        free_grant = (struct ioctl_gntalloc_dealloc_gref){.index = grant->index, .count = GRANTS};
        must(ioctl(allocator, IOCTL_GNTALLOC_DEALLOC_GREF, &free_grant), "dealloc");
    } else {
        munmap((void *)theirs, GRANTS * PAGE_SIZE);
        munmap((void *)ours, GRANTS * PAGE_SIZE);
    }
    close(mapper);
    close(allocator);
    free(grant);
    free(mapping);
}

static void grants(unsigned int seconds)
{
    uint64_t start = now();

    find_own_domid();
    do {
        grant_round();
    } while (!elapsed(start, seconds));
}

const struct subject xen_subjects[] = {
    {"events", events},
    {"grants", grants},
    {NULL, NULL},
};
