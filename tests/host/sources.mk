# SPDX-License-Identifier: MIT
#
# The portable hypervisor in a host process, for unit tests and fuzzers: "SOURCES: $(HOST_CORE)".
# With "$(HOST_PV)" it is that of x86, for PV domains.

HOST_FAKES := $(addprefix tests/host/, \
    arch.c hypercalls.c instructions.c machine.c memory.c)

HOST_CORE := $(HOST_FAKES) $(addprefix hypervisor/, \
    cpu_hotplug.c domain.c domain_dump.c domain_table.c event_channel.c event_op.c evtchn_2l.c \
    evtchn_fifo.c virq.c \
    grant_copy.c grant_map.c grant_op.c grant_table.c memory_exchange.c memory_op.c \
    memory_reservation.c memory_resource.c page_refusal.c page_type.c rangeset.c rcu.c sched.c \
    sched_cap.c sched_fair.c sched_op.c sched_place.c sched_tree.c softirq.c spinlock.c timer.c trace.c \
    vcpu_time.c)

# All of arch/x86/pv/ and what else of arch/x86 is fit for it, on faked instructions.
HOST_PV := tests/host/x86.c $(sort $(wildcard arch/x86/pv/*.c)) $(addprefix arch/x86/, \
    context.c domain.c domctl.c tlb.c vcpu_state.c)

# PV domains on a machine of a few frames, with the models of TLBs and caches.
PV_MACHINE := $(addprefix tests/fuzz/, pv_address.c pv_cache.c pv_machine.c pv_tlb.c)
