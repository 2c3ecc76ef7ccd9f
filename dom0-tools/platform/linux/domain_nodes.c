/* SPDX-License-Identifier: MIT */
/* What the store holds of a domain: see domain_nodes.h. */
#include "domain_nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>
#include <tools/guest_config.h>

#include "xenstore.h"

#define PATH_SIZE 160
#define ATTEMPTS  8 /* of a transaction that others come before */

static int fail(const char *path, int error, struct error *e)
{
    return error_set(e, "writing %s to the store: %s", path, error_words(error));
}

static void node_path(char path[PATH_SIZE], domid_t domid, const char *node)
{
    snprintf(path, PATH_SIZE, "/local/domain/%u/%s", domid, node);
}

char *domain_node_read(domid_t domid, const char *node)
{
    char path[PATH_SIZE], *value;

    node_path(path, domid, node);
    return xenstore_read(XENSTORE_NO_TRANSACTION, path, &value) ? NULL : value;
}

bool domain_start_time(domid_t domid, uint64_t *seconds)
{
    char path[PATH_SIZE], *vm = domain_node_read(domid, "vm"), *text = NULL;
    bool known;

    if (!vm)
        return false;
    snprintf(path, sizeof(path), "%s/start_time", vm);
    known = !xenstore_read(XENSTORE_NO_TRANSACTION, path, &text);
    *seconds = known ? strtoull(text, NULL, 10) : 0; /* libxl writes hundredths behind a point */
    free(text);
    free(vm);
    return known;
}

int domain_has_devices(domid_t domid, struct error *e)
{
    char path[PATH_SIZE], *kinds;
    int found = 0, error;
    size_t length;

    snprintf(path, sizeof(path), "/libxl/%u/device", domid);
    error = xenstore_directory(XENSTORE_NO_TRANSACTION, path, &kinds, &length);
    if (error == XEN_ENOENT)
        return 0;
    if (error)
        return error_set(e, "reading %s in the store: %s", path, error_words(error));
    for (const char *kind = kinds; kind < kinds + length; kind += strlen(kind) + 1)
        if (strcmp(kind, "console") != 0)
            found = 1;
    free(kinds);
    return found;
}

/* ---- Changes of several nodes ---- */

/* Writes in a transaction; @return 0 or a positive errno. */
typedef int change_fn(uint32_t transaction, const void *context);

/* All of @change or nothing, again if somebody else has changed what it looked at. */
static int change_together(change_fn *change, const void *context)
{
    int error = XEN_EAGAIN;

    for (unsigned int i = 0; error == XEN_EAGAIN && i < ATTEMPTS; i++) {
        uint32_t transaction;

        error = xenstore_transaction_start(&transaction);
        if (error)
            return error;
        error = change(transaction, context);
        if (!error)
            error = xenstore_transaction_end(transaction, true);
        else
            xenstore_transaction_end(transaction, false);
    }
    return error;
}

struct node_change {
    const char *path, *value;
};

static int write_existing(uint32_t transaction, const void *context)
{
    const struct node_change *c = context;
    char *old = NULL;
    int error = xenstore_read(transaction, c->path, &old);

    free(old);
    return error ? error : xenstore_write(transaction, c->path, c->value);
}

int domain_node_change(domid_t domid, const char *node, const char *value, struct error *e)
{
    char path[PATH_SIZE];
    int error;

    if (xenstore_open(e))
        return -1;
    node_path(path, domid, node);
    error = change_together(write_existing, &(struct node_change){path, value});
    return error ? fail(path, error, e) : 0;
}

struct renaming {
    domid_t domid;
    const char *name;
};

static int write_name(uint32_t transaction, const void *context)
{
    const struct renaming *r = context;
    char path[PATH_SIZE], *vm = NULL;
    int error;

    node_path(path, r->domid, "name");
    error = xenstore_write(transaction, path, r->name);
    node_path(path, r->domid, "vm");
    if (!error && !xenstore_read(transaction, path, &vm)) { /* domain 0 may have none */
        snprintf(path, sizeof(path), "%s/name", vm);
        error = xenstore_write(transaction, path, r->name);
    }
    free(vm);
    return error;
}

int domain_name_change(domid_t domid, const char *name, struct error *e)
{
    int error;

    if (xenstore_open(e))
        return -1;
    error = change_together(write_name, &(struct renaming){domid, name});
    return error ? fail("the name", error, e) : 0;
}

struct availability {
    domid_t domid;
    unsigned int online, count;
};

static int write_availability(uint32_t transaction, const void *context)
{
    const struct availability *a = context;
    int error = 0;

    for (unsigned int i = 0; !error && i < a->count; i++) {
        char path[PATH_SIZE];

        snprintf(path, sizeof(path), "/local/domain/%u/cpu/%u/availability", a->domid, i);
        error = xenstore_write(transaction, path, i < a->online ? "online" : "offline");
    }
    return error;
}

int domain_availability_change(domid_t domid, unsigned int online, unsigned int count,
                               struct error *e)
{
    int error;

    if (xenstore_open(e))
        return -1;
    error = change_together(write_availability, &(struct availability){domid, online, count});
    return error ? fail("cpu/N/availability", error, e) : 0;
}

/* ---- The end ---- */

void domain_nodes_remove(domid_t domid, const uint8_t uuid[16])
{
    char path[PATH_SIZE], text[37];

    uuid_format(text, uuid);
    snprintf(path, sizeof(path), "/vm/%s", text);
    xenstore_remove(XENSTORE_NO_TRANSACTION, path);
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    xenstore_remove(XENSTORE_NO_TRANSACTION, path);
    snprintf(path, sizeof(path), "/libxl/%u", domid);
    xenstore_remove(XENSTORE_NO_TRANSACTION, path);
    snprintf(path, sizeof(path), "/local/domain/0/backend/console/%u", domid);
    xenstore_remove(XENSTORE_NO_TRANSACTION, path);
}
