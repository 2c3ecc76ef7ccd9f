/* SPDX-License-Identifier: MIT */
/* Restarting, switching off and stopping the machine. Nothing here returns or needs a lock. */
#include <arch.h>
#include <asm/acpi.h>
#include <asm/control.h>
#include <asm/io.h>
#include <asm/smp.h>
#include <lib.h>
#include <options.h>
#include <timer.h>

#define KEYBOARD_COMMAND     0x64
#define KEYBOARD_INPUT_FULL  0x02
#define KEYBOARD_PULSE_RESET 0xfe
#define RESET_CONTROL        0xcf9 /* of PCI chip sets: 2: hard reset, 4: now */

/* Waits @us microseconds: one access to an unused port takes about one on any machine. */
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
    smp_stop_others();
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
    /* Without an interrupt table the next exception is a triple fault, which resets the CPU. */
    lidt(0, 0);
    __asm__ volatile("int3");
    machine_halt();
}

/*
 * Waits about a second. Before the clocks are known that is a million accesses to the unused port,
 * or, where those are fast (in an emulator), 2^31 ticks of the TSC.
 */
static void wait_a_second(void)
{
    if (get_cpu_info()->clock.scale) {
        s_time_t end = now() + SECONDS(1);

        while (now() < end)
            cpu_relax();
    } else {
        u64 start = rdtsc();

        delay_us(1000000);
        while (rdtsc() - start < 1ULL << 31)
            cpu_relax();
    }
}

#define RESTART_DELAY_S 5U

/*
 * The same error is likely to happen again: without the wait nobody could read the message, and the
 * machine would restart several times a second.
 */
void machine_give_up(void)
{
    local_irq_disable();
    if (hv_options.noreboot) {
        printk(LOG_ERR, "Stopped.");
        machine_halt();
    }
    printk(LOG_ERR, "'noreboot' on the command line stops here instead.");
    for (unsigned int s = RESTART_DELAY_S; s; s--) {
        printk(LOG_ERR, "Restarting in %u second%s.", s, s == 1 ? "" : "s");
        wait_a_second();
    }
    machine_restart();
}

void machine_poweroff(void)
{
    local_irq_disable();
    smp_stop_others();
    acpi_poweroff();
    printk(LOG_WARNING, "the machine cannot switch itself off; stopped");
    machine_halt();
}
