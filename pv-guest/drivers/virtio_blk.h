/* SPDX-License-Identifier: MIT */
/*
 * Virtio block devices: the disks of a machine under QEMU and its like, as "vda", "vdb"...
 */
#ifndef DRIVERS_VIRTIO_BLK_H
#define DRIVERS_VIRTIO_BLK_H

/*
 * Finds the disks and their partitions, registers them (block.h) and prints a line about each. For
 * a thread of dom0, once.
 */
void virtio_blk_init(void);

#endif
