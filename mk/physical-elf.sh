#!/bin/bash
# SPDX-License-Identifier: MIT
#
# physical-elf.sh IMAGE: gives an ELF64 image's entry point and segments their physical addresses.
#
# The linker knows one address for both: the virtual one. A boot loader runs the image without
# paging: GRUB translates an entry point from p_vaddr to p_paddr, kexec jumps to e_entry as it is.
# With p_vaddr = p_paddr and a physical e_entry both arrive at the same instruction. Sections and
# symbols, which debuggers read, keep their virtual addresses.
#
# Offsets: ELF-64 Object File Format 1.5, figures 2 and 6.
set -eu
image=$1

# field OFFSET BYTES: a little-endian number, as bash counts (64 bits, signed).
field() { echo $((0x$(od -An -v -t "x$2" -j "$1" -N "$2" "$image" | tr -d ' '))); }

# put OFFSET VALUE: writes 8 bytes, lowest first.
put() {
    local bytes='' value=$2 i
    for ((i = 0; i < 8; i++)); do
        bytes+=$(printf '\\x%02x' $((value >> 8 * i & 0xff)))
    done
    printf '%b' "$bytes" | dd of="$image" bs=1 seek="$1" conv=notrunc status=none
}

[ "$(field 0 4)" -eq $((0x464c457f)) ] || { echo "$image: no ELF file" >&2; exit 1; }
entry=$(field 24 8) headers=$(field 32 8) size=$(field 54 2) count=$(field 56 2)
moved=
for ((i = 0; i < count; i++)); do
    at=$((headers + i * size))
    virtual=$(field $((at + 16)) 8) physical=$(field $((at + 24)) 8) length=$(field $((at + 40)) 8)
    if [ "$entry" -ge "$virtual" ] && [ "$entry" -lt $((virtual + length)) ] && [ -z "$moved" ]; then
        put 24 $((entry - virtual + physical))
        moved=yes
    fi
    put $((at + 16)) "$physical"
done
[ -n "$moved" ] || { echo "$image: its entry point lies in no segment" >&2; exit 1; }
