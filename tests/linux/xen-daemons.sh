#!/bin/sh
# SPDX-License-Identifier: MIT
# In a Linux dom0 that lives for one test: Xen's daemons as Debian's own script starts them.
tools=/usr/lib/xen-4.17/bin
mkdir -p /run/xenstored /run/lock /run/xen /var/lib/xen /var/lib/xenstored /var/log/xen/console /dev/pts
ln -s /run /var/run
ln -s /run/lock /var/lock
mount -t devpts devpts /dev/pts
$tools/xenstored --pid-file /run/xenstored.pid
$tools/xen-init-dom0
$tools/xenconsoled --pid-file=/run/xenconsoled.pid
