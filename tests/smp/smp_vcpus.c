/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(SMP_VCPUS) */
/* vCPUs under the scheduler (vcpus.h), CPUs as coroutines: a seed says which runs when. */
#include "smp_interleave.c" /* NOLINT(bugprone-suspicious-include) */
