#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-ranks.sh: the table in docs/locking.md has the ranks of enum lock_rank
# (hypervisor/include/spinlock.h), all of them and in their order.
ranks=$(sed -n '/^enum lock_rank {/,/^};/s/^ *RANK_\([A-Z_]*\).*/\1/p' hypervisor/include/spinlock.h)
listed=$(sed -n 's/^| \(`[A-Z_]*`[^|]*\) |.*/\1/p' docs/locking.md | grep -o '[A-Z_]*[A-Z]')
[ "$(wc -w <<<"$ranks")" -ge 10 ] || { echo "check-ranks.sh: finds no ranks" >&2; exit 1; }
if ! diff <(echo "$ranks") <(echo "$listed") >&2; then
    echo "docs/locking.md: its ranks (>) are not those of spinlock.h (<)" >&2
    exit 1
fi
