/* SPDX-License-Identifier: MIT */
/*
 * The memory of a domain that is being built: which machine frames it has, and a window through
 * which they are filled. Private to dom0-tools/builder.
 */
#ifndef TOOLS_BUILDER_GUEST_MEMORY_H
#define TOOLS_BUILDER_GUEST_MEMORY_H

#include <platform.h>
#include <tools/error.h>

#define PAGE_SHIFT 12
#define PAGE_BYTES (1ul << PAGE_SHIFT)

/*
 * Frames are kept for 2 MiB at a time: the first of 512 in a row, or, where there was no such row,
 * each.
 */
#define BLOCK_ORDER  9
#define BLOCK_FRAMES (1ul << BLOCK_ORDER)

struct frame_block {
    xen_pfn_t first;
    xen_pfn_t *each; /* NULL: all follow the first */
};

struct guest_memory {
    domid_t domid;
    uint64_t frames; /* pfn 0 to frames - 1 */
    struct frame_block *blocks;
    struct error *error;

    /* The window: @mapped frames from pfn @window_pfn on, or NULL. */
    uint8_t *window;
    uint64_t window_pfn;
    size_t mapped;
};

/* Takes @frames frames of memory for the domain. Returns 0, or -1 with the reason in @e. */
int guest_memory_populate(struct guest_memory *m, domid_t domid, uint64_t frames, struct error *e);

/* Closes the window and frees what this side holds; the domain keeps its memory. */
void guest_memory_free(struct guest_memory *m);

/* The machine frame of @pfn, which is below m->frames. */
xen_pfn_t guest_memory_frame(const struct guest_memory *m, uint64_t pfn);

/*
 * Makes pfn @pfn accessible. Returns its address, *@run pages being mapped in a row from there on;
 * NULL with the reason in m->error. Good until the next call here.
 */
void *guest_memory_window(struct guest_memory *m, uint64_t pfn, size_t *run);

/* Unmaps the window, as is needed before frames may become page tables. */
void guest_memory_close_window(struct guest_memory *m);

/* Image targets: store and clear at a pseudo-physical address. @context is the guest_memory. */
int guest_memory_write(void *context, uint64_t address, const void *data, size_t length);
int guest_memory_clear(void *context, uint64_t address, uint64_t length);

#endif
