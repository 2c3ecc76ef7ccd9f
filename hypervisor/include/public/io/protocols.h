/* SPDX-License-Identifier: MIT */
/*
 * Names of the layouts in which a front end lays out its rings, for its node "protocol" in the
 * store. Where there is none, the back end takes the layout to be its own.
 */
#ifndef XEN_PUBLIC_IO_PROTOCOLS_H
#define XEN_PUBLIC_IO_PROTOCOLS_H

#define XEN_IO_PROTO_ABI_X86_32 "x86_32-abi" /* 64-bit fields are aligned to 4 bytes */
#define XEN_IO_PROTO_ABI_X86_64 "x86_64-abi" /* to 8 bytes */

#ifdef __i386__
#define XEN_IO_PROTO_ABI_NATIVE XEN_IO_PROTO_ABI_X86_32
#else
#define XEN_IO_PROTO_ABI_NATIVE XEN_IO_PROTO_ABI_X86_64
#endif

#endif /* XEN_PUBLIC_IO_PROTOCOLS_H */
