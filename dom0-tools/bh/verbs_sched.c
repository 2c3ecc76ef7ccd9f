/* SPDX-License-Identifier: MIT */
/*
 * The verbs about the scheduler: sched-credit2, cpupool-list. Options and columns are xl's. Pool N
 * has the name "Pool-N": the hypervisor knows numbers alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tools/control.h>
#include <tools/scheduling.h>
#include <tools/service.h>

#include "listing.h"

enum {
    SCHED_DOMAIN,
    SCHED_WEIGHT,
    SCHED_CAP,
    SCHED_PARAMETERS,
    SCHED_RATELIMIT,
    SCHED_POOL,
    SCHED_JSON,
};

enum {
    POOL_CPUS,
    POOL_JSON,
};

#define POOL_NAME_SIZE 16

/* ---- Pools ---- */

static const char *pool_name(const struct cpu_pool *pool, char name[POOL_NAME_SIZE])
{
    snprintf(name, POOL_NAME_SIZE, "Pool-%u", pool->number);
    return name;
}

/* Whether a pool has that name, or that number. */
static bool is_pool(const struct cpu_pool *pool, const char *wanted)
{
    char name[POOL_NAME_SIZE];

    pool_name(pool, name);
    return !strcmp(wanted, name) || !strcmp(wanted, strchr(name, '-') + 1);
}

/*
 * Finds the pool with number @pool->number or the next, but if @wanted is not NULL the one that it
 * names. @return 1, or 0 if there is none, or -1 after a message.
 */
static int next_pool(const struct bh_call *call, const char *wanted, struct cpu_pool *pool)
{
    struct error e;
    int status;

    while ((status = control_next_pool(pool->number, pool, &e)) > 0) {
        if (!wanted || is_pool(pool, wanted))
            return 1;
        pool->number++;
    }
    return status < 0 ? bh_fail(call, "%s", e.text) : 0;
}

/* The first that a verb shows; if a name was given, there has to be one. @return as next_pool(). */
static int first_pool(const struct bh_call *call, const char *wanted, struct cpu_pool *pool)
{
    int status;

    pool->number = 0;
    status = next_pool(call, wanted, pool);
    return !status && wanted ? bh_fail(call, "there is no CPU pool '%s'", wanted) : status;
}

/* ---- cpupool-list ---- */

static unsigned int count_cpus(const struct cpu_set *set)
{
    unsigned int count = 0;

    for (unsigned int cpu = 0; cpu < CPU_SET_CPUS; cpu++)
        count += cpu_set_has(set, cpu);
    return count;
}

/* All of a pool's CPUs, each by its number. */
static void print_pool_cpus(const struct cpu_set *set)
{
    const char *comma = "";

    for (unsigned int cpu = 0; cpu < CPU_SET_CPUS; cpu++) {
        if (cpu_set_has(set, cpu)) {
            bh_print("%s%u", comma, cpu);
            comma = ",";
        }
    }
}

static void json_pool(struct json *j, const struct cpu_pool *pool)
{
    char name[POOL_NAME_SIZE];

    json_open(j, NULL, '{');
    json_text(j, "name", pool_name(pool, name));
    json_number(j, "poolid", pool->number);
    json_text(j, "sched", control_scheduler_name(pool->scheduler));
    json_number(j, "n_dom", pool->domains);
    json_open(j, "cpumap", '[');
    for (unsigned int cpu = 0; cpu < CPU_SET_CPUS; cpu++)
        if (cpu_set_has(&pool->cpus, cpu))
            json_number(j, NULL, cpu);
    json_close(j, ']');
    json_close(j, '}');
}

static void print_pool(const struct cpu_pool *pool, bool with_cpus)
{
    char name[POOL_NAME_SIZE];

    bh_print("%-19s", pool_name(pool, name));
    if (with_cpus)
        print_pool_cpus(&pool->cpus);
    else
        bh_print("%3u %9s       y       %4u", count_cpus(&pool->cpus),
                 control_scheduler_name(pool->scheduler), pool->domains);
    bh_print("\n");
}

static int run_cpupool_list(struct bh_call *call)
{
    struct json json = {0}, *j = call->given[POOL_JSON] ? &json : NULL;
    const char *wanted = call->argc ? call->argv[0] : NULL;
    bool with_cpus = call->given[POOL_CPUS];
    struct cpu_pool pool;
    int status;

    if (call->argc > 1)
        return bh_usage(call);
    status = first_pool(call, wanted, &pool);
    if (status < 0)
        return -1;
    if (j)
        json_open(j, NULL, '[');
    else
        bh_print("%-19s%s\n", "Name",
                 with_cpus ? "CPU list" : "CPUs   Sched     Active   Domain count");
    for (; status > 0; pool.number++, status = next_pool(call, wanted, &pool)) {
        if (j)
            json_pool(j, &pool);
        else
            print_pool(&pool, with_cpus);
    }
    if (j)
        json_close(j, ']');
    return status;
}

/* ---- sched-credit2 ---- */

/* What the rows of a list are about. */
struct share_listing {
    struct json *json; /* NULL: as a table */
    uint32_t pool;
    bool any_pool;
};

static void share_header(void)
{
    bh_print("%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
}

static void share_row(const domain_info *info, void *context)
{
    const struct share_listing *l = context;
    struct cpu_share share;

    /* A domain that has gone meanwhile has no row. */
    if ((!l->any_pool && info->cpupool != l->pool) || control_get_share(info->domain, &share, NULL))
        return;
    if (!l->json) {
        bh_print_domain(info->domain, 33);
        bh_print(" %4u %6u %4u\n", info->domain, share.weight, share.cap);
        return;
    }
    json_open(l->json, NULL, '{');
    json_domain(l->json, info->domain);
    json_number(l->json, "domid", info->domain);
    json_number(l->json, "weight", share.weight);
    json_number(l->json, "cap", share.cap);
    json_close(l->json, '}');
}

static void ratelimit_row(struct json *j, const struct cpu_pool *pool)
{
    char name[POOL_NAME_SIZE];
    bool known;
    uint32_t us;

    pool_name(pool, name);
    known = !control_get_ratelimit(pool->number, &us, NULL);
    if (j) {
        json_open(j, NULL, '{');
        json_text(j, "name", name);
        if (known)
            json_number(j, "ratelimit_us", us);
        json_close(j, '}');
    } else if (known) {
        bh_print("Cpupool %s: ratelimit=%uus\n", name, us);
    } else {
        bh_print("Cpupool %s: [sched params unavailable]\n", name);
    }
}

/* Reads an option's number. @return 0, or -1 after a message that calls it @what. */
static int read_number(const struct bh_call *call, unsigned int option, const char *what,
                       unsigned int min, unsigned int max, unsigned int *number)
{
    const char *text = call->values[option];
    unsigned long value;
    char *end;

    value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < min || value > max)
        return bh_fail(call, "'%s': expected %s, a number from %u to %u", text, what, min, max);
    *number = (unsigned int)value;
    return 0;
}

/* -s: shows what holds for a whole pool, or with -r sets it. */
static int pool_parameters(const struct bh_call *call, const struct cpu_pool *pool, struct json *j)
{
    unsigned int us = 0;
    struct error e;

    if (!call->given[SCHED_RATELIMIT]) {
        if (j)
            json_open(j, NULL, '[');
        ratelimit_row(j, pool);
        if (j)
            json_close(j, ']');
        return 0;
    }
    if (read_number(call, SCHED_RATELIMIT, "microseconds", 0, RATELIMIT_MAX, &us))
        return -1;
    if (us && us < RATELIMIT_MIN)
        return bh_fail(call, "'%u': the rate limit is at least %u microseconds, or 0 for none", us,
                       RATELIMIT_MIN);
    return control_set_ratelimit(pool->number, us, &e) ? bh_fail(call, "%s", e.text) : 0;
}

/* Sets what -w and -c say, and leaves the rest as it is. */
static int change_share(const struct bh_call *call, domid_t domid)
{
    const char *name = call->values[SCHED_DOMAIN];
    unsigned int weight = 0, cap = 0;
    domain_info info;
    struct error e;

    if (control_domain_info(domid, &info))
        return bh_fail(call, "%s: the domain has gone away", name);
    if ((call->given[SCHED_WEIGHT] &&
         read_number(call, SCHED_WEIGHT, "a weight", 1, GUEST_MAX_WEIGHT, &weight)) ||
        (call->given[SCHED_CAP] && read_number(call, SCHED_CAP, "a cap, 100 for each of its vCPUs",
                                               0, (info.max_vcpu_id + 1) * GUEST_VCPU_CAP, &cap)))
        return -1;
    return service_set_share(domid, call->given[SCHED_WEIGHT] ? &weight : NULL,
                             call->given[SCHED_CAP] ? &cap : NULL, &e)
               ? bh_fail(call, "%s: %s", name, e.text)
               : 0;
}

static int show_share(const struct bh_call *call, domid_t domid, struct json *j)
{
    struct share_listing l = {.json = j, .any_pool = true};
    int status;

    if (j)
        json_open(j, NULL, '[');
    else
        share_header();
    status = bh_each_domain(call, &domid, 1, share_row, &l);
    if (j)
        json_close(j, ']');
    return status;
}

/* Shows the shares of the domains in @pool and, unless it was named, in those behind it. */
static int list_shares(const struct bh_call *call, struct cpu_pool *pool, struct json *j)
{
    struct share_listing l = {.json = j};
    int status = 1;

    if (j)
        json_open(j, NULL, '[');
    for (; status > 0; pool->number++, status = next_pool(call, call->values[SCHED_POOL], pool)) {
        l.pool = pool->number;
        if (!j) {
            ratelimit_row(NULL, pool);
            share_header();
        }
        if (bh_each_domain(call, NULL, 0, share_row, &l))
            break;
    }
    if (j)
        json_close(j, ']');
    return status > 0 ? -1 : status;
}

static int run_sched_credit2(struct bh_call *call)
{
    struct json json = {0}, *j = call->given[SCHED_JSON] ? &json : NULL;
    bool changes = call->given[SCHED_WEIGHT] || call->given[SCHED_CAP];
    struct cpu_pool pool;
    domid_t domid = 0;
    struct error e;

    if (call->argc)
        return bh_usage(call);
    if ((call->given[SCHED_POOL] || call->given[SCHED_PARAMETERS]) &&
        (call->given[SCHED_DOMAIN] || changes))
        return bh_fail(call, "a pool and its parameters do not go with a domain, weight or cap");
    if (changes && !call->given[SCHED_DOMAIN])
        return bh_fail(call, "a weight or cap is that of a domain: name it with -d");
    if (call->given[SCHED_RATELIMIT] && !call->given[SCHED_PARAMETERS])
        return bh_fail(call, "the rate limit is a parameter of the pool: set it with -s -r");
    if (call->given[SCHED_DOMAIN]) {
        if (service_find(call->values[SCHED_DOMAIN], &domid, &e))
            return bh_fail(call, "%s", e.text);
        return changes ? change_share(call, domid) : show_share(call, domid, j);
    }
    if (first_pool(call, call->values[SCHED_POOL], &pool) <= 0)
        return -1;
    return call->given[SCHED_PARAMETERS] ? pool_parameters(call, &pool, j)
                                         : list_shares(call, &pool, j);
}

const struct bh_verb bh_sched_verbs[] = {
    {.name = "sched-credit2",
     .options = {[SCHED_DOMAIN] = {'d', "domain", "DOMAIN"},
                 [SCHED_WEIGHT] = {'w', "weight", "WEIGHT"},
                 [SCHED_CAP] = {'c', "cap", "CAP"},
                 [SCHED_PARAMETERS] = {'s', "schedparam", NULL},
                 [SCHED_RATELIMIT] = {'r', "ratelimit_us", "RLIMIT"},
                 [SCHED_POOL] = {'p', "cpupool", "CPUPOOL"},
                 [SCHED_JSON] = {'\0', "json", NULL}},
     .arguments = "",
     .help = "show or set domains' shares of the CPUs, and the scheduler's rate limit",
     .run = run_sched_credit2},
    {.name = "cpupool-list",
     .options = {[POOL_CPUS] = {'c', "cpus", NULL}, [POOL_JSON] = {'\0', "json", NULL}},
     .arguments = "[CPUPOOL]",
     .help = "list CPU pools (-c: with their CPUs)",
     .run = run_cpupool_list},
    {.name = NULL},
};
