/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the boot code share: the boot loader's information, the machine's memory,
 * boot-time allocation, and the ends of the image's parts (ldscripts/hypervisor.lds).
 */
#ifndef BOOT_H
#define BOOT_H

#include <asm/memory_map.h>
#include <lib.h>

struct hv_options;

/* ---- the image; hv_init_start, hv_init_end and hv_image_end: asm/paging.h ---- */

extern char hv_image_start[];
extern char hv_text_start[], hv_text_end[];
extern char hv_rodata_start[], hv_rodata_end[];
extern char hv_init_text_start[], hv_init_text_end[];
extern char hv_init_rodata_start[], hv_init_rodata_end[];
extern char hv_init_data_start[], hv_init_data_end[];
extern char hv_data_start[], hv_data_end[];
extern char hv_symbols_start[], hv_symbols_end[];
extern char hv_bss_start[], hv_bss_end[];
extern char cpu0_stack[]; /* STACK_SIZE bytes */

/* ---- the boot loader's information (multiboot.c) ---- */

#define BOOT_CMDLINE_MAX 1024U
#define BOOT_MODULES_MAX 4U
#define BOOT_MEMORY_MAX  256U

#define MEMORY_RAM \
    1U /* type of a usable range in the boot loader's memory map (ACPI: AddressRangeMemory) */

struct boot_module {
    paddr_t start; /* where the boot loader put it: anywhere below 4 GiB */
    size_t size;
    char cmdline[BOOT_CMDLINE_MAX];
};

struct boot_memory {
    paddr_t start;
    u64 size;
    u32 type;
};

/* The screen as the boot loader left it. */
struct boot_screen {
    bool graphics; /* a linear frame buffer; else VGA text */
    paddr_t address;
    u32 pitch, width, height; /* text: width and height in characters */
    u8 bits_per_pixel;
    u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
};

struct boot_info {
    char loader[48];
    bool loader_is_grub;
    char cmdline[BOOT_CMDLINE_MAX];
    unsigned int nr_modules;
    unsigned int modules_dropped; /* more than BOOT_MODULES_MAX */
    struct boot_module modules[BOOT_MODULES_MAX];
    unsigned int nr_memory;
    unsigned int memory_dropped;
    struct boot_memory memory[BOOT_MEMORY_MAX];
    struct boot_screen screen;
};

extern struct boot_info boot_info;

/*
 * Copies all that we use out of the boot loader's memory.
 * @return false: @magic belongs to no protocol that we know
 */
bool multiboot_parse(u32 magic, u32 info);

/* ---- memory (memory_map.c) ---- */

extern struct mem_ranges boot_free; /* the part of `ram` that is not in use yet */

/*
 * Builds `ram` and boot_free from boot_info and takes the image and the modules out of boot_free.
 */
void memory_map_init(void);
/*
 * Takes @bytes (a multiple of the page size) of free RAM, aligned to @align, ending at or below
 * @limit: as high as possible. The contents are undefined. A fatal error when there is none.
 * @return its machine address
 */
paddr_t boot_alloc(size_t bytes, size_t align, paddr_t limit);
/*
 * Takes one zeroed page for a page table, reachable through the direct map in every phase of boot.
 */
void *boot_alloc_table(void);
/* Hands boot_free to the heap; boot_alloc() may not be called from here on. */
void memory_to_heap(void);
/* Gives RAM that belonged to boot to the heap: the whole pages inside [start, end). */
void memory_release(paddr_t start, paddr_t end);

/* ---- our page tables (paging.c, frame_table.c) ---- */

/* Builds the tables with direct map and image, and leaves the early ones. */
void paging_init(void);
/* Builds the frame table and the M2P table. */
void frame_table_init(void);
/*
 * Maps [@pa, @pa + @bytes) at @va with leaf flags @flags in our own tables, with the largest pages
 * that fit.
 */
void map_range(unsigned long va, paddr_t pa, size_t bytes, u64 flags);
/* The same in the tables below @root. */
void map_range_in(u64 *root, unsigned long va, paddr_t pa, size_t bytes, u64 flags);
/*
 * Makes @table, which may be in use elsewhere too, the lowest-level table at @va, a multiple of 2
 * MiB.
 */
void map_l1_table(unsigned long va, const u64 *table);
/*
 * Removes what maps @va, which is mapped, in our own tables and forgets the translation.
 * @bytes: receives the size of the page
 * @return the machine address that @va had
 */
paddr_t unmap_page(unsigned long va, size_t *bytes);
/*
 * Prepares discard_init(): the alias of the discarded part in the direct map becomes writable.
 * @l1: receives where in the lowest-level tables the entries of that part begin
 * @return how many such tables there are
 */
#define INIT_L1_MAX 8U /* tables that the discarded part may span: 2 MiB each */
unsigned int prepare_discard(u64 *l1[]);

/* ---- other steps ---- */

/* Loads the IDT by which an exception before trap_init() is reported. (main.c) */
void early_idt_load(void);
/* Patches the sites of SMAP and of speculation barriers. */
void patch_code(void);
/* Builds and starts dom0 from the modules; a fatal error when that is not possible. */
void dom0_build(void);

/* Prints one line that names what is wrong; then the machine halts (noreboot) or restarts. */
void boot_fatal(const char *fmt, ...) __printf(1, 2) __noreturn;

#endif
