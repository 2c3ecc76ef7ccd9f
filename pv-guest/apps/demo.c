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
#include <public/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <store.h>
#include <string.h>
#include <thread.h>

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

/* Requests to end come as words; writing the empty word back acknowledges them. */
static void shutdown_thread(void *argument)
{
    static struct store_watch watch = {.path = "control/shutdown"};
    unsigned int seen = 0;

    (void)argument;
    store_write(0, "control/feature-poweroff", "1");
    store_write(0, "control/feature-reboot", "1");
    if (store_watch(&watch))
        return;
    for (;;) {
        char *word;

        seen = store_watch_wait(&watch, seen);
        if (store_read(0, watch.path, &word) < 0)
            continue;
        if (*word)
            store_write(0, watch.path, "");
        if (strcmp(word, "poweroff") == 0 || strcmp(word, "halt") == 0) {
            printf("powering off\n");
            guest_shutdown(SHUTDOWN_poweroff);
        }
        if (strcmp(word, "reboot") == 0) {
            printf("rebooting\n");
            guest_shutdown(SHUTDOWN_reboot);
        }
        free(word);
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
    if (store_present())
        thread_create("shutdown", shutdown_thread, NULL);
    for (;;) {
        console_read_line(line, sizeof(line));
        printf("you said: %s\n", line);
    }
}
