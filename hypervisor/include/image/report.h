/* SPDX-License-Identifier: MIT */
/*
 * How hypervisor/image says why it refuses a kernel: in one sentence, handed to the caller's
 * function. The hypervisor prints it and stops; the tools show it to the person who typed the
 * command.
 */
#ifndef IMAGE_REPORT_H
#define IMAGE_REPORT_H

#include <stdarg.h>

struct image_report {
    /* Takes a printf-style sentence without a full stop or newline. May not return. */
    void (*refuse)(void *context, const char *format, va_list args)
        __attribute__((format(printf, 2, 0)));
    void *context;
};

/*
 * Passes a printf-style sentence on to @r.
 *
 * @return -1, so that a function may end with `return image_refuse(...)`.
 */
int image_refuse(const struct image_report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
