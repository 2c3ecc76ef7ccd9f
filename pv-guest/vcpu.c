/* SPDX-License-Identifier: MIT */
/*
 * vCPU records, and starting secondary vCPUs.
 *
 * A vCPU finds its record through GS and its stack-protector canary through FS. Both bases are set
 * by hypercall on the first vCPU and by the initial context on the others.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define VCPU_STACK_PAGES 4

/* Any value does; archives only compare it with itself. */
#define CANARY 0x9e3779b97f4a7c00ul

static struct vcpu vcpus[MAX_VCPUS];

/* Of the vCPUs for which the shared page has no room. None lies in two pages. */
static vcpu_info_t more_info[MAX_VCPUS - XEN_LEGACY_MAX_VCPUS]
    __attribute__((aligned(sizeof(vcpu_info_t))));

/* What a secondary vCPU was started for. */
static struct {
    void (*function)(void *);
    void *argument;
} jobs[MAX_VCPUS];

struct vcpu *vcpu_record(unsigned int id)
{
    return &vcpus[id];
}

static void init_record(unsigned int id)
{
    struct vcpu *vcpu = &vcpus[id];

    vcpu->self = vcpu;
    vcpu->id = id;
    vcpu->info = id < XEN_LEGACY_MAX_VCPUS ? &shared_info->vcpu_info[id]
                                           : &more_info[id - XEN_LEGACY_MAX_VCPUS];
    vcpu->fs_block.canary = CANARY;
}

void vcpu_init(void)
{
    init_record(0);
    if (hypercall_set_segment_base(SEGBASE_GS_KERNEL, (unsigned long)&vcpus[0]) ||
        hypercall_set_segment_base(SEGBASE_FS, (unsigned long)&vcpus[0].fs_block))
        guest_panic("cannot set segment bases");
}

void vcpu_main(struct vcpu *vcpu)
{
    jobs[vcpu->id].function(jobs[vcpu->id].argument);
    hypercall_vcpu_op(VCPUOP_down, vcpu->id, NULL);
    guest_panic("vCPU %u came up again", vcpu->id);
}

static void fill_context(struct vcpu_guest_context *context, struct vcpu *vcpu, void *stack_top)
{
    memset(context, 0, sizeof(*context));
    context->flags = VGCF_in_kernel;
    context->user_regs.rip = (unsigned long)vcpu_entry;
    context->user_regs.rsp = (unsigned long)stack_top;
    context->user_regs.rdi = (unsigned long)vcpu;
    context->user_regs.cs = FLAT_KERNEL_CS;
    context->user_regs.ss = FLAT_KERNEL_SS;
    context->user_regs.rflags = 0x200;
    for (const trap_info_t *trap = trap_table; trap->address; trap++)
        context->trap_ctxt[trap->vector] = *trap;
    context->kernel_ss = FLAT_KERNEL_SS;
    context->kernel_sp = (unsigned long)stack_top;
    context->ctrlreg[3] = (unsigned long)va_to_mfn(kernel_root()) << PAGE_SHIFT;
    context->event_callback_eip = (unsigned long)event_entry;
    context->failsafe_callback_eip = (unsigned long)trap_failsafe;
    context->syscall_callback_eip = (unsigned long)trap_syscall;
    context->fs_base = (unsigned long)&vcpu->fs_block;
    context->gs_base_kernel = (unsigned long)vcpu;
}

/* Tells the hypervisor where the vcpu_info is, if that is not the shared page. */
static long register_info(const struct vcpu *vcpu)
{
    struct vcpu_register_vcpu_info info = {.mfn = va_to_mfn(vcpu->info),
                                           .offset = (uintptr_t)vcpu->info % PAGE_SIZE};

    if (vcpu->id < XEN_LEGACY_MAX_VCPUS)
        return 0;
    return hypercall_vcpu_op(VCPUOP_register_vcpu_info, vcpu->id, &info);
}

int vcpu_start(unsigned int id, void (*function)(void *), void *argument)
{
    struct vcpu_guest_context *context;
    char *stack;
    long error;

    if (id == 0 || id >= MAX_VCPUS)
        return -ENOENT;
    context = malloc(sizeof(*context));
    stack = pages_alloc(VCPU_STACK_PAGES);
    if (!context || !stack) {
        free(context);
        if (stack)
            pages_free(stack, VCPU_STACK_PAGES);
        return -ENOMEM;
    }
    init_record(id);
    jobs[id].function = function;
    jobs[id].argument = argument;
    fill_context(context, &vcpus[id], stack + VCPU_STACK_PAGES * PAGE_SIZE - 16);
    error = register_info(&vcpus[id]);
    if (!error)
        error = hypercall_vcpu_op(VCPUOP_initialise, id, context);
    free(context);
    if (error) {
        pages_free(stack, VCPU_STACK_PAGES);
        return (int)error;
    }
    return (int)hypercall_vcpu_op(VCPUOP_up, id, NULL);
}

int vcpu_is_up(unsigned int id)
{
    return (int)hypercall_vcpu_op(VCPUOP_is_up, id, NULL);
}
