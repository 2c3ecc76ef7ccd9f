/* SPDX-License-Identifier: MIT */
/*
 * What a kernel's file contains: an ELF file as it is or packed, or a Linux bzImage around one of
 * these (Linux, Documentation/x86/boot.rst). The caller of the library unpacks.
 */
#ifndef IMAGE_BZIMAGE_H
#define IMAGE_BZIMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"

/* The piece of a kernel's file that is, or unpacks to, the ELF file. */
struct image_payload {
    const uint8_t *data;
    size_t size;
    bool in_bzimage; /* its last four bytes are the unpacked size, whatever packed it */
};

enum image_packing {
    IMAGE_PLAIN, /* no packing that we know */
    IMAGE_GZIP,
    IMAGE_XZ,
    IMAGE_ZSTD,
    IMAGE_LZ4,
    /* From here on: recognised, so that a message can name them, but never unpacked. */
    IMAGE_BZIP2,
    IMAGE_LZMA,
    IMAGE_LZO,
};

/*
 * Finds the payload of a bzImage; of any other file the payload is all of it.
 *
 * @return 0; or -1, refused through @r: a bzImage that is too old, empty or truncated.
 */
int image_find_payload(const void *file, size_t size, struct image_payload *payload,
                       const struct image_report *r);

/* How @size bytes at @data are packed, by their first bytes. */
enum image_packing image_packing(const void *data, size_t size);

/* The packing's name: "gzip", "xz", ... */
const char *image_packing_name(enum image_packing packing);

/*
 * How many bytes of pseudo-physical memory, from 0 on, a bzImage says that it takes, to be known
 * before it is unpacked.
 *
 * @return that number; 0: the file does not say.
 */
uint64_t image_needs(const void *file, size_t size);

#endif
