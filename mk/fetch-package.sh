#!/bin/bash
# SPDX-License-Identifier: MIT
#
# fetch-package.sh DEBS ROOT PACKAGE
# Downloads a Debian package into the folder DEBS and unpacks it below ROOT; installs nothing. A
# package that holds no files of its own but depends on one that does (linux-image-amd64) is
# followed to that one.
set -eu
debs=$1 root=$2 package=$3
mkdir -p "$debs" "$root"

# A fresh machine or container has no package lists yet.
if ! apt-cache show "$package" >/dev/null 2>&1; then
    echo "Updating Debian's package lists"
    if [ "$(id -u)" -eq 0 ]; then apt-get update -q; else sudo apt-get update -q; fi
fi

if [ "$package" = linux-image-amd64 ]; then
    package=$(apt-cache depends "$package" |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1)
fi

# As root, apt would warn that its download user cannot write here.
sandbox=()
[ "$(id -u)" -eq 0 ] && sandbox=(-o APT::Sandbox::User=root)

# One download at a time, for builds that share DEBS.
exec 9>"$debs/.lock"
flock 9
version=$(apt-cache policy "$package" | sed -n 's/^ *Candidate: //p')
arch=$(apt-cache show "$package=$version" | sed -n 's/^Architecture: //p' | head -n 1)
deb=$debs/${package}_${version//:/%3a}_$arch.deb
if [ ! -s "$deb" ]; then
    (cd "$debs" && apt-get download -q "${sandbox[@]}" "$package=$version" >/dev/null) </dev/null
fi
flock -u 9

dpkg -x "$deb" "$root"
