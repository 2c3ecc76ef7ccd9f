/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor says about itself.
 *
 * long xen_version(XENVER_*, *). Calling it with XENVER_version and no argument is the cheapest of
 * all hypercalls; it also serves to have a pending event delivered.
 */
#ifndef XEN_PUBLIC_VERSION_H
#define XEN_PUBLIC_VERSION_H

#include "features.h"
#include "xen.h"

#define XENVER_version 0 /* no argument: major << 16 | minor, of the interface */

#define XENVER_extraversion 1 /* what follows the two numbers, e.g. ".1" */
typedef char xen_extraversion_t[16];
#define XEN_EXTRAVERSION_LEN (sizeof(xen_extraversion_t))

#define XENVER_compile_info 2 /* the builder, the compiler, the date */
struct xen_compile_info {
    char compiler[64];
    char compile_by[16];
    char compile_domain[32];
    char compile_date[32];
};
typedef struct xen_compile_info xen_compile_info_t;

/*
 * The kinds of guest that can be started, separated by blanks, each of the form
 * xen-<major>.<minor>-<architecture>: "xen-3.0-x86_64 xen-3.0-x86_32p". Tools choose by it.
 */
#define XENVER_capabilities 3
typedef char xen_capabilities_info_t[1024];
#define XEN_CAPABILITIES_INFO_LEN (sizeof(xen_capabilities_info_t))

#define XENVER_changeset 4 /* which revision it was built from */
typedef char xen_changeset_info_t[64];
#define XEN_CHANGESET_INFO_LEN (sizeof(xen_changeset_info_t))

#define XENVER_platform_parameters 5
struct xen_platform_parameters {
    xen_ulong_t virt_start; /* where the hypervisor's range begins for this guest */
};
typedef struct xen_platform_parameters xen_platform_parameters_t;

#define XENVER_get_features 6 /* 32 features at a time: XENFEAT_* */
struct xen_feature_info {
    unsigned int submap_idx; /* in: which 32 of them; below XENFEAT_NR_SUBMAPS */
    uint32_t submap;         /* out: bit n is feature submap_idx * 32 + n */
};
typedef struct xen_feature_info xen_feature_info_t;

#define XENVER_pagesize 7 /* no argument: bytes of a page */

#define XENVER_guest_handle 8 /* the caller's xen_domain_handle_t */

#define XENVER_commandline 9 /* how the hypervisor was started; others than dom0 read "<denied>" */
typedef char xen_commandline_t[1024];

/* A number that differs between builds, for dom0. Result: its bytes; NULL only asks for them. */
#define XENVER_build_id 10
struct xen_build_id {
    uint32_t len; /* in: room in buf, not 0 */
    unsigned char buf[XEN_FLEX_ARRAY_DIM];
};
typedef struct xen_build_id xen_build_id_t;

#endif /* XEN_PUBLIC_VERSION_H */
