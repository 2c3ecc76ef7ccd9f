# SPDX-License-Identifier: MIT
#
# The reference PV kernel: a library that every guest image links, and the images on top of it.

GUEST_SRCS := $(addprefix pv-guest/, \
    x86_64/boot.S x86_64/entry.S \
    start.c guest.c vcpu.c traps.c memory.c physical_map.c pagetable.c window.c events.c clock.c \
    thread.c grant.c console.c fs.c store.c store_ring.c user.c \
    lib/string.c lib/number.c lib/malloc.c lib/printf.c lib/sort.c lib/runtime.c)

# Drivers are linked into the images that name them: what all of them need, then one by one.
SPLIT_SRCS := $(addprefix pv-guest/drivers/, work.c split.c)

BLOCK_SRCS := $(addprefix pv-guest/drivers/, \
    block.c block_wait.c block_target.c block_partitions.c partition.c file_disk.c cow_disk.c)

PCI_SRCS := $(addprefix pv-guest/, pci.c pci_interrupts.c)
VIRTIO_SRCS := $(addprefix pv-guest/drivers/, virtqueue.c virtio_pci.c)
VIRTIO_BLK_SRCS := pv-guest/drivers/virtio_blk.c

GUEST_demo_SRCS := pv-guest/apps/demo.c
GUEST_bench_SRCS := pv-guest/apps/bench.c pv-guest/apps/bench_entry.S
