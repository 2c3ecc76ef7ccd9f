#!/bin/bash
# SPDX-License-Identifier: MIT
#
# update-section.sh DOCUMENT NAME TEXT
# Replaces what lies between the lines <!-- NAME:begin --> and <!-- NAME:end --> of DOCUMENT by the
# contents of TEXT. Does nothing when the document or the lines do not exist.
set -eu
document=$1 name=$2 text=$3
[ -f "$document" ] && grep -q "<!-- $name:begin -->" "$document" || exit 0
awk -v begin="<!-- $name:begin -->" -v end="<!-- $name:end -->" -v text="$text" '
    $0 == end { inside = 0 }
    !inside { print }
    $0 == begin { inside = 1; while ((getline line <text) > 0) print line }
' "$document" >"$document.tmp"
mv "$document.tmp" "$document"
