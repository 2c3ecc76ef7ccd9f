/* SPDX-License-Identifier: MIT */
/*
 * Builds the frame table and the machine-to-physical table (M2P), with memory only for the parts
 * that describe RAM.
 *
 * Both are arrays over all machine frames, with memory where there is RAM. A 2 MiB piece of the
 * frame table describes 256 MiB of machine memory, one of the M2P 1 GiB. Where all of a piece is
 * needed it is one large page; otherwise 4 KiB pages hold the needed parts of the frame table, so a
 * small machine wastes little. One read-only page of zeros stands for all its pages without RAM,
 * and pieces without RAM share one page table: mfn_valid() has nothing to look up, and a get on
 * such a frame fails without writing. A piece of the M2P is always a large page: the toolstack
 * learns only where a piece begins (XENMEM_machphys_mfn_list) and maps 2 MiB from there on.
 *
 * That takes as long as clearing the tables: 40 bytes for each 4 KiB of RAM.
 */
#include <asm/paging.h>
#include <page.h>

#include "boot.h"

#define RW (PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY)
#define RO (PTE_PRESENT | PTE_NX | PTE_GLOBAL | PTE_ACCESSED)

#define LARGE    (1UL << L2_SHIFT)
#define ANYWHERE (~0UL)

#define FRAMES_PER_PIECE (LARGE / sizeof(struct page))

/* A table to be built: an array with elements of @element bytes, indexed by machine frame. */
struct table {
    size_t element;
    unsigned long address;    /* writable */
    unsigned long ro_address; /* where guests see it; 0: nowhere */
    u8 fill;
    bool whole_pieces;     /* even where little of one is needed */
    unsigned long *memory; /* counts what it takes */
};

/* Is there RAM among the frames [@first, @end)? */
static bool __init has_ram(unsigned long first, unsigned long end)
{
    for (unsigned int i = 0; i < ram.count; i++) {
        unsigned long start = ram.range[i].start >> PAGE_SHIFT,
                      stop = ram.range[i].end >> PAGE_SHIFT;

        if (start < end && stop > first)
            return true;
    }
    return false;
}

static void __init map_table_piece(const struct table *t, size_t offset, paddr_t pa, size_t bytes)
{
    map_range(t->address + offset, pa, bytes, RW);
    /*
     * The mapping is not global: with VMASST_TYPE_m2p_strict a guest's user root lacks it, and is
     * loaded without a full flush.
     */
    if (t->ro_address)
        map_range(t->ro_address + offset, pa, bytes, (RO & ~PTE_GLOBAL) | PTE_USER);
    memset((void *)(t->address + offset), t->fill, bytes);
    *t->memory += bytes;
}

/*
 * Maps the piece of LARGE bytes at @offset. Pages without RAM get @hole (0: stay unmapped).
 * The memory of the piece is contiguous from its first to its last page with RAM.
 */
static void __init build_piece(const struct table *t, size_t offset, paddr_t hole)
{
    unsigned long frames_per_page = PAGE_SIZE / t->element;
    unsigned long first_frame = offset / t->element;
    unsigned int needed = 0;

    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        needed += has_ram(first_frame + i * frames_per_page,
                          first_frame + (i + 1) * frames_per_page);
    if (!needed)
        return;
    if (needed == PT_ENTRIES || t->whole_pieces) {
        map_table_piece(t, offset, boot_alloc(LARGE, LARGE, ANYWHERE), LARGE);
        return;
    }
    paddr_t pa = boot_alloc(needed * PAGE_SIZE, PAGE_SIZE, ANYWHERE);
    for (unsigned int i = 0; i < PT_ENTRIES; i++) {
        size_t at = offset + i * PAGE_SIZE;

        if (has_ram(first_frame + i * frames_per_page, first_frame + (i + 1) * frames_per_page)) {
            map_table_piece(t, at, pa, PAGE_SIZE);
            pa += PAGE_SIZE;
        } else if (hole) {
            map_range(t->address + at, hole, PAGE_SIZE, RO);
        }
    }
}

void __init frame_table_init(void)
{
    static const struct table frames __initconst = {.element = sizeof(struct page),
                                                    .address = FRAME_TABLE_START,
                                                    .memory = &fixed_memory.frames};
    static const struct table m2p __initconst = {.element = sizeof(u64),
                                                 .address = RW_M2P_START,
                                                 .ro_address = RO_M2P_START,
                                                 .fill = 0xff,
                                                 .whole_pieces = true,
                                                 .memory = &fixed_memory.m2p};
    paddr_t zero = virt_to_maddr(boot_alloc_table());
    u64 *hole = boot_alloc_table();

    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        hole[i] = zero | RO;
    for (size_t offset = 0; offset < max_page * frames.element; offset += LARGE) {
        unsigned long piece = offset / LARGE;

        if (has_ram(piece * FRAMES_PER_PIECE, (piece + 1) * FRAMES_PER_PIECE))
            build_piece(&frames, offset, zero);
        else
            map_l1_table(FRAME_TABLE_START + offset, hole);
    }
    for (size_t offset = 0; offset < max_page * m2p.element; offset += LARGE)
        build_piece(&m2p, offset, 0);
    m2p_bytes = ROUND_UP(max_page * m2p.element, LARGE);
}
