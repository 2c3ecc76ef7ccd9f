/* SPDX-License-Identifier: MIT */
/*
 * The interface of Linux's driver for control domains, /dev/xen/privcmd and /dev/xen/hypercall, as
 * its header for programs (linux/include/uapi/xen/privcmd.h) lays it out. Private to
 * dom0-tools/platform/linux.
 */
#ifndef TOOLS_LINUX_PRIVCMD_H
#define TOOLS_LINUX_PRIVCMD_H

#include <stdint.h>
#include <sys/ioctl.h>

#include <public/xen.h>

/* Makes a hypercall. The result is the hypercall's, or -1 with its error in errno. */
struct privcmd_hypercall {
    uint64_t number; /* __HYPERVISOR_* */
    uint64_t arguments[5];
};
#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

/* Maps frames of a domain over a mapping of the device. Fails if any of them cannot be mapped. */
struct privcmd_map_frames {
    uint32_t count;
    domid_t domid;
    uint64_t address;
    const xen_pfn_t *frames;
    int *errors; /* out: of each frame, a negative errno or 0 */
};
#define IOCTL_PRIVCMD_MMAPBATCH_V2 _IOC(_IOC_NONE, 'P', 4, sizeof(struct privcmd_map_frames))

#endif
