/* SPDX-License-Identifier: MIT */
/* Refusals: see image/report.h. */
#include <image/report.h>

int image_refuse(const struct image_report *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    r->refuse(r->context, format, args);
    va_end(args);
    return -1;
}
