/* SPDX-License-Identifier: MIT */
/* The verbs that do one thing to one domain. */
#include <stdio.h>
#include <string.h>

#include <platform.h>
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

static int request_stop(int argc, char **argv, const char *word, const char *doing)
{
    bool wait = bh_take_option(&argc, argv, "-w");
    struct error e;
    domid_t domid = 0;

    if (one_domain(argc, argv, &domid))
        return -1;
    if (service_request_stop(domid, word, &e))
        return bh_fail(argv[0], "%s: %s", argv[1], e.text);
    bh_print("%s domain %u\n", doing, domid);
    while (wait && service_is_alive(domid))
        platform_sleep(WAIT_STEP);
    return 0;
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
    {"shutdown", "[-w] DOMAIN", "ask a domain to power off (-w: and wait until it has)",
     ARGUMENT_DOMAIN, run_shutdown},
    {"reboot", "[-w] DOMAIN", "ask a domain to reboot (-w: and wait until it is down)",
     ARGUMENT_DOMAIN, run_reboot},
    {"pause", "DOMAIN", "stop a domain's vCPUs until unpause", ARGUMENT_DOMAIN, run_pause},
    {"unpause", "DOMAIN", "let a paused domain run", ARGUMENT_DOMAIN, run_unpause},
    {"rename", "DOMAIN NAME", "give a domain another name", ARGUMENT_DOMAIN, run_rename},
    {"sysrq", "DOMAIN LETTER", "send a magic SysRq key to a domain", ARGUMENT_DOMAIN, run_sysrq},
    {"domid", "NAME", "print the number of a domain", ARGUMENT_DOMAIN, run_domid},
    {"domname", "NUMBER", "print the name of a domain", ARGUMENT_DOMAIN, run_domname},
    {NULL, NULL, NULL, ARGUMENT_NONE, NULL},
};
