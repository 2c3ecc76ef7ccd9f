#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make-cpio.sh DIR: writes a newc archive of DIR's contents to the output, owned by root and in a
# fixed order.
set -eu
cd "$1"
find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort |
    cpio --create --format=newc --reproducible --owner=0:0 --quiet
