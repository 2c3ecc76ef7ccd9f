/* SPDX-License-Identifier: MIT */
/*
 * Kernel images: what a kernel's ELF file says of itself in its Xen notes (public/elfnote.h), and
 * how its segments get into a domain.
 *
 * The caller gives the unpacked bytes from first to last, in pieces of any size, as often as it is
 * asked to:
 *
 *     kernel_reader_init(reader, dom0, report);
 *     do {
 *         kernel_reader_begin(reader, target);
 *         elf_stream_feed(&reader->stream, ...);   for each piece
 *     } while ((again = kernel_reader_end(reader)) > 0);
 *
 * With a target the kernel is loaded, without one it is only described; a reader that knows its
 * kernel then loads it in one more pass.
 *
 * Segments are placed before the notes are known, since these may come late in the stream. That
 * assumes that the notes leave PADDR_OFFSET at 0, as in every kernel that we know; if they do not,
 * or if notes are only found through the section headers, further passes follow.
 */
#ifndef IMAGE_KERNEL_IMAGE_H
#define IMAGE_KERNEL_IMAGE_H

#include "elf_stream.h"

#define IMAGE_NO_ADDRESS UINT64_MAX

struct kernel_image {
    uint64_t virt_base;      /* virtual address of pseudo-physical address 0 */
    uint64_t paddr_offset;   /* what p_paddr counts from */
    uint64_t entry;          /* virtual */
    uint64_t start, end;     /* pseudo-physical extent of all segments */
    uint64_t hypercall_page; /* virtual, or IMAGE_NO_ADDRESS: the kernel makes its own */
    uint64_t init_p2m;       /* virtual address it wants the P2M list at, or IMAGE_NO_ADDRESS */
    bool unmapped_ramdisk;   /* takes its ramdisk as a frame number, not mapped */
    uint32_t features;       /* XENFEAT_ bits that it supports */
    char guest_os[32];       /* "linux", "GRUB", ... or "" */
};

struct kernel_reader {
    struct kernel_image image;
    bool dom0;      /* the kernel becomes dom0: it may require that, and must not exclude it */
    bool described; /* image is complete and checked */
    struct elf_stream stream;
};

/* Prepares @reader, whose contents may be anything. @report stays in use. */
void kernel_reader_init(struct kernel_reader *reader, bool dom0, const struct image_report *report);

/* Begins a pass. @target (NULL: only describe) stays in use until its end. */
void kernel_reader_begin(struct kernel_reader *reader, const struct image_target *target);

/*
 * Ends a pass.
 *
 * @return 0: done, and reader->image describes the kernel; 1: another pass is needed; -1: refused
 *         through the report, or by the target.
 */
int kernel_reader_end(struct kernel_reader *reader);

#endif
