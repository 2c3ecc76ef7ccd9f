#!/bin/sh
# SPDX-License-Identifier: MIT
# Run by the start script of a Linux dom0 on UEFI: what Linux finds of the firmware and its tables, and
# the firmware's variables, by efibootmgr and by hand. With the word SECOND on the kernel's command
# line it is the second boot, which finds what the first one has set and removes it.
say() { sed "s/^/UEFI $1: /"; }
marker=/sys/firmware/efi/efivars/Bulkhead-5d1f0a3c-7c11-4b8e-9f5e-3a0c5b7e9d21
mount -t efivarfs none /sys/firmware/efi/efivars
dmesg | grep -c 'ACPI: RSDP' | say rsdp
ls /sys/firmware/efi/systab /sys/firmware/dmi/tables/DMI 2>&1 | say tables
hwclock -u -r >/dev/null 2>&1 && echo set | say clock
if grep -q SECOND /proc/cmdline; then
    efibootmgr | say found
    od -An -c "$marker" | say variable
    entry=$(efibootmgr | sed -n 's/^Boot\(....\)[* ] Bulkhead disk.*/\1/p')
    efibootmgr -q -b "$entry" -B
    efibootmgr | grep -c 'Bulkhead disk' | say left
else
    printf '\007\000\000\000kept' >"$marker"
    efibootmgr -q -c -d /dev/vda -p 1 -L 'Bulkhead disk' -l '\EFI\debian\grubx64.efi' | say create
    efibootmgr -q -t 7
    efibootmgr | say list
fi
echo "UEFI DONE"
