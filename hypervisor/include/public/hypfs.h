/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's file system: a tree of named values, for the tools of a privileged domain.
 * Directories hold entries, entries hold a string or a number. /params has the boot options that
 * can be changed while the machine runs, under their names.
 *
 * long hypfs_op(XEN_HYPFS_OP_*, arg1, arg2, arg3, arg4)
 */
#ifndef XEN_PUBLIC_HYPFS_H
#define XEN_PUBLIC_HYPFS_H

#include "xen.h"

#define XEN_HYPFS_VERSION     1
#define XEN_HYPFS_MAX_PATHLEN 1024 /* bytes of a path, the 0 at its end included */

/* What an entry is. */
struct xen_hypfs_direntry {
    uint8_t type;
#define XEN_HYPFS_TYPE_DIR    0
#define XEN_HYPFS_TYPE_BLOB   1
#define XEN_HYPFS_TYPE_STRING 2 /* with a 0 at its end */
#define XEN_HYPFS_TYPE_UINT   3 /* content_len bytes, the least significant one first */
#define XEN_HYPFS_TYPE_INT    4
#define XEN_HYPFS_TYPE_BOOL   5 /* one byte, 0 or 1 */
    uint8_t encoding;
#define XEN_HYPFS_ENC_PLAIN 0
#define XEN_HYPFS_ENC_GZIP  1
    uint16_t pad;           /* 0 */
    uint32_t content_len;   /* bytes that the content has now */
    uint32_t max_write_len; /* bytes that can be written; 0: the entry is read-only */
};
typedef struct xen_hypfs_direntry xen_hypfs_direntry_t;

/* An element of a directory's content. */
struct xen_hypfs_dirlistentry {
    xen_hypfs_direntry_t e;
    uint16_t off_next;             /* from here to the next element; 0: this is the last one */
    char name[XEN_FLEX_ARRAY_DIM]; /* with a 0 at its end, and perhaps some bytes behind that */
};

/* No arguments: all are 0. The result is XEN_HYPFS_VERSION. */
#define XEN_HYPFS_OP_get_version 0

/*
 * arg1: the path, which begins with a slash; arg2: its bytes, the 0 at the end included; arg3: room
 * for a xen_hypfs_direntry and the content behind it; arg4: its bytes. -ENOBUFS when the room is
 * too small for the content: then the xen_hypfs_direntry alone is there, and says how much it is.
 */
#define XEN_HYPFS_OP_read 1

/*
 * arg1 and arg2: the path, as above; arg3: the new content; arg4: its bytes. Only strings and blobs
 * can change their length; a string ends with its only 0.
 */
#define XEN_HYPFS_OP_write_contents 2

#endif /* XEN_PUBLIC_HYPFS_H */
