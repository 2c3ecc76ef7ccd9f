/* SPDX-License-Identifier: MIT */
/* The memory limits of domains follow their targets in the store: see memory_target.h. */
#include "memory_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tools/builder.h>
#include <tools/control.h>

#include "store_clients.h"

static struct store_connection *watcher;
static bool any_changed;

/* An event may not call back into the store, so the targets are read later. */
static bool note_change(void *context, const char *path, const char *token)
{
    any_changed = true;
    platform_wake();
    return true;
}

int memory_targets_start(struct error *e)
{
    watcher = store_connect(service_store, 0, true, NULL, note_change, NULL);
    return watcher ? 0 : error_set(e, "not enough memory for the store");
}

void memory_targets_stop(void)
{
    store_disconnect(watcher);
    watcher = NULL;
}

static void target_path(const struct managed_domain *d, char path[64])
{
    snprintf(path, 64, "/local/domain/%u/memory/target", d->domid);
}

int memory_target_watch(const struct managed_domain *d, struct error *e)
{
    char path[64];
    int error;

    target_path(d, path);
    error = xs_watch(watcher, path, "");
    return error ? error_set(e, "watching %s: %s", path, error_words(error)) : 0;
}

void memory_target_unwatch(const struct managed_domain *d)
{
    char path[64];

    target_path(d, path);
    xs_unwatch(watcher, path, "");
}

/* The target in KiB, at most maxmem; 0 if the node is not there or is not a number. */
static uint64_t read_target(const struct managed_domain *d)
{
    uint64_t most = (uint64_t)d->config.maxmem_mib << 10, target;
    char path[64], text[24], *end;
    const void *value;
    size_t length;

    target_path(d, path);
    if (xs_read(service_tools, STORE_NO_TRANSACTION, path, &value, &length) ||
        length >= sizeof(text))
        return 0;
    memcpy(text, value, length);
    text[length] = '\0';
    if (*text < '0' || *text > '9')
        return 0;
    target = strtoull(text, &end, 10);
    if (*end)
        return 0;
    return target < most ? target : most;
}

void memory_targets_follow(void)
{
    if (!any_changed)
        return;
    any_changed = false;
    for (const struct managed_domain *d = service_domains; d; d = d->next) {
        uint64_t target = d->exists && d->life == LIFE_RUNNING ? read_target(d) : 0;
        struct error e;

        if (target && control_set_max_memory(d->domid, target + DOMAIN_SLACK_KIB, &e))
            managed_domain_say(d, "keeps its memory limit: %s", e.text);
    }
}
