#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make-ramdisk.sh OUT DIR...
# Writes the built-in dom0's ramdisk: a newc archive whose /guests holds the files of every DIR,
# a later one over an earlier.
set -eu
here=$(dirname "$(readlink -f "$0")")
out=$1
shift

tree=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$tree"' EXIT
mkdir "$tree/guests"
chmod 0755 "$tree"
for dir in "$@"; do
    [ -d "$dir" ] || { echo "GUESTS: $dir is not a directory" >&2; exit 1; }
    cp -rLf "$dir/." "$tree/guests/"
done
"$here/make-cpio.sh" "$tree" >"$out.tmp"
mv "$out.tmp" "$out"
