#!/bin/bash
# SPDX-License-Identifier: MIT
#
# arch/x86/pv/ contains no privileged instruction, so that all of it runs in a process, and no CPUID,
# so that it does the same on every machine.
#
#   mk/check-pv.sh           its text has no assembly of its own (make lint)
#   mk/check-pv.sh OBJECTS   nor have OBJECTS, compiled for the host, such an instruction from a
#                            header; and each file of arch/x86/pv/ is among them (make check)

set -e -o pipefail
fail=0

if grep -nE '\b(__asm__|asm)\b *(volatile|goto|\()' arch/x86/pv/*.[ch]; then
    echo "arch/x86/pv/ has assembly of its own; instructions belong into asm/instructions.h" >&2
    fail=1
fi

[ $# -gt 0 ] || exit $fail

privileged='\s(cpuid|rdmsr|wrmsr|rdpmc|swapgs|cli|sti|hlt|clts|invlpg|invpcid|wbinvd|invd|xsetbv|stac|clac'
privileged+='|l[gil]dt|ltr|lmsw|in|ins[bwl]?|out|outs[bwl]?|sysret[ql]?|iret[ql]?)\s*(\s.*)?$'
privileged+='|\smov\s+.*%[cd]r[0-9]|\smov\s+[^,]*,%[defg]s$'

for source in arch/x86/pv/*.c; do
    case " $* " in
    *"/${source%.c}.o "*) ;;
    *)
        echo "$source is compiled for no host test" >&2
        fail=1
        ;;
    esac
done
for object in "$@"; do
    if objdump -d --no-show-raw-insn "$object" | grep -E "$privileged"; then
        echo "$object has an instruction that a test cannot fake" >&2
        fail=1
    fi
done
exit $fail
