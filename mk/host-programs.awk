# SPDX-License-Identifier: MIT
#
# host-programs.awk FILE...: what the SOURCES:, CFLAGS: and LDFLAGS: lines of unit tests and fuzzers
# say, as make variables. The name of a program is its file's below tests/, without the ending.
FNR == 1 {
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
}
