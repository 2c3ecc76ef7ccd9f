#!/bin/bash
# SPDX-License-Identifier: MIT
#
# trusted-size.sh: how large the code is that a domain has to trust, in lines without blank ones and
# comments. docs/architecture.md says what counts.
set -eu
cd "$(dirname "$0")/.."

# Lines of the files named on standard input.
code_lines() {
    xargs -r cat | awk '
        { sub(/\/\/.*/, "") }
        inside { if (!sub(/.*\*\//, "")) next; inside = 0 }
        { while (match($0, /\/\*/)) {
              head = substr($0, 1, RSTART - 1); tail = substr($0, RSTART + 2)
              end = index(tail, "*/")
              if (!end) { $0 = head; inside = 1; break }
              $0 = head substr(tail, end + 2)
          } }
        /[^ \t]/ { n++ }
        END { print n + 0 }'
}

resident=$(find hypervisor arch/x86 -name '*.[chS]' ! -path 'arch/x86/boot/*' ! -path '*/public/*' \
    ! -path 'hypervisor/*image/*' | code_lines)
boot=$(find arch/x86/boot hypervisor/image hypervisor/include/image -name '*.[chS]' | code_lines)
dom0=$(find dom0-tools pv-guest -name '*.[chS]' ! -path 'pv-guest/apps/*' \
    ! -path 'dom0-tools/platform/linux/*' | code_lines)
echo "trusted code: $resident lines in ring 0, $boot more during boot; the built-in dom0: $dom0"
