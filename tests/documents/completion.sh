#!/bin/bash
# SPDX-License-Identifier: MIT
#
# tests/documents/completion.sh BH
#
# Completion of bh's command line, with BH (tests/documents/bh.c), which has the real table of verbs.
set -eu
cd "$(dirname "$0")/../.."
program=$(readlink -f "$1")
export LC_ALL=C

# bh in dom0: what it lists besides.
bh() {
    if [ "$*" = "list --json" ]; then
        printf '[\n  {\n    "name": "%s",\n    "domid": 1\n  }\n]\n' \
            Domain-0 web web2 '$(touch hit)'
    else
        "$program" "$@"
    fi
}
. dom0-tools/bh/completion.sh

# offers EXPECTED WORD...: completing the last WORD offers these, whatever their order.
offers() {
    local expected=$1
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _bh bh "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
    if [ "$(printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"} | sort)" != "$(printf '%s\n' $expected | sort)" ]; then
        echo "completion: '$*' offers '${COMPREPLY[*]-}', not '$expected'" >&2
        exit 1
    fi
}

offers "$(bh help | awk '{print $1}')" bh ''
offers 'shutdown' bh sh
offers 'block-attach block-detach block-list' bh block-
offers '' bh nothing-

offers 'web web2' bh destroy w
offers 'web web2' bh console web2 web
COMP_WORDS=(bh destroy '') COMP_CWORD=2
_bh bh ''
[ ${#COMPREPLY[@]} = 4 ] || { echo "completion: not four domains: ${COMPREPLY[*]}" >&2; exit 1; }
[ ! -e hit ] || { echo "completion: the name of a domain was executed" >&2; exit 1; }
offers '' bh destroy web w
offers '' bh rename web w
offers 'web web2' bh domid we
offers 'web web2' bh block-detach --force w
offers '' bh block-detach --force web x

offers '-c -p' bh create -
offers '--all --wait' bh shutdown --
offers '-b --batch -d --delay -i --iterations --json' bh top -
offers 'web web2' bh sched-credit2 -d w
offers 'web web2' bh sched-credit2 --domain w
offers '' bh sched-credit2 -w w

offers 'mk/deb mk/debian mk/debian.mk' bh create mk/deb
offers 'mk/debian mk/debian.mk mk/deb' bh create -p mk/deb
offers 'shutdown' bh help sh
