/* SPDX-License-Identifier: MIT */
/*
 * From dom0's kernel module to an ELF file: the module is an ELF file, an ELF file packed with
 * gzip, or a Linux bzImage, whose payload ends in its unpacked size. Every error in the module ends
 * the boot with one line that says what is wrong.
 */
#include <image/bzimage.h>
#include <page.h>

#include "dom0_build.h"

/* No kernel is larger than this when unpacked. */
#define UNPACKED_MAX (1UL << 30)
#define SIZE_BYTES   4U /* of the unpacked size at the end */

static unpack_fn *const functions[] __initconst = {
    [IMAGE_GZIP] = unpack_gzip,
    [IMAGE_XZ] = unpack_xz,
    [IMAGE_ZSTD] = unpack_zstd,
    [IMAGE_LZ4] = unpack_lz4,
};

/* Unpacks a payload whose last four bytes are the unpacked size. */
static void __init unpack_kernel(enum image_packing packing, const struct image_payload *payload,
                                 struct kernel_file *file)
{
    struct unpack_job job = {.src = payload->data, .src_size = payload->size};
    const char *name = image_packing_name(packing);
    u32 unpacked;
    long rc;

    memcpy(&unpacked, payload->data + payload->size - SIZE_BYTES, SIZE_BYTES);
    job.dst_size = unpacked;
    /* gzip's own trailer holds the size; for the others it was appended. */
    if (packing != IMAGE_GZIP)
        job.src_size -= SIZE_BYTES;
    if (!job.dst_size || job.dst_size > UNPACKED_MAX)
        boot_fatal("dom0's kernel: %s data with an impossible size of %zu bytes; truncated?", name,
                   job.dst_size);
    job.dst = scratch_alloc(job.dst_size);
    if (!job.dst)
        boot_fatal("dom0's kernel: too little memory to unpack %zu KiB", job.dst_size >> 10);
    rc = unpack_call(functions[packing], &job);
    if (rc || job.done != job.dst_size)
        boot_fatal("dom0's kernel: the %s data are damaged (error %ld after %zu of %zu bytes)",
                   name, rc, job.done, job.dst_size);
    *file = (struct kernel_file){job.dst, job.dst_size, job.dst};
    printk(LOG_DEBUG, "dom0's kernel: unpacked %zu KiB (%s) to %zu KiB", payload->size >> 10, name,
           job.dst_size >> 10);
}

void __init kernel_open(const struct boot_module *m, struct kernel_file *file)
{
    struct image_payload payload;
    enum image_packing packing;

    image_find_payload(maddr_to_virt(m->start), m->size, &payload, &dom0_report);
    packing = image_packing(payload.data, payload.size);
    if (packing == IMAGE_PLAIN) {
        *file = (struct kernel_file){payload.data, payload.size, NULL};
        return;
    }
    if (packing >= ARRAY_SIZE(functions))
        boot_fatal("dom0's kernel: packed with %s; gzip, xz, zstd and lz4 are understood",
                   image_packing_name(packing));
    /* Outside of a bzImage only gzip says how large its contents are. */
    if (!payload.in_bzimage && packing != IMAGE_GZIP)
        boot_fatal("dom0's kernel: packed with %s; outside of a bzImage only gzip is understood",
                   image_packing_name(packing));
    if (payload.size <= 2 * SIZE_BYTES)
        boot_fatal("dom0's kernel: truncated: %zu bytes of %s data", payload.size,
                   image_packing_name(packing));
    unpack_kernel(packing, &payload, file);
}
