/* SPDX-License-Identifier: MIT */
/* The values of options that the administrator did not give. */
#include <options.h>

struct hv_options hv_options = {
    .switch_character = 1, /* Ctrl-A */
    .maxcpus = ~0U,
    .watchdog_timeout = 5,
    .spec_ctrl = true,
    .md_clear = MD_CLEAR_BY_CPU,
    .dom0_mem = DOM0_MEM_UNSET,
    .dom0_mem_min = DOM0_MEM_UNSET,
    .dom0_mem_max = DOM0_MEM_UNSET,
};
