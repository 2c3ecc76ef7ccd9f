/* SPDX-License-Identifier: MIT */
/* The HPET's main counter as a reference clock (IA-PC HPET specification 1.0a, 2.3). */
#include <asm/acpi.h>
#include <asm/io.h>
#include <asm/refclock.h>
#include <lib.h>

#define HPET_ID            0x000
#define HPET_PERIOD        0x004 /* femtoseconds per tick */
#define HPET_CONFIG        0x010
#define HPET_COUNTER       0x0f0
#define HPET_CONFIG_ENABLE 1U
#define HPET_CONFIG_LEGACY 2U
#define FEMTOSECONDS       1000000000000000ULL
#define MAX_PERIOD         100000000U

static u8 *regs;

static bool __init hpet_probe(void)
{
    u32 period;

    if (!acpi.hpet_address)
        return false;
    regs = ioremap(acpi.hpet_address, PAGE_SIZE);
    if (!regs || readl(regs + HPET_ID) == ~0U)
        return false;
    period = readl(regs + HPET_PERIOD);
    if (!period || period > MAX_PERIOD)
        return false;
    hpet_refclock.frequency = FEMTOSECONDS / period;
    writel((readl(regs + HPET_CONFIG) & ~HPET_CONFIG_LEGACY) | HPET_CONFIG_ENABLE,
           regs + HPET_CONFIG);
    return true;
}

static u64 __init hpet_read(void)
{
    return readl(regs + HPET_COUNTER);
}

struct refclock hpet_refclock __initdata = {
    .name = "hpet", .mask = 0xffffffff, .probe = hpet_probe, .read = hpet_read};
