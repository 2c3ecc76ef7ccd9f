/* SPDX-License-Identifier: MIT */
/*
 * The seeds of fuzz_kernel_image: small kernels, accepted and refused, plain and packed in each
 * way. `fuzz_kernel_image FOLDER` writes each as a file of its own.
 */
/* SOURCES: tests/unit/image/make_elf.c tests/unit/image/pack.c */
/* CFLAGS: -Itests/unit */
#include <stdio.h>
#include <stdlib.h>

#include <image/make_elf.h>
#include <image/pack.h>
#include <public/elfnote.h>

/*
 * Small enough that a change by the fuzzer hits a header or a note more often than the text. All
 * but one want their ramdisk mapped.
 */
#define SMALL .load_at = 0x1000, .text_size = 64, .bss_size = 0x1fc0
#define WITHOUT(t)                    \
    {                                 \
        XEN_ELFNOTE_##t, .drop = true \
    }
#define TEXT(t, s)                   \
    {                                \
        XEN_ELFNOTE_##t, .text = (s) \
    }
#define NUMBER(t, n)                   \
    {                                  \
        XEN_ELFNOTE_##t, .number = (n) \
    }
#define WORD(t, n)                                   \
    {                                                \
        XEN_ELFNOTE_##t, .word = true, .number = (n) \
    }
#define MAPPED_RAMDISK WITHOUT(MOD_START_PFN)

/* clang-format off */
static const struct {
    const char *name;
    struct elf_variant variant;
} kernels[] = {
    {"elf", {SMALL, .extra = {MAPPED_RAMDISK}}},
    {"elf-low", {SMALL, .virt_base = 0x400000, .extra = {MAPPED_RAMDISK}}},
    {"elf-offset", {SMALL, .paddr_offset = BASE, .extra = {MAPPED_RAMDISK}}},
    {"elf-sections",
     {SMALL, .paddr_offset = BASE, .section_notes = true, .extra = {MAPPED_RAMDISK}}},
    {"elf-dom0", {SMALL, .extra = {MAPPED_RAMDISK, TEXT(FEATURES, "!dom0")}}},
    {"elf-p2m-inside", {SMALL, .extra = {MAPPED_RAMDISK, NUMBER(INIT_P2M, BASE)}}},
    {"elf-no-base",
     {SMALL, .extra = {MAPPED_RAMDISK, WITHOUT(VIRT_BASE), WITHOUT(PADDR_OFFSET)}}},
    {"elf-new",
     {SMALL, .extra = {NUMBER(INIT_P2M, 0x8000000000),
                       TEXT(FEATURES, "!writable_page_tables|pae_pgdir_above_4gb"),
                       WORD(SUPPORTED_FEATURES, 0x810)}}},
    {"elf-pvh",
     {SMALL, .extra = {MAPPED_RAMDISK, WITHOUT(VIRT_BASE), WITHOUT(PADDR_OFFSET), WITHOUT(ENTRY),
                       WITHOUT(HYPERCALL_PAGE), WORD(PHYS32_ENTRY, 0x1000)}}},
};
/* clang-format on */

static const struct {
    const char *name;
    pack_function *pack;
    bool has_size;
} packers[] = {
    {"gzip", pack_gzip, true},
    {"xz", pack_xz, false},
    {"zstd", pack_zstd, false},
    {"lz4", pack_lz4, true},
};

static const char *folder;

static void write_seed(const char *prefix, const char *name, struct file f)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s%s", folder, prefix, name);
    file = fopen(path, "wb");
    if (!file || fwrite(f.bytes, 1, f.size, file) != f.size || fclose(file)) {
        perror(path);
        exit(1);
    }
}

static void write_bzimage(const char *name, struct file payload)
{
    struct file f = make_bzimage(payload);

    write_seed("bzimage-", name, f);
    free(f.bytes);
}

int main(int argc, char **argv)
{
    struct file elf;

    if (argc != 2)
        return 2;
    folder = argv[1];
    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        elf = make_elf(&kernels[i].variant);
        write_seed("", kernels[i].name, elf);
        free(elf.bytes);
    }
    elf = make_elf(&kernels[0].variant);
    write_bzimage("elf", elf);
    for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
        struct file packed = packers[i].pack(elf);

        write_seed("", packers[i].name, packed);
        if (!packers[i].has_size)
            packed = append_size(packed, elf.size);
        write_bzimage(packers[i].name, packed);
        free(packed.bytes);
    }
    free(elf.bytes);
    return 0;
}
