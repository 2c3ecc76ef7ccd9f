#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run-test.sh NAME COMMAND...
# Runs one test program of `make check`. Its output goes to $BUILD/logs/NAME.out and, once it has
# ended, to the terminal in one piece, since two programs run at a time. Its outcome goes to
# $BUILD/results/NAME as "passed failed". Never fails itself: all tests run, mk/check-summary.sh
# judges.
set -u
name=$1
shift
mkdir -p "$BUILD/logs" "$BUILD/results"
out=$BUILD/logs/$name.out
start=$SECONDS
export BUILD CMOCKA_MESSAGE_OUTPUT=stdout

"$@" >"$out" 2>&1 </dev/null
status=$?

# cmocka says how many passed and failed; a program that does not is one test.
passed=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s)\..*/\1/p' "$out" | awk '{n += $1} END {print n + 0}')
failed=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s), listed below.*/\1/p' "$out" | awk '{n += $1} END {print n + 0}')
if [ $status -ne 0 ] && [ "$failed" -eq 0 ]; then
    failed=1
elif [ $status -eq 0 ] && [ "$passed" -eq 0 ]; then
    # One test, unless it is a cmocka program that ran none.
    if grep -q 'Running 0 test' "$out"; then failed=1 status=1; else passed=1; fi
fi
echo "$passed $failed" >"$BUILD/results/$name"

exec 9>"$BUILD/results/.lock"
flock 9
if [ $status -eq 0 ]; then
    echo "ok    $name: $passed passed ($((SECONDS - start)) s)"
else
    cat "$out"
    echo "FAIL  $name: $passed passed, $failed failed ($((SECONDS - start)) s), see $out"
fi
