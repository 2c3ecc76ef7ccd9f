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
 * Frame numbers are kept in blocks of 2 MiB: the first of 512 consecutive ones, or all of them
 * where the frames are not consecutive.
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
    const bool *cancelled;
    struct error *error;

    /* The window: @mapped frames from pfn @window_pfn on, or NULL. */
    uint8_t *window;
    uint64_t window_pfn;
    size_t mapped;
};

/*
 * Takes @frames frames of memory for the domain. This and all that opens windows later may wait,
 * and fails soon after *@cancelled has become true.
 *
 * @return 0; or -1 with the reason in @e.
 */
int guest_memory_populate(struct guest_memory *m, domid_t domid, uint64_t frames,
                          const bool *cancelled, struct error *e);

/* Closes the window and frees what this side holds; the domain keeps its memory. */
void guest_memory_free(struct guest_memory *m);

/*
 * The machine frame of @pfn, which is below m->frames. In line, since it is called for each frame.
 */
static inline xen_pfn_t guest_memory_frame(const struct guest_memory *m, uint64_t pfn)
{
    const struct frame_block *b = &m->blocks[pfn / BLOCK_FRAMES];

    return b->each ? b->each[pfn % BLOCK_FRAMES] : b->first + pfn % BLOCK_FRAMES;
}

/*
 * Makes pfn @pfn accessible until the next call here.
 *
 * @return its address, with *@run pages mapped in a row from there on; or NULL with the reason in
 *         m->error.
 */
void *guest_memory_window(struct guest_memory *m, uint64_t pfn, size_t *run);

/*
 * Lets others run, who may cancel all this meanwhile. @return 0; or -1 if they have, which m->error
 * then says.
 */
int guest_memory_let_others_run(struct guest_memory *m);

/* Unmaps the window. A frame that is mapped writable cannot become a page table. */
void guest_memory_close_window(struct guest_memory *m);

/*
 * The functions of an image_target: store and clear at a pseudo-physical address that lies in the
 * domain's memory. @context is the guest_memory.
 *
 * @return 0; or -1 with the reason in m->error.
 */
int guest_memory_write(void *context, uint64_t address, const void *data, size_t length);
int guest_memory_clear(void *context, uint64_t address, uint64_t length);

#endif
