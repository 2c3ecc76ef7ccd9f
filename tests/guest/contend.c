/* SPDX-License-Identifier: MIT */
/*
 * A guest whose two vCPUs open and close ports, until it is destroyed: so on two CPUs they wait for
 * each other's hold of the domain's event lock (tests/system/test_smp.c).
 */
#include <guest.h>
#include <hypercall.h>
#include <stdlib.h>
#include <vcpu.h>

static void open_and_close(void *unused)
{
    struct evtchn_alloc_unbound open = {.dom = DOMID_SELF, .remote_dom = 0};
    struct evtchn_close close;

    for (;;) {
        if (hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &open))
            guest_panic("no port is free");
        close.port = open.port;
        if (hypercall_event_channel_op(EVTCHNOP_close, &close))
            guest_panic("port %u is not open", close.port);
    }
}

void guest_main(void)
{
    if (vcpu_start(1, open_and_close, NULL))
        guest_panic("there is no second vCPU");
    open_and_close(NULL);
}
