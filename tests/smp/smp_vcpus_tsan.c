/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(SMP_VCPUS) */
/* vCPUs under the scheduler (vcpus.h), CPUs as threads, under the thread sanitizer. */
#include "smp_tsan.c" /* NOLINT(bugprone-suspicious-include) */
