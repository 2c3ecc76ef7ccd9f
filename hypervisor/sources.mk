# SPDX-License-Identifier: MIT
#
# The portable half of the hypervisor.

HV_SRCS += \
    hypervisor/console.c \
    hypervisor/console_io.c \
    hypervisor/domain.c \
    hypervisor/hypercall.c \
    hypervisor/multicall.c \
    hypervisor/domctl.c \
    hypervisor/domctl_vcpu.c \
    hypervisor/event_channel.c \
    hypervisor/evtchn_2l.c \
    hypervisor/evtchn_fifo.c \
    hypervisor/lib/printf.c \
    hypervisor/lib/string.c \
    hypervisor/grant_copy.c \
    hypervisor/grant_map.c \
    hypervisor/grant_op.c \
    hypervisor/grant_table.c \
    hypervisor/memory.c \
    hypervisor/page_alloc.c \
    hypervisor/page_refusal.c \
    hypervisor/page_type.c \
    hypervisor/rangeset.c \
    hypervisor/rcu.c \
    hypervisor/sched.c \
    hypervisor/sched_op.c \
    hypervisor/softirq.c \
    hypervisor/spinlock.c \
    hypervisor/sysctl.c \
    hypervisor/timer.c \
    hypervisor/vcpu_op.c \
    hypervisor/vcpu_time.c \
    hypervisor/version.c \
    hypervisor/virq.c \
    hypervisor/xalloc.c

CFLAGS_hypervisor/version.c := \
    -DBULKHEAD_CHANGESET='"$(shell git describe --always --dirty 2>/dev/null || echo unknown)"'
