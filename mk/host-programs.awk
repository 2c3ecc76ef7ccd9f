# SPDX-License-Identifier: MIT
#
# host-programs.awk FILE...: what the SOURCES:, CFLAGS: and LDFLAGS: lines of unit tests and fuzzers
# say, as make variables. The name of a program is its file's below tests/, without the ending. SUM_ is
# a checksum of its CFLAGS; it is made here since make would need a shell for each.
function end_program(  i, sum) {
    for (i = 1; i <= length(flags); i++)
        sum = (sum * 33 + index(letters, substr(flags, i, 1)) + 1) % 2147483647
    if (program != "")
        print "SUM_" program " := " sum
    flags = ""
}
BEGIN {
    for (i = 32; i < 127; i++)
        letters = letters sprintf("%c", i)
}
FNR == 1 {
    end_program()
    program = FILENAME
    sub(/^tests\//, "", program)
    sub(/\.c$/, "", program)
    print "SOURCES_" program " :="
    print "CFLAGS_" program " :="
    print "LDFLAGS_" program " :="
}
/^[\/ ]\*.*(SOURCES|CFLAGS|LDFLAGS):/ {
    kind = /SOURCES:/ ? "SOURCES" : /LDFLAGS:/ ? "LDFLAGS" : "CFLAGS"
    sub(/.*(SOURCES|CFLAGS|LDFLAGS): */, "")
    sub(/ *\*\/.*/, "")
    print kind "_" program " += " $0
    if (kind == "CFLAGS")
        flags = flags " " $0
}
END { end_program() }
