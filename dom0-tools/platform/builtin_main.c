/* SPDX-License-Identifier: MIT */
/* The program of the built-in dom0: starts the service and the prompt. */
#include <guest.h>
#include <stdio.h>
#include <thread.h>

#include <drivers/split.h>
#include <platform.h>
#include <tools/service.h>

#include "../bh/shell.h"
#include "builtin.h"

static void shell(void *unused)
{
    bh_shell();
}

void guest_main(void)
{
    struct wait_queue never = {0};
    struct error e;

    if (!guest_is_dom0()) {
        printf("This image is a control domain: it cannot do its work in a domain without "
               "privilege.\n");
        return;
    }
    if (service_start(bh_notice, &e)) {
        printf("The service does not start: %s.\n", e.text);
        return;
    }
    if (builtin_store_attach()) {
        printf("Not enough memory for the store's client.\n");
        return;
    }
    split_notice = bh_notice;
    builtin_drivers_start();
    builtin_power_start(bh_notice);
    printf("Bulkhead's built-in dom0. `help` lists the commands.\n");
    if (platform_thread_start("bh", shell, NULL)) {
        printf("Not enough memory for the prompt.\n");
        return;
    }
    /* When this function returns, the machine goes off. */
    for (;;)
        wait_on(&never);
}
