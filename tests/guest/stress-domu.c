/* SPDX-License-Identifier: MIT */
/* A domU of the stress test: all its vCPUs work until dom0 says that it is enough (stress.h). */
#include <guest.h>
#include <hypercall.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <thread.h>
#include <vcpu.h>

#include "stress.h"

_Static_assert(sizeof(shared_info_t) <= STRESS_BOARD_OFFSET, "the board is behind it");
_Static_assert(STRESS_BOARD_OFFSET + sizeof(struct stress_board) <= PAGE_SIZE, "and in the page");

static void work(void *argument)
{
    struct worker *w = argument;

    stress_begin(w);
    while (!__atomic_load_n(&w->board->stop, __ATOMIC_ACQUIRE))
        stress_step(w);
    stress_end(w);
    while (w->vcpu != 0) /* others may bring it up again */
        hypercall_vcpu_op(VCPUOP_down, w->vcpu, NULL);
}

void guest_main(void)
{
    struct stress_board *board = (void *)((uint8_t *)shared_info + STRESS_BOARD_OFFSET);

    for (unsigned int vcpu = 0; vcpu < STRESS_VCPUS; vcpu++)
        stress_prepare(vcpu, board);
    for (unsigned int vcpu = 1; vcpu < STRESS_VCPUS; vcpu++)
        if (vcpu_start(vcpu, work, &stress_workers[vcpu]))
            guest_panic("vCPU %u does not start", vcpu);
    __atomic_store_n(&board->stage, STRESS_WORKS, __ATOMIC_RELEASE);
    work(&stress_workers[0]);
    for (unsigned int vcpu = 1; vcpu < STRESS_VCPUS; vcpu++) {
        while (!__atomic_load_n(&stress_workers[vcpu].finished, __ATOMIC_ACQUIRE)) {
            hypercall_vcpu_op(VCPUOP_up, vcpu, NULL);
            thread_sleep(1000000);
        }
    }
    __atomic_store_n(&board->stage, STRESS_DONE, __ATOMIC_RELEASE);
    for (;;)
        thread_sleep(1000000000);
}
