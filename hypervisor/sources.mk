# SPDX-License-Identifier: MIT
#
# The portable half of the hypervisor.

# Kernel images and the start of the day: for the boot part of the hypervisor, and for the tools.
IMAGE_SRCS := $(addprefix hypervisor/image/, \
    bzimage.c elf_stream.c kernel_reader.c layout.c notes.c page_tables.c report.c start_info.c)

HV_SRCS += \
    hypervisor/console.c \
    hypervisor/console_input.c \
    hypervisor/console_io.c \
    hypervisor/cpu_hotplug.c \
    hypervisor/debug_keys.c \
    hypervisor/domain.c \
    hypervisor/domain_dump.c \
    hypervisor/domain_table.c \
    hypervisor/hypercall.c \
    hypervisor/hypfs.c \
    hypervisor/multicall.c \
    hypervisor/domctl.c \
    hypervisor/domctl_vcpu.c \
    hypervisor/event_channel.c \
    hypervisor/event_op.c \
    hypervisor/evtchn_2l.c \
    hypervisor/evtchn_fifo.c \
    hypervisor/lib/printf.c \
    hypervisor/lib/string.c \
    hypervisor/grant_copy.c \
    hypervisor/grant_map.c \
    hypervisor/grant_op.c \
    hypervisor/grant_table.c \
    hypervisor/lock_profile.c \
    hypervisor/memory_exchange.c \
    hypervisor/memory_op.c \
    hypervisor/memory_reservation.c \
    hypervisor/memory_resource.c \
    hypervisor/options.c \
    hypervisor/page_alloc.c \
    hypervisor/page_refusal.c \
    hypervisor/page_type.c \
    hypervisor/power_states.c \
    hypervisor/rangeset.c \
    hypervisor/rcu.c \
    hypervisor/sched.c \
    hypervisor/sched_cap.c \
    hypervisor/sched_fair.c \
    hypervisor/sched_op.c \
    hypervisor/sched_place.c \
    hypervisor/sched_tree.c \
    hypervisor/softirq.c \
    hypervisor/spinlock.c \
    hypervisor/sysctl.c \
    hypervisor/timer.c \
    hypervisor/trace.c \
    hypervisor/vcpu_op.c \
    hypervisor/vcpu_time.c \
    hypervisor/version.c \
    hypervisor/virq.c \
    hypervisor/xalloc.c \
    $(IMAGE_SRCS)

CFLAGS_hypervisor/version.c := \
    -DBULKHEAD_CHANGESET='"$(shell git describe --always --dirty 2>/dev/null || echo unknown)"'
