#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs in a Linux ramdisk on the bare machine: starts Bulkhead in Linux's place, with its built-in
# dom0. What follows `bulkhead=` on Linux's command line, commas for blanks, are Bulkhead's options.
options=$(sed -n 's/.*bulkhead=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' ')
kexec --type=multiboot2-x86 -l /guests/bulkhead --command-line="console=com1 noreboot $options" \
    --module="/guests/dom0 one two" --module=/guests/ramdisk || exit
echo "kexec: leaving Linux"
kexec -e -x
