/* SPDX-License-Identifier: MIT */
/*
 * A file of the ramdisk as a read-only disk. What does not fill a sector at its end is not seen.
 */
#ifndef DRIVERS_FILE_DISK_H
#define DRIVERS_FILE_DISK_H

#include <drivers/block.h>

/*
 * Opens a file. operations->close frees it.
 * @return 0, -ENOENT, -ENODEV (no ramdisk), -EISDIR, -EINVAL (less than a sector), -ENOMEM.
 */
int file_disk_open(const char *path, struct block_device **device);

#endif
