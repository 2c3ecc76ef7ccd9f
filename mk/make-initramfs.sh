#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make-initramfs.sh OUT BUSYBOX HOSTNAME [-m MODULE_DIR MODULE...] [-g GUESTS_DIR]
# Writes a gzipped Linux ramdisk: busybox, its init, a shell on hvc0; with -m the named kernel
# modules, which its start script loads, and with -g a folder that becomes /guests.
set -eu
here=$(dirname "$(readlink -f "$0")")
out=$1 busybox=$2 host=$3
shift 3

tree=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,sbin,etc/udhcpc,lib/modules,root,proc,sys,dev,tmp,run}
cp -L "$busybox" "$tree/bin/busybox"
chmod 0755 "$tree" "$tree/bin/busybox"
for applet in $("$tree/bin/busybox" --list); do
    case $applet in
    busybox) ;;
    init | poweroff | reboot | halt) ln -s ../bin/busybox "$tree/sbin/$applet" ;;
    *) ln -s busybox "$tree/bin/$applet" ;;
    esac
done
cp "$here/initramfs/init" "$tree/init"
cp "$here/initramfs/inittab" "$here/initramfs/rc" "$tree/etc/"
cp "$here/initramfs/udhcpc" "$tree/etc/udhcpc/default.script"
echo "$host" >"$tree/etc/hostname"

while [ $# -gt 0 ]; do
    case $1 in
    -m)
        dir=$2
        shift 2
        while [ $# -gt 0 ] && [ "$1" != -g ]; do
            cp -- "$(find -L "$dir" -name "$1.ko" -print -quit)" "$tree/lib/modules/"
            shift
        done
        ;;
    -g)
        cp -rL "$2" "$tree/guests"
        shift 2
        ;;
    esac
done

"$here/make-cpio.sh" "$tree" | gzip -n -6 >"$out.tmp"
mv "$out.tmp" "$out"
