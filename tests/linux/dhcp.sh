#!/bin/sh
# SPDX-License-Identifier: MIT
# What busybox's udhcpc calls in the network tests' ramdisk: the address becomes the device's.
if [ "$1" = bound ]; then
    ip addr add "$ip/$mask" dev "$interface"
    ip route add default via "$router"
    echo "dhcp BOUND $ip"
fi
