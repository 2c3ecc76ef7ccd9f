/* SPDX-License-Identifier: MIT */
/*
 * Files: the ramdisk, a cpio archive ("newc"), read-only and never copied.
 *
 * Names are absolute ("/guests/linux.cfg"); "." and ".." are not interpreted. Directories that the
 * archive only implies by the names of its files exist as well.
 */
#ifndef FS_H
#define FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fs_file {
    const void *data; /* in the ramdisk; NULL for a directory */
    size_t size;
    bool directory;
    uint32_t mode; /* st_mode as archived */
};

/* Finds a file or directory. @return 0, -ENOENT, or -ENODEV without a valid ramdisk. */
int fs_lookup(const char *path, struct fs_file *file);

/*
 * Lists a directory: calls @entry for each name directly below @path once, in archive order, with
 * the bare name. Stops early when @entry returns false.
 * @return 0, -ENOENT, -ENOTDIR or -ENODEV.
 */
int fs_list(const char *path,
            bool (*entry)(const char *name, const struct fs_file *file, void *argument),
            void *argument);

#endif
