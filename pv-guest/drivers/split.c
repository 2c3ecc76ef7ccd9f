/* SPDX-License-Identifier: MIT */
/*
 * Drivers of split devices, and finding devices for them: one thread for each registered driver
 * looks through the folder of its kind, and starts a thread for each device that it finds there
 * (split_device.c).
 */
#include <errno.h>
#include <events.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "split_internal.h"

static struct split_thread *find_split_device(const struct split_registration *r, const char *path)
{
    struct split_thread *d = r->devices;

    while (d && strcmp(d->public.path, path) != 0)
        d = d->next;
    return d;
}

/* Begins with the device at @path if its nodes are complete; they are written one by one. */
static void found_device(struct split_registration *r, const char *path, unsigned int id)
{
    bool back = r->driver->back;
    enum xenbus_state state;
    uint64_t other;
    struct split_thread *d;
    char *other_path;

    if (find_split_device(r, path) || split_read_state(path, &state) ||
        state == XenbusStateUnknown ||
        split_read_number(path, back ? "frontend-id" : "backend-id", &other) ||
        other >= DOMID_FIRST_RESERVED ||
        split_read_text(path, back ? "frontend" : "backend", &other_path) < 0)
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
        if (split_device_start(d)) {
            free(other_path);
            return;
        }
        r->devices = d->next;
        split_print("no memory for the thread of a split device");
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

        if (!split_parse_number(names[i], &number) && number <= UINT32_MAX &&
            snprintf(path, sizeof(path), "%s/%s", folder, names[i]) < (int)sizeof(path))
            entry(r, path, (unsigned int)number);
    }
    free(names);
}

static void found_domain(struct split_registration *r, const char *path, unsigned int domain)
{
    each_number(r, path, found_device);
}

static void finder_thread(void *argument)
{
    struct split_registration *r = argument;

    while (!r->stopping) {
        r->look = false;
        each_number(r, r->path, r->driver->back ? found_domain : found_device);
        wait_until(&r->queue, r->look || r->stopping);
    }
    for (struct split_thread *d = r->devices; d; d = d->next)
        split_poke(d);
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

    for (struct split_thread *d = r->devices; d; d = d->next) {
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
