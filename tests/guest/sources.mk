# SPDX-License-Identifier: MIT
#
# Guest tests: every test-*.c is one image and one subject, with the same frame around it.

$(foreach name,$(patsubst tests/guest/%.c,%,$(wildcard tests/guest/test-*.c)), \
    $(eval GUEST_$(name)_SRCS := tests/guest/harness.c tests/guest/hostile.c tests/guest/$(name).c))

GUEST_test-pci_SRCS += $(PCI_SRCS)

# These speak to the store that a domain is given.
GUEST_test-store_SRCS += tests/guest/raw_store.c
GUEST_test-hostile-store_SRCS += tests/guest/raw_store.c
GUEST_test-store_ROLE := domu
GUEST_test-hostile-store_ROLE := domu

# Control calls: a domU may make none of them.
GUEST_test-control_ROLE := dom0
GUEST_test-cpu-policy_ROLE := dom0
GUEST_test-hotplug_ROLE := dom0
GUEST_test-trace_ROLE := dom0
GUEST_test-zombie_ROLE := dom0

# What system tests run.
GUEST_crash_SRCS := tests/guest/crash.c
GUEST_store-flood_SRCS := tests/guest/store-flood.c tests/guest/raw_store.c
GUEST_writer_SRCS := tests/guest/writer.c
GUEST_contend_SRCS := tests/guest/contend.c
GUEST_chaos_SRCS := tests/guest/hostile.c tests/guest/chaos.c
GUEST_virtio-blk_SRCS := tests/guest/harness.c tests/guest/virtio-blk.c pv-guest/drivers/work.c \
                         $(PCI_SRCS) $(VIRTIO_SRCS) $(VIRTIO_BLK_SRCS) $(BLOCK_SRCS)
GUEST_net-hostile_SRCS := tests/guest/net-hostile.c $(SPLIT_SRCS)

# Front drivers that break the block protocol, one for each of their disks.
GUEST_hostile-blkfront_SRCS := tests/guest/hostile-blkfront.c $(SPLIT_SRCS) \
    pv-guest/drivers/blkfront_ring.c

# Fronts of all kinds driven by chance.
GUEST_driver-chaos_SRCS := $(addprefix tests/guest/, \
    hostile.c driver-chaos.c driver-chaos-blk.c driver-chaos-net.c)

# As much work in one hypercall as fits.
GUEST_greedy_SRCS := tests/guest/greedy.c

# What dom0 may ask for in one piece.
GUEST_one-piece_SRCS := tests/guest/one-piece.c

# Domains that do by chance all that uses several CPUs. Its dom0 builds domUs as the built-in one does.
STRESS_SRCS := $(addprefix tests/guest/, \
    hostile.c stress-work.c stress-pages.c stress-grants.c stress-vcpus.c)
GUEST_stress-domu_SRCS := $(STRESS_SRCS) tests/guest/stress-domu.c
GUEST_stress-dom0_SRCS = $(STRESS_SRCS) tests/guest/stress-control.c tests/guest/stress-dom0.c \
    $(filter-out dom0-tools/platform/builtin_main.c,$(TOOLS_SRCS))
GUEST_stress-dom0_OBJS = $(GUEST_dom0_OBJS)
GUEST_stress-dom0_LIBS = $(GUEST_dom0_LIBS)
CFLAGS_tests/guest/stress-dom0.c := -Idom0-tools/include

# Waits for an NMI of the hardware.
GUEST_hardware-nmi_SRCS := tests/guest/harness.c tests/guest/hardware-nmi.c

# A vCPU on each CPU.
GUEST_all-cpus_SRCS := tests/guest/harness.c tests/guest/all-cpus.c
