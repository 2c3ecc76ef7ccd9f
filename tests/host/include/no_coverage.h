/* SPDX-License-Identifier: MIT */
/*
 * What looks for failures tells a fuzzer nothing about its input, and takes less time when it is
 * not measured: functions between NO_COVERAGE_BEGIN and NO_COVERAGE_END.
 */
#ifndef NO_COVERAGE_H
#define NO_COVERAGE_H

#ifdef __clang__
#define NO_COVERAGE_BEGIN \
    _Pragma("clang attribute push(__attribute__((no_sanitize(\"coverage\"))), apply_to = function)")
#define NO_COVERAGE_END _Pragma("clang attribute pop")
#else
#define NO_COVERAGE_BEGIN
#define NO_COVERAGE_END
#endif

#endif
