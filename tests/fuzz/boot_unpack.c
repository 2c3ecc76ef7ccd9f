/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's unpackers on the host: see boot_unpack.h. Their surroundings are faked: scratch
 * memory is malloc's, and of one MiB at most; a fatal error of boot is a jump.
 */
#include "boot_unpack.h"

#include <setjmp.h>

#include "../../arch/x86/boot/dom0_build.h"

#define SCRATCH_MAX (1UL << 20)

void *calloc(size_t n, size_t size);
void free(void *p);

char *host_ram; /* machine addresses are those of this process */

static jmp_buf fatal;
static char refusal[512];
static void *scratch;

void boot_fatal(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(refusal, sizeof(refusal), fmt, args);
    va_end(args);
    longjmp(fatal, 1);
}

static void refuse(void *context, const char *format, va_list args)
{
    vsnprintf(refusal, sizeof(refusal), format, args);
    longjmp(fatal, 1);
}

const struct image_report dom0_report = {.refuse = refuse};

void printk(enum loglevel level, const char *fmt, ...)
{
}

void *scratch_alloc(size_t bytes)
{
    return bytes > SCRATCH_MAX ? NULL : (scratch = calloc(1, bytes));
}

long unpack_call(unpack_fn *fn, struct unpack_job *job)
{
    return fn(job);
}

bool boot_unpack(const uint8_t *module, size_t size, const uint8_t **elf, size_t *elf_size)
{
    struct boot_module m = {.start = (paddr_t)module, .size = size};
    struct kernel_file file;

    scratch = NULL;
    refusal[0] = '\0';
    if (setjmp(fatal))
        return false;
    kernel_open(&m, &file);
    *elf = file.data;
    *elf_size = file.size;
    return true;
}

const char *boot_unpack_refusal(void)
{
    return refusal;
}

void boot_unpack_free(void)
{
    free(scratch);
    scratch = NULL;
}
