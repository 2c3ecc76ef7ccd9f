/* SPDX-License-Identifier: MIT */
/* Packs a kernel in the ways that kernels get packed. The results are to be freed. */
#ifndef PACK_H
#define PACK_H

#include "make_elf.h"

typedef struct file pack_function(struct file f);

struct file pack_gzip(struct file f);
struct file pack_xz(struct file f);
struct file pack_zstd(struct file f);
struct file pack_lz4(struct file f); /* with its size */

/* Appends the unpacked size, as the kernel's build does to all but gzip's data. Takes @f. */
struct file append_size(struct file f, size_t unpacked);

/* A bzImage with @payload as the packed kernel. */
struct file make_bzimage(struct file payload);

#endif
