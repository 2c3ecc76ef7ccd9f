/* SPDX-License-Identifier: MIT */
/*
 * The page-type machine against its invariant.
 *
 * Two unprivileged domains and a privileged one do random page-table work on a machine of a few
 * dozen frames: hypercalls of every kind, stores to page tables, grants, descriptor tables, pages
 * given back, plain writes to whatever a translation of theirs still allows. After each step all
 * counts are worked out from scratch and compared, and a model of the TLB, which forgets only what
 * a full flush makes it forget, is checked for translations that must not exist.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) tests/fuzz/pv_steps.c */
#include "pv_machine.h"
#include "pv_steps.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MAX_STEPS 48U

static void change_vcpu(void)
{
    u64 which = pv_random(&pv_actors[0].random) >> 8;

    machine_switch(which % NR_DOMAINS, which / NR_DOMAINS % 2);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    pv_actors[0] = (struct pv_actor){.input = data,
                                     .input_end = data + size,
                                     .random = 0xcbf29ce484222325UL,
                                     .change_vcpu = change_vcpu};
    machine_start(PV_FRAMES_EACH);
    for (unsigned int i = 0; i < MAX_STEPS; i++) {
        pv_step();
        if (pv_random(&pv_actors[0].random) >> 8 & 3)
            host_return_to_guest();
        machine_check();
        host_return_to_guest();
    }
    host_preempt_every(size % 4);
    machine_end();
    return 0;
}
