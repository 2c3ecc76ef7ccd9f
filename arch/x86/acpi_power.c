/* SPDX-License-Identifier: MIT */
/*
 * Access to the ACPI tables and registers: mapping, power-off and reset (ACPI 6.4, 4.8.3.2, 4.8.3.6
 * and 4.8.3.7).
 */
#include <asm/acpi.h>
#include <asm/io.h>
#include <asm/paging.h>
#include <asm/system.h>
#include <lib.h>

#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP_MASK  (7U << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN        (1U << 13)

/* The sleep control register of hardware-reduced machines. */
#define SLEEP_TYPE_SHIFT 2
#define SLEEP_ENABLE     (1U << 5)

const void *__init acpi_map(paddr_t pa, size_t len)
{
    return ioremap_cached(pa, len);
}

volatile u8 *__init acpi_map_register(paddr_t pa)
{
    return ioremap(pa, sizeof(u8));
}

static void write_register(const struct acpi_register *r, u8 value)
{
    if (r->port)
        outb(value, r->port);
    else if (r->memory)
        *r->memory = value;
}

static void enter_sleep(u16 port, u8 type)
{
    u16 v = inw(port) & (u16) ~(PM1_SLP_TYP_MASK | PM1_SLP_EN);

    outw((u16)(v | type << PM1_SLP_TYP_SHIFT | PM1_SLP_EN), port);
}

void acpi_poweroff(void)
{
    if (!acpi_can_power_off())
        return;
    if (acpi.pm1a_control)
        enter_sleep(acpi.pm1a_control, acpi.s5_type_a);
    if (acpi.pm1b_control)
        enter_sleep(acpi.pm1b_control, acpi.s5_type_b);
    write_register(&acpi.sleep_control, (u8)(acpi.s5_type_a << SLEEP_TYPE_SHIFT | SLEEP_ENABLE));
    /* The machine may take a moment to go down. */
    for (unsigned int i = 0; i < 1000000; i++)
        cpu_relax();
}

void acpi_reset(void)
{
    write_register(&acpi.reset, acpi.reset_value);
}

bool acpi_owns_port(u16 port)
{
    return acpi.pm_timer_port && port / 4 == acpi.pm_timer_port / 4;
}
