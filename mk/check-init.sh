#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-init.sh IMAGE OBJECT...
# Two rules of the hypervisor's discarded part (ldscripts/hypervisor.lds), from the linked image and
# the relocations of its objects:
#   1. all that the objects of arch/x86/boot/ and hypervisor/image/ hold is in it;
#   2. nothing that stays refers to anything in it, but for its bounds: hv_init_start, hv_init_end and the like.
# The exception table and the lists of patch sites may name places in it: nothing runs there later.
set -eu
image=$1
shift
discarded=$(mktemp)
trap 'rm -f "$discarded"' EXIT

# Each symbol with its address; addresses are as long as one another, so they compare as text.
nm "$image" | awk '
    { at[$3] = $1 }
    END {
        for (name in at)
            if (at[name] >= at["hv_init_start"] && at[name] < at["hv_init_end"] && name !~ /^hv_(own_)?init_/)
                print name
    }' >"$discarded"
[ -s "$discarded" ] || { echo "$image: no discarded part" >&2; exit 1; }

status=0
for object in "$@"; do
    if [[ $object == */arch/x86/boot/* || $object == */hypervisor/image/* ]]; then
        # Defined and global: the linker put it where the rule says, or not.
        kept=$(nm -g --defined-only "$object" | awk '{ print $3 }' | grep -vxF -f "$discarded" || true)
        if [ -n "$kept" ]; then
            echo "$object: stays after boot:" $kept >&2
            status=1
        fi
        continue
    fi
    readelf -rW "$object" | awk -v object="$object" -v list="$discarded" '
        BEGIN { while ((getline name <list) > 0) discarded[name] = 1 }
        /^Relocation section/ {
            section = substr($3, 7, length($3) - 7)
            skip = section ~ /^\.(init|debug|ex_table|altinstr)/
            next
        }
        skip || NF < 5 || $3 !~ /^R_/ { next }
        $5 in discarded || $5 ~ /^\.init/ {
            print object ": " section " stays after boot and refers to " $5 ", which does not"
            bad = 1
        }
        END { exit bad }' >&2 || status=1
done
exit $status
