#!/bin/sh
# SPDX-License-Identifier: MIT
# Run by the start script of a Linux domU: says which sectors its disks have, puts a file system with
# some data on each, and writes to the raw disks.
mkdir -p /mnt
insmod /guests/xen-blkfront.ko
dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null
for disk in xvda xvdb; do
    while [ ! -b /dev/$disk ]; do sleep 0.1; done
    cd /sys/block/$disk
    echo "SECTORS $disk: $(cat queue/logical_block_size) $(cat queue/physical_block_size) $(cat size)"
    cd /
    mke2fs -b 4096 /dev/$disk >/dev/null && mount -t ext4 /dev/$disk /mnt && cp /tmp/data /mnt &&
        umount /mnt && echo 3 >/proc/sys/vm/drop_caches && mount -t ext4 -o ro /dev/$disk /mnt &&
        cmp /tmp/data /mnt/data && umount /mnt && echo "SECTORS $disk: data ok"
    dd if=/tmp/data of=/dev/$disk bs=4096 seek=100 count=200 oflag=direct 2>/dev/null
    dd if=/dev/$disk of=/tmp/back bs=4096 skip=100 count=200 iflag=direct 2>/dev/null
    [ "$(head -c 819200 /tmp/data | md5sum)" = "$(md5sum </tmp/back)" ] &&
        echo "SECTORS $disk: direct ok"
done
echo "SECTORS DONE"
