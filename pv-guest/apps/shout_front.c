/* SPDX-License-Identifier: MIT */
/*
 * The front end of the example of docs/drivers.md (protocol: shout.h): lines typed on its console
 * come back in capitals.
 */
#include <console.h>
#include <drivers/split.h>
#include <errno.h>
#include <events.h>
#include <grant.h>
#include <guest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shout.h"
#include "shutdown.h"

struct shout_front {
    struct split_device *device;
    struct shout_sring *page; /* the ring's, granted for as long as the device is there */
    char *text;               /* a page, the same */
    int ring_ref, text_ref;
    int port; /* -1 while there is none */
    struct shout_front_ring ring;
    bool connected;
};

/* The one device, and the threads that wait for it or for its answers. */
static struct shout_front *front;
static struct wait_queue queue;

/* ---- Requests ------------------------------------------------------------------------------- */

/* The front end does not trust the back end: an impossible index is not a response. */
static bool take_response(struct shout_response *response)
{
    RING_IDX end = front->ring.sring->rsp_prod;

    xen_rmb();
    if (end == front->ring.rsp_cons || RING_RESPONSE_PROD_OVERFLOW(&front->ring, end))
        return false;
    RING_COPY_RESPONSE(&front->ring, front->ring.rsp_cons, response);
    front->ring.rsp_cons++;
    front->ring.sring->rsp_event = front->ring.rsp_cons + 1;
    return true;
}

static bool answered(struct shout_response *response)
{
    return !front || !front->connected || take_response(response);
}

/* Sends what is in the text page and waits. Returns 0 or a negative errno. */
static int send_text(size_t length)
{
    struct shout_response response = {.error = -EIO};
    struct shout_request *request;
    bool notify;

    request = RING_GET_REQUEST(&front->ring, front->ring.req_prod_pvt);
    *request = (struct shout_request){.id = front->ring.req_prod_pvt,
                                      .reference = (uint32_t)front->text_ref,
                                      .length = (uint16_t)length};
    front->ring.req_prod_pvt++;
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->ring, notify);
    if (notify)
        event_send((evtchn_port_t)front->port);
    wait_until(&queue, answered(&response));
    return response.error;
}

static void shout_on_event(evtchn_port_t port, void *argument)
{
    wake_all(&queue);
}

/* ---- The device's life ---------------------------------------------------------------------- */

static void shout_disconnect(struct shout_front *f)
{
    f->connected = false;
    wake_all(&queue);
    if (f->port >= 0)
        event_close((evtchn_port_t)f->port);
    f->port = -1;
}

/* The back end waits: make an empty ring and say where it is. */
static void offer(struct split_device *device)
{
    struct shout_front *f = device->driver_data;
    int error;

    shout_disconnect(f);
    SHARED_RING_INIT(f->page);
    FRONT_RING_INIT(&f->ring, f->page, PAGE_SIZE);
    f->port = error = event_alloc_unbound(device->other);
    if (f->port >= 0) {
        event_set_handler((evtchn_port_t)f->port, shout_on_event, NULL);
        error = split_write(device, 0, "ring-ref", "%d", f->ring_ref);
        if (!error)
            error = split_write(device, 0, "event-channel", "%d", f->port);
        if (!error)
            error = split_set_state(device, XenbusStateInitialised);
    }
    if (error)
        split_fail(device, error, "cannot offer a ring");
}

static void shout_other_changed(struct split_device *device, enum xenbus_state state)
{
    struct shout_front *f = device->driver_data;

    switch (state) {
    case XenbusStateInitWait:
        offer(device);
        break;
    case XenbusStateConnected:
        f->connected = true;
        split_set_state(device, XenbusStateConnected);
        wake_all(&queue);
        break;
    case XenbusStateClosing:
    case XenbusStateClosed:
        shout_disconnect(f);
        break;
    default:
        break;
    }
}

/* A page that the back end still has mapped cannot be used for anything else. */
static void free_granted(void *page, int reference)
{
    if (page && (reference < 0 || grant_end((grant_ref_t)reference)))
        page_free(page);
}

static void shout_remove(struct split_device *device)
{
    struct shout_front *f = device->driver_data;

    shout_disconnect(f);
    free_granted(f->page, f->ring_ref);
    free_granted(f->text, f->text_ref);
    if (front == f)
        front = NULL;
    free(f);
}

static int shout_probe(struct split_device *device)
{
    struct shout_front *f;

    if (front)
        return -EBUSY;
    f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    device->driver_data = f;
    f->device = device;
    f->port = f->ring_ref = f->text_ref = -1;
    f->page = page_alloc();
    f->text = page_alloc_zeroed();
    if (f->page)
        f->ring_ref = grant_offer(device->other, va_to_mfn(f->page), false);
    if (f->text)
        f->text_ref = grant_offer(device->other, va_to_mfn(f->text), false);
    if (f->ring_ref < 0 || f->text_ref < 0) {
        shout_remove(device);
        return -ENOMEM;
    }
    front = f;
    return 0;
}

void guest_main(void)
{
    static struct split_driver driver = {.kind = "shout",
                                         .probe = shout_probe,
                                         .other_changed = shout_other_changed,
                                         .remove = shout_remove};
    char line[256];

    shutdown_obey();
    if (split_register(&driver)) {
        printf("shout: no store to find the device in\n");
        return;
    }
    printf("shout: type something\n");
    for (;;) {
        size_t length = console_read_line(line, sizeof(line));
        int error;

        wait_until(&queue, front && front->connected);
        memcpy(front->text, line, length);
        error = send_text(length);
        if (error)
            printf("shout: %s\n", strerror(-error));
        else
            printf("%.*s\n", (int)length, front->text);
    }
}
