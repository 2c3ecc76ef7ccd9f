/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of clocks: TSC rates as the ABI's multiplier and shift, and the date in the
 * battery clock.
 */
/* SOURCES: arch/x86/rtc.c tests/host/instructions.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/acpi.h>
#include <asm/rtc.h>
#include <asm/time_scale.h>
#include <lib.h>

struct acpi_info acpi; /* rtc.c looks for the century register */

/* What a guest computes from its time record. */
static u64 guest_ns(struct time_scale s, u64 ticks)
{
    u64 shifted = s.shift >= 0 ? ticks << s.shift : ticks >> -s.shift;

    return (u64)((unsigned __int128)shifted * s.mul >> 32);
}

static u64 our_ns(struct time_scale s, u64 ticks)
{
    return ticks_to_ns(ticks, time_scale_fixed(s));
}

static void scale_is_normal_and_exact(void **state)
{
    static const u64 rates[] = {10000000,   100000000,  500000001,  999999999,  1000000000,
                                1000000001, 1999999999, 2000000000, 2000000001, 2596133000,
                                3999999999, 4000000001, 7000000000};

    for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
        struct time_scale s = time_scale_from_hz(rates[i]);
        u64 hour = rates[i] * 3600;
        s64 error = (s64)(guest_ns(s, hour) - 3600 * 1000000000ULL);

        assert_true(s.mul >= 1U << 31);
        /* Within 2 parts in 10^9: the multiplier has 32 bits. */
        assert_true(error > -7200 && error < 7200);
    }
}

/* Guest and hypervisor may differ by what the guest's shift cuts off: less than one tick. */
static void guest_agrees_with_us(void **state)
{
    static const u64 rates[] = {10000000,   62400000,   100000000, 1000000000,
                                1000000001, 2596133000, 5000000000};
    u64 random = 88172645463325252ULL;

    for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
        struct time_scale s = time_scale_from_hz(rates[i]);

        for (unsigned int n = 0; n < 10000; n++) {
            u64 ticks, guest, ours;

            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            ticks = random >> (8 + n % 48);
            guest = guest_ns(s, ticks);
            ours = our_ns(s, ticks);
            assert_true(ours >= guest && ours - guest <= 2);
        }
    }
}

static void mul_div(void **state)
{
    assert_int_equal(mul_div64(7, 6, 4), 10);
    assert_true(mul_div64(~0ULL, ~0ULL, ~0ULL) == ~0ULL);
    assert_true(mul_div64(1000000000, 1ULL << 32, 1000000000) == 1ULL << 32);
}

#define B_24H    0x02
#define B_BINARY 0x04

static void battery_clock(void **state)
{
    /* second, minute, hour, day, month, year, century */
    struct rtc_fields bcd = {0x59, 0x58, 0x23, 0x29, 0x02, 0x24, 0x20};
    struct rtc_fields binary = {59, 58, 23, 29, 2, 24, 20};
    struct rtc_fields noon = {0, 0, 0x92, 1, 1, 0x70, 0x19};
    struct rtc_fields midnight = {0, 0, 0x12, 1, 1, 0x70, 0x19};
    struct rtc_fields no_century = {0, 0, 0, 0x01, 0x03, 0x00, 0};
    struct rtc_fields bad = {0, 0, 0, 0, 0x13, 0x24, 0x20};

    assert_int_equal(rtc_to_seconds(&bcd, B_24H), 1709251139); /* 2024-02-29 23:58:59 */
    assert_int_equal(rtc_to_seconds(&binary, B_24H | B_BINARY), 1709251139);
    assert_int_equal(rtc_to_seconds(&noon, 0), 43200);               /* 12 PM */
    assert_int_equal(rtc_to_seconds(&midnight, 0), 0);               /* 12 AM */
    assert_int_equal(rtc_to_seconds(&no_century, B_24H), 951868800); /* 2000-03-01 */
    assert_int_equal(rtc_to_seconds(&bad, B_24H), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scale_is_normal_and_exact),
        cmocka_unit_test(guest_agrees_with_us),
        cmocka_unit_test(mul_div),
        cmocka_unit_test(battery_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
