/* SPDX-License-Identifier: MIT */
/* Requests to shut down come as words in the store; writing an empty value acknowledges them. */
#include <guest.h>
#include <public/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <store.h>
#include <string.h>
#include <thread.h>

#include "shutdown.h"

static void shutdown_thread(void *argument)
{
    static struct store_watch watch = {.path = "control/shutdown"};
    unsigned int seen = 0;

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

void shutdown_obey(void)
{
    if (store_present())
        thread_create("shutdown", shutdown_thread, NULL);
}
