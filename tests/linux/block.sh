#!/bin/sh
# SPDX-License-Identifier: MIT
# Run by the start script of a Linux domU: loads its block front driver with the parameters behind BLK=
# on the command line, writes 4 MiB to xvda, and reads them back in ways that need different requests:
# buffered, large and direct from several processes, small and direct. Then waits for xvda to grow.
# With the word SECTORS there, sectors.sh is run instead.
grep -q SECTORS /proc/cmdline && exec sh /guests/sectors.sh
parameters=$(sed 's/.*BLK=//;s/,/ /g' /proc/cmdline)
insmod /guests/xen-blkfront.ko $parameters
while [ ! -b /dev/xvda ]; do sleep 0.1; done
size=$(cat /sys/block/xvda/size)
dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null
sum=$(md5sum </tmp/data)
check() {
    if [ "$(md5sum)" = "$sum" ]; then echo "BLOCK $1: ok"; else echo "BLOCK $1: FAIL"; fi
}
dd if=/tmp/data of=/dev/xvda bs=1M conv=fsync 2>/dev/null
echo 3 >/proc/sys/vm/drop_caches
dd if=/dev/xvda bs=1M count=4 2>/dev/null | check "buffered"
for part in 0 1 2 3; do
    dd if=/dev/xvda of=/tmp/part$part bs=512k skip=$((part * 2)) count=2 iflag=direct 2>/dev/null &
done
wait
cat /tmp/part0 /tmp/part1 /tmp/part2 /tmp/part3 | check "large and direct"
for part in 0 1 2 3; do
    dd if=/tmp/part$part of=/dev/xvda bs=4k seek=$((1024 + part * 256)) oflag=direct 2>/dev/null &
done
wait
dd if=/dev/xvda bs=4k skip=1024 count=1024 iflag=direct 2>/dev/null | check "small and direct"
echo "BLOCK size $size"
while [ "$(cat /sys/block/xvda/size)" = "$size" ]; do sleep 0.1; done
echo "BLOCK size $(cat /sys/block/xvda/size)"
blkdiscard -o 0 -l 1048576 /dev/xvda && echo "BLOCK discard: ok"
echo "BLOCK DONE"
