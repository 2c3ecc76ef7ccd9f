/* SPDX-License-Identifier: MIT */
/*
 * The start of the day of a 64-bit PV domain (public/xen.h, struct start_info): where things lie,
 * what maps them, and what the first vCPU begins with. Pure computation: the domain's builder
 * allocates its memory and makes the hypercalls.
 *
 * Pseudo-physical memory from 0 on, each piece on a page boundary:
 *
 *   kernel | ramdisk (1) | P2M list (2) | start_info | store ring | console ring | tables | stack
 *
 * and mapped from the kernel's virtual base on, up to a multiple of 4 MiB with 512 KiB to spare.
 * All of it is mapped writable, except the page tables. The rings are a domU's. (1) A kernel that
 * takes its ramdisk unmapped and (2) one that names a place for the P2M list get these further up:
 * in a domU right behind the stack, in dom0 behind the end of the mapping, as Xen and its tools do.
 * The list then comes last, with tables of its own behind it.
 */
#ifndef IMAGE_START_OF_DAY_H
#define IMAGE_START_OF_DAY_H

#include <public/vcpu.h>
#include <public/xen.h>

#include "kernel_image.h"
#include "page_tables.h"

struct start_of_day {
    /* What is asked for. */
    struct kernel_image image;
    uint64_t ramdisk_bytes; /* 0: none */
    uint64_t nr_pages;      /* of the domain, which the P2M list is as long as */
    bool dom0;

    /* Where things lie, in pfns. */
    uint64_t ramdisk, ramdisk_pages;
    uint64_t p2m, p2m_pages; /* the list itself */
    uint64_t start_info, store, console;
    uint64_t table_pages; /* of the mapping from the base on; they begin with the root */
    uint64_t root, stack;
    uint64_t end; /* all of the above is below, and all that is mapped of dom0 */

    struct page_tables tables; /* region 0 from the base on, region 1 for a list elsewhere */
};

/*
 * Lays out a domain: fills in all of @s behind what is asked for. The domain has enough memory if
 * s->end is at most s->nr_pages; the caller checks that.
 *
 * @return 0; or -1, refused through @r: the kernel's addresses leave no room.
 */
int start_of_day_lay_out(struct start_of_day *s, const struct image_report *r);

/* The virtual address of @pfn in the mapping that begins at the kernel's base. */
uint64_t start_of_day_address(const struct start_of_day *s, uint64_t pfn);

/*
 * How many pages that mapping has, from the base on, whether or not there are frames behind them.
 */
uint64_t start_of_day_mapped_pages(const struct start_of_day *s);

/*
 * Fills in what builders have in common of @si, which is zeroed: all but the flags of the domain's
 * role and the fields of consoles and the store. @shared_info is a machine address, @nr_pages what
 * the domain really got, @cmdline is cut where there is no room for it.
 */
void start_of_day_info(const struct start_of_day *s, struct start_info *si, uint64_t nr_pages,
                       uint64_t shared_info, const char *cmdline);

/* Fills in what the first vCPU begins with. @root_mfn is the machine frame of s->root. */
void start_of_day_context(const struct start_of_day *s, struct vcpu_guest_context *c,
                          uint64_t root_mfn);

#endif
