/* SPDX-License-Identifier: MIT */
/*
 * The interface of Linux's driver for control domains, /dev/xen/privcmd, as the kernel's header of
 * this name lays it out. Private to dom0-tools/platform/linux.
 */
#ifndef TOOLS_LINUX_PRIVCMD_H
#define TOOLS_LINUX_PRIVCMD_H

#include <stdint.h>
#include <sys/ioctl.h>

/* Makes a hypercall. The result is the hypercall's, or -1 with its error in errno. */
struct privcmd_hypercall {
    uint64_t number; /* __HYPERVISOR_* */
    uint64_t arguments[5];
};
#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

#endif
