/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs: the record that each has, reached through GS, and bringing up others.
 *
 * Threads, timers and default event binding live on vCPU 0. Other vCPUs run one function each, for
 * tests; they may not use threads or wait.
 */
#ifndef VCPU_H
#define VCPU_H

#include <public/vcpu.h>
#include <public/xen.h>
#include <stdbool.h>
#include <stdint.h>
#include <traps.h>

#define MAX_VCPUS 128 /* as many as the hypervisor gives a domain */

struct catch_state;

struct vcpu {
    struct vcpu *self; /* first, read through %gs:0 */
    unsigned int id;
    vcpu_info_t *info; /* in the shared page, which has 32, or in our memory */
    trap_hook hook;
    struct catch_state *catching; /* the innermost trap_catch() that is under way */
    struct registers *user_regs;  /* user_run(): where it wants the registers */
    uint64_t user_frame;          /* user_run(): stack to go back to */
    struct {
        uint8_t unused[0x28];
        uint64_t canary; /* %fs:0x28 */
    } fs_block;
};

/* The record of the vCPU that runs. */
static inline struct vcpu *this_vcpu(void)
{
    struct vcpu *vcpu;

    asm volatile("mov %%gs:0, %0" : "=r"(vcpu));
    return vcpu;
}

/* Record of vCPU @id. */
struct vcpu *vcpu_record(unsigned int id);

/*
 * Initialises vCPU @id and starts it in `function(argument)`; when that returns, it goes down.
 * @return 0, or a negative errno (-ENOENT: no such vCPU; -EEXIST: it was initialised before).
 */
int vcpu_start(unsigned int id, void (*function)(void *), void *argument);

/* Whether vCPU @id is running or runnable; <0: no such vCPU. */
int vcpu_is_up(unsigned int id);

#endif
