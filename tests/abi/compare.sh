#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tests/abi/compare.sh BUILD_DIR
#
# Compares hypervisor/include/public with the headers of Debian's libxen-dev (see compare.py), and
# then proves that the comparison would notice: it is run again on copies of our headers with one
# thing wrong in each, and must fail on every one of them with a message that names the thing.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
include=$here/../../hypervisor/include
build=${1:?usage: $0 BUILD_DIR}/abi

if [ ! -f /usr/include/xen/xen.h ]; then
    echo "abi: /usr/include/xen is missing: install libxen-dev" >&2
    exit 1
fi
mkdir -p "$build"

# Every header must compile by itself, as a guest, a tool or the hypervisor would include it.
for header in $(cd "$include" && find public -name '*.h' | sort); do
    for width in -m64 -m32; do
        echo "#include <$header>" | gcc $width -std=gnu11 -ffreestanding -Wall -Wextra \
            -Werror -I "$include" -x c -fsyntax-only - || {
            echo "abi: $header does not compile by itself with $width" >&2
            exit 1
        }
    done
done
for width in -m64 -m32; do
    printf '#include <public/xen.h>\nmov $__HYPERVISOR_iret, %%eax\nmov $FLAT_KERNEL_SS, %%eax\n' |
        gcc $width -x assembler-with-cpp -D__ASSEMBLY__ -I "$include" -c -o /dev/null - || {
        echo "abi: public/xen.h cannot be used from assembler with $width" >&2
        exit 1
    }
done

# must_fail FILE SED-SCRIPT WORD: with FILE changed so, the comparison fails and speaks of WORD.
must_fail() {
    rm -rf "$build/wrong"
    mkdir -p "$build/wrong"
    cp -r "$include/public" "$build/wrong/public"
    sed -i "$2" "$build/wrong/public/$1"
    if cmp -s "$include/public/$1" "$build/wrong/public/$1"; then
        echo "abi: the change to $1 changed nothing: $2" >&2
        exit 1
    fi
    if python3 "$here/compare.py" --ours "$build/wrong" --build "$build/wrong" \
        >"$build/wrong/log" 2>&1 || ! grep -q "$3" "$build/wrong/log"; then
        echo "abi: the comparison does not notice a wrong $3:" >&2
        cat "$build/wrong/log" >&2
        exit 1
    fi
}

python3 "$here/compare.py" --ours "$include" --build "$build"
must_fail event_channel.h 's/^#define EVTCHNOP_send .*/#define EVTCHNOP_send 14/' EVTCHNOP_send
must_fail xen.h 's/uint32_t tsc_to_system_mul;/uint64_t tsc_to_system_mul;/' tsc_to_system_mul
must_fail sched.h 's/^#define SCHEDOP_poll .*/&\n#define SCHEDOP_dream 8/' SCHEDOP_dream
must_fail errno.h 's/XEN_ERRNO(EFAULT, *14)/XEN_ERRNO(EFAULT, 15)/' XEN_EFAULT
