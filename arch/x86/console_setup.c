/* SPDX-License-Identifier: MIT */
/* Which devices show the console: console=com1,vga (both when not given). */
#include <asm/uart.h>
#include <asm/vga.h>
#include <console.h>
#include <lib.h>
#include <options.h>

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
