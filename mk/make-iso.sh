#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make-iso.sh [-u] OUT HYPERVISOR CMDLINE [MODULE CMDLINE]...
# Writes a CD image whose GRUB boots HYPERVISOR by multiboot2 with the modules, each with its own
# command line, as it is stored (never unpacked by GRUB). For BIOS machines; with -u for UEFI, by
# the GRUB in the folder that the environment's GRUB_EFI names.
set -eu
grub=/usr/lib/grub/i386-pc modules=biosdisk
if [ "$1" = -u ]; then
    grub=$GRUB_EFI modules=efi_gop
    shift
fi
out=$1 hypervisor=$2 cmdline=$3
shift 3

tree=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/boot/grub"
cp -L "$hypervisor" "$tree/boot/bulkhead"
{
    echo 'serial --unit=0 --speed=115200'
    echo 'terminal_output console serial'
    echo 'set timeout=0'
    echo 'menuentry Bulkhead {'
    echo "    multiboot2 /boot/bulkhead $cmdline"
    number=1
    while [ $# -gt 0 ]; do
        cp -L "$1" "$tree/boot/module$number"
        echo "    module2 --nounzip /boot/module$number $2"
        shift 2
        number=$((number + 1))
    done
    echo '}'
} >"$tree/boot/grub/grub.cfg"

log=$(grub-mkrescue -d "$grub" -o "$out.tmp" \
    --install-modules="multiboot2 normal iso9660 $modules serial terminal configfile part_msdos gzio" \
    --locales= --fonts= --themes= "$tree" 2>&1) || { echo "$log" >&2; exit 1; }
mv "$out.tmp" "$out"
