/* SPDX-License-Identifier: MIT */
/*
 * Access to the ACPI tables and registers: mapping, power-off and reset (ACPI 6.4, 4.8.3.2 and
 * 4.8.4.6).
 */
#include <asm/acpi.h>
#include <asm/io.h>
#include <asm/paging.h>
#include <asm/system.h>
#include <lib.h>

#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP_MASK  (7U << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN        (1U << 13)

const void *__init acpi_map(paddr_t pa, size_t len)
{
    return ioremap_cached(pa, len);
}

static void enter_sleep(u16 port, u8 type)
{
    u16 v = inw(port) & (u16) ~(PM1_SLP_TYP_MASK | PM1_SLP_EN);

    outw((u16)(v | type << PM1_SLP_TYP_SHIFT | PM1_SLP_EN), port);
}

void acpi_poweroff(void)
{
    if (!acpi.has_s5 || !acpi.pm1a_control)
        return;
    enter_sleep(acpi.pm1a_control, acpi.s5_type_a);
    if (acpi.pm1b_control)
        enter_sleep(acpi.pm1b_control, acpi.s5_type_b);
    /* The machine may take a moment to go down. */
    for (unsigned int i = 0; i < 1000000; i++)
        cpu_relax();
}

void acpi_reset(void)
{
    if (acpi.reset_port)
        outb(acpi.reset_value, acpi.reset_port);
}

bool acpi_owns_port(u16 port)
{
    return acpi.pm_timer_port && port / 4 == acpi.pm_timer_port / 4;
}
