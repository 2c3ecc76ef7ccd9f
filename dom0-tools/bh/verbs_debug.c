/* SPDX-License-Identifier: MIT */
/* bh debug: what the hypervisor measures of itself. */
#include <stdlib.h>
#include <string.h>

#include <tools/measures.h>

#include "bh.h"
#include "json.h"

#define MAX_LOCKS   256 /* that the hypervisor tells of */
#define SHOWN_LOCKS 3

enum {
    DEBUG_JSON,
};

/* Those that CPUs waited for most often come first. */
static int compare_waits(const void *a, const void *b)
{
    const struct xen_sysctl_lockprof_data *left = a, *right = b;

    if (left->block_cnt != right->block_cnt)
        return left->block_cnt > right->block_cnt ? -1 : 1;
    return 0;
}

static void lock_row(const struct xen_sysctl_lockprof_data *lock)
{
    uint64_t us = lock->block_time / 1000, mean = lock->block_time / lock->block_cnt;

    bh_print_padded(lock->name, 20);
    bh_print(" %12llu %8llu.%03llu %8llu.%03llu\n", (unsigned long long)lock->block_cnt,
             (unsigned long long)(us / 1000), (unsigned long long)(us % 1000),
             (unsigned long long)(mean / 1000), (unsigned long long)(mean % 1000));
}

static void lock_json(struct json *j, const struct xen_sysctl_lockprof_data *lock, uint64_t period)
{
    json_open(j, NULL, '{');
    json_text(j, "name", lock->name);
    json_number(j, "interval_ns", period);
    json_number(j, "waits", lock->block_cnt);
    json_number(j, "waited_ns", lock->block_time);
    json_close(j, '}');
}

static void show_locks(struct xen_sysctl_lockprof_data *locks, size_t count, uint64_t period,
                       bool as_json)
{
    struct json j = {0};

    qsort(locks, count, sizeof(*locks), compare_waits);
    if (as_json)
        json_open(&j, NULL, '[');
    else
        bh_print("%-20s %12s %12s %12s\n", "Lock", "Waits", "Waited(ms)", "Each(us)");
    for (size_t i = 0; i < count && i < SHOWN_LOCKS && locks[i].block_cnt; i++) {
        locks[i].name[sizeof(locks[i].name) - 1] = '\0';
        if (as_json)
            lock_json(&j, &locks[i], period);
        else
            lock_row(&locks[i]);
    }
    if (as_json)
        json_close(&j, ']');
}

static int run_debug(struct bh_call *call)
{
    struct xen_sysctl_lockprof_data *locks;
    uint64_t period;
    struct error e;
    int count;

    if (call->argc != 1 || strcmp(call->argv[0], "locks") != 0)
        return bh_usage(call);
    locks = malloc(MAX_LOCKS * sizeof(*locks));
    if (!locks)
        return bh_fail(call, "not enough memory");
    count = control_lock_profile(locks, MAX_LOCKS, &period, &e);
    if (count >= 0)
        show_locks(locks, (size_t)count, period, call->given[DEBUG_JSON]);
    free(locks);
    return count < 0 ? bh_fail(call, "%s", e.text) : 0;
}

const struct bh_verb bh_debug_verbs[] = {
    {.name = "debug",
     .options = {[DEBUG_JSON] = {'\0', "json", NULL}},
     .arguments = "locks",
     .help = "show the locks of the hypervisor that CPUs have waited for most often",
     .run = run_debug},
    {.name = NULL},
};
