/* SPDX-License-Identifier: MIT */
/* The ACPI power management timer as a reference clock (ACPI 6.4, 4.8.3.3). */
#include <asm/acpi.h>
#include <asm/io.h>
#include <asm/refclock.h>
#include <lib.h>

#define MAX_POLLS 100000U

static u64 __init pmtimer_read(void)
{
    return inl(acpi.pm_timer_port);
}

/* Is the timer present, and does it count? Some firmware declares a timer that stands still. */
static bool __init pmtimer_probe(void)
{
    u32 first;

    if (!acpi.pm_timer_port)
        return false;
    pmtimer_refclock.mask = acpi.pm_timer_32bit ? 0xffffffff : 0xffffff;
    first = inl(acpi.pm_timer_port);
    for (unsigned int i = 0; i < MAX_POLLS; i++)
        if (inl(acpi.pm_timer_port) != first)
            return true;
    return false;
}

struct refclock pmtimer_refclock __initdata = {
    .name = "acpi", .frequency = 3579545, .probe = pmtimer_probe, .read = pmtimer_read};
