/* SPDX-License-Identifier: MIT */
/* The verbs about the machine's CPUs: cpu-offline, cpu-online. Their arguments are xen-hptool's. */
#include <stdlib.h>

#include <tools/scheduling.h>

#include "bh.h"

static int use_cpu(const struct bh_call *call, bool use)
{
    unsigned long number;
    struct error e;
    char *end;

    if (call->argc != 1)
        return bh_usage(call);
    number = strtoul(call->argv[0], &end, 10);
    if (*call->argv[0] < '0' || *call->argv[0] > '9' || *end || number >= CPU_SET_CPUS)
        return bh_fail(call, "'%s': expected the number of a CPU", call->argv[0]);
    return control_use_cpu((unsigned int)number, use, &e) ? bh_fail(call, "%s", e.text) : 0;
}

static int run_cpu_offline(struct bh_call *call)
{
    return use_cpu(call, false);
}

static int run_cpu_online(struct bh_call *call)
{
    return use_cpu(call, true);
}

const struct bh_verb bh_cpu_verbs[] = {
    {.name = "cpu-offline",
     .arguments = "CPU",
     .help = "take a CPU of the machine out of use",
     .run = run_cpu_offline},
    {.name = "cpu-online",
     .arguments = "CPU",
     .help = "take a CPU of the machine into use again",
     .run = run_cpu_online},
    {.name = NULL},
};
