/* SPDX-License-Identifier: MIT */
/* The service's thread: it waits for events of domains and runs a turn of each part. */
#include <tools/control.h>
#include <tools/service.h>

#include "console_requests.h"
#include "domain_life.h"
#include "domain_rings.h"
#include "memory_target.h"
#include "store_clients.h"
#include "turn.h"

static int exception_port = -1;

/* Looks after the domains that have stopped or died. */
static void follow_domains(void)
{
    domid_t domid;
    int status;

    while ((status = control_changed_domain(&domid)) > 0) {
        store_client_look(domid);
        domain_life_look_at(domid);
    }
    if (status < 0) {
        store_clients_look();
        domain_life_look();
    }
}

void service_turn(int port)
{
    if (port == exception_port) {
        follow_domains();
        return;
    }
    domain_rings_serve(port);
    store_clients_serve(port);
    memory_targets_follow();
    console_clients_follow();
}

static void serve_for_ever(void *unused)
{
    for (;;) {
        service_turn(platform_wait());
        /* A domain that never stops sending must not keep others, or the prompt, from running. */
        platform_yield();
    }
}

int service_start(service_notice_fn *notice, struct error *e)
{
    service_notice = notice;
    if (store_clients_start(e) || memory_targets_start(e))
        return -1;
    exception_port = platform_port_bind_virq(VIRQ_DOM_EXC);
    if (exception_port < 0)
        return error_set(e, "binding VIRQ_DOM_EXC: %s", error_words(-exception_port));
    if (platform_thread_start("service", serve_for_ever, NULL))
        return error_set(e, "not enough memory for the service's thread");
    return 0;
}
