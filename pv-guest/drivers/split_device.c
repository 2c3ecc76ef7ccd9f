/* SPDX-License-Identifier: MIT */
/*
 * The thread of a split device, which follows it through the states that split.h shows.
 *
 * It never acts on the contents of a watch event, but reads the store's present state. So events
 * may come late, twice or merged; a device that was deleted and made again in between is noticed by
 * its state, which only that sets back.
 */
#include <assert.h>
#include <clock.h>
#include <errno.h>
#include <events.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "split_internal.h"

#define RETRY_DELAY MILLISECONDS(100)

void (*split_notice)(const char *text);

enum outcome {
    OUTCOME_WAIT,  /* for the next event */
    OUTCOME_RETRY, /* the store did not answer as it should: look again soon */
    OUTCOME_GONE,  /* the device is to be forgotten */
};

static struct split_thread *thread_of(struct split_device *device)
{
    return (struct split_thread *)device;
}

/* ---- What wakes the thread, and what it prints ---- */

void split_poke(struct split_thread *d)
{
    d->poked = true;
    wake_all(&d->queue);
}

static void on_device_event(struct store_watch *watch, const char *path)
{
    struct device_watch *w = (struct device_watch *)watch;

    w->fired = true;
    split_poke(w->owner);
}

void split_call(struct split_device *device, void (*function)(struct split_device *device))
{
    struct split_thread *d = thread_of(device);
    bool enabled = events_disable();
    unsigned int i = 0;

    while (i < d->call_count && d->calls[i] != function)
        i++;
    assert(i < SPLIT_CALLS_MAX);
    if (i == d->call_count)
        d->calls[d->call_count++] = function;
    split_poke(d);
    events_restore(enabled);
}

static void run_calls(struct split_thread *d)
{
    void (*calls[SPLIT_CALLS_MAX])(struct split_device *);
    bool enabled = events_disable();
    unsigned int count = d->call_count;

    memcpy(calls, d->calls, sizeof(calls));
    d->call_count = 0;
    events_restore(enabled);
    for (unsigned int i = 0; i < count && d->probed && !d->public.failed; i++)
        calls[i](&d->public);
}

void split_print(const char *text)
{
    if (split_notice)
        split_notice(text);
    else
        printf("%s\n", text);
}

/* Says it with the device in front. */
static void say_of_device(const struct split_device *device, const char *text)
{
    char line[SAYING_SIZE + 64];

    if (device->driver->back)
        snprintf(line, sizeof(line), "%s %u/%u: %s", device->driver->kind, device->other,
                 device->id, text);
    else
        snprintf(line, sizeof(line), "%s %u: %s", device->driver->kind, device->id, text);
    split_print(line);
}

void split_say(const struct split_device *device, const char *format, ...)
{
    char text[SAYING_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    say_of_device(device, text);
}

void split_fail(struct split_device *device, int error, const char *format, ...)
{
    struct split_thread *d = thread_of(device);
    va_list arguments;

    if (device->failed)
        return;
    device->failed = true;
    d->error = error;
    va_start(arguments, format);
    vsnprintf(d->failure, sizeof(d->failure), format, arguments);
    va_end(arguments);
    /*
     * When a back end starts, tools wait for it, and report failures to the user who asked for the
     * device.
     */
    d->unsaid = !split_notice || !device->driver->back || device->state != XenbusStateInitialising;
    split_poke(d);
}

/* ---- What the thread does ---- */

static void remove_driver(struct split_thread *d)
{
    d->linked = false;
    if (!d->probed)
        return;
    d->probed = false;
    d->public.driver->remove(&d->public);
}

/* In the directory of the domain's own errors, where Linux has them. */
static void error_path(const struct split_thread *d, char path[NODE_SIZE])
{
    snprintf(path, NODE_SIZE, "error/%s", d->public.path);
}

/* Printing may wait for the console; split_fail(), called by the data path, may not. */
static void say_failure(struct split_thread *d)
{
    if (d->unsaid)
        say_of_device(&d->public, d->failure);
    d->unsaid = false;
}

static void report_failure(struct split_thread *d)
{
    char path[NODE_SIZE];

    d->reported = true;
    say_failure(d);
    remove_driver(d);
    error_path(d, path);
    snprintf(path + strlen(path), sizeof(path) - strlen(path), "/error");
    store_printf(0, path, "%d %s", -d->error, d->failure);
    if (d->public.state < XenbusStateClosing)
        split_set_state(&d->public, XenbusStateClosing);
}

static void tell_driver(struct split_thread *d, enum xenbus_state state)
{
    if (d->probed && !d->public.failed)
        d->public.driver->other_changed(&d->public, state);
}

/* The other end let go, or is not the one that the driver was connected with. */
static void unlink_driver(struct split_thread *d)
{
    if (d->linked)
        tell_driver(d, XenbusStateClosed);
    d->linked = false;
    if (d->public.state != XenbusStateClosed && !d->offline)
        split_set_state(&d->public, XenbusStateClosed);
}

static void back_changed(struct split_thread *d, enum xenbus_state state)
{
    struct split_device *device = &d->public;

    switch (state) {
    case XenbusStateInitialising:
        if (d->linked)
            unlink_driver(d);
        if (d->closed || device->failed)
            break;
        tell_driver(d, state);
        if (device->state == XenbusStateClosing || device->state == XenbusStateClosed)
            split_set_state(device, XenbusStateInitWait);
        break;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        if (device->state >= XenbusStateClosing)
            break;
        d->linked = true;
        tell_driver(d, state);
        break;
    case XenbusStateClosing:
        if (d->linked)
            tell_driver(d, state);
        if (device->state < XenbusStateClosing)
            split_set_state(device, XenbusStateClosing);
        break;
    case XenbusStateClosed:
    case XenbusStateUnknown:
        /* Nothing was shared with this front end yet: ignore it, and wait for one. */
        if (d->linked || device->state >= XenbusStateClosing)
            unlink_driver(d);
        break;
    default:
        tell_driver(d, state);
        break;
    }
}

static void front_changed(struct split_thread *d, enum xenbus_state state)
{
    struct split_device *device = &d->public;

    switch (state) {
    case XenbusStateInitialising:
    case XenbusStateInitWait:
        if (device->failed)
            break;
        if (d->linked)
            unlink_driver(d);
        if (device->state != XenbusStateInitialising)
            split_set_state(device, XenbusStateInitialising);
        d->linked = state == XenbusStateInitWait;
        tell_driver(d, state);
        break;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        if (d->linked)
            tell_driver(d, state);
        break;
    case XenbusStateClosing:
        if (d->linked)
            tell_driver(d, state);
        d->linked = false;
        unlink_driver(d);
        break;
    case XenbusStateClosed:
    case XenbusStateUnknown:
        unlink_driver(d);
        break;
    default:
        tell_driver(d, state);
        break;
    }
}

/* Whether our node is still this device's. @return 0, -ENOENT, or another negative errno. */
static int check_own(struct split_thread *d, enum xenbus_state *state)
{
    struct split_device *device = &d->public;
    char *path;
    int error = split_own_text(device, device->driver->back ? "frontend" : "backend", &path);

    if (error < 0)
        return error;
    error = strcmp(path, device->other_path) == 0 ? split_read_state(device->path, state) : -ENOENT;
    free(path);
    if (!error && *state == XenbusStateUnknown)
        error = -ENOENT;
    /* Only the tools set a state back, when they make the device again. */
    if (!error && *state < device->state && *state == XenbusStateInitialising)
        error = -ENOENT;
    return error;
}

/* Whether the front end uses nothing of this end any more. */
static bool let_go(enum xenbus_state other)
{
    return other == XenbusStateUnknown || other == XenbusStateInitialising ||
           other == XenbusStateClosed;
}

/* Begins with a device. Its driver, if there was one before us, may have left it in any state. */
static void begin_device(struct split_thread *d, enum xenbus_state own, enum xenbus_state other)
{
    struct split_device *device = &d->public;
    int error;

    device->state = own;
    if (device->driver->back) {
        if (own != XenbusStateInitialising && own != XenbusStateClosed)
            split_set_state(device, XenbusStateClosed);
        if (!let_go(other))
            return; /* connected to the front end that was here before: it has to close first */
    } else if (own != XenbusStateInitialising) {
        split_set_state(device, XenbusStateInitialising);
    }
    d->probed = true; /* so that probe may use all that drivers use */
    error = device->driver->probe(device);
    if (!error)
        return;
    d->probed = false;
    split_fail(device, error, "the driver cannot serve the device: %s", strerror(-error));
}

/* Looks at everything once. */
static enum outcome look_at_device(struct split_thread *d)
{
    struct split_device *device = &d->public;
    enum xenbus_state own, other;
    uint64_t online = 1;
    bool again;
    int error = check_own(d, &own);

    if (error == -ENOENT || d->registration->stopping)
        return OUTCOME_GONE;
    if (!error && device->driver->back) {
        error = split_read_number(device->path, "online", &online);
        if (error == -ENOENT || error == -EINVAL)
            online = error = 0;
        d->offline = !online;
    }
    again = d->other.fired;
    d->other.fired = false;
    if (!error)
        error = split_read_state(device->other_path, &other);
    if (error)
        return OUTCOME_RETRY;
    if (!d->probed && !device->failed && !d->closed && online)
        begin_device(d, own, other);
    run_calls(d);
    if (d->probed || device->failed) {
        bool first = device->other_state != other;

        device->other_state = other;
        if (first || (again && other == XenbusStateConnected)) {
            if (device->driver->back)
                back_changed(d, other);
            else
                front_changed(d, other);
        }
    }
    if (device->failed && !d->reported)
        report_failure(d);
    if (!online && !d->closed) {
        if (!d->linked && let_go(other)) {
            d->closed = true;
            remove_driver(d);
            split_set_state(device, XenbusStateClosed);
        } else if (device->state < XenbusStateClosing) {
            split_set_state(device, XenbusStateClosing);
        }
    }
    return d->call_count ? OUTCOME_RETRY : OUTCOME_WAIT;
}

static int set_watch(struct split_thread *d, struct device_watch *w, const char *folder,
                     const char *key)
{
    int error;

    if (w->set)
        return 0;
    snprintf(w->path, sizeof(w->path), "%s/%s", folder, key);
    w->owner = d;
    w->watch.path = w->path;
    w->watch.event = on_device_event;
    error = store_watch(&w->watch);
    w->set = !error;
    return error;
}

static int set_watches(struct split_thread *d)
{
    int error = set_watch(d, &d->own, d->public.path, "state");

    if (!error && d->public.driver->back)
        error = set_watch(d, &d->online, d->public.path, "online");
    return error ? error : set_watch(d, &d->other, d->public.other_path, "state");
}

static void clear_watches(struct split_thread *d)
{
    struct device_watch *const all[] = {&d->own, &d->online, &d->other};

    for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i]->set)
            store_unwatch(&all[i]->watch);
}

/* Takes a reported failure back, and what it leaves empty below `error`. */
static int remove_failure(store_transaction transaction, void *argument)
{
    char path[NODE_SIZE], **names;
    int children = 0;

    error_path(argument, path);
    while (children == 0 && strchr(path, '/')) {
        int error = store_remove(transaction, path);

        if (error && error != -ENOENT)
            return error;
        *strrchr(path, '/') = '\0';
        children = store_directory(transaction, path, &names);
        if (children >= 0)
            free(names);
        else if (children == -ENOENT)
            children = 0;
    }
    return children < 0 ? children : 0;
}

static void forget_device(struct split_thread *d)
{
    struct split_registration *r = d->registration;
    struct split_thread **link = &r->devices;

    remove_driver(d);
    if (r->stopping)
        split_set_state(&d->public, XenbusStateClosed);
    clear_watches(d);
    say_failure(d);
    if (d->reported)
        store_change(remove_failure, d);
    while (*link != d)
        link = &(*link)->next;
    *link = d->next;
    r->look = true; /* it may have been made again meanwhile */
    wake_all(&r->queue);
    free(d);
}

static void device_thread(void *argument)
{
    struct split_thread *d = argument;
    enum outcome outcome;

    do {
        d->poked = false;
        outcome = set_watches(d) ? OUTCOME_RETRY : look_at_device(d);
        if (outcome == OUTCOME_WAIT) {
            wait_until(&d->queue, d->poked);
        } else if (outcome == OUTCOME_RETRY) {
            bool enabled = events_disable();

            if (!d->poked)
                wait_on_until(&d->queue, clock_now() + RETRY_DELAY);
            events_restore(enabled);
        }
    } while (outcome != OUTCOME_GONE);
    forget_device(d);
}

bool split_device_start(struct split_thread *d)
{
    return thread_create(d->public.driver->kind, device_thread, d) != NULL;
}
