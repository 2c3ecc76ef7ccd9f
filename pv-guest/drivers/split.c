/* SPDX-License-Identifier: MIT */
/*
 * Split devices: one thread per registered driver that finds devices, and one per device that
 * follows it (split.h says through which states).
 *
 * A thread never acts on what a watch event says, but looks at the store as it is now. So events
 * may come late, twice or merged, and a device that was deleted and made again between two looks is
 * noticed by its state, which nobody else sets back.
 */
#include <assert.h>
#include <clock.h>
#include <drivers/split.h>
#include <errno.h>
#include <events.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_MAX   8
#define NODE_SIZE   128 /* a node's path and a key */
#define SAYING_SIZE 240
#define RETRY_DELAY MILLISECONDS(100)

struct device_watch {
    struct store_watch watch; /* first: what event functions are given */
    struct device *owner;
    bool set, fired;
    char path[NODE_SIZE];
};

struct device {
    struct split_device public; /* first: what the driver has is this */
    struct split_registration *registration;
    struct device *next;
    struct wait_queue queue;
    bool poked;
    struct device_watch own, online, other; /* the nodes `state`, `online` and their `state` */
    void (*calls[CALLS_MAX])(struct split_device *device);
    unsigned int call_count;
    bool probed;   /* probe() succeeded and remove() was not called */
    bool offline;  /* the tools take it away: Closed is not written before all is released */
    bool closed;   /* nothing is done for this device any more */
    bool linked;   /* the driver was told of a state in which it has something to release */
    bool reported; /* the failure is in the store */
    bool unsaid;   /* the failure is still to be printed */
    int error;
    char failure[SAYING_SIZE];
};

struct split_registration {
    struct split_driver *driver;
    struct store_watch watch; /* found by its address in event functions */
    char path[32];
    struct device *devices;
    struct wait_queue queue; /* for the finder, and for who waits for its end */
    bool look, stopping, stopped;
};

void (*split_notice)(const char *text);

enum outcome {
    OUTCOME_WAIT,  /* for the next event */
    OUTCOME_RETRY, /* the store did not answer as it should: look again soon */
    OUTCOME_GONE,  /* the device is to be forgotten */
};

/* ---- Nodes ---- */

static struct device *device_of(struct split_device *device)
{
    return (struct device *)device;
}

static int read_text(const char *folder, const char *key, char **value)
{
    char path[NODE_SIZE];

    if (snprintf(path, sizeof(path), "%s/%s", folder, key) >= (int)sizeof(path))
        return -E2BIG;
    return store_read(0, path, value);
}

/* All of @text is a decimal number. */
static int parse_number(const char *text, uint64_t *value)
{
    uint64_t number = 0;

    if (!*text)
        return -EINVAL;
    for (; *text; text++) {
        unsigned int digit = (unsigned int)(*text - '0');

        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return -EINVAL;
        number = number * 10 + digit;
    }
    *value = number;
    return 0;
}

static int read_number(const char *folder, const char *key, uint64_t *value)
{
    char *text;
    int error = read_text(folder, key, &text);

    if (error < 0)
        return error;
    error = parse_number(text, value);
    free(text);
    return error;
}

/* A state; one that is absent, unreadable to us or nonsense is Unknown. */
static int read_state(const char *folder, enum xenbus_state *state)
{
    uint64_t value = XenbusStateUnknown;
    int error = read_number(folder, "state", &value);

    if (error && error != -ENOENT && error != -EACCES && error != -EINVAL)
        return error;
    *state = value <= XenbusStateReconfigured ? (enum xenbus_state)value : XenbusStateUnknown;
    return 0;
}

int split_own_number(const struct split_device *device, const char *key, uint64_t *value)
{
    return read_number(device->path, key, value);
}

int split_other_number(const struct split_device *device, const char *key, uint64_t *value)
{
    return read_number(device->other_path, key, value);
}

uint64_t split_other_feature(const struct split_device *device, const char *key)
{
    uint64_t value;

    return read_number(device->other_path, key, &value) ? 0 : value;
}

int split_own_text(const struct split_device *device, const char *key, char **value)
{
    return read_text(device->path, key, value);
}

int split_other_text(const struct split_device *device, const char *key, char **value)
{
    return read_text(device->other_path, key, value);
}

struct node {
    const struct split_device *device;
    const char *key, *value;
};

/* Writes a node unless the device's own is gone: that must not come back by our writing. */
static int write_in(store_transaction transaction, void *argument)
{
    const struct node *node = argument;
    const struct split_device *device = node->device;
    char path[NODE_SIZE];
    char *state;
    int error;

    snprintf(path, sizeof(path), "%s/state", device->path);
    error = store_read(transaction, path, &state);
    if (error < 0)
        return error;
    free(state);
    if (snprintf(path, sizeof(path), "%s/%s", device->path, node->key) >= (int)sizeof(path))
        return -E2BIG;
    return store_write(transaction, path, node->value);
}

int split_write(struct split_device *device, store_transaction transaction, const char *key,
                const char *format, ...)
{
    struct node node = {.device = device, .key = key};
    va_list arguments;
    char *value;
    int error;

    va_start(arguments, format);
    error = vasprintf(&value, format, arguments);
    va_end(arguments);
    if (error < 0)
        return -ENOMEM;
    node.value = value;
    error = transaction ? write_in(transaction, &node) : store_change(write_in, &node);
    free(value);
    return error;
}

int split_set_state(struct split_device *device, enum xenbus_state state)
{
    char text[4];
    int error;

    snprintf(text, sizeof(text), "%d", (int)state);
    error = store_change(write_in, &(struct node){device, "state", text});
    if (!error)
        device->state = state;
    return error;
}

/* ---- A device's thread: what wakes it ---- */

static void poke(struct device *d)
{
    d->poked = true;
    wake_all(&d->queue);
}

static void on_device_event(struct store_watch *watch, const char *path)
{
    struct device_watch *w = (struct device_watch *)watch;

    w->fired = true;
    poke(w->owner);
}

void split_call(struct split_device *device, void (*function)(struct split_device *device))
{
    struct device *d = device_of(device);
    bool enabled = events_disable();
    unsigned int i = 0;

    while (i < d->call_count && d->calls[i] != function)
        i++;
    assert(i < CALLS_MAX);
    if (i == d->call_count)
        d->calls[d->call_count++] = function;
    poke(d);
    events_restore(enabled);
}

static void run_calls(struct device *d)
{
    void (*calls[CALLS_MAX])(struct split_device *);
    bool enabled = events_disable();
    unsigned int count = d->call_count;

    memcpy(calls, d->calls, sizeof(calls));
    d->call_count = 0;
    events_restore(enabled);
    for (unsigned int i = 0; i < count && d->probed && !d->public.failed; i++)
        calls[i](&d->public);
}

static void notice(const char *text)
{
    if (split_notice)
        split_notice(text);
    else
        printf("%s\n", text);
}

/* Says it with the device in front. */
static void say(const struct split_device *device, const char *text)
{
    char line[SAYING_SIZE + 64];

    if (device->driver->back)
        snprintf(line, sizeof(line), "%s %u/%u: %s", device->driver->kind, device->other,
                 device->id, text);
    else
        snprintf(line, sizeof(line), "%s %u: %s", device->driver->kind, device->id, text);
    notice(line);
}

void split_say(const struct split_device *device, const char *format, ...)
{
    char text[SAYING_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    say(device, text);
}

void split_fail(struct split_device *device, int error, const char *format, ...)
{
    struct device *d = device_of(device);
    va_list arguments;

    if (device->failed)
        return;
    device->failed = true;
    d->error = error;
    va_start(arguments, format);
    vsnprintf(d->failure, sizeof(d->failure), format, arguments);
    va_end(arguments);
    /*
     * At the start of a back end there are tools which wait for it, and tell whoever asked for the
     * device.
     */
    d->unsaid = !split_notice || !device->driver->back || device->state != XenbusStateInitialising;
    poke(d);
}

/* ---- A device's thread: what it does ---- */

static void remove_driver(struct device *d)
{
    d->linked = false;
    if (!d->probed)
        return;
    d->probed = false;
    d->public.driver->remove(&d->public);
}

/* In the directory of the domain's own errors, where Linux has them. */
static void error_path(const struct device *d, char path[NODE_SIZE])
{
    snprintf(path, NODE_SIZE, "error/%s", d->public.path);
}

/* Printing may wait for the console; split_fail(), called by the data path, may not. */
static void say_failure(struct device *d)
{
    if (d->unsaid)
        say(&d->public, d->failure);
    d->unsaid = false;
}

static void report_failure(struct device *d)
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

static void tell(struct device *d, enum xenbus_state state)
{
    if (d->probed && !d->public.failed)
        d->public.driver->other_changed(&d->public, state);
}

/* The other end let go, or is not the one that the driver was connected with. */
static void unlink_driver(struct device *d)
{
    if (d->linked)
        tell(d, XenbusStateClosed);
    d->linked = false;
    if (d->public.state != XenbusStateClosed && !d->offline)
        split_set_state(&d->public, XenbusStateClosed);
}

static void back_changed(struct device *d, enum xenbus_state state)
{
    struct split_device *device = &d->public;

    switch (state) {
    case XenbusStateInitialising:
        if (d->linked)
            unlink_driver(d);
        if (d->closed || device->failed)
            break;
        tell(d, state);
        if (device->state == XenbusStateClosing || device->state == XenbusStateClosed)
            split_set_state(device, XenbusStateInitWait);
        break;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        if (device->state >= XenbusStateClosing)
            break;
        d->linked = true;
        tell(d, state);
        break;
    case XenbusStateClosing:
        if (d->linked)
            tell(d, state);
        if (device->state < XenbusStateClosing)
            split_set_state(device, XenbusStateClosing);
        break;
    case XenbusStateClosed:
    case XenbusStateUnknown:
        /* Before anything was shared, a front end of no concern; we go on waiting for one. */
        if (d->linked || device->state >= XenbusStateClosing)
            unlink_driver(d);
        break;
    default:
        tell(d, state);
        break;
    }
}

static void front_changed(struct device *d, enum xenbus_state state)
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
        tell(d, state);
        break;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        if (d->linked)
            tell(d, state);
        break;
    case XenbusStateClosing:
        if (d->linked)
            tell(d, state);
        d->linked = false;
        unlink_driver(d);
        break;
    case XenbusStateClosed:
    case XenbusStateUnknown:
        unlink_driver(d);
        break;
    default:
        tell(d, state);
        break;
    }
}

/* Whether our node is still this device's. @return 0, -ENOENT, or another negative errno. */
static int check_own(struct device *d, enum xenbus_state *state)
{
    struct split_device *device = &d->public;
    char *path;
    int error = split_own_text(device, device->driver->back ? "frontend" : "backend", &path);

    if (error < 0)
        return error;
    error = strcmp(path, device->other_path) == 0 ? read_state(device->path, state) : -ENOENT;
    free(path);
    if (!error && *state == XenbusStateUnknown)
        error = -ENOENT;
    /* Only the tools set a state back, when they make the device again. */
    if (!error && *state < device->state && *state == XenbusStateInitialising)
        error = -ENOENT;
    return error;
}

/* Whether the front end has nothing of ours any more. */
static bool let_go(enum xenbus_state other)
{
    return other == XenbusStateUnknown || other == XenbusStateInitialising ||
           other == XenbusStateClosed;
}

/* Begins with a device. Its driver, if there was one before us, may have left it in any state. */
static void probe(struct device *d, enum xenbus_state own, enum xenbus_state other)
{
    struct split_device *device = &d->public;
    int error;

    device->state = own;
    if (device->driver->back) {
        if (own != XenbusStateInitialising && own != XenbusStateClosed)
            split_set_state(device, XenbusStateClosed);
        if (!let_go(other))
            return; /* connected with who was here before: it has to close first */
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
static enum outcome look(struct device *d)
{
    struct split_device *device = &d->public;
    enum xenbus_state own, other;
    uint64_t online = 1;
    bool again;
    int error = check_own(d, &own);

    if (error == -ENOENT || d->registration->stopping)
        return OUTCOME_GONE;
    if (!error && device->driver->back) {
        error = read_number(device->path, "online", &online);
        if (error == -ENOENT || error == -EINVAL)
            online = error = 0;
        d->offline = !online;
    }
    again = d->other.fired;
    d->other.fired = false;
    if (!error)
        error = read_state(device->other_path, &other);
    if (error)
        return OUTCOME_RETRY;
    if (!d->probed && !device->failed && !d->closed && online)
        probe(d, own, other);
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

static int set_watch(struct device *d, struct device_watch *w, const char *folder, const char *key)
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

static int set_watches(struct device *d)
{
    int error = set_watch(d, &d->own, d->public.path, "state");

    if (!error && d->public.driver->back)
        error = set_watch(d, &d->online, d->public.path, "online");
    return error ? error : set_watch(d, &d->other, d->public.other_path, "state");
}

static void clear_watches(struct device *d)
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

static void forget(struct device *d)
{
    struct split_registration *r = d->registration;
    struct device **link = &r->devices;

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
    struct device *d = argument;
    enum outcome outcome;

    do {
        d->poked = false;
        outcome = set_watches(d) ? OUTCOME_RETRY : look(d);
        if (outcome == OUTCOME_WAIT) {
            wait_until(&d->queue, d->poked);
        } else if (outcome == OUTCOME_RETRY) {
            bool enabled = events_disable();

            if (!d->poked)
                wait_on_until(&d->queue, clock_now() + RETRY_DELAY);
            events_restore(enabled);
        }
    } while (outcome != OUTCOME_GONE);
    forget(d);
}

/* ---- Finding devices ---- */

static struct device *find_device(const struct split_registration *r, const char *path)
{
    struct device *d = r->devices;

    while (d && strcmp(d->public.path, path) != 0)
        d = d->next;
    return d;
}

/* Begins with the device at @path if its nodes are complete; they are written one by one. */
static void found(struct split_registration *r, const char *path, unsigned int id)
{
    bool back = r->driver->back;
    enum xenbus_state state;
    uint64_t other;
    struct device *d;
    char *other_path;

    if (find_device(r, path) || read_state(path, &state) || state == XenbusStateUnknown ||
        read_number(path, back ? "frontend-id" : "backend-id", &other) ||
        other >= DOMID_FIRST_RESERVED ||
        read_text(path, back ? "frontend" : "backend", &other_path) < 0)
        return;
    d = calloc(1, sizeof(*d));
    if (d && strlen(other_path) < sizeof(d->public.other_path)) {
        d->registration = r;
        d->public.driver = r->driver;
        d->public.other = (domid_t)other;
        d->public.id = id;
        strcpy(d->public.path, path);
        strcpy(d->public.other_path, other_path);
        d->next = r->devices;
        r->devices = d;
        if (thread_create(r->driver->kind, device_thread, d)) {
            free(other_path);
            return;
        }
        r->devices = d->next;
        notice("no memory for the thread of a split device");
    }
    free(other_path);
    free(d);
}

/* Calls @entry for each child of @folder that is named by a number. */
static void each_number(struct split_registration *r, const char *folder,
                        void (*entry)(struct split_registration *r, const char *path,
                                      unsigned int number))
{
    char path[sizeof(((struct split_device *)0)->path)];
    char **names;
    int count = store_directory(0, folder, &names);

    if (count < 0)
        return;
    for (int i = 0; i < count; i++) {
        uint64_t number;

        if (!parse_number(names[i], &number) && number <= UINT32_MAX &&
            snprintf(path, sizeof(path), "%s/%s", folder, names[i]) < (int)sizeof(path))
            entry(r, path, (unsigned int)number);
    }
    free(names);
}

static void found_domain(struct split_registration *r, const char *path, unsigned int domain)
{
    each_number(r, path, found);
}

static void finder_thread(void *argument)
{
    struct split_registration *r = argument;

    while (!r->stopping) {
        r->look = false;
        each_number(r, r->path, r->driver->back ? found_domain : found);
        wait_until(&r->queue, r->look || r->stopping);
    }
    for (struct device *d = r->devices; d; d = d->next)
        poke(d);
    wait_until(&r->queue, !r->devices);
    store_unwatch(&r->watch);
    r->stopped = true;
    wake_all(&r->queue);
}

/* What happens inside of known devices is their threads' concern. */
static void on_folder_event(struct store_watch *watch, const char *path)
{
    struct split_registration *r =
        (struct split_registration *)((char *)watch - offsetof(struct split_registration, watch));

    for (struct device *d = r->devices; d; d = d->next) {
        size_t length = strlen(d->public.path);

        if (strncmp(path, d->public.path, length) == 0 && path[length] == '/')
            return;
    }
    r->look = true;
    wake_all(&r->queue);
}

int split_register(struct split_driver *driver)
{
    struct split_registration *r = calloc(1, sizeof(*r));
    int error = -ENOMEM;

    if (!r)
        return error;
    r->driver = driver;
    snprintf(r->path, sizeof(r->path), "%s/%s", driver->back ? "backend" : "device", driver->kind);
    r->watch.path = r->path;
    r->watch.event = on_folder_event;
    error = store_watch(&r->watch);
    if (error) {
        free(r);
        return error;
    }
    driver->registration = r;
    if (thread_create(driver->kind, finder_thread, r))
        return 0;
    store_unwatch(&r->watch);
    free(r);
    return -ENOMEM;
}

void split_unregister(struct split_driver *driver)
{
    struct split_registration *r = driver->registration;

    r->stopping = true;
    wake_all(&r->queue);
    wait_until(&r->queue, r->stopped);
    driver->registration = NULL;
    free(r);
}
