/* SPDX-License-Identifier: MIT */
/* The verbs that do one thing to one domain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <platform.h>
#include <tools/control.h>
#include <tools/service.h>

#include "listing.h"
#include "progress.h"

/* The usual start: exactly one domain as argument. */
static int one_domain(const struct bh_call *call, domid_t *domid)
{
    return call->argc == 1 ? bh_find_domain(call, 0, domid) : bh_usage(call);
}

/* The usual end: what the service answered about the domain. */
static int tell_status(const struct bh_call *call, int status, const struct error *e)
{
    return status ? bh_fail(call, "%s: %s", call->argv[0], e->text) : 0;
}

/* What a destruction has still to do. */
static void tell_destruction(void *context, char text[PROGRESS_TEXT_SIZE])
{
    const domid_t *domid = context;
    struct xen_domctl_getdomaininfo info;
    unsigned long long left = control_domain_info(*domid, &info) ? 0 : info.tot_pages >> 8;

    snprintf(text, PROGRESS_TEXT_SIZE, "destroying domain %u: %llu MiB left", *domid, left);
}

static int run_destroy(struct bh_call *call)
{
    struct error e;
    domid_t domid = 0;
    int status;

    if (one_domain(call, &domid))
        return -1;
    bh_progress_begin(tell_destruction, NULL, &domid);
    status = service_destroy(domid, &e);
    bh_progress_end();
    return tell_status(call, status, &e);
}

static int run_pause(struct bh_call *call)
{
    struct error e;
    domid_t domid = 0;

    return one_domain(call, &domid) ? -1 : tell_status(call, service_pause(domid, &e), &e);
}

static int run_unpause(struct bh_call *call)
{
    struct error e;
    domid_t domid = 0;

    return one_domain(call, &domid) ? -1 : tell_status(call, service_unpause(domid, &e), &e);
}

#define WAIT_STEP 50000000ull /* ns between looks at a domain that is to stop */

/* shutdown and reboot have the same options. */
enum {
    STOP_ALL,
    STOP_WAIT,
};

/* What the verbs ask for: the word for the kernel, and the words for a person. */
struct stop_request {
    const char *word, *doing;
};

static int request_one(const struct bh_call *call, domid_t domid, const struct stop_request *r)
{
    char name[GUEST_NAME_SIZE];
    struct error e;

    if (service_request_stop(domid, r->word, &e))
        return bh_fail(call, "%s: %s", service_name(domid, name), e.text);
    bh_print("%s domain %u\n", r->doing, domid);
    return 0;
}

/* The domains that a command waits for. */
struct end_wait {
    domid_t domid; /* one that is still up */
    unsigned int others;
};

static void tell_wait(void *context, char text[PROGRESS_TEXT_SIZE])
{
    const struct end_wait *w = context;

    if (w->others)
        snprintf(text, PROGRESS_TEXT_SIZE, "waiting for domain %u and %u more", w->domid,
                 w->others);
    else
        snprintf(text, PROGRESS_TEXT_SIZE, "waiting for domain %u", w->domid);
}

/* Waits for the domains, one after the other. @return 0, or -1 if Ctrl-C was typed. */
static int wait_for_ends(const struct bh_call *call, const domid_t *domids, unsigned int count)
{
    struct end_wait wait = {0};
    bool interrupted = false;

    bh_progress_begin(tell_wait, NULL, &wait);
    for (unsigned int i = 0; i < count && !interrupted; i++) {
        wait = (struct end_wait){.domid = domids[i], .others = count - i - 1};
        while (service_is_alive(wait.domid) && !interrupted) {
            interrupted = platform_terminal_interrupted();
            if (!interrupted)
                platform_sleep(WAIT_STEP);
        }
    }
    bh_progress_end();
    return interrupted ? bh_fail(call, "domain %u has not stopped yet", wait.domid) : 0;
}

/* All domains that are asked, and those that have been. */
struct stop_all {
    const struct bh_call *call;
    const struct stop_request *request;
    domid_t *domids;
    unsigned int count, room;
    int status;
};

/* @return 0, or -1 if memory is short. */
static int make_room(struct stop_all *all)
{
    unsigned int room = all->room ? 2 * all->room : 32;
    domid_t *domids;

    if (all->count < all->room)
        return 0;
    domids = realloc(all->domids, room * sizeof(*domids));
    if (!domids)
        return bh_fail(all->call, "not enough memory");
    all->domids = domids;
    all->room = room;
    return 0;
}

/*
 * All but domain 0. One that cannot be asked does not keep the others from being, and is not waited
 * for.
 */
static void ask_one_of_all(const domain_info *info, void *context)
{
    struct stop_all *all = context;

    if (info->domain == 0 || !service_is_alive(info->domain))
        return; /* or kept after its end */
    if (make_room(all) || request_one(all->call, info->domain, all->request))
        all->status = -1;
    else
        all->domids[all->count++] = info->domain;
}

static int request_all(const struct bh_call *call, const struct stop_request *r)
{
    struct stop_all all = {.call = call, .request = r};

    if (bh_each_domain(call, NULL, 0, ask_one_of_all, &all))
        all.status = -1;
    if (call->given[STOP_WAIT] && wait_for_ends(call, all.domids, all.count))
        all.status = -1;
    free(all.domids);
    return all.status;
}

static int request_stop(const struct bh_call *call, const struct stop_request *r)
{
    domid_t domid = 0;

    if (call->given[STOP_ALL])
        return call->argc ? bh_usage(call) : request_all(call, r);
    if (one_domain(call, &domid) || request_one(call, domid, r))
        return -1;
    return call->given[STOP_WAIT] ? wait_for_ends(call, &domid, 1) : 0;
}

static int run_shutdown(struct bh_call *call)
{
    return request_stop(call, &(struct stop_request){"poweroff", "Shutting down"});
}

static int run_reboot(struct bh_call *call)
{
    return request_stop(call, &(struct stop_request){"reboot", "Rebooting"});
}

static int run_rename(struct bh_call *call)
{
    struct error e;
    domid_t domid;

    if (call->argc != 2)
        return bh_usage(call);
    if (bh_find_domain(call, 0, &domid))
        return -1;
    return tell_status(call, service_rename(domid, call->argv[1], &e), &e);
}

static int run_sysrq(struct bh_call *call)
{
    struct error e;
    domid_t domid;

    if (call->argc != 2)
        return bh_usage(call);
    if (strlen(call->argv[1]) != 1)
        return bh_fail(call, "'%s': expected one letter", call->argv[1]);
    if (bh_find_domain(call, 0, &domid))
        return -1;
    return tell_status(call, service_sysrq(domid, call->argv[1][0], &e), &e);
}

static int run_domid(struct bh_call *call)
{
    domid_t domid = 0;

    if (one_domain(call, &domid))
        return -1;
    bh_print("%u\n", domid);
    return 0;
}

static int run_domname(struct bh_call *call)
{
    char name[GUEST_NAME_SIZE];
    domid_t domid = 0;

    if (one_domain(call, &domid))
        return -1;
    bh_print("%s\n", service_name(domid, name));
    return 0;
}

#define STOP_OPTIONS                                                         \
    {                                                                        \
        [STOP_ALL] = {'a', "all", NULL}, [STOP_WAIT] = { 'w', "wait", NULL } \
    }

const struct bh_verb bh_domain_verbs[] = {
    {.name = "destroy",
     .arguments = "DOMAIN",
     .help = "end a domain at once and free all that it has",
     .argument = ARGUMENT_DOMAIN,
     .run = run_destroy},
    {.name = "shutdown",
     .options = STOP_OPTIONS,
     .arguments = "[DOMAIN]",
     .help = "ask a domain, or all, to power off (-w: and wait until they have)",
     .argument = ARGUMENT_DOMAIN,
     .run = run_shutdown},
    {.name = "reboot",
     .options = STOP_OPTIONS,
     .arguments = "[DOMAIN]",
     .help = "ask a domain, or all, to reboot (-w: and wait until they are down)",
     .argument = ARGUMENT_DOMAIN,
     .run = run_reboot},
    {.name = "pause",
     .arguments = "DOMAIN",
     .help = "stop a domain's vCPUs until unpause",
     .argument = ARGUMENT_DOMAIN,
     .run = run_pause},
    {.name = "unpause",
     .arguments = "DOMAIN",
     .help = "let a paused domain run",
     .argument = ARGUMENT_DOMAIN,
     .run = run_unpause},
    {.name = "rename",
     .arguments = "DOMAIN NAME",
     .help = "give a domain another name",
     .argument = ARGUMENT_DOMAIN,
     .run = run_rename},
    {.name = "sysrq",
     .arguments = "DOMAIN LETTER",
     .help = "send a magic SysRq key to a domain",
     .argument = ARGUMENT_DOMAIN,
     .run = run_sysrq},
    {.name = "domid",
     .arguments = "NAME",
     .help = "print the number of a domain",
     .argument = ARGUMENT_DOMAIN,
     .run = run_domid},
    {.name = "domname",
     .arguments = "NUMBER",
     .help = "print the name of a domain",
     .argument = ARGUMENT_DOMAIN,
     .run = run_domname},
    {.name = NULL},
};
