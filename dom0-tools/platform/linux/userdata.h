/* SPDX-License-Identifier: MIT */
/*
 * The files that libxl keeps of each domain, /var/lib/xen/userdata-KIND.DOMID.UUID.NAME, and which
 * disappear with it. Private to dom0-tools/platform/linux.
 */
#ifndef TOOLS_LINUX_USERDATA_H
#define TOOLS_LINUX_USERDATA_H

#include <platform.h>

/* Removes all files of a domain of that number and UUID. */
void userdata_remove(domid_t domid, const uint8_t uuid[16]);

#endif
