/* SPDX-License-Identifier: MIT */
/*
 * The power button of the built-in dom0. At a press, dom0 asks all domains to shut down, as an init
 * system and its service for domains do in Linux; when the last one has, or the time is over, dom0
 * switches the machine off. A second press does so at once.
 */
#include <stdio.h>
#include <stdlib.h>

#include <events.h>
#include <thread.h>

#include <platform.h>
#include <tools/control.h>
#include <tools/service.h>

#include <drivers/power_button.h>

#include "builtin.h"

#define DOMAINS_MAX 256u /* that are asked to shut down */
/* ns for domains to shut down, as long as Xen's service for domains waits in Linux. */
#define PATIENCE   300000000000u
#define LOOK_AGAIN 100000000u /* ns between looks at those that are left */

static void (*say)(const char *text);
static struct wait_queue queue;
static unsigned int presses;

/* In the upcall. */
static void button_pressed(void)
{
    presses++;
    wake_all(&queue);
}

/* Calls @each (NULL: nothing) for every domain but this one. Returns how many still run. */
static unsigned int each_other_domain(struct xen_domctl_getdomaininfo *list,
                                      void (*each)(domid_t domid))
{
    unsigned int alive = 0;
    struct error e;
    int count = control_list(1, list, DOMAINS_MAX, &e);

    for (int i = 0; i < count; i++) {
        if (!service_is_alive(list[i].domain))
            continue; /* kept after its end */
        alive++;
        if (each)
            each(list[i].domain);
    }
    return alive;
}

static void ask_to_shut_down(domid_t domid)
{
    char text[ERROR_TEXT_SIZE + 64];
    struct error e;

    if (!service_request_stop(domid, "poweroff", &e))
        return;
    snprintf(text, sizeof(text), "domain %u cannot be asked to shut down: %s", domid, e.text);
    say(text);
}

static void shut_down_all(struct xen_domctl_getdomaininfo *list)
{
    uint64_t deadline = platform_now() + PATIENCE;
    unsigned int first = presses;
    char text[96];
    unsigned int left;

    say("The power button was pressed: domains shut down, then the machine. "
        "Press again to switch off now.");
    each_other_domain(list, ask_to_shut_down);
    while ((left = each_other_domain(list, NULL)) > 0 && presses == first &&
           platform_now() < deadline)
        platform_sleep(LOOK_AGAIN);
    snprintf(text, sizeof(text), "%u domains have not shut down.", left);
    if (left > 0)
        say(text);
    platform_machine_stop(false);
}

static void power_thread(void *argument)
{
    wait_until(&queue, presses > 0);
    shut_down_all(argument);
}

void builtin_power_start(void (*notice)(const char *text))
{
    /* Taken now: memory may be short when the button is pressed. */
    struct xen_domctl_getdomaininfo *list = calloc(DOMAINS_MAX, sizeof(*list));

    say = notice;
    if (!list || platform_thread_start("power", power_thread, list))
        printf("Not enough memory for the power button.\n");
    else
        power_button_start(button_pressed); /* a machine need not have one */
}
