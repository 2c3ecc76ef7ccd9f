/* SPDX-License-Identifier: MIT */
/* The verbs of bh beside Debian's tools. Files, the store and the machine's end are Linux's. */
#include <stddef.h>

#include "../../bh/bh.h"

const struct bh_verb *const bh_verbs[] = {
    bh_domain_verbs,  bh_vcpu_verbs, bh_sched_verbs, bh_cpu_verbs,  bh_top_verbs,
    bh_console_verbs, bh_info_verbs, bh_debug_verbs, bh_help_verbs, NULL,
};
