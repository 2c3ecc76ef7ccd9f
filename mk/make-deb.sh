#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make-deb.sh PACKAGE TREE CHANGELOG OUT
# Makes the Debian package OUT/PACKAGE_<version>_amd64.deb of the files in TREE, to which it adds what
# every package has. PACKAGE is one of mk/deb/control; mk/deb/PACKAGE.postinst and so on are its
# scripts. Version and times are those of CHANGELOG's first entry, and nothing comes from this
# machine's clock, user, umask or language: the same files give the same bytes.
set -eu
umask 022
export LC_ALL=C TZ=UTC
here=$(dirname "$(readlink -f "$0")")/deb
package=$1 tree=$2 changelog=$3 out=$4
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l "$changelog" -S Timestamp)
export SOURCE_DATE_EPOCH

document=$tree/usr/share/doc/$package
install -D -m 0644 "$here/copyright" "$document/copyright"
gzip -9n <"$changelog" >"$document/changelog.gz"
if [ -e "$here/$package.lintian-overrides" ]; then
    install -D -m 0644 "$here/$package.lintian-overrides" "$tree/usr/share/lintian/overrides/$package"
fi

# What is in DEBIAN is not installed.
(cd "$tree" && find . -type f -printf '%P\n' | sort | xargs -d '\n' md5sum) >"$out/md5sums"
mkdir "$tree/DEBIAN"
mv "$out/md5sums" "$tree/DEBIAN/md5sums"
for script in postinst postrm; do
    if [ -e "$here/$package.$script" ]; then
        install -m 0755 "$here/$package.$script" "$tree/DEBIAN/$script"
    fi
done
# It notes the package in a list of files, which nobody needs here.
dpkg-gencontrol -p"$package" -c"$here/control" -l"$changelog" -T/dev/null -f"$out/files" -P"$tree" \
    -O"$tree/DEBIAN/control"
rm "$out/files"

chmod -R u=rwX,go=rX,ug-s "$tree" # also below a folder that gives its group on
find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$tree" "$out" >/dev/null
