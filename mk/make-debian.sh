#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make-debian.sh RECIPE KERNEL_ROOT BUSYBOX OUT
# Builds an installed Debian 12 from Debian's packages, without root's rights where the system lets
# users have name spaces: OUT/disk.img, a GPT disk whose first partition is the ext4 root, and
# OUT/initrd.gz, a small ramdisk that mounts it. RECIPE is a folder with
#
#   packages     what is installed beside Debian's minimal set
#   modules      kernel modules in the root; those of the ramdisk are marked "initrd"
#   tree/        files of ours, over the packages'
#   setup        run in the new root (by chroot) at the end
#   size         of the disk, in MiB
#
# KERNEL_ROOT is where Debian's kernel package was unpacked.
set -eu
here=$(dirname "$(readlink -f "$0")")
recipe=$(readlink -f "$1") kernel=$(readlink -f "$2") busybox=$(readlink -f "$3") out=$4
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
mkdir -p "$out"
out=$(readlink -f "$out")

words() { sed 's/#.*//' "$@"; }
release=$(cd "$kernel/lib/modules" && printf '%s\n' * | sort -V | tail -n 1)

# Building in memory is several times faster than on a disk, for the many small files.
work=$(TMPDIR=$( [ -w /dev/shm ] && echo /dev/shm || echo "$out") mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"

# ---- kernel modules with all that they need, in an order in which they can be loaded ----

# A file with "insmod" lines of modprobe, one a module, each once.
modules_in_order() {
    for module in "$@"; do
        modprobe -d "$kernel" -S "$release" --show-depends "$module"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++'
}
[ -s "$kernel/lib/modules/$release/modules.dep" ] || depmod -b "$kernel" "$release"
mapfile -t all < <(modules_in_order $(words "$recipe/modules" | awk '{print $1}'))
mapfile -t early < <(modules_in_order $(words "$recipe/modules" | awk '$2 == "initrd" {print $1}'))

# ---- the ramdisk ----

mkdir -p "$work/initrd"/{bin,dev,proc,sys,root,lib/modules}
cp "$busybox" "$work/initrd/bin/busybox"
cp "$here/debian/initrd-init" "$work/initrd/init"
chmod 0755 "$work/initrd/bin/busybox" "$work/initrd/init"
number=100
for module in "${early[@]}"; do
    cp "$module" "$work/initrd/lib/modules/$number-${module##*/}"
    number=$((number + 1))
done
"$here/make-cpio.sh" "$work/initrd" | gzip -n -6 >"$work/initrd.gz"

# ---- the root file system ----

mkdir -p "$work/tree"
[ ! -d "$recipe/tree" ] || cp -r "$recipe/tree/." "$work/tree/"
for module in "${all[@]}"; do
    target=$work/tree/usr/lib/modules/$release/${module#"$kernel/lib/modules/$release/"}
    mkdir -p "${target%/*}"
    cp "$module" "$target"
done
cp "$kernel/lib/modules/$release"/modules.{order,builtin,builtin.modinfo} \
    "$work/tree/usr/lib/modules/$release/"
tar -C "$work/tree" --owner=0 --group=0 -cf "$work/tree.tar" .
cp "$recipe/setup" "$work/setup"

# The hook sees the new root's owners as they are meant, whoever runs mmdebstrap.
cat >"$work/hook" <<HOOK
set -eu
root=\$1
tar -C "\$root" -xf "$work/tree.tar" --keep-directory-symlink --no-overwrite-dir
chroot "\$root" depmod "$release"
chroot "\$root" sh -eu <"$work/setup"
rm -rf "\$root"/usr/share/{doc,man,info,locale,i18n} "\$root"/var/{cache,log}/apt/* \
    "\$root"/var/lib/apt/lists/*
# /proc and /sys are mounted in it, and mke2fs would go down into them.
mkdir "$work/plain"
mount --bind "\$root" "$work/plain"
mke2fs -q -F -t ext4 -L root -E offset=1048576,lazy_itable_init=0,root_owner=0:0 \
    -d "$work/plain" "$work/disk.img" \$(( ($(words "$recipe/size") - 2) * 1024 ))k
umount "$work/plain"
HOOK
truncate -s "$(words "$recipe/size")M" "$work/disk.img"
chmod 0666 "$work/disk.img"

packages=$(words "$recipe/packages" | xargs | tr ' ' ',')
log=$(TMPDIR=$work mmdebstrap --variant=minbase --include="$packages" --format=null \
    --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/i18n/*' \
    --customize-hook="bash $work/hook \"\$1\"" bookworm - "$mirror" 2>&1) || { echo "$log" >&2; exit 1; }
sfdisk -q "$work/disk.img" >"$work/sfdisk" 2>&1 <<TABLE
label: gpt
start=2048, size=$((($(words "$recipe/size") - 2) * 2048)), type=linux, name=root
TABLE
cp --sparse=always "$work/disk.img" "$out/disk.img.tmp"
mv "$out/disk.img.tmp" "$out/disk.img"
mv "$work/initrd.gz" "$out/initrd.gz"
