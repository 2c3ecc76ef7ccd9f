/* SPDX-License-Identifier: MIT */
/* What the parts of dom0's builder share. All of it lies in the discarded part of the image. */
#ifndef DOM0_BUILD_H
#define DOM0_BUILD_H

#include <public/elfnote.h>

#include "boot.h"

struct domain;

/* ---- scratch memory (scratch.c) ---- */

/* Zeroed memory for the time of the build, contiguous in our address space; NULL: none left. */
void *scratch_alloc(size_t bytes);
/* Gives it back. NULL is allowed. */
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

/* 0, or the library's own error number. They run in the libraries' environment. */
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
 * Finds or unpacks the ELF file in dom0's kernel module. Fatal error with a line that says what is
 * wrong.
 */
void kernel_open(const struct boot_module *m, struct kernel_file *file);

/* ---- the ELF file (dom0_elf.c) ---- */

#define UNSET_ADDR (~0UL)

/* What the image asks for; the names are those of the notes in public/elfnote.h. */
struct kernel_info {
    unsigned long virt_base;
    unsigned long paddr_offset;
    unsigned long entry;
    unsigned long hypercall_page; /* UNSET_ADDR: none */
    unsigned long init_p2m;       /* UNSET_ADDR: in the initial mapping */
    bool mod_start_pfn;           /* the ramdisk need not be mapped */
    bool is_pv_guest;             /* our own reference kernel, by its GUEST_OS */
    char guest_os[24];
    /* Derived: where its segments lie, as virtual addresses. */
    unsigned long kernel_start, kernel_end;
};

/* Checks the file and reads its notes. Fatal error with a line that says what is wrong. */
void kernel_parse(const struct kernel_file *file, struct kernel_info *info);
/*
 * Calls @copy for each loadable segment: virtual address, contents, their size; memory beyond is
 * zero already.
 */
void kernel_load(const struct kernel_file *file, const struct kernel_info *info,
                 void (*copy)(unsigned long va, const void *src, size_t bytes));

/* ---- its memory (dom0_memory.c) ---- */

/*
 * How many frames dom0 gets: dom0_mem=, else 64 MiB for our own kernel and nearly all memory for
 * others. @reclaimable frames are in use now and come back before the last are allocated. Never
 * fewer than @needed: fatal error.
 */
unsigned long dom0_size(const struct kernel_info *info, unsigned long needed,
                        unsigned long reclaimable);
/* The most that it may ever have, in frames, as dom0_mem=max: says. */
unsigned long dom0_max_size(void);
/* Allocates frames for @d up to pseudo-physical frame @end. Returns how far it came. */
unsigned long dom0_populate(struct domain *d, unsigned long end);
/* The machine frame of @pfn, which is populated. */
mfn_t dom0_pfn_to_mfn(unsigned long pfn);
/* Our address of @pfn. */
void *dom0_frame(unsigned long pfn);

/* ---- its first page tables (dom0_pagetables.c) ---- */

/* Where tables come from: pseudo-physical frames [next, end). */
struct table_pool {
    unsigned long next, end;
};

/* How many tables map [@start, @end), besides the root. */
unsigned long dom0_tables_needed(unsigned long start, unsigned long end);
/* Maps @va to @pfn under the root at pseudo-physical frame @root, with tables from @pool. */
void dom0_map(unsigned long root, struct table_pool *pool, unsigned long va, unsigned long pfn,
              bool writable);

/* ---- what dom0 may touch (dom0_access.c) ---- */

/* Fills in the sets of ports, machine frames and interrupts. */
void dom0_grant_access(struct domain *d);

#endif
