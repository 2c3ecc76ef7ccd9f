/* SPDX-License-Identifier: MIT */
/* C library, numbers from text (stdlib.h), with errno = ERANGE on overflow as the standard says. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

int errno;

static int digit_value(char c)
{
    if (isdigit(c))
        return c - '0';
    if (isalpha(c))
        return tolower(c) - 'a' + 10;
    return INT_MAX;
}

/* The part that all conversions share: magnitude and sign. @return false on overflow. */
static bool parse(const char *text, char **end, int base, unsigned long long *value, bool *negative)
{
    const char *at = text;
    const char *digits;
    bool fits = true;

    while (isspace(*at))
        at++;
    *negative = *at == '-';
    if (*at == '-' || *at == '+')
        at++;
    if ((base == 0 || base == 16) && at[0] == '0' && tolower(at[1]) == 'x' &&
        digit_value(at[2]) < 16) {
        at += 2;
        base = 16;
    } else if (base == 0) {
        base = *at == '0' ? 8 : 10;
    }
    *value = 0;
    for (digits = at; digit_value(*at) < base; at++) {
        unsigned long long product;

        if (__builtin_mul_overflow(*value, (unsigned long long)base, &product) ||
            __builtin_add_overflow(product, (unsigned long long)digit_value(*at), value))
            fits = false;
    }
    if (end)
        *end = (char *)(at == digits ? text : at);
    return fits;
}

unsigned long long strtoull(const char *restrict text, char **restrict end, int base)
{
    unsigned long long value;
    bool negative;

    if (!parse(text, end, base, &value, &negative)) {
        errno = ERANGE;
        return ULLONG_MAX;
    }
    return negative ? -value : value;
}

long long strtoll(const char *restrict text, char **restrict end, int base)
{
    unsigned long long value;
    bool negative;

    if (!parse(text, end, base, &value, &negative) ||
        value > (unsigned long long)LLONG_MAX + negative) {
        errno = ERANGE;
        return negative ? LLONG_MIN : LLONG_MAX;
    }
    return (long long)(negative ? -value : value);
}

unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
    return strtoull(text, end, base);
}

long strtol(const char *restrict text, char **restrict end, int base)
{
    return strtoll(text, end, base);
}

int atoi(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

long atol(const char *text)
{
    return strtol(text, NULL, 10);
}

int abs(int value)
{
    return value < 0 ? -value : value;
}

long labs(long value)
{
    return value < 0 ? -value : value;
}
