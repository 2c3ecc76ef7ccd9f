/* SPDX-License-Identifier: MIT */
/*
 * C library: formatted output. Formats: d i u x X o c s p %, flags "-+ #0", width and precision
 * (also *), lengths hh h l ll z j t. No floating point. printf() goes to the console.
 */
#ifndef STDIO_H
#define STDIO_H

#include <stdarg.h>
#include <stddef.h>

#define EOF (-1)

int printf(const char *restrict format, ...) __attribute__((format(printf, 1, 2)));
int vprintf(const char *restrict format, va_list arguments);
int snprintf(char *restrict to, size_t size, const char *restrict format, ...)
    __attribute__((format(printf, 3, 4)));
int vsnprintf(char *restrict to, size_t size, const char *restrict format, va_list arguments);
int sprintf(char *restrict to, const char *restrict format, ...)
    __attribute__((format(printf, 2, 3)));

/* Formats into a new block, to be freed by the caller. @return length, or -1 without memory. */
int asprintf(char **to, const char *restrict format, ...) __attribute__((format(printf, 2, 3)));
int vasprintf(char **to, const char *restrict format, va_list arguments);
int puts(const char *text);
int putchar(int byte);

#endif
