# SPDX-License-Identifier: MIT
#
# What the programs of tests/smp have in common, besides $(HOST_CORE) and $(HOST_PV).

SMP_CORE := $(addprefix tests/, fuzz/pv_machine.c fuzz/pv_steps.c fuzz/pv_tlb.c smp/pv_smp.c smp/smp.c)
