/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as dom0's kernel: it is refused with one line, or what is loaded lies inside the file
 * and inside the addresses that the parser announced.
 */
/* SOURCES: arch/x86/boot/dom0_elf.c */
#include <setjmp.h>

#include "../../arch/x86/boot/dom0_build.h"

void *malloc(size_t n);
void free(void *p);
void abort(void);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static jmp_buf fatal;
static struct kernel_file file;
static struct kernel_info info;
static volatile u8 sum;

void boot_fatal(const char *fmt, ...)
{
    longjmp(fatal, 1);
}

static void check_segment(unsigned long va, const void *src, size_t bytes)
{
    const u8 *p = src;

    if (va < info.kernel_start || va + bytes > info.kernel_end || p < file.data ||
        bytes > file.size || (size_t)(p - file.data) > file.size - bytes)
        abort();
    for (size_t i = 0; i < bytes; i++)
        sum ^= p[i];
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    /* A copy of its own, so that a step beyond it is seen. */
    u8 *copy = malloc(size ? size : 1);

    memcpy(copy, data, size);
    if (size > 20) {
        static const u8 start[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

        memcpy(copy, start, sizeof(start));
        copy[16] = 2;
        copy[17] = 0;
        copy[18] = 62;
        copy[19] = 0;
    }
    file = (struct kernel_file){copy, size, NULL};
    if (!setjmp(fatal)) {
        kernel_parse(&file, &info);
        kernel_load(&file, &info, check_segment);
    }
    free(copy);
    return 0;
}
