/* SPDX-License-Identifier: MIT */
/*
 * From dom0's kernel module to an ELF file: the module is one, is one packed with gzip, or is a
 * Linux bzImage.
 *
 * A bzImage (Linux, Documentation/x86/boot.rst) says in its header where the packed kernel lies;
 * the last four bytes of that part are the unpacked size. Whatever is wrong with the module, the
 * result is one line that says so.
 */
#include <page.h>

#include "dom0_build.h"

#define BZ_MAGIC           0x53726448U /* "HdrS" */
#define BZ_MIN_VERSION     0x208       /* the first with a payload field */
#define BZ_SETUP_SECTS_OLD 4U          /* what 0 means */
#define SECTOR             512UL

/* The part of the header at 0x1f1 that we use, by offset in the file. */
#define BZ_SETUP_SECTS    0x1f1
#define BZ_HEADER_MAGIC   0x202
#define BZ_VERSION        0x206
#define BZ_PAYLOAD_OFFSET 0x248
#define BZ_PAYLOAD_LENGTH 0x24c
#define BZ_HEADER_END     0x250

/* No kernel is larger than this when unpacked. */
#define UNPACKED_MAX (1UL << 30)

struct packing {
    const char *name;
    u8 magic_size;
    u8 magic[6];
    unpack_fn *unpack;
};

static const struct packing packings[] __initconst = {
    {"gzip", 2, {0x1f, 0x8b}, unpack_gzip},
    {"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}, unpack_xz},
    {"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}, unpack_zstd},
    {"lz4", 4, {0x02, 0x21, 0x4c, 0x18}, unpack_lz4},
};

static u32 __init read32(const u8 *p)
{
    return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static bool __init is_elf(const u8 *p, size_t size)
{
    return size >= 4 && !memcmp(p, "\177ELF", 4);
}

static const struct packing *__init find_packing(const u8 *p, size_t size)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(packings); i++)
        if (size > packings[i].magic_size && !memcmp(p, packings[i].magic, packings[i].magic_size))
            return &packings[i];
    return NULL;
}

/* Unpacks @size bytes at @src whose last four are the unpacked size. */
static void __init unpack(const struct packing *packing, const u8 *src, size_t size,
                          struct kernel_file *file)
{
    struct unpack_job job = {.src = src, .src_size = size};
    long rc;

    job.dst_size = read32(src + size - 4);
    /* gzip's own trailer holds the size; for the others it was appended. */
    if (packing->unpack != unpack_gzip)
        job.src_size -= 4;
    if (!job.dst_size || job.dst_size > UNPACKED_MAX)
        boot_fatal("dom0's kernel: %s data with an impossible size of %zu bytes; truncated?",
                   packing->name, job.dst_size);
    job.dst = scratch_alloc(job.dst_size);
    if (!job.dst)
        boot_fatal("dom0's kernel: too little memory to unpack %zu KiB", job.dst_size >> 10);
    rc = unpack_call(packing->unpack, &job);
    if (rc || job.done != job.dst_size)
        boot_fatal("dom0's kernel: the %s data are damaged (error %ld after %zu of %zu bytes)",
                   packing->name, rc, job.done, job.dst_size);
    *file = (struct kernel_file){job.dst, job.dst_size, job.dst};
    printk(LOG_DEBUG, "dom0's kernel: unpacked %zu KiB (%s) to %zu KiB", size >> 10, packing->name,
           job.dst_size >> 10);
}

static void __init open_bzimage(const u8 *p, size_t size, struct kernel_file *file)
{
    u64 setup = (p[BZ_SETUP_SECTS] ? p[BZ_SETUP_SECTS] : BZ_SETUP_SECTS_OLD) + 1UL;
    u64 offset = setup * SECTOR + read32(p + BZ_PAYLOAD_OFFSET),
        length = read32(p + BZ_PAYLOAD_LENGTH);
    const struct packing *packing;

    if ((read32(p + BZ_VERSION) & 0xffff) < BZ_MIN_VERSION)
        boot_fatal("dom0's kernel: a bzImage of boot protocol %#x; 0x208 or newer is needed",
                   read32(p + BZ_VERSION) & 0xffff);
    if (offset + length > size || length < 8)
        boot_fatal("dom0's kernel: truncated bzImage: %zu bytes of at least %lu", size,
                   offset + length);
    if (is_elf(p + offset, length)) {
        *file = (struct kernel_file){p + offset, length, NULL};
        return;
    }
    packing = find_packing(p + offset, length);
    if (!packing)
        boot_fatal(
            "dom0's kernel: a bzImage packed in a way that is not known (starts with %02x %02x %02x %02x)",
            p[offset], p[offset + 1], p[offset + 2], p[offset + 3]);
    unpack(packing, p + offset, length, file);
}

void __init kernel_open(const struct boot_module *m, struct kernel_file *file)
{
    const u8 *p = maddr_to_virt(m->start);
    size_t size = m->size;

    if (size >= BZ_HEADER_END && read32(p + BZ_HEADER_MAGIC) == BZ_MAGIC)
        open_bzimage(p, size, file);
    else if (size >= 18 && find_packing(p, size) == &packings[0])
        unpack(&packings[0], p, size, file);
    else
        *file = (struct kernel_file){p, size, NULL};
    if (!is_elf(file->data, file->size))
        boot_fatal("dom0's kernel: module 1 (%zu bytes) is no kernel: neither ELF nor bzImage",
                   size);
}
