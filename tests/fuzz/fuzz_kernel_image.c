/* SPDX-License-Identifier: MIT */
/*
 * Any file as a kernel, of dom0 and of a domU, through both ways to unpack it: no access outside of
 * the domain's memory, no leak, and a reason when it is refused. The same ELF file in one piece and
 * in odd ones has the same outcome. What is accepted can be laid out or is refused, and its tables
 * point nowhere but into the domain.
 */
/* SOURCES: dom0-tools/utf8.c */
/* SOURCES: $(IMAGE_SRCS) dom0-tools/error.c dom0-tools/image/kernel_image.c */
/* SOURCES: dom0-tools/image/unpack.c tests/fuzz/boot_unpack.c */
/* SOURCES: arch/x86/boot/unpack.c arch/x86/boot/unpack_libs.c */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <image/start_of_day.h>
#include <platform.h>
#include <tools/kernel_image.h>

#include "boot_unpack.h"

#define PAGES 256ull
#define LIMIT (PAGES << 12)

void platform_library_begin(void)
{
}

void platform_library_end(void)
{
}

size_t platform_memory_spare(void)
{
    return SIZE_MAX;
}

void platform_yield(void)
{
}

/* Where the kernel said that it lies, once it is known; what is stored must lie there. */
static const struct kernel_image *announced;
static volatile uint8_t sum; /* so that all bytes are read */
static uint64_t filled;      /* bytes, since the file was opened */

#define PASSES 3 /* at most, of which each fills the memory twice at most */

static int check(uint64_t address, uint64_t length)
{
    filled += length;
    if (filled > PASSES * 2 * LIMIT || address > LIMIT || length > LIMIT - address)
        abort();
    if (announced && (address < announced->start || address + length > announced->end))
        abort();
    return 0;
}

static int write_memory(void *context, uint64_t address, const void *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        sum ^= ((const uint8_t *)data)[i];
    return check(address, length);
}

static int clear_memory(void *context, uint64_t address, uint64_t length)
{
    return check(address, length);
}

static const struct image_target target = {
    .write = write_memory, .clear = clear_memory, .limit = LIMIT};

static void check_image(const struct kernel_image *image)
{
    if (image->start > image->end || image->entry - image->virt_base < image->start ||
        image->entry - image->virt_base >= image->end || image->virt_base % 4096)
        abort();
    if (image->hypercall_page != IMAGE_NO_ADDRESS &&
        (image->hypercall_page % 4096 || image->hypercall_page - image->virt_base >= image->end))
        abort();
}

/* ---- the ELF reader ---- */

struct outcome {
    int status;
    char text[ERROR_TEXT_SIZE];
    struct kernel_image image;
};

/* Describes the file, given in pieces of @piece bytes, and loads it if @load and it fits. */
static void read_elf(const uint8_t *data, size_t size, bool dom0, size_t piece, bool load,
                     struct outcome *o)
{
    static struct kernel_reader kept, *reader = &kept;
    struct error e = {""};
    struct image_report report = image_report_to(&e);
    const struct image_target *to = NULL;

    filled = 0;
    kernel_reader_init(reader, dom0, &report);
    do {
        kernel_reader_begin(reader, to);
        o->status = 0;
        for (size_t at = 0; at < size && !o->status; at += piece)
            o->status = elf_stream_feed(&reader->stream, data + at,
                                        size - at < piece ? size - at : piece);
        if (!o->status)
            o->status = kernel_reader_end(reader);
        if (!o->status && load && !to && reader->image.end <= LIMIT) {
            announced = &reader->image;
            to = &target;
            o->status = 1;
        }
    } while (o->status > 0);
    announced = NULL;
    o->image = reader->image;
    memcpy(o->text, e.text, sizeof(o->text));
}

static bool same(const struct kernel_image *a, const struct kernel_image *b)
{
    return a->virt_base == b->virt_base && a->paddr_offset == b->paddr_offset &&
           a->entry == b->entry && a->start == b->start && a->end == b->end &&
           a->hypercall_page == b->hypercall_page && a->init_p2m == b->init_p2m &&
           a->unmapped_ramdisk == b->unmapped_ramdisk && a->features == b->features &&
           strcmp(a->guest_os, b->guest_os) == 0;
}

static void check_elf(const uint8_t *data, size_t size, bool dom0)
{
    static struct outcome whole, pieces;

    read_elf(data, size, dom0, size ? size : 1, true, &whole);
    read_elf(data, size, dom0, 1 + size % 61, false, &pieces);
    if (whole.status != pieces.status || strcmp(whole.text, pieces.text) != 0)
        abort();
    if (whole.status) {
        if (!whole.text[0])
            abort();
        return;
    }
    if (!same(&whole.image, &pieces.image))
        abort();
    check_image(&whole.image);
}

/* ---- the layout ---- */

static uint64_t frame_of(const void *context, uint64_t pfn)
{
    if (pfn >= PAGES)
        abort();
    return pfn;
}

static void lay_out(const struct kernel_image *image, bool dom0)
{
    static uint64_t entries[TABLE_ENTRIES];
    struct start_of_day s = {.image = *image, .ramdisk_bytes = 5000, .nr_pages = PAGES};
    struct error e = {""};
    struct image_report report = image_report_to(&e);

    s.dom0 = dom0;
    if (start_of_day_lay_out(&s, &report)) {
        if (!e.text[0])
            abort();
        return;
    }
    if (s.end <= s.stack || s.stack <= s.root || s.root <= s.start_info)
        abort();
    for (unsigned int r = 0; s.end <= PAGES && r < s.tables.regions; r++)
        for (uint64_t n = 0; n < page_tables_count(&s.tables, r); n++)
            page_tables_fill(&s.tables, r, n, entries, frame_of, NULL);
}

/* ---- whole files ---- */

static void check_file(const uint8_t *data, size_t size)
{
    struct kernel_image image;
    struct error e = {""};
    const uint8_t *elf;
    size_t elf_size;
    bool cancelled = false;

    filled = 0;
    if (!kernel_image_load(data, size, &target, &cancelled, &image, &e)) {
        if (image.end > LIMIT)
            abort();
        check_image(&image);
        lay_out(&image, size % 2);
    } else if (!e.text[0]) {
        abort();
    }
    if (boot_unpack(data, size, &elf, &elf_size))
        check_elf(elf, elf_size, true);
    else if (!boot_unpack_refusal()[0])
        abort();
    boot_unpack_free();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t start[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    uint8_t *copy;

    check_file(data, size);
    if (size < 20)
        return 0;
    /* The same as an ELF file for this machine, whatever it was. */
    copy = malloc(size);
    memcpy(copy, data, size);
    memcpy(copy, start, sizeof(start));
    memcpy(copy + 16, "\2\0\76", 4);
    check_elf(copy, size, size % 2);
    free(copy);
    return 0;
}
