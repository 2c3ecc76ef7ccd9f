#!/bin/bash
# SPDX-License-Identifier: MIT
#
# mk/check-guest-log.sh: fails if a message of printk_guest() begins with a domain or vCPU, since the
# line begins with the current one already ("d0v0 ").
set -euo pipefail

status=0
while read -r file; do
    # Newlines become blanks, since a call may be broken behind the level.
    if tr '\n' ' ' <"$file" | grep -qE 'printk_guest\( *[A-Z_]+, *"d%u'; then
        echo "$file: a message for the guest log names the vCPU again" >&2
        status=1
    fi
done < <(git ls-files 'hypervisor/*.[ch]' 'arch/*.[ch]')
exit $status
