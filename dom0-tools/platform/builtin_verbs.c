/* SPDX-License-Identifier: MIT */
/* The verbs of bh at the built-in dom0's prompt: all that there are. */
#include <stddef.h>

#include "../bh/bh.h"

const struct bh_verb *const bh_verbs[] = {
    bh_create_verbs, bh_domain_verbs,  bh_vcpu_verbs,   bh_sched_verbs, bh_cpu_verbs,
    bh_top_verbs,    bh_console_verbs, bh_device_verbs, bh_store_verbs, bh_info_verbs,
    bh_debug_verbs,  bh_machine_verbs, bh_help_verbs,   NULL,
};
