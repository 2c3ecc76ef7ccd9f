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
GUEST_test-cpu-policy_ROLE := dom0
GUEST_test-zombie_ROLE := dom0

# What system tests run.
GUEST_crash_SRCS := tests/guest/crash.c
GUEST_store-flood_SRCS := tests/guest/store-flood.c tests/guest/raw_store.c
GUEST_writer_SRCS := tests/guest/writer.c
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

# A vCPU on each CPU.
GUEST_all-cpus_SRCS := tests/guest/harness.c tests/guest/all-cpus.c
