/* SPDX-License-Identifier: MIT */
/*
 * Demonstration domain: says who it is, ticks, echoes lines typed on its console, and obeys
 * control/shutdown in the store. Runs as dom0 as well, then without a store.
 *
 * Command line: tick=SECONDS (10; 0 for none).
 */
#include <clock.h>
#include <console.h>
#include <guest.h>
#include <inttypes.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <store.h>
#include <thread.h>

#include "shutdown.h"

static void print_node(const char *path)
{
    char *value;

    if (store_read(0, path, &value) < 0)
        return;
    printf("  %s: %s\n", path, value);
    free(value);
}

static void print_banner(void)
{
    printf("pv-guest demo: domain %u, %lu MiB, command line \"%s\"\n", guest_domid(),
           memory_pages() >> (20 - PAGE_SHIFT), guest_command_line());
    if (!store_present())
        return;
    print_node("name");
    print_node("vm");
    print_node("domid");
    print_node("memory/target");
}

static void tick_thread(void *argument)
{
    uint64_t seconds = (uint64_t)argument;

    for (unsigned int count = 1;; count++) {
        thread_sleep(seconds * NANOSECONDS_PER_SECOND);
        printf("tick %u at %" PRIu64 " s\n", count, clock_now() / NANOSECONDS_PER_SECOND);
    }
}

void guest_main(void)
{
    char seconds[12] = "10";
    char line[256];

    print_banner();
    guest_option("tick", seconds, sizeof(seconds));
    if (strtoul(seconds, NULL, 10) > 0)
        thread_create("tick", tick_thread, (void *)strtoul(seconds, NULL, 10));
    shutdown_obey();
    for (;;) {
        console_read_line(line, sizeof(line));
        printf("you said: %s\n", line);
    }
}
