/* SPDX-License-Identifier: MIT */
/* What we call ourselves. */
#ifndef BULKHEAD_VERSION_H
#define BULKHEAD_VERSION_H

#include <public/version.h>

#define XEN_ABI_MAJOR         4
#define XEN_ABI_MINOR         17
#define BULKHEAD_EXTRAVERSION "-bulkhead"

/* How and from what we were built. (version.c) */
extern const struct xen_compile_info hv_compile_info;
extern const char hv_changeset[];

#endif
