#!/bin/bash
# SPDX-License-Identifier: MIT
#
# tests/packages/packages.sh BUILD DEBS
#
# The packages of `make deb`: made twice they are the same bytes; lintian has nothing against them;
# in a small root with Debian's Xen (from DEBS) they are installed, upgraded and removed, which GRUB's
# own script sees, and nothing else changes; and they stand in for Debian's Xen where another package
# depends on it by name. `make install` installs the same files.
set -eu

# dpkg changes its root to run the packages' scripts: a user may do that in a name space.
[ "$(id -u)" -eq 0 ] || exec unshare --map-root-user "$0" "$@"

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
build=$1 debs=$2
work=$(readlink -m "$build/tests/packages")
root=$work/root
rm -rf "$work"
mkdir -p "$work"
# dpkg looks for ldconfig and others, which a user's PATH may lack.
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin

fail() {
    echo "packages: $*" >&2
    exit 1
}

# ---- making them ----

# A make of its own, which does not look for the jobs of the one that runs the tests.
bulkhead_make() {
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s --no-print-directory BUILD="$build" "$@"
}

# make_debs NAME: the packages in $work/NAME, and nothing taken over from other times.
make_debs() {
    bulkhead_make deb DIST="$work/$1" DEB_CHANGELOG="${2:-mk/deb/changelog}" >/dev/null
}

# Below a folder that gives its group on, and beside somebody else's package, which stays.
mkdir -p "$work/first" && mkdir -m 2775 "$work/second"
touch "$work/first/other_1_all.deb"
(umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 make_debs first)
rm "$work/first/other_1_all.deb" || fail "somebody else's package is gone"
(umask 002 && TZ=America/Lima make_debs second)
[ "$(cd "$work/first" && echo *.deb | wc -w)" = 2 ] || fail "not two packages: $(ls "$work/first")"
for deb in "$work"/first/*.deb; do
    cmp "$deb" "$work/second/${deb##*/}" || fail "${deb##*/} is not made the same twice"
done

{
    echo "bulkhead (9999) unstable; urgency=medium"
    printf '\n  * A later version.\n\n'
    echo " -- The Bulkhead authors <bulkhead@bulkhead.example>  Tue, 01 Dec 2026 12:00:00 +0000"
    echo
    cat mk/deb/changelog
} >"$work/changelog"
make_debs later "$work/changelog"

# ---- what lintian says ----

lintian --no-cfg --allow-root --fail-on error,warning \
    "$work"/first/*.deb || fail "lintian does not like them"

# ---- a small root ----

mkdir -p "$root"/{bin,boot/grub,dev,usr/sbin,var/lib/dpkg/info,var/lib/dpkg/updates,tmp}
: >"$root/var/lib/dpkg/status"
cp -L "$build/packages/busybox" "$root/bin/busybox"
for applet in sh ls cat; do ln -s busybox "$root/bin/$applet"; done
# The scripts of Debian's Xen ask for bash.
printf '#!/bin/sh\nexec /bin/sh "$@"\n' >"$root/bin/bash"
# What GRUB's would have found.
printf '#!/bin/sh\nls /boot >/boot/grub/seen\n' >"$root/usr/sbin/update-grub"
chmod 0755 "$root/bin/bash" "$root/usr/sbin/update-grub"
# A device would need more rights.
touch "$root/boot/vmlinuz-6.1.0" "$root/dev/null"
echo CONFIG_XEN_DOM0=y >"$root/boot/config-6.1.0"

# Nothing in this root satisfies dependencies but what is tested here.
in_root() { dpkg --root="$root" --log="$work/dpkg.log" --force-unsafe-io --no-triggers "$@"; }
debian_deb() { ls -v "$debs/$1"_*.deb | tail -n 1; }

# Every file in the root with its owner, mode and contents, but for dpkg's own and GRUB's.
list_root() {
    (cd "$root" && find . '(' -path ./var/lib/dpkg -o -path ./boot/grub -o -path ./dev ')' -prune -o \
        '(' -type f -printf '%m %U %G %p ' -exec sha256sum {} ';' -o -printf '%m %U %G %p %l\n' ')' |
        sort -k 4)
}

# The menu that GRUB's own script makes of the root's /boot, but for how GRUB finds the disk.
mkdir "$work/grub"
cat >"$work/grub/grub-mkconfig_lib" <<'LIB'
. /usr/share/grub/grub-mkconfig_lib
prepare_grub_to_access_device() { :; }
make_system_path_relative_to_its_root() { echo /boot; }
grub_get_device_id() { echo disk; }
LIB
sed "s,/boot/\(vmlinu\|kernel\|xen\),$root/boot/\1,g; s, /vmlinu, $root/vmlinu,g" \
    /etc/grub.d/20_linux_xen >"$work/grub/20_linux_xen"
grub_menu() {
    pkgdatadir=$work/grub GRUB_DEVICE=/dev/root GRUB_CMDLINE_XEN=dom0_mem=1G \
        sh "$work/grub/20_linux_xen" 2>"$work/grub/log" ||
        fail "20_linux_xen fails: $(cat "$work/grub/log")"
}

seen_by_grub() { grep -qx "$1" "$root/boot/grub/seen"; }
image=xen-4.17-bulkhead-amd64.gz

# ---- beside Debian's Xen ----

in_root -i "$(debian_deb xen-hypervisor-4.17-amd64)" >"$work/log" 2>&1
list_root >"$work/before"
grub_menu >"$work/menu-before"
grep -q 'multiboot2.*/boot/xen-4.17-amd64.gz' "$work/menu-before" ||
    fail "GRUB does not see Debian's Xen: $(cat "$work/menu-before")"

in_root -i "$work"/first/*.deb >>"$work/log" 2>&1 || fail "cannot be installed: $(cat "$work/log")"
list_root >"$work/installed"
if diff "$work/before" "$work/installed" | grep '^<'; then
    fail "the packages change files of others"
fi
grep '^.*\./boot/' "$work/installed" | grep bulkhead | grep -v " ./boot/$image " &&
    fail "more than $image is in /boot"
seen_by_grub "$image" || fail "update-grub was not called after the installation"

# The first entry of the menu is the one that boots by itself where GRUB prefers Xen.
grub-file --is-x86-multiboot2 "$root/boot/$image" || fail "GRUB does not know $image as multiboot2"
grub_menu >"$work/menu"
grep -m 1 multiboot "$work/menu" | grep -q "multiboot2[[:space:]]*/boot/$image placeholder dom0_mem=1G" ||
    fail "the first entry does not boot $image: $(cat "$work/menu")"
grep -q 'multiboot2.*/boot/xen-4.17-amd64.gz' "$work/menu" || fail "Debian's Xen has lost its entry"

# ---- a later version ----

rm "$root/boot/grub/seen"
in_root -i "$work"/later/*.deb >>"$work/log" 2>&1 || fail "cannot be upgraded: $(cat "$work/log")"
for package in bulkhead-hypervisor bulkhead-tools; do
    [ "$(in_root -s $package | sed -n 's/^Version: //p')" = 9999 ] || fail "$package is not upgraded"
done
seen_by_grub "$image" || fail "update-grub was not called after the upgrade"
# But for what names the version, both have the same files.
unversioned() { grep -v -e /changelog.gz -e /share/man/man; }
list_root | unversioned >"$work/upgraded"
unversioned <"$work/installed" | diff - "$work/upgraded" || fail "the upgrade changes files"

# ---- in the place of Debian's Xen ----

# xen-system-amd64 wants one of each of three packages; ours is one of them.
in_root --purge xen-hypervisor-4.17-amd64 >>"$work/log" 2>&1
seen_by_grub "$image" || fail "Debian's Xen took $image along"
in_root --force-depends -i "$(debian_deb xen-system-amd64)" >"$work/system" 2>&1
grep -q 'depends on xen-utils-4.17' "$work/system" || fail "xen-system-amd64 depends on other things now"
grep -q 'depends on xen-hypervisor-4.17-amd64' "$work/system" &&
    fail "bulkhead-hypervisor does not stand in for Debian's Xen: $(cat "$work/system")"
if in_root --remove bulkhead-hypervisor >"$work/system" 2>&1; then
    fail "bulkhead-hypervisor can be removed although xen-system-amd64 depends on it"
fi
grep -q 'xen-system-amd64 depends on xen-hypervisor-4.17-amd64' "$work/system" ||
    fail "the refusal has another reason: $(cat "$work/system")"
in_root --purge xen-system-amd64 >>"$work/log" 2>&1
in_root -i "$(debian_deb xen-hypervisor-4.17-amd64)" >>"$work/log" 2>&1

# ---- removed ----

in_root --remove bulkhead-hypervisor bulkhead-tools >>"$work/log" 2>&1 || fail "cannot be removed: $(cat "$work/log")"
seen_by_grub "$image" && fail "update-grub was not called after the removal"
list_root | diff "$work/before" - || fail "the removal leaves or changes files"
grub_menu | diff "$work/menu-before" - || fail "the removal changes the menu"
in_root --purge bulkhead-hypervisor bulkhead-tools >>"$work/log" 2>&1 || fail "cannot be purged"
in_root -l 'bulkhead*' 2>/dev/null | grep ' bulkhead' | grep -v '^un' && fail "dpkg keeps something of the packages"

# A root without GRUB, and one whose GRUB fails.
printf '#!/bin/sh\nexit 1\n' >"$root/usr/sbin/update-grub"
in_root -i "$work"/first/bulkhead-hypervisor_*.deb >"$work/log" 2>&1 || fail "a GRUB that fails stops the installation"
grep -q 'update-grub failed' "$work/log" || fail "nobody is told that GRUB failed"
rm "$root/usr/sbin/update-grub"
in_root --purge bulkhead-hypervisor >>"$work/log" 2>&1 || fail "cannot be removed without GRUB"

# ---- without packages ----

bulkhead_make install DIST="$work/plain" DESTDIR="$work/plain/root" PREFIX=/opt/bulkhead >/dev/null
cmp "$work/plain/root/boot/bulkhead" "$build/bulkhead"
cmp "$work/plain/root/boot/bulkhead-dom0" "$build/pv-guest/dom0"
rm "$work"/plain/root/boot/bulkhead{,-dom0}
mkdir "$work/unpacked"
for deb in "$work"/first/*.deb; do dpkg -x "$deb" "$work/unpacked"; done
# What only packages have.
rm -r "$work"/unpacked/usr/share/doc/*/{copyright,changelog.gz} "$work/unpacked/usr/share/doc/bulkhead-hypervisor"
mkdir "$work/unpacked/opt"
mv "$work/unpacked/usr" "$work/unpacked/opt/bulkhead"
sed -i 's,"/usr/lib,"/opt/bulkhead/lib,' "$work"/unpacked/opt/bulkhead/share/doc/bulkhead-tools/examples/*
diff -r "$work/unpacked" "$work/plain/root" || fail "make install installs something else"
