/* SPDX-License-Identifier: MIT */
/*
 * The battery clock (MC146818 in CMOS), read once at boot for the wall clock; afterwards it is
 * dom0's.
 */
#include <asm/acpi.h>
#include <asm/io.h>
#include <asm/rtc.h>
#include <lib.h>

#define CMOS_INDEX     0x70
#define CMOS_DATA      0x71
#define RTC_SECONDS    0
#define RTC_MINUTES    2
#define RTC_HOURS      4
#define RTC_DAY        7
#define RTC_MONTH      8
#define RTC_YEAR       9
#define RTC_A          10
#define RTC_B          11
#define RTC_A_UPDATING 0x80
#define RTC_B_24H      0x02
#define RTC_B_BINARY   0x04
#define RTC_HOUR_PM    0x80
#define MAX_POLLS      100000U

static u8 __init cmos_read(u8 index)
{
    outb(index, CMOS_INDEX);
    return inb(CMOS_DATA);
}

static void __init read_fields(struct rtc_fields *f)
{
    f->second = cmos_read(RTC_SECONDS);
    f->minute = cmos_read(RTC_MINUTES);
    f->hour = cmos_read(RTC_HOURS);
    f->day = cmos_read(RTC_DAY);
    f->month = cmos_read(RTC_MONTH);
    f->year = cmos_read(RTC_YEAR);
    f->century = acpi.century_register ? cmos_read(acpi.century_register) : 0;
}

static u32 __init from_bcd(u8 v, bool binary)
{
    return binary ? v : (v >> 4) * 10U + (v & 15);
}

/*
 * @return the days from 1970-01-01 to a date of the Gregorian calendar; internally years begin in
 * March, so that leap days come last
 */
static u64 __init days_since_epoch(u32 year, u32 month, u32 day)
{
    u32 y = month > 2 ? year : year - 1;
    u32 m = month > 2 ? month - 3 : month + 9;

    return 365ULL * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

u64 __init rtc_to_seconds(const struct rtc_fields *f, u8 status_b)
{
    bool binary = status_b & RTC_B_BINARY;
    u32 hour = from_bcd(f->hour & (u8)~RTC_HOUR_PM, binary);
    u32 year = from_bcd(f->year, binary), century = from_bcd(f->century, binary);
    u32 month = from_bcd(f->month, binary), day = from_bcd(f->day, binary);

    if (!(status_b & RTC_B_24H)) {
        hour %= 12;
        if (f->hour & RTC_HOUR_PM)
            hour += 12;
    }
    if (century >= 19 && century <= 99)
        year += century * 100;
    else
        year += year < 70 ? 2000 : 1900;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
        return 0;
    return days_since_epoch(year, month, day) * 86400 + hour * 3600ULL +
           from_bcd(f->minute, binary) * 60ULL + from_bcd(f->second, binary);
}

u64 __init rtc_read(void)
{
    struct rtc_fields a, b;

    /* Two equal readings outside an update are consistent. */
    for (unsigned int i = 0; i < MAX_POLLS; i++) {
        if (cmos_read(RTC_A) & RTC_A_UPDATING)
            continue;
        read_fields(&a);
        if (cmos_read(RTC_A) & RTC_A_UPDATING)
            continue;
        read_fields(&b);
        if (!memcmp(&a, &b, sizeof(a)))
            return rtc_to_seconds(&a, cmos_read(RTC_B));
    }
    return 0;
}
