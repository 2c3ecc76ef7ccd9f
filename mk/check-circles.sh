#!/bin/bash
# SPDX-License-Identifier: MIT
#
# mk/check-circles.sh OBJECT...: fails if files use each other in a circle, and prints the circle. One
# file uses another if it needs a symbol that the other defines.
set -euo pipefail

nm "$@" | awk '
    /:$/ { file = $1; sub(/:$/, "", file); next }
    $1 == "U" { used[++uses] = $2; user[uses] = file; next }
    NF == 3 && $2 ~ /^[TDBRC]$/ { owner[$3] = file }
    END {
        for (i = 1; i <= uses; i++)
            if (used[i] in owner && owner[used[i]] != user[i])
                print user[i], owner[used[i]]
    }' | sort -u | tsort >/dev/null
