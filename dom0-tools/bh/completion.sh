# SPDX-License-Identifier: MIT
#
# Completion of bh's command line for bash. Commands, options and the kinds of arguments are what
# `bh help` and `bh COMMAND -h` say, so they are always those of the bh that is installed.

# Offers the lines of the input that begin with $1. No word is expanded: the name of a domain is
# anybody's choice.
_bh_offer() {
    local line
    while IFS= read -r line; do
        if [[ $line == "$1"* ]]; then COMPREPLY+=("$(printf %q "$line")"); fi
    done
}

_bh_verbs() {
    "$1" help 2>/dev/null | awk '{print $1}'
}

_bh_domains() {
    "$1" list --json 2>/dev/null | sed -n 's/^ *"name": "\(.*\)",*$/\1/p'
}

_bh() {
    local bh=$1 current=$2 usage flags value flag token kind='' position=0 i
    local -A options=()
    local -a arguments=()

    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        _bh_offer "$current" < <(_bh_verbs "$bh")
        return
    fi

    # "usage: bh VERB [-a|--all] [-d|--domain DOMAIN] FIRST [SECOND...]"
    usage=$("$bh" "${COMP_WORDS[1]}" -h 2>/dev/null | sed -n 's/^usage: bh [^ ]* *//p')
    while [[ $usage =~ ^\[(-[^] ]*)( ([^]]*))?\]\ *(.*)$ ]]; do
        flags=${BASH_REMATCH[1]} value=${BASH_REMATCH[3]} usage=${BASH_REMATCH[4]}
        for flag in ${flags//|/ }; do options[$flag]=$value; done
    done
    read -ra arguments <<<"$usage"

    # What is wanted: the value of the option before, or the argument at this position.
    for ((i = 2; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} != -?* ]]; then
            position=$((position + 1))
        elif [ -n "${options[${COMP_WORDS[i]}]-}" ]; then
            i=$((i + 1))
            [ "$i" -lt "$COMP_CWORD" ] || kind=${options[${COMP_WORDS[i - 1]}]}
        fi
    done
    if [ -z "$kind" ] && [[ $current == -* ]]; then
        _bh_offer "$current" < <(printf '%s\n' "${!options[@]}" | sort)
        return
    fi
    if [ -z "$kind" ] && [ ${#arguments[@]} -gt 0 ]; then
        token=${arguments[position]-}
        [ -n "$token" ] || [[ ${arguments[-1]} != *...* ]] || token=${arguments[-1]}
        kind=${token//[].[]/}
    fi

    case $kind:$position in
    DOMAIN:* | NAME:0) _bh_offer "$current" < <(_bh_domains "$bh") ;;
    VERB:*) _bh_offer "$current" < <(_bh_verbs "$bh") ;;
    FILE:* | DIRECTORY:*)
        # It fails where readline does not ask, as in a test.
        compopt -o filenames 2>/dev/null || :
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        ;;
    esac
}

complete -F _bh bh
