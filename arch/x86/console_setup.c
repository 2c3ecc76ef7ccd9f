/* SPDX-License-Identifier: MIT */
/*
 * Which devices are the console: console=com1,vga (both when not given). Input comes from the same
 * devices: the serial port, and the keyboard where the screen is in use. A device without an
 * interrupt (there is no IO-APIC) is polled.
 */
#include <asm/keyboard.h>
#include <asm/uart.h>
#include <asm/vga.h>
#include <console.h>
#include <lib.h>
#include <options.h>
#include <timer.h>

#include "boot/boot.h"

/* Is @name one of the words of a comma-separated @list? An empty list has them all. */
static bool __init wanted(const char *list, const char *name)
{
    size_t len = strlen(name);

    if (!*list)
        return true;
    for (const char *s = list; s; s = strchr(s, ',')) {
        s += *s == ',';
        if (!strncmp(s, name, len) && (s[len] == ',' || !s[len]))
            return true;
    }
    return false;
}

static void __init warn_unknown(const char *list)
{
    for (const char *s = list; s && *s; s = strchr(s, ',')) {
        size_t len;

        s += *s == ',';
        len = strchr(s, ',') ? (size_t)(strchr(s, ',') - s) : strlen(s);
        if ((len == 4 && (!strncmp(s, "com1", 4) || !strncmp(s, "none", 4))) ||
            (len == 3 && !strncmp(s, "vga", 3)))
            continue;
        printk(LOG_WARNING, "console=%s: not understood; expected com1, vga, none or com1,vga",
               list);
        return;
    }
}

void __init console_init_early(const struct hv_options *opt)
{
    if (wanted(opt->console, "vga") && !boot_info.screen.graphics)
        vga_init_early();
    if (wanted(opt->console, "com1"))
        uart_init_early(opt->com1);
    console_set_levels(opt->loglvl, opt->guest_loglvl);
    warn_unknown(opt->console);
}

/* ---- input ---- */

/* A serial port of 115200 baud fills its FIFO of 16 characters in 1.4 ms. */
#define POLL_PERIOD MILLISECS(1)

static struct timer poll_timer;
static void (*polled[2])(void);
static unsigned int nr_polled;

static void poll_inputs(void *arg)
{
    for (unsigned int i = 0; i < nr_polled; i++)
        polled[i]();
    timer_set(&poll_timer, now() + POLL_PERIOD);
}

static void __init poll_from_now_on(const char *name, void (*poll)(void))
{
    printk(LOG_INFO, "%s: no interrupt, so it is polled", name);
    if (!nr_polled)
        timer_init(&poll_timer, poll_inputs, NULL, 0);
    polled[nr_polled++] = poll;
    timer_set(&poll_timer, now() + POLL_PERIOD);
}

void __init console_init_input(void)
{
    if (hv_options.keeps_input)
        console_input_to_us();
    if (uart_in_use() && !uart_init_irq())
        poll_from_now_on("com1", uart_poll);
}

void __init console_choose_dom0(bool builtin)
{
    if (!builtin) {
        vga_release();
        return;
    }
    if (vga_in_use() && keyboard_init()) {
        if (!keyboard_init_irq())
            poll_from_now_on("keyboard", keyboard_poll);
    } else if (!uart_in_use()) {
        printk(LOG_WARNING,
               "No serial port and no PS/2 keyboard: nobody can type at dom0's prompt");
    }
}
