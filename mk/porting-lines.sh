#!/bin/bash
# SPDX-License-Identifier: MIT
#
# porting-lines.sh [--write]
# The last column of the table in docs/porting.md says how many lines of code (no blank lines, no
# comments) the files of its row have. Fails when a figure is stale, or with --write corrects it.
set -eu
document=docs/porting.md
updated=$(mktemp)
trap 'rm -f "$updated"' EXIT

# Names are relative to pv-guest/, or to the top folder.
code_lines() {
    local name file total=0
    for name in "$@"; do
        file=pv-guest/$name
        [ -f "$file" ] || file=$name
        [ -f "$file" ] || { echo "$document: there is no $name" >&2; exit 1; }
        total=$((total + $(gcc -fpreprocessed -dD -E -P -x c "$file" | grep -c '[^[:space:]]')))
    done
    echo "$total"
}

while IFS= read -r line; do
    # | step | what works | `file`, `file` | lines |
    if [[ $line =~ ^(\|\ [0-9]+\ \|.*\|\ (\`.*\`)\ \|)\ [0-9]+\ \|$ ]]; then
        row=${BASH_REMATCH[1]}
        lines=$(code_lines $(tr -d '`,' <<<"${BASH_REMATCH[2]}"))
        line="$row $lines |"
    fi
    printf '%s\n' "$line"
done <"$document" >"$updated"

if ! cmp -s "$updated" "$document"; then
    if [ "${1-}" = --write ]; then
        cat "$updated" >"$document"
    else
        diff "$document" "$updated" >&2 || true
        echo "$document: stale figures; mk/porting-lines.sh --write corrects them" >&2
        exit 1
    fi
fi
