# SPDX-License-Identifier: MIT
#
# The portable hypervisor in a host process, for unit tests and fuzzers: "SOURCES: $(HOST_CORE)".

HOST_FAKES := tests/host/arch.c tests/host/hypercalls.c tests/host/machine.c tests/host/memory.c

HOST_CORE := $(HOST_FAKES) $(addprefix hypervisor/, \
    domain.c domain_dump.c event_channel.c event_op.c evtchn_2l.c evtchn_fifo.c virq.c \
    grant_copy.c grant_map.c grant_op.c grant_table.c memory_exchange.c memory_op.c \
    memory_reservation.c memory_resource.c page_refusal.c page_type.c rangeset.c rcu.c sched.c \
    sched_fair.c sched_op.c softirq.c spinlock.c timer.c vcpu_time.c)
