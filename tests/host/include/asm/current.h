/* SPDX-License-Identifier: MIT */
/* Per-CPU state on the host: of the CPU that the test says it is (host.h). */
#ifndef HOST_ASM_CURRENT_H
#define HOST_ASM_CURRENT_H

#define get_cpu_info cpu_info_from_stack
#include_next <asm/current.h>
#undef get_cpu_info

struct cpu_info *get_cpu_info(void);

#endif
