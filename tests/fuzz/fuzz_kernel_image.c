/* SPDX-License-Identifier: MIT */
/*
 * Any file as a kernel: no access outside of the domain's memory, no leak, and a reason when
 * refused.
 */
/* SOURCES: dom0-tools/error.c dom0-tools/image/elf_stream.c */
/* SOURCES: dom0-tools/image/kernel_image.c dom0-tools/image/unpack.c */
#include <stdint.h>
#include <stdlib.h>

#include <platform.h>
#include <tools/kernel_image.h>

#define LIMIT (1ull << 20)

void platform_library_begin(void)
{
}

void platform_library_end(void)
{
}

void platform_yield(void)
{
}

static int check(uint64_t address, uint64_t length)
{
    if (address > LIMIT || length > LIMIT - address)
        abort();
    return 0;
}

static int write_memory(void *context, uint64_t address, const void *data, size_t length)
{
    return check(address, length);
}

static int clear_memory(void *context, uint64_t address, uint64_t length)
{
    return check(address, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct image_target target = {
        .write = write_memory, .clear = clear_memory, .limit = LIMIT};
    struct kernel_image image;
    struct error e = {""};

    if (kernel_image_load(data, size, &target, &image, &e)) {
        if (!e.text[0])
            abort();
    } else if (image.start > image.end || image.end > LIMIT) {
        abort();
    }
    return 0;
}
