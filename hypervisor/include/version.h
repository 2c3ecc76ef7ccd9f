/* SPDX-License-Identifier: MIT */
/* What we call ourselves. */
#ifndef BULKHEAD_VERSION_H
#define BULKHEAD_VERSION_H

#define XEN_ABI_MAJOR         4
#define XEN_ABI_MINOR         17
#define BULKHEAD_EXTRAVERSION "-bulkhead"

#endif
