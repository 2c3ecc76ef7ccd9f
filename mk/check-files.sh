#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-files.sh FILE...: each source file names its licence in its first lines and is not too long
# to be one subject: over 800 lines is a warning, over 900 an error. No line has more than 100
# columns. Nothing is included across a wall of docs/architecture.md. Comments have one form: none
# begins with two stars.
status=0

# includes FILE: what it includes by <>.
includes() {
    sed -n 's/^#include <\(.*\)>.*/\1/p' "$1"
}

# hypervisor/image is compiled into the hypervisor and into the tools: it sees types and the guest
# ABI. The tools see of hypervisor/ the guest ABI and that library.
check_includes() {
    local name
    for name in $(includes "$1"); do
        case $1:$name in
        *:public/* | *:image/*) continue ;;
        hypervisor/*:std*.h) continue ;;
        dom0-tools/*)
            [ -e "hypervisor/include/$name" ] || continue
            [ -e "pv-guest/include/$name" ] || [ -e "dom0-tools/include/$name" ] && continue ;;
        esac
        echo "$1: includes <$name>, which lies behind a wall (docs/architecture.md)" >&2
        return 1
    done
}

for file in "$@"; do
    [ -s "$file" ] || continue
    if ! head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT'; then
        echo "$file:1: no SPDX-License-Identifier line" >&2
        status=1
    fi
    case $file in *.c | *.h | *.S) ;; *) continue ;; esac
    case $file in
    hypervisor/image/* | hypervisor/include/image/* | dom0-tools/*)
        check_includes "$file" || status=1 ;;
    esac
    # A string stays in one piece, so that it can be searched for; so do macros built of strings.
    if awk -v f="$file" 'length($0) > 100 && !/"/ && !/\\$/ {
            print f ":" FNR ": " length($0) " columns, more than 100"; bad = 1} END {exit !bad}' \
        "$file" >&2; then
        status=1
    fi
    if grep -n '^ */\*\*\( \|$\)' "$file" | sed "s|^|$file:|" | grep . >&2; then
        echo "$file: a comment begins with /* (docs/architecture.md, Conventions)" >&2
        status=1
    fi
    lines=$(wc -l <"$file")
    if [ "$lines" -gt 900 ]; then
        echo "$file: $lines lines, more than 900: two subjects" >&2
        status=1
    elif [ "$lines" -gt 800 ]; then
        echo "$file: $lines lines, more than 800 (warning)" >&2
    fi
done
exit $status
