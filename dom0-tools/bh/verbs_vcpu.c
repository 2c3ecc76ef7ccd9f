/* SPDX-License-Identifier: MIT */
/* The verbs about vCPUs: vcpu-list, vcpu-pin, vcpu-set. Columns and arguments are xl's. */
#include <stdlib.h>
#include <string.h>

#include <tools/control.h>
#include <tools/scheduling.h>
#include <tools/service.h>

#include "listing.h"

enum {
    LIST_JSON,
};

enum {
    PIN_FORCE,
};

enum {
    SET_IGNORE_HOST,
};

/* ---- vcpu-list ---- */

struct vcpu_listing {
    struct json *json; /* NULL: as a table */
    unsigned int cpus;
};

static void print_vcpu(const domain_info *info, unsigned int vcpu,
                       const struct xen_domctl_getvcpuinfo *v, const char *hard, const char *soft)
{
    bh_print_domain(info->domain, 32);
    bh_print(" %5u %5u", info->domain, vcpu);
    if (v->online)
        bh_print("%5u %3c%c- ", v->cpu, v->running ? 'r' : '-', v->blocked ? 'b' : '-');
    else
        bh_print("%5c %3c%cp ", '-', '-', '-');
    bh_print_seconds(9, v->cpu_time);
    bh_print("  %s / %s\n", hard, soft);
}

static void json_vcpu(struct json *j, const domain_info *info, unsigned int vcpu,
                      const struct xen_domctl_getvcpuinfo *v, const char *hard, const char *soft)
{
    json_open(j, NULL, '{');
    json_domain(j, info->domain);
    json_number(j, "domid", info->domain);
    json_number(j, "vcpu", vcpu);
    json_bool(j, "online", v->online);
    json_bool(j, "running", v->running);
    json_bool(j, "blocked", v->blocked);
    json_number(j, "cpu", v->cpu);
    json_number(j, "cpu_time_ns", v->cpu_time);
    json_text(j, "affinity_hard", hard);
    json_text(j, "affinity_soft", soft);
    json_close(j, '}');
}

static void list_vcpus(const domain_info *info, void *context)
{
    const struct vcpu_listing *l = context;

    for (unsigned int i = 0; i <= info->max_vcpu_id && info->max_vcpu_id != XEN_INVALID_MAX_VCPU_ID;
         i++) {
        char hard_text[CPU_LIST_TEXT_SIZE], soft_text[CPU_LIST_TEXT_SIZE];
        struct xen_domctl_getvcpuinfo v;
        struct cpu_set hard, soft;

        if (control_vcpu_info(info->domain, i, &v) ||
            control_vcpu_affinity(info->domain, i, &hard, &soft))
            continue;
        cpu_list_format(hard_text, &hard, l->cpus);
        cpu_list_format(soft_text, &soft, l->cpus);
        if (l->json)
            json_vcpu(l->json, info, i, &v, hard_text, soft_text);
        else
            print_vcpu(info, i, &v, hard_text, soft_text);
    }
}

static int run_vcpu_list(struct bh_call *call)
{
    bool as_json = call->given[LIST_JSON];
    struct xen_sysctl_physinfo machine;
    struct json j = {0};
    struct vcpu_listing l = {.json = as_json ? &j : NULL};
    domid_t domids[BH_MAX_WORDS];
    int status, named = bh_find_domains(call, domids);
    struct error e;

    if (named < 0)
        return -1;
    if (control_machine_info(&machine, &e))
        return bh_fail(call, "%s", e.text);
    l.cpus = machine.max_cpu_id + 1; /* those that are out of use, too */
    if (as_json)
        json_open(&j, NULL, '[');
    else
        bh_print("%-32s %5s %5s %5s %5s %9s %s\n", "Name", "ID", "VCPU", "CPU", "State", "Time(s)",
                 "Affinity (Hard / Soft)");
    status = bh_each_domain(call, domids, named, list_vcpus, &l);
    if (as_json)
        json_close(&j, ']');
    return status;
}

/* ---- vcpu-pin ---- */

/* Which CPUs a vCPU has to run on and should run on. */
struct pinning {
    struct cpu_set sets[2];
    const struct cpu_set *hard, *soft; /* NULL: as they are */
    bool force;
};

/* Reads a list of CPUs, of which "-" leaves *@wanted NULL. @return 0, or -1 after a message. */
static int read_cpus(const struct bh_call *call, const char *text, struct cpu_set *set,
                     const struct cpu_set **wanted)
{
    struct error e;

    if (!text || !strcmp(text, "-"))
        return 0;
    *wanted = set;
    return cpu_list_parse(set, text, &e) ? bh_fail(call, "%s", e.text) : 0;
}

static int pin_one(const struct bh_call *call, domid_t domid, unsigned int vcpu,
                   const struct pinning *p)
{
    struct error e;
    bool idle_soft;

    if (control_pin_vcpu(domid, vcpu, p->hard, p->soft, p->force, &idle_soft, &e))
        return bh_fail(call, "%s: %s", call->argv[0], e.text);
    if (idle_soft)
        bh_complain("bh %s: warning: %s: the hard affinity of vCPU %u leaves none of the CPUs that "
                    "it should run on\n",
                    call->verb->name, call->argv[0], vcpu);
    return 0;
}

static int pin_all(const struct bh_call *call, domid_t domid, const struct pinning *p)
{
    domain_info info;
    int status = 0;

    if (control_domain_info(domid, &info))
        return bh_fail(call, "%s: the domain has gone away", call->argv[0]);
    for (unsigned int i = 0;
         !status && info.max_vcpu_id != XEN_INVALID_MAX_VCPU_ID && i <= info.max_vcpu_id; i++)
        status = pin_one(call, domid, i, p);
    return status;
}

/* Reads the number of a vCPU that the domain has. @return 0, or -1 after a message. */
static int read_vcpu(const struct bh_call *call, domid_t domid, const char *text,
                     unsigned int *vcpu)
{
    unsigned long number;
    domain_info info;
    char *end;

    number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end)
        return bh_fail(call, "'%s': expected the number of a vCPU, or all", text);
    if (control_domain_info(domid, &info))
        return bh_fail(call, "%s: the domain has gone away", call->argv[0]);
    if (info.max_vcpu_id == XEN_INVALID_MAX_VCPU_ID || number > info.max_vcpu_id)
        return bh_fail(call, "%s: the domain has no vCPU %s", call->argv[0], text);
    *vcpu = (unsigned int)number;
    return 0;
}

static int run_vcpu_pin(struct bh_call *call)
{
    struct pinning p = {.force = call->given[PIN_FORCE]};
    unsigned int vcpu = 0;
    domid_t domid;
    bool all;

    if (call->argc < 3 || call->argc > 4)
        return bh_usage(call);
    all = !strcmp(call->argv[1], "all");
    if (all && p.force)
        return bh_fail(call, "--force is for one vCPU, and not for all");
    if (bh_find_domain(call, 0, &domid) || (!all && read_vcpu(call, domid, call->argv[1], &vcpu)) ||
        read_cpus(call, call->argv[2], &p.sets[0], &p.hard) ||
        read_cpus(call, call->argv[3], &p.sets[1], &p.soft))
        return -1;
    if (!p.hard && !p.soft)
        return bh_fail(call, "neither the hard nor the soft affinity is to change");
    return all ? pin_all(call, domid, &p) : pin_one(call, domid, vcpu, &p);
}

/* ---- vcpu-set ---- */

/*
 * More vCPUs than the machine has CPUs only take turns, so they are not given by mistake. @return
 * 0, or -1 after a message.
 */
static int check_overcommitment(const struct bh_call *call, domid_t domid, unsigned long count)
{
    struct xen_sysctl_physinfo machine;
    unsigned int cpus;
    domain_info info;
    struct error e;

    if (control_machine_info(&machine, &e))
        return bh_fail(call, "%s", e.text);
    cpus = machine.max_cpu_id + 1; /* those that are out of use, too: they may come back */
    if (count <= cpus || (!control_domain_info(domid, &info) && count <= info.nr_online_vcpus))
        return 0;
    return bh_fail(call,
                   "%s: that is more vCPUs (%lu) than the machine has CPUs (%u); with "
                   "--ignore-host it gets them all the same",
                   call->argv[0], count, cpus);
}

static int run_vcpu_set(struct bh_call *call)
{
    unsigned long count;
    struct error e;
    domid_t domid;
    char *end;

    if (call->argc != 2)
        return bh_usage(call);
    count = strtoul(call->argv[1], &end, 10);
    if (*call->argv[1] < '0' || *call->argv[1] > '9' || *end || count > GUEST_MAX_VCPUS)
        return bh_fail(call, "'%s': expected how many vCPUs, a number from 1 to %d", call->argv[1],
                       GUEST_MAX_VCPUS);
    if (bh_find_domain(call, 0, &domid))
        return -1;
    if (!call->given[SET_IGNORE_HOST] && check_overcommitment(call, domid, count))
        return -1;
    return service_set_vcpus(domid, (unsigned int)count, &e)
               ? bh_fail(call, "%s: %s", call->argv[0], e.text)
               : 0;
}

const struct bh_verb bh_vcpu_verbs[] = {
    {.name = "vcpu-list",
     .options = {[LIST_JSON] = {'\0', "json", NULL}},
     .arguments = "[DOMAIN...]",
     .help = "list vCPUs",
     .argument = ARGUMENT_DOMAIN,
     .run = run_vcpu_list},
    {.name = "vcpu-pin",
     .options = {[PIN_FORCE] = {'f', "force", NULL}},
     .arguments = "DOMAIN VCPU|all CPUS|- [CPUS|-]",
     .help = "set the CPUs on which vCPUs have to run, and on which they should run",
     .argument = ARGUMENT_DOMAIN,
     .run = run_vcpu_pin},
    {.name = "vcpu-set",
     .options = {[SET_IGNORE_HOST] = {'i', "ignore-host", NULL}},
     .arguments = "DOMAIN COUNT",
     .help = "ask a domain to use that many of its vCPUs",
     .argument = ARGUMENT_DOMAIN,
     .run = run_vcpu_set},
    {.name = NULL},
};
