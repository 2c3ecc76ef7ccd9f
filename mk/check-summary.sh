#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-summary.sh RESULTS: adds up what mk/run-test.sh left there; fails unless all passed.
set -eu
"$(dirname "$0")/trusted-size.sh"
cd "$1"
for result in *; do
    read -r passed failed <"$result"
    [ "$failed" -eq 0 ] || echo "FAILED: $result"
done
cat -- * | awk '{p += $1; f += $2} END {print p " passed, " f + 0 " failed"; exit f > 0 || p == 0}'
