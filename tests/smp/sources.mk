# SPDX-License-Identifier: MIT
#
# What the programs of tests/smp have in common, besides $(HOST_CORE) and $(HOST_PV).

SMP_COMMON := $(PV_MACHINE) $(addprefix tests/, fuzz/pv_steps.c $(addprefix smp/, \
    midway.c seeds.c smp.c))
SMP_CORE := $(SMP_COMMON) tests/smp/pv_smp.c
SMP_VCPUS := $(SMP_COMMON) hypervisor/vcpu_op.c $(addprefix tests/smp/, \
    vcpus.c vcpus_check.c vcpus_control.c vcpus_events.c vcpus_guest.c)
SMP_PAIRS := $(filter-out tests/smp/seeds.c,$(SMP_COMMON))
