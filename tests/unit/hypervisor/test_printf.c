/* SPDX-License-Identifier: MIT */
/*
 * Formatted text against the C library's: the same text and the same length for every form that
 * both know.
 */
/* SOURCES: hypervisor/lib/printf.c */
/* CFLAGS: -Dsnprintf=hv_snprintf -Dvsnprintf=hv_vsnprintf -Wno-format -Wno-format-truncation */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lib.h>

#define SAME(...)                                                        \
    do {                                                                 \
        char ours[64], theirs[64];                                       \
        int n = snprintf(ours, sizeof(ours), __VA_ARGS__),               \
            m = __builtin_snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
        assert_string_equal(ours, theirs);                               \
        assert_int_equal(n, m);                                          \
    } while (0)

static void numbers(void **state)
{
    static const long values[] = {0, 1, -1, 9, 10, 255, INT_MAX, INT_MIN, LONG_MAX, LONG_MIN};

    for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
        long v = values[i];

        SAME("%d|%u|%x|%X", (int)v, (unsigned int)v, (unsigned int)v, (unsigned int)v);
        SAME("%ld|%lu|%lx", v, (unsigned long)v, (unsigned long)v);
        SAME("%lld %zu", (long long)v, (size_t)v);
        SAME("%hd %hhd %hu %hhx", (short)v, (signed char)v, (unsigned short)v, (unsigned char)v);
        SAME("[%5d|%-5d|%05d|%+d|% d]", (int)v, (int)v, (int)v, (int)v, (int)v);
        SAME("[%#x|%#018lx|%.3d|%8.3x]", (int)v, v, (int)v, (int)v);
        SAME("[%*d|%-*d|%.*d]", 7, (int)v, 7, (int)v, 4, (int)v);
    }
}

static void text(void **state)
{
    SAME("plain");
    SAME("%s|%10s|%-10s|%.2s|%.*s", "abc", "abc", "abc", "abc", 1, "abc");
    SAME("%c%%%3c%-3c|", 'x', 'y', 'z');
    SAME("%s", "");
}

static void truncation(void **state)
{
    char buf[8] = "unused";

    assert_int_equal(snprintf(buf, 4, "%d", 123456), 6);
    assert_string_equal(buf, "123");
    assert_int_equal(snprintf(buf, 1, "abc"), 3);
    assert_string_equal(buf, "");
    buf[0] = 'k';
    assert_int_equal(snprintf(buf, 0, "abc"), 3);
    assert_int_equal(buf[0], 'k');
}

static void odd_formats(void **state)
{
    const char *none = NULL;
    char buf[32];

    snprintf(buf, sizeof(buf), "50%");
    assert_string_equal(buf, "50");
    /* cppcheck-suppress nullPointer */
    snprintf(buf, sizeof(buf), "%s", none);
    assert_string_equal(buf, "(null)");
    snprintf(buf, sizeof(buf), "%p", (void *)0xabc);
    assert_string_equal(buf, "0000000000000abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(text),
        cmocka_unit_test(truncation),
        cmocka_unit_test(odd_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
