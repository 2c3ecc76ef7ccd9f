/* SPDX-License-Identifier: MIT */
/*
 * The back end of the example of docs/drivers.md (protocol: shout.h). It runs in any domain: the
 * tools name that domain in the front end's node.
 *
 * The front end may be hostile. So it checks an index before it uses it, copies a request out of
 * the ring before it looks at it, and changes the text in a page of its own.
 */
#include <ctype.h>
#include <drivers/split.h>
#include <drivers/work.h>
#include <errno.h>
#include <events.h>
#include <grant.h>
#include <guest.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "shout.h"
#include "shutdown.h"

struct shout_back {
    struct split_device *device;
    struct grant_mapping mapping; /* of the ring, while connected */
    struct shout_back_ring ring;
    int port; /* -1 while not connected */
    struct work work;
    char *text; /* a page */
};

/* ---- Requests ------------------------------------------------------------------------------- */

static int shout(struct shout_back *back, const struct shout_request *request)
{
    domid_t front = back->device->other;

    if (request->offset + request->length > PAGE_SIZE)
        return -EINVAL;
    if (grant_copy_from(back->text, front, request->reference, request->offset, request->length))
        return -EFAULT;
    for (unsigned int i = 0; i < request->length; i++)
        back->text[i] = (char)toupper((unsigned char)back->text[i]);
    if (grant_copy_to(back->text, front, request->reference, request->offset, request->length))
        return -EFAULT;
    return 0;
}

/* In the work thread: answers all that waits. */
static void serve(struct work *work)
{
    struct shout_back *back = (void *)((char *)work - offsetof(struct shout_back, work));
    struct shout_back_ring *ring = &back->ring;
    bool notify;
    int more;

    do {
        RING_IDX end = ring->sring->req_prod;

        xen_rmb();
        if (RING_REQUEST_PROD_OVERFLOW(ring, end)) {
            split_fail(back->device, -EINVAL, "impossible index %u in the ring", end);
            return;
        }
        while (ring->req_cons != end) {
            struct shout_request request;
            struct shout_response *response;

            RING_COPY_REQUEST(ring, ring->req_cons, &request);
            ring->req_cons++;
            response = RING_GET_RESPONSE(ring, ring->rsp_prod_pvt);
            response->id = request.id;
            response->error = shout(back, &request);
            ring->rsp_prod_pvt++;
        }
        RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(ring, notify);
        if (notify)
            event_send((evtchn_port_t)back->port);
        RING_FINAL_CHECK_FOR_REQUESTS(ring, more);
    } while (more);
    event_unmask((evtchn_port_t)back->port);
}

static void shout_on_event(evtchn_port_t port, void *argument)
{
    struct shout_back *back = argument;

    event_mask(port); /* a front end that rings without end shall not keep us here */
    work_schedule(&back->work);
}

/* ---- The device's life ---------------------------------------------------------------------- */

static void shout_disconnect(struct shout_back *back)
{
    if (back->port < 0)
        return;
    event_close((evtchn_port_t)back->port);
    back->port = -1;
    work_cancel(&back->work);
    grant_unmap(&back->mapping);
}

static void shout_connect(struct split_device *device)
{
    struct shout_back *back = device->driver_data;
    uint64_t reference, remote;
    grant_ref_t ref;
    int error;

    if (split_other_number(device, "ring-ref", &reference) ||
        split_other_number(device, "event-channel", &remote)) {
        split_fail(device, -ENOENT, "the front end does not say where its ring is");
        return;
    }
    ref = (grant_ref_t)reference;
    error = grant_map(&back->mapping, device->other, &ref, 1, false);
    if (error) {
        split_fail(device, error, "cannot map the ring, reference %u", ref);
        return;
    }
    BACK_RING_INIT(&back->ring, (struct shout_sring *)back->mapping.va, PAGE_SIZE);
    back->port = event_bind_interdomain(device->other, (evtchn_port_t)remote);
    if (back->port < 0) {
        error = back->port;
        grant_unmap(&back->mapping);
        split_fail(device, error, "cannot bind the event channel");
        return;
    }
    event_set_handler((evtchn_port_t)back->port, shout_on_event, back);
    work_schedule(&back->work); /* for what came before we were bound */
    split_set_state(device, XenbusStateConnected);
}

static int shout_probe(struct split_device *device)
{
    struct shout_back *back = calloc(1, sizeof(*back));

    if (!back)
        return -ENOMEM;
    back->device = device;
    back->port = -1;
    back->work.run = serve;
    back->text = page_alloc();
    if (!back->text) {
        free(back);
        return -ENOMEM;
    }
    device->driver_data = back;
    return split_set_state(device, XenbusStateInitWait);
}

static void shout_other_changed(struct split_device *device, enum xenbus_state state)
{
    struct shout_back *back = device->driver_data;

    if (state == XenbusStateInitialised && back->port < 0)
        shout_connect(device);
    else if (state == XenbusStateClosed)
        shout_disconnect(back);
}

static void shout_remove(struct split_device *device)
{
    struct shout_back *back = device->driver_data;

    shout_disconnect(back);
    page_free(back->text);
    free(back);
}

void guest_main(void)
{
    static struct split_driver driver = {.kind = "shout",
                                         .back = true,
                                         .probe = shout_probe,
                                         .other_changed = shout_other_changed,
                                         .remove = shout_remove};
    struct wait_queue never = {0};

    shutdown_obey();
    if (split_register(&driver)) {
        printf("shout: no store to find devices in\n");
        return;
    }
    printf("shout: waiting for front ends\n");
    for (;;)
        wait_on(&never);
}
