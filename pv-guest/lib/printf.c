/* SPDX-License-Identifier: MIT */
/* C library, formatted output (stdio.h): one formatter that hands text to a sink. */
#include <console.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where formatted text goes: a bounded string, or the console through a small buffer. */
struct sink {
    char *to;
    size_t size;
    size_t length; /* of the whole output, also what did not fit */
    bool console;
    size_t buffered;
    char buffer[128];
};

struct conversion {
    bool left, plus, space, alternate, zero;
    int width;
    int precision; /* -1: none */
    int length;    /* size of the argument in bytes */
};

static void flush(struct sink *sink)
{
    console_write(sink->buffer, sink->buffered);
    sink->buffered = 0;
}

static void put(struct sink *sink, char c)
{
    if (sink->console) {
        sink->buffer[sink->buffered++] = c;
        if (sink->buffered == sizeof(sink->buffer))
            flush(sink);
    } else if (sink->length + 1 < sink->size) {
        sink->to[sink->length] = c;
    }
    sink->length++;
}

static void put_repeated(struct sink *sink, char c, int count)
{
    while (count-- > 0)
        put(sink, c);
}

static void put_string(struct sink *sink, const struct conversion *how, const char *text)
{
    int length;

    if (!text)
        text = "(null)";
    length = (int)strnlen(text, how->precision < 0 ? SIZE_MAX : (size_t)how->precision);
    if (!how->left)
        put_repeated(sink, ' ', how->width - length);
    for (int i = 0; i < length; i++)
        put(sink, text[i]);
    if (how->left)
        put_repeated(sink, ' ', how->width - length);
}

static void put_number(struct sink *sink, const struct conversion *how, uint64_t value,
                       unsigned int base, bool upper, const char *prefix)
{
    const char *const letters = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char digits[24];
    int count = 0, zeros, total;

    for (uint64_t rest = value; rest; rest /= base)
        digits[count++] = letters[rest % base];
    if (count == 0 && how->precision != 0)
        digits[count++] = '0';
    zeros = how->precision > count ? how->precision - count : 0;
    total = (int)strlen(prefix) + zeros + count;
    if (how->zero && !how->left && how->precision < 0 && how->width > total) {
        zeros = how->width - total;
        total = how->width;
    }
    if (!how->left)
        put_repeated(sink, ' ', how->width - total);
    while (*prefix)
        put(sink, *prefix++);
    put_repeated(sink, '0', zeros);
    while (count > 0)
        put(sink, digits[--count]);
    if (how->left)
        put_repeated(sink, ' ', how->width - total);
}

static void put_signed(struct sink *sink, const struct conversion *how, int64_t value)
{
    const char *sign = value < 0 ? "-" : how->plus ? "+" : how->space ? " " : "";

    put_number(sink, how, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, false, sign);
}

static const char *parse_flags(const char *format, struct conversion *how)
{
    for (;; format++) {
        switch (*format) {
        case '-':
            how->left = true;
            break;
        case '+':
            how->plus = true;
            break;
        case ' ':
            how->space = true;
            break;
        case '#':
            how->alternate = true;
            break;
        case '0':
            how->zero = true;
            break;
        default:
            return format;
        }
    }
}

static const char *parse_length(const char *format, struct conversion *how)
{
    how->length = (int)sizeof(int);
    switch (*format) {
    case 'h':
        how->length = format[1] == 'h' ? 1 : 2;
        return format + how->length % 2 + 1;
    case 'l':
        how->length = (int)sizeof(long);
        return format + (format[1] == 'l') + 1;
    case 'z':
    case 'j':
    case 't':
        how->length = (int)sizeof(size_t);
        return format + 1;
    default:
        return format;
    }
}

static int64_t narrow_signed(int64_t value, int length)
{
    return length == 1 ? (int8_t)value : length == 2 ? (int16_t)value : value;
}

static uint64_t narrow_unsigned(uint64_t value, int length)
{
    return length == 1 ? (uint8_t)value : length == 2 ? (uint16_t)value : value;
}

static void format_to(struct sink *sink, const char *format, va_list *arguments)
{
    for (; *format; format++) {
        struct conversion how = {.precision = -1};

        if (*format != '%') {
            put(sink, *format);
            continue;
        }
        format = parse_flags(format + 1, &how);
        if (*format == '*') {
            how.width = va_arg(*arguments, int);
            if (how.width < 0) {
                how.left = true;
                how.width = -how.width;
            }
            format++;
        } else {
            while (*format >= '0' && *format <= '9')
                how.width = how.width * 10 + (*format++ - '0');
        }
        if (*format == '.') {
            format++;
            how.precision = 0;
            if (*format == '*') {
                how.precision = va_arg(*arguments, int);
                format++;
            }
            while (*format >= '0' && *format <= '9')
                how.precision = how.precision * 10 + (*format++ - '0');
        }
        format = parse_length(format, &how);
        switch (*format) {
        case 'd':
        case 'i':
            put_signed(sink, &how,
                       how.length == 8 ? va_arg(*arguments, int64_t)
                                       : narrow_signed(va_arg(*arguments, int), how.length));
            break;
        case 'u':
        case 'x':
        case 'X':
        case 'o': {
            uint64_t value = how.length == 8
                                 ? va_arg(*arguments, uint64_t)
                                 : narrow_unsigned(va_arg(*arguments, unsigned int), how.length);
            bool upper = *format == 'X';

            if (*format == 'u')
                put_number(sink, &how, value, 10, false, "");
            else if (*format == 'o')
                put_number(sink, &how, value, 8, false, how.alternate && value ? "0" : "");
            else
                put_number(sink, &how, value, 16, upper,
                           !how.alternate || !value ? ""
                           : upper                  ? "0X"
                                                    : "0x");
            break;
        }
        case 'p':
            put_number(sink, &how, (uintptr_t)va_arg(*arguments, void *), 16, false, "0x");
            break;
        case 'c': {
            char c = (char)va_arg(*arguments, int);

            put_repeated(sink, ' ', how.left ? 0 : how.width - 1);
            put(sink, c);
            put_repeated(sink, ' ', how.left ? how.width - 1 : 0);
            break;
        }
        case 's':
            put_string(sink, &how, va_arg(*arguments, const char *));
            break;
        case '%':
            put(sink, '%');
            break;
        default:
            return;
        }
    }
}

int vsnprintf(char *restrict to, size_t size, const char *restrict format, va_list arguments)
{
    struct sink sink = {.to = to, .size = size};
    va_list copy;

    va_copy(copy, arguments);
    format_to(&sink, format, &copy);
    va_end(copy);
    if (size > 0)
        to[sink.length < size ? sink.length : size - 1] = '\0';
    return (int)sink.length;
}

int snprintf(char *restrict to, size_t size, const char *restrict format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(to, size, format, arguments);
    va_end(arguments);
    return length;
}

int sprintf(char *restrict to, const char *restrict format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(to, SIZE_MAX, format, arguments);
    va_end(arguments);
    return length;
}

int vasprintf(char **to, const char *restrict format, va_list arguments)
{
    int length = vsnprintf(NULL, 0, format, arguments);

    *to = malloc((size_t)length + 1);
    if (!*to)
        return -1;
    return vsnprintf(*to, (size_t)length + 1, format, arguments);
}

int asprintf(char **to, const char *restrict format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vasprintf(to, format, arguments);
    va_end(arguments);
    return length;
}

int vprintf(const char *restrict format, va_list arguments)
{
    struct sink sink = {.console = true};
    va_list copy;

    va_copy(copy, arguments);
    format_to(&sink, format, &copy);
    va_end(copy);
    flush(&sink);
    return (int)sink.length;
}

int printf(const char *restrict format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vprintf(format, arguments);
    va_end(arguments);
    return length;
}

int puts(const char *text)
{
    return printf("%s\n", text);
}

int putchar(int byte)
{
    char c = (char)byte;

    console_write(&c, 1);
    return (unsigned char)c;
}
