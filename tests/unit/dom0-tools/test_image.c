/* SPDX-License-Identifier: MIT */
/*
 * Kernel images, made here byte by byte: plain, packed in each way, as a bzImage, and damaged in
 * the ways that files get damaged. Each must load to the same bytes, or fail with its own sentence.
 */
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
#include <tools/kernel_image.h>

#define LIMIT (8u << 20)

void platform_library_begin(void)
{
}

void platform_library_end(void)
{
}

void platform_yield(void)
{
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
    writes = 0;
    e->text[0] = '\0';
    status = kernel_image_load(copy, f.size, &target, image, e);
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
        cmocka_unit_test(test_forms),  cmocka_unit_test(test_variants),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_fuzzed_headers),
        cmocka_unit_test(test_needs),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
