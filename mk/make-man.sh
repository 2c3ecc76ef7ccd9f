#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make-man.sh PAGE CHANGELOG OUT
# Makes a manual page, packed, of docs/man/<name>.<section>.md. There a line <!-- FILE --> stands for
# that document without its title; links in it become plain text, or the other page's name. Its date
# and version are those of CHANGELOG's first entry.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
page=$1 changelog=$2 out=$3
name=$(basename "$page" .md)
section=${name##*.}
version=$(dpkg-parsechangelog -l "$changelog" -S Version)
date=$(date -d "@$(dpkg-parsechangelog -l "$changelog" -S Timestamp)" +%Y-%m-%d)
document=$(sed -n 's/^<!-- \(.*\) -->$/\1/p' "$page")

{
    sed '/^<!-- .* -->$/,$d' "$page"
    sed -E -e 1d -e 's/^## (.*)/# \U\1/' \
        -e 's/\[xl-cfg\.md\]\(xl-cfg\.md\)/bh.cfg(5)/g' -e 's/\[bh\.md\]\(bh\.md\)/bh(1)/g' \
        -e 's/\[([^]]*)\]\(xl-cfg\.md[^)]*\)/\1 (bh.cfg(5))/g' -e 's/\[([^]]*)\]\(bh\.md[^)]*\)/\1 (bh(1))/g' \
        -e 's/\[([^]]*)\]\([^)]*\.md[^)]*\)/\1/g' -e 's/\[([^]]*)\]\(#[^)]*\)/\1/g' "$document"
    sed '1,/^<!-- .* -->$/d' "$page"
} | lowdown -s -t man --parse-no-metadata --parse-no-super --parse-no-strike --out-no-smarty \
    -M title="${name%.*}" -M section="$section" -M date="$date" \
    -M source="Bulkhead $version" |
    # The first line asks for tbl. Titles stand on their line, where whatis looks for them; code is
    # bold; columns are wide enough for a MAC address, and not adjusted; a usage at the start of a paragraph has a line of its own.
    sed -E -e "1s/.*/'\\\\\" t/" -e '/^\.S[HS]$/{N; s/\n(.*)/ "\1"/}' -e 's/^\.TS$/.na\n&/; s/^\.TE$/&\n.ad/' \
        -e 's/^l l l l\.$/lw(15n) lw(18n) lw(11n) lw(15n)./' \
        -e 's/\\f\(CB/\\fB/g; s/\\fC/\\fB/g; s/\\fB\\fB/\\fB/g; s/\\fB\\fR/\\fR/g' |
    sed -E '/^\.[LP]P$/{n; /^\\fB.*\\fR$/s/$/\n.br/}' | gzip -9n >"$out"
