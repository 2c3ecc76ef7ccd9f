/* SPDX-License-Identifier: MIT */
/* The verbs that do one thing to one domain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <platform.h>
#include <tools/control.h>
#include <tools/service.h>

#include "bh.h"

/* The usual start: exactly one domain as argument. */
static int one_domain(int argc, char **argv, domid_t *domid)
{
    struct error e;

    if (argc != 2)
        return bh_usage(argv[0]);
    return service_find(argv[1], domid, &e) ? bh_fail(argv[0], "%s", e.text) : 0;
}

static int run_destroy(int argc, char **argv)
{
    struct error e;
    domid_t domid = 0;

    if (one_domain(argc, argv, &domid))
        return -1;
    return service_destroy(domid, &e) ? bh_fail(argv[0], "%s: %s", argv[1], e.text) : 0;
}

static int run_pause(int argc, char **argv)
{
    struct error e;
    domid_t domid = 0;

    if (one_domain(argc, argv, &domid))
        return -1;
    return service_pause(domid, &e) ? bh_fail(argv[0], "%s: %s", argv[1], e.text) : 0;
}

static int run_unpause(int argc, char **argv)
{
    struct error e;
    domid_t domid = 0;

    if (one_domain(argc, argv, &domid))
        return -1;
    return service_unpause(domid, &e) ? bh_fail(argv[0], "%s: %s", argv[1], e.text) : 0;
}

#define WAIT_STEP 50000000ull /* ns between looks at a domain that is to stop */
#define ALL_MAX   256         /* domains that one command asks to stop */

static int request_one(const char *verb, domid_t domid, const char *word, const char *doing)
{
    struct error e;

    if (service_request_stop(domid, word, &e))
        return bh_fail(verb, "%s: %s", service_name(domid), e.text);
    bh_print("%s domain %u\n", doing, domid);
    return 0;
}

/* Returns 0, or -1 if Ctrl-C was typed. */
static int wait_for_end(const char *verb, domid_t domid)
{
    while (service_is_alive(domid)) {
        if (platform_terminal_interrupted())
            return bh_fail(verb, "domain %u has not stopped yet", domid);
        platform_sleep(WAIT_STEP);
    }
    return 0;
}

/*
 * All but domain 0. One that cannot be asked does not keep the others from being, and is not waited
 * for.
 */
static int request_all(const char *verb, const char *word, const char *doing, bool wait)
{
    struct xen_domctl_getdomaininfo *list = calloc(ALL_MAX, sizeof(*list));
    unsigned int asked = 0;
    struct error e;
    int count, status = 0;

    if (!list)
        return bh_fail(verb, "not enough memory");
    count = control_list(1, list, ALL_MAX, &e);
    if (count < 0)
        status = bh_fail(verb, "%s", e.text);
    for (int i = 0; i < count; i++) {
        if (!service_is_alive(list[i].domain))
            continue; /* kept after its end */
        if (request_one(verb, list[i].domain, word, doing))
            status = -1;
        else
            list[asked++].domain = list[i].domain;
    }
    for (unsigned int i = 0; wait && i < asked; i++) {
        if (wait_for_end(verb, list[i].domain)) {
            status = -1;
            break;
        }
    }
    free(list);
    return status;
}

static int request_stop(int argc, char **argv, const char *word, const char *doing)
{
    bool wait = bh_take_option(&argc, argv, "-w") || bh_take_option(&argc, argv, "--wait");
    bool all = bh_take_option(&argc, argv, "-a") || bh_take_option(&argc, argv, "--all");
    domid_t domid = 0;

    if (all)
        return argc == 1 ? request_all(argv[0], word, doing, wait) : bh_usage(argv[0]);
    if (one_domain(argc, argv, &domid) || request_one(argv[0], domid, word, doing))
        return -1;
    return wait ? wait_for_end(argv[0], domid) : 0;
}

static int run_shutdown(int argc, char **argv)
{
    return request_stop(argc, argv, "poweroff", "Shutting down");
}

static int run_reboot(int argc, char **argv)
{
    return request_stop(argc, argv, "reboot", "Rebooting");
}

static int run_rename(int argc, char **argv)
{
    struct error e;
    domid_t domid = 0;

    if (argc != 3)
        return bh_usage(argv[0]);
    if (service_find(argv[1], &domid, &e))
        return bh_fail(argv[0], "%s", e.text);
    return service_rename(domid, argv[2], &e) ? bh_fail(argv[0], "%s: %s", argv[1], e.text) : 0;
}

static int run_sysrq(int argc, char **argv)
{
    struct error e;
    domid_t domid = 0;

    if (argc != 3)
        return bh_usage(argv[0]);
    if (strlen(argv[2]) != 1)
        return bh_fail(argv[0], "'%s': expected one letter", argv[2]);
    if (service_find(argv[1], &domid, &e))
        return bh_fail(argv[0], "%s", e.text);
    return service_sysrq(domid, argv[2][0], &e) ? bh_fail(argv[0], "%s: %s", argv[1], e.text) : 0;
}

static int run_domid(int argc, char **argv)
{
    domid_t domid = 0;

    if (one_domain(argc, argv, &domid))
        return -1;
    bh_print("%u\n", domid);
    return 0;
}

static int run_domname(int argc, char **argv)
{
    domid_t domid = 0;

    if (one_domain(argc, argv, &domid))
        return -1;
    bh_print("%s\n", service_name(domid));
    return 0;
}

const struct bh_verb bh_domain_verbs[] = {
    {"destroy", "DOMAIN", "end a domain at once and free all that it has", ARGUMENT_DOMAIN,
     run_destroy},
    {"shutdown", "[-a|--all] [-w|--wait] [DOMAIN]",
     "ask a domain, or all, to power off (-w: and wait until they have)", ARGUMENT_DOMAIN,
     run_shutdown},
    {"reboot", "[-a|--all] [-w|--wait] [DOMAIN]",
     "ask a domain, or all, to reboot (-w: and wait until they are down)", ARGUMENT_DOMAIN,
     run_reboot},
    {"pause", "DOMAIN", "stop a domain's vCPUs until unpause", ARGUMENT_DOMAIN, run_pause},
    {"unpause", "DOMAIN", "let a paused domain run", ARGUMENT_DOMAIN, run_unpause},
    {"rename", "DOMAIN NAME", "give a domain another name", ARGUMENT_DOMAIN, run_rename},
    {"sysrq", "DOMAIN LETTER", "send a magic SysRq key to a domain", ARGUMENT_DOMAIN, run_sysrq},
    {"domid", "NAME", "print the number of a domain", ARGUMENT_DOMAIN, run_domid},
    {"domname", "NUMBER", "print the name of a domain", ARGUMENT_DOMAIN, run_domname},
    {NULL, NULL, NULL, ARGUMENT_NONE, NULL},
};
