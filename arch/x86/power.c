/* SPDX-License-Identifier: MIT */
/* Restarting, switching off and stopping the machine. Nothing here returns or needs a lock. */
#include <arch.h>
#include <asm/acpi.h>
#include <asm/control.h>
#include <asm/io.h>
#include <lib.h>

#define KEYBOARD_COMMAND     0x64
#define KEYBOARD_INPUT_FULL  0x02
#define KEYBOARD_PULSE_RESET 0xfe
#define RESET_CONTROL        0xcf9 /* of PCI chip sets: 2: hard reset, 4: now */

/* One access to an unused port takes about a microsecond on any machine. */
static void delay_us(unsigned int us)
{
    while (us--)
        outb(0, 0x80);
}

void machine_halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

void machine_restart(void)
{
    local_irq_disable();
    acpi_reset();
    delay_us(10000);
    outb(0x02, RESET_CONTROL);
    delay_us(50);
    outb(0x06, RESET_CONTROL);
    delay_us(10000);
    for (unsigned int i = 0; i < 1000 && inb(KEYBOARD_COMMAND) & KEYBOARD_INPUT_FULL; i++)
        delay_us(10);
    outb(KEYBOARD_PULSE_RESET, KEYBOARD_COMMAND);
    delay_us(10000);
    /* No interrupt table: the next exception is a triple fault, which resets the CPU. */
    lidt(0, 0);
    __asm__ volatile("int3");
    machine_halt();
}

void machine_poweroff(void)
{
    local_irq_disable();
    acpi_poweroff();
    printk(LOG_WARNING, "the machine cannot switch itself off; stopped");
    machine_halt();
}
