/* SPDX-License-Identifier: MIT */
/* The battery clock. */
#ifndef ASM_RTC_H
#define ASM_RTC_H

#include <types.h>

/* The registers as read, BCD or binary. */
struct rtc_fields {
    u8 second, minute, hour, day, month, year, century;
};

/*
 * Reads the clock, which is taken to run in UTC.
 * @return seconds since 1970; 0: the clock holds no sensible date
 */
u64 rtc_read(void);
/* Computes the same from the registers' contents and status register B. */
u64 rtc_to_seconds(const struct rtc_fields *f, u8 status_b);

#endif
