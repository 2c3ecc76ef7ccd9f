# SPDX-License-Identifier: MIT
#
# What the programs of tests/smp have in common, besides $(HOST_CORE) and $(HOST_PV).

SMP_CORE := $(PV_MACHINE) $(addprefix tests/, fuzz/pv_steps.c smp/midway.c smp/pv_smp.c smp/smp.c)
