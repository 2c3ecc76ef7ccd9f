/* SPDX-License-Identifier: MIT */
/*
 * Formatted text: snprintf() and vsnprintf() with what the hypervisor's messages need.
 *
 * Conversions d i u x X c s p %, flags 0 - + space #, width and precision (also as *), lengths hh h
 * l ll z. The result is always terminated (for size > 0); the return value is the length that all
 * of it would have had.
 */
#include <lib.h>

struct output {
    char *buf;
    size_t size, len;
};

struct spec {
    bool left, zero, plus, space, alt, upper;
    int width, precision; /* -1: not given */
};

static void put(struct output *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void pad(struct output *o, char c, int n)
{
    while (n-- > 0)
        put(o, c);
}

static void put_string(struct output *o, const struct spec *sp, const char *s)
{
    size_t len;

    if (!s)
        s = "(null)";
    len = sp->precision >= 0 ? strnlen(s, (size_t)sp->precision) : strlen(s);
    if (!sp->left)
        pad(o, ' ', sp->width - (int)len);
    for (size_t i = 0; i < len; i++)
        put(o, s[i]);
    if (sp->left)
        pad(o, ' ', sp->width - (int)len);
}

static void put_number(struct output *o, const struct spec *sp, u64 value, unsigned int base,
                       char sign)
{
    const char *digits = sp->upper ? "0123456789ABCDEF" : "0123456789abcdef";
    const char *prefix = sp->alt && base == 16 && value ? (sp->upper ? "0X" : "0x") : "";
    char text[20]; /* 2^64 has 20 decimal digits */
    int n = 0, zeros, total;

    for (u64 v = value; v; v /= base)
        text[n++] = digits[v % base];
    zeros = (sp->precision >= 0 ? sp->precision : 1) - n;
    zeros = MAX(zeros, 0);
    total = n + zeros + (sign != 0) + (int)strlen(prefix);
    if (sp->zero && !sp->left && sp->precision < 0 && sp->width > total) {
        zeros += sp->width - total;
        total = sp->width;
    }
    if (!sp->left)
        pad(o, ' ', sp->width - total);
    if (sign)
        put(o, sign);
    while (*prefix)
        put(o, *prefix++);
    pad(o, '0', zeros);
    while (n)
        put(o, text[--n]);
    if (sp->left)
        pad(o, ' ', sp->width - total);
}

/*
 * Reads flags, width and precision after a '%'.
 * @return the text behind them
 */
static const char *parse_spec(const char *fmt, struct spec *sp, va_list *ap)
{
    *sp = (struct spec){.precision = -1};
    for (;; fmt++) {
        if (*fmt == '-')
            sp->left = true;
        else if (*fmt == '0')
            sp->zero = true;
        else if (*fmt == '+')
            sp->plus = true;
        else if (*fmt == ' ')
            sp->space = true;
        else if (*fmt == '#')
            sp->alt = true;
        else
            break;
    }
    if (*fmt == '*') {
        sp->width = va_arg(*ap, int);
        if (sp->width < 0) {
            sp->left = true;
            sp->width = -sp->width;
        }
        fmt++;
    } else {
        sp->width = (int)strtoul(fmt, &fmt, 10);
    }
    if (*fmt == '.') {
        fmt++;
        if (*fmt == '*') {
            sp->precision = va_arg(*ap, int);
            fmt++;
        } else {
            sp->precision = (int)strtoul(fmt, &fmt, 10);
        }
    }
    return fmt;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
    struct output o = {buf, size, 0};
    va_list ap;

    va_copy(ap, args);
    for (; *fmt; fmt++) {
        struct spec sp;
        int length = 0; /* 1: l, 2: ll or z, -1: h, -2: hh */
        u64 value;
        s64 number;

        if (*fmt != '%') {
            put(&o, *fmt);
            continue;
        }
        fmt = parse_spec(fmt + 1, &sp, &ap);
        for (; *fmt == 'l' || *fmt == 'h' || *fmt == 'z'; fmt++)
            length += *fmt == 'h' ? -1 : *fmt == 'l' ? 1 : 2;
        switch (*fmt) {
        case 'd':
        case 'i':
            number = length > 0 ? va_arg(ap, long) : va_arg(ap, int);
            if (length == -1)
                number = (short)number;
            else if (length < -1)
                number = (signed char)number; // NOLINT(bugprone-signed-char-misuse,cert-str34-c)
            put_number(&o, &sp, number < 0 ? -(u64)number : (u64)number, 10,
                       number < 0 ? '-'
                       : sp.plus  ? '+'
                       : sp.space ? ' '
                                  : 0);
            break;
        case 'u':
        case 'x':
        case 'X':
            value = length > 0 ? va_arg(ap, unsigned long) : va_arg(ap, unsigned int);
            if (length == -1)
                value = (u16)value;
            else if (length < -1)
                value = (u8)value;
            sp.upper = *fmt == 'X';
            put_number(&o, &sp, value, *fmt == 'u' ? 10 : 16, 0);
            break;
        case 'p':
            sp.precision = 16;
            put_number(&o, &sp, (u64)va_arg(ap, void *), 16, 0);
            break;
        case 's':
            put_string(&o, &sp, va_arg(ap, const char *));
            break;
        case 'c':
            if (!sp.left)
                pad(&o, ' ', sp.width - 1);
            put(&o, (char)va_arg(ap, int));
            if (sp.left)
                pad(&o, ' ', sp.width - 1);
            break;
        case '\0': /* a lone % at the end */
            fmt--;
            break;
        default:
            put(&o, *fmt);
            break;
        }
    }
    va_end(ap);
    if (size)
        buf[MIN(o.len, size - 1)] = '\0';
    return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
