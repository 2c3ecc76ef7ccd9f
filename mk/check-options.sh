#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-options.sh: every member of struct hv_options (hypervisor/include/options.h) is read
# somewhere outside of the parser. An option that no code reads promises a behaviour that does not exist.
status=0
members=$(sed -n '/^struct hv_options {/,/^};/p' hypervisor/include/options.h |
    sed -e 's,/\*.*,,' -e 's,{[^}]*},,' |
    sed -n 's/^ *\(char\|bool\|u64\|s64\|unsigned int\|enum\)  *\([^;]*\);.*/\2/p' |
    tr ',' '\n' | sed 's/\[.*//; s/ //g')
[ "$(wc -w <<<"$members")" -ge 10 ] || { echo "check-options.sh: finds no members" >&2; exit 1; }
for member in $members; do
    if ! grep -rqE "(hv_options\.|opt->)$member\b" --include='*.c' --exclude=options.c \
        hypervisor arch; then
        echo "hypervisor/include/options.h: '$member' is parsed and never read" >&2
        status=1
    fi
done
exit $status
