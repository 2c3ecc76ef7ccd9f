#!/bin/bash
# SPDX-License-Identifier: MIT
#
# tidy.sh FLAG... FILE: clang-tidy on one file; silent unless it finds something.
flags=("${@:1:$#-1}")
file=${!#}
out=$(clang-tidy --quiet "$file" -- "${flags[@]}" 2>&1) && exit 0
# The count of warnings in system headers is no finding.
grep -v -E '^[0-9]+ warnings? (generated|treated)' <<<"$out"
exit 1
