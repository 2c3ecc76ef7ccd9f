/* SPDX-License-Identifier: MIT */
/*
 * What a kernel's file says of itself: the notes that Xen insists on, addresses that do not fit
 * together, features, and damaged headers. Each refusal is a sentence that names what is wrong and
 * what would be right. The file is given whole and in odd pieces, with the same result.
 */
/* SOURCES: $(IMAGE_SRCS) tests/unit/image/make_elf.c */
/* CFLAGS: -Itests/unit */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <image/kernel_image.h>
#include <image/make_elf.h>
#include <public/elfnote.h>
#include <public/features.h>

#define LIMIT (8u << 20)

static char refusal[512];
static struct kernel_reader reader;

static void refuse(void *context, const char *format, va_list args)
{
    assert_string_equal(refusal, ""); /* one reason is enough */
    vsnprintf(refusal, sizeof(refusal), format, args);
}

static const struct image_report report = {.refuse = refuse};

static uint64_t written;

static int write_memory(void *context, uint64_t address, const void *data, size_t length)
{
    assert_true(address <= LIMIT && length <= LIMIT - address);
    written += length;
    return 0;
}

static int clear_memory(void *context, uint64_t address, uint64_t length)
{
    assert_true(address <= LIMIT && length <= LIMIT - address);
    return 0;
}

static const struct image_target target = {
    .write = write_memory, .clear = clear_memory, .limit = LIMIT};

static int pass(struct file f, size_t piece)
{
    for (size_t at = 0; at < f.size; at += piece) {
        size_t length = f.size - at < piece ? f.size - at : piece;
        uint8_t *copy = malloc(length); /* of the exact size, for the address sanitizer */
        int status;

        memcpy(copy, f.bytes + at, length);
        status = elf_stream_feed(&reader.stream, copy, length);
        free(copy);
        if (status)
            return -1;
    }
    return kernel_reader_end(&reader);
}

/* Describes, or loads, the file in pieces of @piece bytes. */
static int read_pieces(struct file f, bool dom0, const struct image_target *to, size_t piece)
{
    int status;

    memset(&reader, 0xee, sizeof(reader));
    refusal[0] = '\0';
    kernel_reader_init(&reader, dom0, &report);
    do {
        kernel_reader_begin(&reader, to);
        status = pass(f, piece);
    } while (status > 0);
    return status;
}

/* The outcome is the same however the file comes, and whether or not it is loaded. */
static int read_file(struct file f, bool dom0)
{
    static const size_t pieces[] = {997, 40961};
    int status = read_pieces(f, dom0, NULL, f.size ? f.size : 1);
    struct kernel_image image = reader.image;
    char first[sizeof(refusal)];

    snprintf(first, sizeof(first), "%s", refusal);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        assert_int_equal(read_pieces(f, dom0, NULL, pieces[i]), status);
        assert_string_equal(refusal, first);
        if (status)
            continue;
        assert_int_equal(reader.image.entry, image.entry);
        assert_int_equal(reader.image.start, image.start);
        assert_int_equal(reader.image.end, image.end);
        assert_int_equal(reader.image.features, image.features);
        assert_string_equal(reader.image.guest_os, image.guest_os);
    }
    free(f.bytes);
    return status;
}

static void assert_refused(bool dom0, const struct elf_variant *v, const char *expected)
{
    if (!read_file(make_elf(v), dom0))
        fail_msg("accepted, instead of: %s", expected);
    assert_string_equal(refusal, expected);
}

static void assert_accepted(bool dom0, const struct elf_variant *v)
{
    if (read_file(make_elf(v), dom0))
        fail_msg("refused: %s", refusal);
}

#define WITH(...) (&(struct elf_variant){.extra = {__VA_ARGS__}})
#define TEXT(t, s)                   \
    {                                \
        XEN_ELFNOTE_##t, .text = (s) \
    }
#define NUMBER(t, n)                   \
    {                                  \
        XEN_ELFNOTE_##t, .number = (n) \
    }
#define WITHOUT(t)                    \
    {                                 \
        XEN_ELFNOTE_##t, .drop = true \
    }
#define FOR_BOTH(role) for (int role = 0; role < 2; role++)

static void test_description(void **state)
{
    const struct kernel_image *image = &reader.image;

    assert_accepted(false, WITH(TEXT(FEATURES, "!writable_page_tables|unknown|dom0")));
    assert_int_equal(image->virt_base, BASE);
    assert_int_equal(image->entry, BASE + LOAD_AT + 0x40);
    assert_int_equal(image->hypercall_page, BASE + LOAD_AT + 0x1000);
    assert_int_equal(image->init_p2m, IMAGE_NO_ADDRESS);
    assert_int_equal(image->start, LOAD_AT);
    assert_int_equal(image->end, LOAD_AT + TEXT_SIZE + BSS_SIZE);
    assert_int_equal(image->features, 1u << XENFEAT_writable_page_tables | 1u << XENFEAT_dom0);
    assert_true(image->unmapped_ramdisk);
    assert_string_equal(image->guest_os, "test");
    assert_accepted(false, &(struct elf_variant){.section_notes = true, .paddr_offset = BASE});
    assert_int_equal(image->start, LOAD_AT);
    assert_int_equal(image->paddr_offset, BASE);
}

static void test_small_pieces(void **state)
{
    struct file f = make_elf(&(struct elf_variant){.section_notes = true});

    for (size_t piece = 1; piece < 100; piece += 33)
        assert_int_equal(read_pieces(f, true, &target, piece), 0);
    free(f.bytes);
}

/* A kernel that is known is loaded by one more pass. */
static void test_description_then_load(void **state)
{
    struct file f = make_elf(&(struct elf_variant){.section_notes = true, .paddr_offset = BASE});

    assert_int_equal(read_pieces(f, true, NULL, f.size), 0);
    written = 0;
    kernel_reader_begin(&reader, &target);
    assert_int_equal(pass(f, 5000), 0);
    assert_int_equal(written, TEXT_SIZE);
    free(f.bytes);
}

/* What Xen's libelf refuses, for dom0 and for domUs. */
static void test_identity(void **state)
{
    FOR_BOTH(dom0)
    {
        assert_refused(dom0, WITH(WITHOUT(XEN_VERSION)),
                       "the note XEN_VERSION is missing; it should be xen-3.0");
        assert_refused(dom0, WITH(TEXT(XEN_VERSION, "xen-2.0")),
                       "the kernel is for the hypervisor ABI 'xen-2.0'; this one is xen-3.0");
        assert_refused(dom0, WITH(TEXT(XEN_VERSION, "xen-3")),
                       "the kernel is for the hypervisor ABI 'xen-3'; this one is xen-3.0");
        assert_accepted(dom0, WITH(TEXT(XEN_VERSION, "xen-3.0-x86_64")));
        assert_refused(dom0, WITH(TEXT(LOADER, "linux")),
                       "the note LOADER is 'linux' and GUEST_OS 'test'; kernels other than linux "
                       "need the LOADER generic");
        assert_refused(dom0, WITH(WITHOUT(LOADER)),
                       "the note LOADER is '' and GUEST_OS 'test'; kernels other than linux "
                       "need the LOADER generic");
        assert_accepted(dom0, WITH(WITHOUT(LOADER), TEXT(GUEST_OS, "linux")));
        assert_accepted(dom0, WITH(TEXT(LOADER, "linux"), TEXT(GUEST_OS, "linux-like")));
        assert_accepted(dom0, WITH(WITHOUT(GUEST_OS)));
        assert_refused(dom0, &(struct elf_variant){.no_notes = true},
                       "not a kernel for PV domains: it has no Xen notes");
        assert_refused(dom0, WITH(WITHOUT(ENTRY), WITHOUT(VIRT_BASE), NUMBER(PHYS32_ENTRY, 4096)),
                       "a kernel for PVH only; it has no PV entry");
    }
}

static void test_features(void **state)
{
    static const char *const lacking[] = {"auto_translated_physmap", "supervisor_mode_kernel",
                                          "nonsense"};

    FOR_BOTH(dom0)
    {
        for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++) {
            char text[64], expected[128];

            snprintf(text, sizeof(text), "x|!%s|y", lacking[i]);
            snprintf(expected, sizeof(expected),
                     "the kernel requires the feature '%s', which a PV domain does not have",
                     lacking[i]);
            assert_refused(dom0, WITH(TEXT(FEATURES, text)), expected);
            snprintf(text, sizeof(text), "x|%s", lacking[i]);
            assert_accepted(dom0, WITH(TEXT(FEATURES, text)));
        }
        assert_accepted(dom0, WITH(TEXT(FEATURES, "!writable_page_tables|!pae_pgdir_above_4gb|"
                                                  "!writable_descriptor_tables")));
    }
    assert_refused(false, WITH(TEXT(FEATURES, "!dom0")),
                   "the kernel can only be dom0: it requires the feature 'dom0'");
    assert_accepted(true, WITH(TEXT(FEATURES, "!dom0")));
    assert_refused(true, WITH(NUMBER(SUPPORTED_FEATURES, 0x11)),
                   "cannot be dom0, by its own notes (SUPPORTED_FEATURES and FEATURES: 0x11)");
    assert_accepted(false, WITH(NUMBER(SUPPORTED_FEATURES, 0x11)));
    assert_accepted(true, WITH(NUMBER(SUPPORTED_FEATURES, 0x811)));
    assert_accepted(true, WITH(NUMBER(SUPPORTED_FEATURES, 0x11), TEXT(FEATURES, "dom0")));
}

static void test_addresses(void **state)
{
    FOR_BOTH(dom0)
    {
        assert_refused(dom0, WITH(NUMBER(HYPERCALL_PAGE, BASE + LOAD_AT + 0x1008)),
                       "the address 0xffffffff80101008 in the note HYPERCALL_PAGE is not "
                       "page-aligned");
        assert_refused(dom0, WITH(NUMBER(HYPERCALL_PAGE, BASE)),
                       "the hypercall page 0xffffffff80000000 lies outside of the kernel, which "
                       "is at 0xffffffff80100000-0xffffffff8014a768");
        assert_accepted(dom0, WITH(WITHOUT(HYPERCALL_PAGE)));
        assert_refused(dom0, WITH(WITHOUT(VIRT_BASE)),
                       "the note VIRT_BASE is missing, although PADDR_OFFSET is there; the "
                       "segments' p_paddr are 0x100000-0x14a768");
        assert_refused(dom0, WITH(WITHOUT(VIRT_BASE), WITHOUT(PADDR_OFFSET)),
                       "the entry point 0xffffffff80100040 lies outside of the kernel, which is at "
                       "0x100000-0x14a768 (p_paddr - PADDR_OFFSET + VIRT_BASE); the note VIRT_BASE "
                       "is missing");
        assert_refused(dom0, WITH(NUMBER(ENTRY, 0x1234)),
                       "the entry point 0x1234 lies outside of the kernel, which is at "
                       "0xffffffff80100000-0xffffffff8014a768 (p_paddr - PADDR_OFFSET + "
                       "VIRT_BASE)");
        assert_refused(dom0, &(struct elf_variant){.paddr_extra = BASE},
                       "the segments leave the address space: p_paddr "
                       "0xffffffff80100000-0xffffffff8014a768, less PADDR_OFFSET 0, plus VIRT_BASE "
                       "0xffffffff80000000; p_paddr should count from 0, or the note PADDR_OFFSET "
                       "say from where");
        assert_refused(dom0, WITH(NUMBER(PADDR_OFFSET, BASE)),
                       "the segments leave the address space: p_paddr 0x100000-0x14a768, less "
                       "PADDR_OFFSET 0xffffffff80000000, plus VIRT_BASE 0xffffffff80000000; "
                       "p_paddr should count from 0, or the note PADDR_OFFSET say from where");
        assert_refused(dom0, WITH(NUMBER(PADDR_OFFSET, 0x120000)), /* in the middle */
                       "the segments leave the address space: p_paddr 0x100000-0x14a768, less "
                       "PADDR_OFFSET 0x120000, plus VIRT_BASE 0xffffffff80000000; "
                       "p_paddr should count from 0, or the note PADDR_OFFSET say from where");
        assert_refused(dom0, WITH(NUMBER(VIRT_BASE, BASE + 8)),
                       "the address 0xffffffff80000008 in the note VIRT_BASE is not page-aligned");
        assert_refused(dom0, WITH(NUMBER(INIT_P2M, 0x8000000008)),
                       "the address 0x8000000008 in the note INIT_P2M is not page-aligned");
        assert_accepted(dom0, WITH(NUMBER(INIT_P2M, 0x8000000000)));
    }
}

/* Sets bytes of the usual file, which is then refused for @expected. */
static void assert_damage_refused(size_t at, const void *bytes, size_t length, const char *expected)
{
    struct file f = make_elf(&(struct elf_variant){0});

    memcpy(f.bytes + at, bytes, length);
    if (!read_file(f, true))
        fail_msg("accepted, instead of: %s", expected);
    assert_string_equal(refusal, expected);
}

static void test_headers(void **state)
{
    const size_t segment = sizeof(struct elf_header);
    uint64_t huge = UINT64_MAX - 5;

    assert_damage_refused(0, "#!", 2, "neither an ELF file nor a bzImage");
    assert_damage_refused(4, "\1", 1, "a 32-bit kernel; only 64-bit kernels are supported");
    assert_damage_refused(18, "\50", 1, "an ELF file for another machine than x86-64");
    assert_damage_refused(16, "\1", 1, "an ELF file that is not executable (type 1)");
    assert_damage_refused(56, "\0", 1, "an ELF file without program headers");
    assert_damage_refused(33, "\20", 1,
                          "an ELF file with its program headers not in its first page");
    assert_damage_refused(segment + 40, "\0\0\0", 3, "ELF segment 0 has impossible sizes");
    assert_damage_refused(segment + 24, &huge, 8, "ELF segment 0 has impossible sizes");
    assert_damage_refused(segment, "\6", 1, "an ELF file without loadable segments");
    assert_damage_refused(segment + 56 + 34, "\377", 1, "an ELF file with unreasonably many notes");
}

static void test_truncated_notes(void **state)
{
    struct file f = make_elf(&(struct elf_variant){0});
    struct elf_segment *segments = (struct elf_segment *)(f.bytes + sizeof(struct elf_header));

    segments[1].p_offset = 1 << 20;
    segments[1].p_filesz = 100;
    assert_int_equal(read_file(f, true), -1);
    assert_memory_equal(refusal, "truncated: notes end at byte 1048676 of the ELF file", 52);
}

/* File bytes without memory for them would be stored wherever p_paddr says. */
static void test_segment_without_memory(void **state)
{
    struct file f = make_elf(&(struct elf_variant){0});
    struct elf_segment *segments = (struct elf_segment *)(f.bytes + sizeof(struct elf_header));

    segments[1] = segments[0];
    segments[1].p_paddr = LIMIT;
    segments[1].p_memsz = 0;
    assert_int_equal(read_pieces(f, false, &target, f.size), -1);
    assert_string_equal(refusal, "ELF segment 1 has impossible sizes");
    free(f.bytes);
}

/* Single bytes of the headers set to extremes: any result will do, but no step out of bounds. */
static void test_extreme_headers(void **state)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

    for (size_t at = 16; at < 64 + 2 * 56; at++) {
        struct file f = make_elf(&(struct elf_variant){.section_notes = at % 2});
        uint8_t usual = f.bytes[at];

        for (size_t v = 0; v < sizeof(values); v++) {
            f.bytes[at] = values[v];
            if (read_pieces(f, v % 2, at % 3 ? &target : NULL, f.size))
                assert_string_not_equal(refusal, "");
        }
        f.bytes[at] = usual;
        free(f.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_description),
        cmocka_unit_test(test_small_pieces),
        cmocka_unit_test(test_description_then_load),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_features),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_truncated_notes),
        cmocka_unit_test(test_segment_without_memory),
        cmocka_unit_test(test_extreme_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
