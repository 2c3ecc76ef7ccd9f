# SPDX-License-Identifier: MIT
#
# The reference PV kernel: a library that every guest image links, and the images on top of it.

GUEST_SRCS := $(addprefix pv-guest/, \
    x86_64/boot.S x86_64/entry.S \
    start.c guest.c vcpu.c traps.c memory.c physical_map.c pagetable.c window.c events.c clock.c \
    thread.c grant.c io_page.c console.c fs.c store.c store_ring.c user.c \
    lib/string.c lib/number.c lib/malloc.c lib/printf.c lib/sort.c lib/runtime.c)

# Drivers are linked into the images that name them: what all of them need, then one by one.
SPLIT_SRCS := $(addprefix pv-guest/drivers/, work.c split.c split_device.c split_nodes.c)

BLOCK_SRCS := $(addprefix pv-guest/drivers/, \
    block.c block_wait.c block_target.c block_partitions.c partition.c file_disk.c cow_disk.c)
# Both ends of split block devices.
BLOCK_FRONT_SRCS := $(addprefix pv-guest/drivers/, blkfront.c blkfront_io.c blkfront_ring.c)
BLOCK_BACK_SRCS := $(addprefix pv-guest/drivers/, \
    blkback.c blkback_io.c blkback_pages.c blkback_ring.c)

PCI_SRCS := $(addprefix pv-guest/, pci.c pci_interrupts.c)
UNDRIVEN_SRCS := pv-guest/drivers/undriven.c
POWER_BUTTON_SRCS := $(addprefix pv-guest/drivers/, power_button.c acpi_tables.c)
VIRTIO_SRCS := $(addprefix pv-guest/drivers/, virtqueue.c virtio_pci.c virtio_watch.c)
VIRTIO_BLK_SRCS := pv-guest/drivers/virtio_blk.c

# Packets and what goes with them; both ends of split network devices; the bridge; the IP stack.
NET_SRCS := $(addprefix pv-guest/drivers/, net.c net_checksum.c net_offload.c)
VIRTIO_NET_SRCS := pv-guest/drivers/virtio_net.c
NET_FRONT_SRCS := $(NET_SRCS) $(addprefix pv-guest/drivers/, \
    netfront.c netfront_data.c netfront_ring.c)
NET_BACK_SRCS := $(NET_SRCS) $(addprefix pv-guest/drivers/, \
    bridge.c netback.c netback_transmit.c netback_receive.c netback_ring.c)
IP_SRCS := $(addprefix pv-guest/drivers/, ip.c ip_arp.c ip_icmp.c ip_udp.c ip_dhcp.c)

GUEST_demo_SRCS := $(addprefix pv-guest/apps/, demo.c shutdown.c)
GUEST_echo_SRCS := $(addprefix pv-guest/apps/, echo.c shutdown.c) \
    $(SPLIT_SRCS) $(NET_FRONT_SRCS) $(IP_SRCS)
GUEST_netbench_SRCS := pv-guest/apps/netbench.c $(SPLIT_SRCS) $(NET_FRONT_SRCS)
GUEST_bench_SRCS := pv-guest/apps/bench.c pv-guest/apps/bench_entry.S
GUEST_load_SRCS := pv-guest/apps/load.c
GUEST_disk_SRCS := pv-guest/apps/disk.c pv-guest/apps/disk_job.c \
    $(SPLIT_SRCS) $(BLOCK_SRCS) $(BLOCK_FRONT_SRCS) $(PCI_SRCS) $(VIRTIO_SRCS) $(VIRTIO_BLK_SRCS)
# Both ends of the example of docs/drivers.md.
GUEST_shout-back_SRCS := $(addprefix pv-guest/apps/, shout_back.c shutdown.c) $(SPLIT_SRCS)
GUEST_shout-front_SRCS := $(addprefix pv-guest/apps/, shout_front.c shutdown.c) $(SPLIT_SRCS)
