/* SPDX-License-Identifier: MIT */
/* What the parts of dom0's builder share. All of it lies in the discarded part of the image. */
#ifndef DOM0_BUILD_H
#define DOM0_BUILD_H

#include <image/kernel_image.h>

#include "boot.h"

struct domain;

/* ---- scratch memory (scratch.c) ---- */

/*
 * Allocates zeroed memory for the time of the build, contiguous in the hypervisor's address space.
 *
 * @return its address; NULL: not enough memory is left.
 */
void *scratch_alloc(size_t bytes);
/* Gives back what scratch_alloc() returned; @p may be NULL. */
void scratch_free(void *p);
bool is_scratch(const void *p);

/* ---- unpacking (unpack.c, unpack_libs.c, unpack_env.c, unpack_call.S) ---- */

/* A packed piece and where its contents go. */
struct unpack_job {
    const u8 *src;
    size_t src_size;
    u8 *dst;
    size_t dst_size;
    size_t done; /* out: bytes written */
};

/*
 * Unpacks a piece. Runs in the libraries' environment.
 *
 * @return 0; or the library's own error number.
 */
typedef long unpack_fn(struct unpack_job *job);
unpack_fn unpack_gzip, unpack_xz, unpack_zstd, unpack_lz4;

/*
 * Runs @fn in the environment that the libraries expect: own stack, FS base with a canary, FPU
 * ready, interrupts off.
 */
long unpack_call(unpack_fn *fn, struct unpack_job *job);

/* A kernel image as an ELF file in memory. */
struct kernel_file {
    const u8 *data;
    size_t size;
    void *scratch; /* to be freed; NULL: it lies in the module */
};

/*
 * Finds or unpacks the ELF file in dom0's kernel module. An error in the module is fatal, with a
 * line that says what is wrong.
 */
void kernel_open(const struct boot_module *m, struct kernel_file *file);

/* ---- dom0_build.c ---- */

/* Turns a sentence about dom0's kernel into a fatal error. */
extern const struct image_report dom0_report;

/* ---- its memory (dom0_memory.c) ---- */

/* Whether the kernel is our own reference kernel, by its GUEST_OS. */
bool dom0_is_pv_guest(const struct kernel_image *image);
/*
 * Decides how many frames dom0 gets: dom0_mem=, else 64 MiB for our own kernel and nearly all
 * memory for others. @reclaimable frames are in use now and come back before the last are
 * allocated. Never fewer than @needed, or it is a fatal error.
 */
unsigned long dom0_size(const struct kernel_image *image, unsigned long needed,
                        unsigned long reclaimable);
/* @return the most frames that dom0 may ever have, as dom0_mem=max: says */
unsigned long dom0_max_size(void);
/*
 * Allocates frames for @d up to pseudo-physical frame @end.
 *
 * @return how many frames @d has then; fewer than @end when memory is short.
 */
unsigned long dom0_populate(struct domain *d, unsigned long end);
/* @return the machine frame of @pfn, which is populated */
mfn_t dom0_pfn_to_mfn(unsigned long pfn);
/* @return where the hypervisor has @pfn mapped */
void *dom0_frame(unsigned long pfn);

/* ---- what dom0 may touch (dom0_access.c) ---- */

/* Fills in the sets of ports, machine frames and interrupts. */
void dom0_grant_access(struct domain *d);

#endif
