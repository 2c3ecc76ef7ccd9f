# SPDX-License-Identifier: MIT
#
# nm -n output of a first link in, assembly of the .symbols section out; arch/x86/backtrace.c says
# what it looks like. Only code is listed, and of the boot-only part only our own.
BEGIN { n = 0 }
function hex(s,    i, v) {
    v = 0
    for (i = 1; i <= length(s); i++)
        v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
    return v
}
$3 == "hv_own_init_text_end" { foreign = 1 }
$3 == "hv_init_text_end" { foreign = 0 }
$2 ~ /^[tTwW]$/ && !foreign && $3 !~ /^(hv_.*_(start|end)|\.L.*|ltmp.*)$/ && $1 != last {
    # The low 32 bits of an address, less those of HV_TEXT_START (0x80000000).
    address[n] = hex(substr($1, 9)) - 2147483648
    name[n++] = $3
    last = $1
}
END {
    print ".section .symbols, \"a\""
    print ".balign 8"
    print ".long " n
    offset = 0
    for (i = 0; i < n; i++) {
        print ".long " address[i] ", " offset
        offset += length(name[i]) + 1
    }
    for (i = 0; i < n; i++)
        print ".asciz \"" name[i] "\""
    print ".section .note.GNU-stack, \"\", @progbits"
}
