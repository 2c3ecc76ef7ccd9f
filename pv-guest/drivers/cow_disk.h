/* SPDX-License-Identifier: MIT */
/*
 * A disk that can be written while what it stands on stays as it is: written sectors are kept in
 * memory and are gone when it is closed.
 */
#ifndef DRIVERS_COW_DISK_H
#define DRIVERS_COW_DISK_H

#include <drivers/block.h>

/*
 * How many pages a disk may be given that is opened now: half of what is free, is not to be spared
 * for others, and may not yet be taken by disks that are open. 0 when there is no room for another.
 */
unsigned long cow_disk_share(void);

/*
 * How many pages anybody may take for a while: those that are free, but for what the open disks may
 * still take, and but for @kept pages in any case.
 */
unsigned long cow_disk_spare(unsigned long kept);

/*
 * Lays a copy-on-write disk over @base, which is closed together with it.
 * @param pages how many it may take for data. A write that finds no room, by this limit or since
 *              memory is used up, fails with -ENOSPC and changes nothing.
 * @return 0, or -ENOMEM, also for no pages.
 */
int cow_disk_open(struct block_device *base, unsigned long pages, struct block_device **device);

#endif
