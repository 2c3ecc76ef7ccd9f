#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs in a Linux ramdisk on the bare machine: starts Bulkhead in Linux's place, with its built-in
# dom0. On UEFI the tables of ACPI are where only the firmware knows, and kexec does not hand that on.
rsdp=$(sed -n 's/^ACPI20=\(.*\)/acpi_rsdp=\1/p' /sys/firmware/efi/systab 2>/dev/null)
kexec --type=multiboot2-x86 -l /guests/bulkhead --command-line="console=com1 noreboot $rsdp" \
    --module="/guests/dom0 one two" --module=/guests/ramdisk || exit
echo "kexec: leaving Linux"
kexec -e -x
