/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of a Linux program, through /dev/xen/privcmd. What the hypervisor reads and writes has
 * to stay where it is in memory meanwhile: it lies in pages of /dev/xen/hypercall, which Linux
 * neither moves nor pages out.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <platform.h>

#include "linux_platform.h"
#include "privcmd.h"

#define PAGE_BYTES 4096ul

static int call_device = -1, buffer_device = -1;

static int open_device(const char *path, int *device, struct error *e)
{
    *device = open(path, O_RDWR | O_CLOEXEC);
    if (*device >= 0)
        return 0;
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
        return error_set(e,
                         "there is no %s: this Linux does not run on Bulkhead or Xen, or its "
                         "module xen-privcmd is not loaded",
                         path);
    if (errno == EACCES || errno == EPERM)
        return error_set(e, "%s: permission denied; only root controls domains", path);
    return error_set(e, "%s: %s", path, strerror(errno));
}

int linux_hypercalls_open(struct error *e)
{
    if (open_device("/dev/xen/privcmd", &call_device, e))
        return -1;
    if (!open_device("/dev/xen/hypercall", &buffer_device, e))
        return 0;
    close(call_device);
    call_device = -1;
    return -1;
}

/* ---- Memory ---- */

static size_t whole_pages(size_t size)
{
    return size ? (size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1) : PAGE_BYTES;
}

void *platform_buffer_alloc(size_t size)
{
    void *buffer = mmap(NULL, whole_pages(size), PROT_READ | PROT_WRITE, MAP_SHARED, buffer_device,
                        0);

    if (buffer == MAP_FAILED)
        return NULL;
    memset(buffer, 0, size);
    return buffer;
}

void platform_buffer_free(void *buffer, size_t size)
{
    munmap(buffer, whole_pages(size));
}

/* ---- Calls ---- */

static long call(uint64_t number, uint64_t first, uint64_t second)
{
    struct privcmd_hypercall hypercall = {number, {first, second}};
    int result = ioctl(call_device, IOCTL_PRIVCMD_HYPERCALL, &hypercall);

    return result < 0 ? -errno : result; /* numbered alike in Linux and in public/errno.h */
}

/*
 * Makes a hypercall whose argument at @position, 0 or 1, points to a copy of the @size bytes at
 * @data, and copies back what has become of them.
 */
static long call_with(uint64_t number, unsigned int position, uint64_t other, void *data,
                      size_t size)
{
    void *buffer = platform_buffer_alloc(size);
    long result;

    if (!buffer)
        return -ENOMEM;
    memcpy(buffer, data, size);
    result = call(number, position ? other : (uintptr_t)buffer,
                  position ? (uintptr_t)buffer : other);
    memcpy(data, buffer, size);
    platform_buffer_free(buffer, size);
    return result;
}

long platform_domctl(struct xen_domctl *op)
{
    op->interface_version = op->cmd == XEN_DOMCTL_get_domain_state ? XEN_DOMCTL_GETDOMSTATE_VERS_MAX
                                                                   : XEN_DOMCTL_INTERFACE_VERSION;
    return call_with(__HYPERVISOR_domctl, 0, 0, op, sizeof(*op));
}

long platform_sysctl(struct xen_sysctl *op)
{
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return call_with(__HYPERVISOR_sysctl, 0, 0, op, sizeof(*op));
}

/* The size of what a memory operation points to; 0 for one that the tools do not use. */
static size_t memory_argument_size(unsigned int command)
{
    switch (command) {
    case XENMEM_populate_physmap:
        return sizeof(struct xen_memory_reservation);
    case XENMEM_set_memory_map:
        return sizeof(struct xen_foreign_memory_map);
    default:
        return 0;
    }
}

long platform_memory_op(unsigned int command, void *argument)
{
    size_t size = memory_argument_size(command);

    return size ? call_with(__HYPERVISOR_memory_op, 1, command, argument, size) : -ENOSYS;
}

long platform_event_channel_op(unsigned int command, void *argument)
{
    return command == EVTCHNOP_alloc_unbound
               ? call_with(__HYPERVISOR_event_channel_op, 1, command, argument,
                           sizeof(struct evtchn_alloc_unbound))
               : -ENOSYS;
}

long platform_xen_version(unsigned int command, void *argument)
{
    /* What it points to was allocated here, and XENVER_version has nothing. */
    return call(__HYPERVISOR_xen_version, command, (uintptr_t)argument);
}
