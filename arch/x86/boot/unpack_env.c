/* SPDX-License-Identifier: MIT */
/*
 * The environment of the decompression libraries.
 *
 * They were compiled for an ordinary process: a stack protector reads its canary at %fs:0x28, code
 * uses SSE and a red zone, and memory comes from malloc(). So they run on a block of their own,
 * which ends in a copy of this CPU's cpu_info (what finds the current CPU from the stack pointer
 * works there too), with FS based on a page that holds a canary, the FPU in its initial state, and
 * interrupts off, since an interrupt would write into the red zone. No guest exists yet, so no FPU
 * state is lost.
 */
#include <asm/control.h>
#include <asm/current.h>
#include <asm/system.h>
#include <page_alloc.h>

#include "dom0_build.h"
#include "unpack_env.h"

#define SCRATCH_FROM  (256UL << 10) /* sizes from here on need not be contiguous in memory */
#define CANARY_OFFSET 0x28
#define CANARY        0x5bd1e995a7c3f100UL /* any value; its zero byte stops string overruns */

extern void (*const init_array_start[])(void);
extern void (*const init_array_end[])(void);

void *__init malloc(size_t size)
{
    if (size >= SCRATCH_FROM)
        return scratch_alloc(size);
    return xzalloc_bytes(size ? size : 1);
}

void *__init calloc(size_t n, size_t size)
{
    size_t bytes;

    /* All our memory is zeroed. */
    return __builtin_mul_overflow(n, size, &bytes) ? NULL : malloc(bytes);
}

void __init free(void *p)
{
    if (is_scratch(p))
        scratch_free(p);
    else if (p)
        xfree(p);
}

void __init __stack_chk_fail(void)
{
    panic("a decompression library overran its stack");
}

unsigned long long __init ZSTD_trace_decompress_begin(const void *ctx)
{
    return 0;
}

void __init ZSTD_trace_decompress_end(unsigned long long trace, const void *event)
{
}

/* liblzma fills its tables in constructors. */
static long __init run_constructors(void *arg)
{
    for (void (*const *fn)(void) = init_array_start; fn < init_array_end; fn++)
        (*fn)();
    return 0;
}

struct call {
    unpack_fn *fn;
    struct unpack_job *job;
};

static long __init run_job(void *arg)
{
    const struct call *call = arg;

    return call->fn(call->job);
}

long __init unpack_call(unpack_fn *fn, struct unpack_job *job)
{
    struct call call = {fn, job};
    u8 *stack = alloc_hv_pages(STACK_ORDER);
    u64 *thread = alloc_hv_pages(0);
    unsigned long flags = local_irq_save(), cr0 = read_cr0();
    static bool constructed __initdata;
    struct cpu_info *info;
    u32 mxcsr = 0x1f80; /* its reset value */
    long rc;

    if (!stack || !thread)
        boot_fatal("too little memory to unpack dom0's kernel");
    info = (struct cpu_info *)(stack + STACK_SIZE) - 1;
    *info = *get_cpu_info();
    thread[CANARY_OFFSET / sizeof(*thread)] = CANARY;
    wrmsr(MSR_FS_BASE, (u64)thread);
    write_cr0(cr0 & ~(CR0_TS | CR0_EM));
    __asm__ volatile("fninit; ldmxcsr %0" ::"m"(mxcsr));

    if (!constructed)
        call_on_stack(run_constructors, NULL, info);
    constructed = true;
    rc = call_on_stack(run_job, &call, info);

    write_cr0(cr0);
    wrmsr(MSR_FS_BASE, 0);
    local_irq_restore(flags);
    free_hv_pages(thread, 0);
    free_hv_pages(stack, STACK_ORDER);
    return rc;
}
