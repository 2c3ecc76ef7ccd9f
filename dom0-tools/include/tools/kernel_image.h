/* SPDX-License-Identifier: MIT */
/*
 * Kernel images: what a domain's kernel file says of itself and how its segments get into the
 * domain.
 *
 * An image is an ELF64 file with Xen notes (public/elfnote.h), the same packed by gzip, xz, zstd or
 * lz4, or a bzImage whose payload is one of these. It is read in one pass and never held unpacked.
 */
#ifndef TOOLS_KERNEL_IMAGE_H
#define TOOLS_KERNEL_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tools/error.h>

/* Where segments go. Addresses are pseudo-physical: pfn 0 of the domain is address 0. */
struct image_target {
    /* Stores @length bytes. Returns 0, or -1 with the reason reported by the target. */
    int (*write)(void *context, uint64_t address, const void *data, size_t length);
    /* Clears @length bytes. Returns as write does. */
    int (*clear)(void *context, uint64_t address, uint64_t length);
    void *context;
    uint64_t limit; /* bytes of pseudo-physical memory; no access reaches beyond */
};

#define IMAGE_NO_ADDRESS UINT64_MAX

struct kernel_image {
    uint64_t virt_base;      /* virtual address of pseudo-physical address 0 */
    uint64_t paddr_offset;   /* what p_paddr counts from */
    uint64_t entry;          /* virtual */
    uint64_t start, end;     /* pseudo-physical extent of all segments */
    uint64_t hypercall_page; /* virtual, or IMAGE_NO_ADDRESS: the kernel makes its own */
    uint64_t init_p2m;       /* virtual address it wants the p2m list at, or IMAGE_NO_ADDRESS */
    bool unmapped_ramdisk;   /* takes its ramdisk as a frame number, not mapped */
    uint32_t features;       /* XENFEAT_ bits that it supports */
    char guest_os[32];       /* "linux", "GRUB", ... or "" */
};

/*
 * Loads @size bytes at @file into @target and describes the kernel in @image.
 * Returns 0, or -1 with the reason in @e (unless the target gave one).
 */
int kernel_image_load(const void *file, size_t size, const struct image_target *target,
                      struct kernel_image *image, struct error *e);

/*
 * How many bytes of pseudo-physical memory, from 0 on, a packed kernel says that it takes, to be
 * known before it is unpacked; 0 if it does not say.
 */
uint64_t kernel_image_needs(const void *file, size_t size);

#endif
