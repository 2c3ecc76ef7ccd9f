/* SPDX-License-Identifier: MIT */
/*
 * How the tools report a failure: in one sentence that names what failed and the reason. It is
 * written where most is known about the failure, and reaches the user unchanged. It may quote what
 * comes from a file or from a domain: bytes that a terminal would not show as they are, but obey,
 * are written as in C ("\x1b").
 */
#ifndef TOOLS_ERROR_H
#define TOOLS_ERROR_H

#include <stdarg.h>

#define ERROR_TEXT_SIZE 320 /* bytes, terminator included; longer sentences are cut */

struct error {
    char text[ERROR_TEXT_SIZE];
};

/*
 * Writes a printf-style sentence, without a full stop or newline, into @e (which may be NULL).
 * @return -1, so that a function may end with `return error_set(...)`.
 */
int error_set(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with the arguments in @args. */
int error_vset(struct error *e, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Puts a printf-style prefix and ": " in front of the sentence in @e. @return -1. */
int error_prefix(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The words for a positive errno value of the hypervisor ABI (public/errno.h); never NULL. */
const char *error_words(int xen_errno);

/* The same where a file could not be opened. */
const char *error_file_words(int xen_errno);

#endif
