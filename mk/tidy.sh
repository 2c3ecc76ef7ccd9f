#!/bin/bash
# SPDX-License-Identifier: MIT
#
# tidy.sh FLAG... FILE: clang-tidy on one file, with the flags that its own
# CFLAGS: line (mk/tests.mk) names; silent unless it finds something.
flags=("${@:1:$#-1}")
file=${!#}
read -r -a own < <(sed -n 's,^/\* CFLAGS: \(.*\) \*/,\1,p' "$file") || true
out=$(clang-tidy --quiet "$file" -- "${flags[@]}" "${own[@]}" 2>&1) && exit 0
# The count of warnings in system headers is not a finding.
grep -v -E '^[0-9]+ warnings? (generated|treated)' <<<"$out"
exit 1
