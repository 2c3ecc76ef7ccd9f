/* SPDX-License-Identifier: MIT */
/*
 * Kernel images, made here byte by byte: plain, packed in each way, as a bzImage, and damaged in
 * the ways that files get damaged. Each must load to the same bytes, or fail with its own sentence.
 */
/* SOURCES: dom0-tools/utf8.c */
/* SOURCES: $(IMAGE_SRCS) dom0-tools/error.c dom0-tools/image/kernel_image.c */
/* SOURCES: dom0-tools/image/unpack.c tests/unit/image/make_elf.c tests/unit/image/pack.c */
/* CFLAGS: -Itests/unit */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <image/make_elf.h>
#include <image/pack.h>
#include <platform.h>
#include <public/elfnote.h>
#include <tools/kernel_image.h>
#include <tools/unpack.h>

#define LIMIT (8u << 20)

void platform_library_begin(void)
{
}

void platform_library_end(void)
{
}

static size_t spare = SIZE_MAX;

size_t platform_memory_spare(void)
{
    return spare;
}

static unsigned int yields, cancel_at; /* cancel_at: which of them; 0: none */
static bool cancelled;

void platform_yield(void)
{
    cancelled = ++yields == cancel_at || cancelled;
}

static uint8_t *memory;
static unsigned int writes;

static int write_memory(void *context, uint64_t address, const void *data, size_t length)
{
    assert_true(address <= LIMIT && length <= LIMIT - address);
    memcpy(memory + address, data, length);
    writes++;
    return 0;
}

static int clear_memory(void *context, uint64_t address, uint64_t length)
{
    assert_true(address <= LIMIT && length <= LIMIT - address);
    memset(memory + address, 0, length);
    return 0;
}

static const struct image_target target = {
    .write = write_memory, .clear = clear_memory, .limit = LIMIT};

static int load(struct file f, struct kernel_image *image, struct error *e)
{
    /* A copy of the exact size: the address sanitizer sees a step too far. */
    uint8_t *copy = malloc(f.size ? f.size : 1);
    int status;

    memcpy(copy, f.bytes, f.size);
    memset(memory, 0xee, LIMIT);
    writes = yields = 0;
    cancelled = false;
    e->text[0] = '\0';
    status = kernel_image_load(copy, f.size, &target, &cancelled, image, e);
    free(copy);
    free(f.bytes);
    return status;
}

static void assert_loads(struct file f)
{
    struct kernel_image image;
    struct error e;

    if (load(f, &image, &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < TEXT_SIZE; i++)
        if (memory[LOAD_AT + i] != text_byte(i))
            fail_msg("byte %zu differs", i);
    for (size_t i = 0; i < BSS_SIZE; i++)
        assert_int_equal(memory[LOAD_AT + TEXT_SIZE + i], 0);
    assert_int_equal(memory[LOAD_AT - 1], 0xee);
    assert_int_equal(memory[LOAD_AT + TEXT_SIZE + BSS_SIZE], 0xee);
    assert_int_equal(image.virt_base, BASE);
    assert_int_equal(image.entry, BASE + LOAD_AT + 0x40);
    assert_int_equal(image.hypercall_page, BASE + LOAD_AT + 0x1000);
    assert_int_equal(image.init_p2m, IMAGE_NO_ADDRESS);
    assert_int_equal(image.start, LOAD_AT);
    assert_int_equal(image.end, LOAD_AT + TEXT_SIZE + BSS_SIZE);
    assert_true(image.unmapped_ramdisk);
    assert_string_equal(image.guest_os, "test");
}

static void assert_fails(struct file f, const char *expected)
{
    struct kernel_image image;
    struct error e;

    if (!load(f, &image, &e))
        fail_msg("loaded, instead of: %s", expected);
    assert_string_equal(e.text, expected);
}

static struct file usual(void)
{
    return make_elf(&(struct elf_variant){0});
}

static struct file packed(pack_function *pack)
{
    struct file elf = usual(), out = pack(elf);

    free(elf.bytes);
    return out;
}

static struct file in_bzimage(struct file payload)
{
    struct file out = make_bzimage(payload);

    free(payload.bytes);
    return out;
}

static struct file cut(struct file f, size_t size)
{
    f.size = size;
    return f;
}

static struct file halve(struct file f)
{
    return cut(f, f.size / 2);
}

static void test_forms(void **state)
{
    assert_loads(usual());
    assert_loads(packed(pack_gzip));
    assert_loads(packed(pack_xz));
    assert_loads(packed(pack_zstd));
    assert_loads(packed(pack_lz4));
    assert_loads(in_bzimage(packed(pack_gzip)));
    assert_loads(in_bzimage(packed(pack_xz)));
    assert_loads(in_bzimage(packed(pack_zstd)));
    assert_loads(in_bzimage(packed(pack_lz4)));
    assert_loads(in_bzimage(usual()));
}

static void test_variants(void **state)
{
    assert_loads(make_elf(&(struct elf_variant){.section_notes = true}));
    assert_loads(make_elf(&(struct elf_variant){.paddr_offset = BASE}));
    assert_loads(make_elf(&(struct elf_variant){.paddr_offset = BASE, .section_notes = true}));
    assert_fails(make_elf(&(struct elf_variant){.no_notes = true}),
                 "not a kernel for PV domains: it has no Xen notes");
    assert_fails(
        make_elf(&(struct elf_variant){.paddr_offset = 0x1000000 - LOAD_AT, .no_notes = true}),
        "not a kernel for PV domains: it has no Xen notes");
}

/* What an image says of itself is shown, but not obeyed by the terminal. */
static void test_texts_for_the_terminal(void **state)
{
    assert_fails(
        make_elf(
            &(struct elf_variant){.extra = {{XEN_ELFNOTE_FEATURES, .text = "!a\x1b[2Jb\xc2\x9b"}}}),
        "the kernel requires the feature 'a\\x1b[2Jb\\xc2\\x9b', which a PV domain does not have");
    assert_fails(
        make_elf(&(struct elf_variant){.extra = {{XEN_ELFNOTE_XEN_VERSION, .text = "\a"}}}),
        "the kernel is for the hypervisor ABI '\\x07'; this one is xen-3.0");
}

static void test_damage(void **state)
{
    char expected[128];
    struct file f;

    assert_fails(cut(usual(), 0), "too short for a kernel (0 bytes)");
    assert_fails(cut(usual(), 20), "too short for a kernel (20 bytes)");
    assert_fails(cut(usual(), 200000),
                 "truncated: segment 0 ends at byte 300176 of the ELF file, which has 200000");
    assert_fails(halve(packed(pack_gzip)), "the gzip stream is cut short");
    assert_fails(halve(packed(pack_xz)), "the xz stream is cut short");
    assert_fails(halve(packed(pack_zstd)), "the zstd stream is cut short");
    assert_fails(halve(packed(pack_lz4)), "the lz4 stream is cut short");
    f = packed(pack_gzip);
    f.bytes[f.size / 2] ^= 0xff;
    assert_fails(f, "the gzip stream is damaged");
    f = packed(pack_xz);
    f.bytes[f.size / 2] ^= 0xff;
    assert_fails(f, "the xz stream is damaged");
    f = in_bzimage(packed(pack_gzip));
    snprintf(expected, sizeof(expected),
             "a truncated bzImage: its payload ends at byte %zu, the file has 2100", f.size);
    assert_fails(cut(f, 2100), expected);
    f = usual();
    f.bytes[18] = 40; /* machine: ARM */
    assert_fails(f, "an ELF file for another machine than x86-64");
    f = usual();
    f.bytes[4] = ELF_CLASS_32;
    assert_fails(f, "a 32-bit kernel; only 64-bit kernels are supported");
    f = usual();
    memcpy(f.bytes, "#!/bin/sh\n", 10);
    assert_fails(f, "neither an ELF file nor a bzImage");
    f = usual();
    memcpy(f.bytes, "BZh91AY", 7);
    assert_fails(f, "packed with bzip2; gzip, xz, zstd and lz4 are understood");
    f = usual();
    f.bytes[64 + 43] = 0x40; /* p_memsz: + 1 GiB */
    assert_fails(f, "the kernel needs memory up to 1026 MiB, the domain has 8");
}

/* Single bytes of the headers set to extremes: any result will do, but no step out of bounds. */
static void test_fuzzed_headers(void **state)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

    for (size_t at = 16; at < 64 + 2 * 56; at++) {
        for (size_t v = 0; v < sizeof(values); v++) {
            struct kernel_image image;
            struct file f = make_elf(&(struct elf_variant){.section_notes = at % 2});
            struct error e;

            f.bytes[at] = values[v];
            load(f, &image, &e);
        }
    }
}

/* ---- Files that keep the builder busy ---- */

#define BOMB_ROOM (1u << 20)

/* Adds to a file that has BOMB_ROOM. */
static void add(struct file *f, const void *bytes, size_t size)
{
    assert_true(size <= BOMB_ROOM - f->size);
    memcpy(f->bytes + f->size, bytes, size);
    f->size += size;
}

#define ZSTD_BLOCK 0x20000u
#define ZSTD_RAW   0u
#define ZSTD_RLE   1u

#define ZSTD_WINDOW_128K 0x38u
#define ZSTD_WINDOW_44M  0x7bu

/* Begins a zstd frame (RFC 8878) with a window. */
static struct file begin_zstd(uint8_t window)
{
    struct file f = {.bytes = malloc(BOMB_ROOM)};

    add(&f, "\x28\xb5\x2f\xfd\x00", 5);
    add(&f, &window, 1);
    return f;
}

/* A block: @size bytes as they are, or one byte that is repeated. */
static void add_zstd(struct file *f, unsigned int kind, bool last, const void *bytes, size_t size)
{
    uint32_t header = last | kind << 1 | (uint32_t)size << 3;

    add(f, &header, 3);
    add(f, bytes, kind == ZSTD_RLE ? 1 : size);
}

/* The usual kernel and zeroes behind it, @total bytes in all, in some kilobytes of zstd. */
static struct file make_bomb(uint64_t total, uint8_t window)
{
    struct file elf = usual(), f = begin_zstd(window);
    uint64_t at = 0;

    while (at < total) {
        bool raw = at < elf.size;
        uint64_t left = raw ? elf.size - at : total - at;
        size_t size = left < ZSTD_BLOCK ? (size_t)left : ZSTD_BLOCK;

        add_zstd(&f, raw ? ZSTD_RAW : ZSTD_RLE, at + size == total, elf.bytes + (raw ? at : 0),
                 size);
        at += size;
    }
    free(elf.bytes);
    return f;
}

/* A kernel of the most bytes that a file may unpack to is loaded, with one more it is not. */
static void test_bombs(void **state)
{
    assert_loads(make_bomb(UNPACK_MAX, ZSTD_WINDOW_128K));
    assert_fails(make_bomb(UNPACK_MAX + 1, ZSTD_WINDOW_128K),
                 "more than 1024 MiB once unpacked, which no kernel needs");
    assert_in_range(yields, UNPACK_MAX / 8192, UNPACK_MAX / 1024);
}

/* A header that names a large window or dictionary gets no memory that others are to have. */
static void test_little_memory_to_spare(void **state)
{
    struct kernel_image image;
    unsigned int needed;
    struct error e;

    spare = 44 << 20;
    assert_int_equal(load(make_bomb(1 << 20, ZSTD_WINDOW_44M), &image, &e), -1);
    assert_int_equal(
        sscanf(e.text, "not enough memory to unpack zstd: its window needs %u KiB", &needed), 1);
    assert_in_range(needed, (44 << 10) + 1, 45 << 10);
    spare = (size_t)needed << 10;
    assert_fails(make_bomb(1 << 20, ZSTD_WINDOW_44M), e.text);
    spare = ((size_t)needed + 1) << 10;
    assert_loads(make_bomb(1 << 20, ZSTD_WINDOW_44M));

    spare = (8 << 20) - 1; /* the dictionary of the usual preset */
    assert_int_equal(load(packed(pack_xz), &image, &e), -1);
    assert_int_equal(
        sscanf(e.text, "not enough memory to unpack xz: its dictionary needs %u KiB", &needed), 1);
    assert_in_range(needed, 8 << 10, 9 << 10);
    assert_fails(packed(pack_lz4), "not enough memory to unpack lz4");
    spare = 9 << 20;
    assert_loads(packed(pack_xz));
    assert_loads(packed(pack_lz4));

    spare = 0; /* these need next to nothing */
    assert_loads(packed(pack_gzip));
    assert_loads(usual());
    assert_fails(packed(pack_zstd), "not enough memory to unpack zstd");
    assert_fails(packed(pack_xz), "not enough memory to unpack xz");
    spare = SIZE_MAX;
}

#define EMPTY_BLOCKS 300000u

static struct file empty_blocks(const char *start, size_t start_size, const char *block,
                                size_t block_size)
{
    struct file f = {.bytes = malloc(start_size + EMPTY_BLOCKS * block_size)};

    memcpy(f.bytes, start, start_size);
    f.size = start_size;
    for (unsigned int i = 0; i < EMPTY_BLOCKS; i++, f.size += block_size)
        memcpy(f.bytes + f.size, block, block_size);
    return f;
}

static struct file empty_gzip(void)
{
    return empty_blocks("\x1f\x8b\x08\0\0\0\0\0\0\0", 10, "\0\0\0\xff\xff", 5);
}

static struct file empty_zstd(void)
{
    return empty_blocks("\x28\xb5\x2f\xfd\x00\x38", 6, "\0\0\0", 3);
}

static struct file empty_lz4(void)
{
    return empty_blocks("", 0, "\x02\x21\x4c\x18", 4);
}

/* Others run, and may cancel it, while what comes by unpacks to nothing. */
static void test_empty_blocks(void **state)
{
    assert_fails(empty_gzip(), "the gzip stream is cut short");
    assert_true(yields >= 150);
    assert_fails(empty_zstd(), "the zstd stream is cut short");
    assert_true(yields >= 100);
    assert_fails(empty_lz4(), "too short for a kernel (0 bytes)");
    assert_true(yields >= 100);
    cancel_at = 20;
    assert_fails(empty_gzip(), "cancelled");
    assert_fails(empty_zstd(), "cancelled");
    assert_fails(empty_lz4(), "cancelled");
    cancel_at = 0;
}

/* Whoever cancels it while others run need not wait for the rest. */
static void test_cancellation(void **state)
{
    static pack_function *const packs[] = {pack_gzip, pack_xz, pack_zstd};

    cancel_at = 3;
    assert_fails(usual(), "cancelled");
    assert_int_equal(yields, cancel_at);
    for (size_t i = 0; i < sizeof(packs) / sizeof(packs[0]); i++) {
        assert_fails(packed(packs[i]), "cancelled");
        assert_int_equal(yields, cancel_at);
    }
    cancel_at = 0;
}

/* The usual kernel, whose one segment with memory stands in the file @copies times. */
static struct file repeat_segment(unsigned int copies)
{
    struct file f = usual();
    struct elf_header *h = (struct elf_header *)(void *)f.bytes;
    struct elf_segment *old = (struct elf_segment *)(void *)(f.bytes + h->e_phoff);
    struct elf_segment *p = (struct elf_segment *)(void *)(f.bytes + 256);

    for (unsigned int i = 0; i < copies; i++)
        p[i] = old[0];
    p[copies] = old[1];
    h->e_phoff = 256;
    h->e_phnum = (uint16_t)(copies + 1);
    return f;
}

/*
 * Segments may lie over each other, but then each adds to the work for the same memory: as with
 * Xen, they have at most twice the bytes that they cover.
 */
static void test_overlapping_segments(void **state)
{
    struct kernel_image image;
    struct file f;
    struct error e;

    assert_int_equal(load(repeat_segment(2), &image, &e), 0);
    assert_fails(repeat_segment(3),
                 "the ELF segments lie over each other: 915000 bytes in 305000 of memory");
    assert_fails(repeat_segment(60),
                 "the ELF segments lie over each other: 18300000 bytes in 305000 of memory");
    assert_int_equal(writes, 0);
    f = repeat_segment(3);
    for (unsigned int i = 0; i < 2; i++)
        ((struct elf_segment *)(void *)(f.bytes + 256))[i].p_memsz = 3ull << 62;
    for (unsigned int i = 0; i < 3; i++)
        ((struct elf_segment *)(void *)(f.bytes + 256))[i].p_paddr = 0;
    assert_fails(f, "the ELF segments together have impossible sizes");
}

static int setup(void **state)
{
    memory = malloc(LIMIT);
    return memory ? 0 : -1;
}

static int teardown(void **state)
{
    free(memory);
    return 0;
}

static void test_needs(void **state)
{
    struct file f = make_bzimage((struct file){.bytes = (uint8_t *)"x", .size = 1});
    uint64_t address = 0x1000000;
    uint32_t size = 0x2345678;

    memcpy(f.bytes + 0x258, &address, 8);
    memcpy(f.bytes + 0x260, &size, 4);
    assert_int_equal(image_needs(f.bytes, f.size), 0x3345678);
    assert_int_equal(image_needs(f.bytes, 0x263), 0);
    address = UINT64_MAX;
    memcpy(f.bytes + 0x258, &address, 8);
    assert_int_equal(image_needs(f.bytes, f.size), 0);
    f.bytes[0x206] = 0x09; /* an older boot protocol */
    memset(f.bytes + 0x258, 0, 8);
    assert_int_equal(image_needs(f.bytes, f.size), 0);
    assert_int_equal(image_needs("x", 1), 0);
    free(f.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_texts_for_the_terminal),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_fuzzed_headers),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_little_memory_to_spare),
        cmocka_unit_test(test_empty_blocks),
        cmocka_unit_test(test_cancellation),
        cmocka_unit_test(test_overlapping_segments),
        cmocka_unit_test(test_needs),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
