/* SPDX-License-Identifier: MIT */
/* The table of verbs: finding and running them, and help. */
#include <stdlib.h>
#include <string.h>

#include "bh.h"

const struct bh_verb *const bh_verbs[] = {
    bh_create_verbs, bh_domain_verbs,  bh_vcpu_verbs,   bh_sched_verbs, bh_cpu_verbs,
    bh_top_verbs,    bh_console_verbs, bh_device_verbs, bh_store_verbs, bh_info_verbs,
    bh_debug_verbs,  bh_machine_verbs, bh_help_verbs,   NULL,
};

const struct bh_verb *bh_find_verb(const char *name)
{
    for (const struct bh_verb *const *group = bh_verbs; *group; group++)
        for (const struct bh_verb *v = *group; v->name; v++)
            if (!strcmp(v->name, name))
                return v;
    return NULL;
}

static int run_words(char **words)
{
    struct bh_call call = {.verb = bh_find_verb(words[0]), .argv = words + 1};

    if (!call.verb) {
        bh_print("bh: there is no command '%s'; `help` lists them\n", words[0]);
        return -1;
    }
    if (words[1] && !words[2] && (!strcmp(words[1], "-h") || !strcmp(words[1], "--help"))) {
        bh_explain(call.verb);
        return 0;
    }
    return bh_parse_options(&call) ? -1 : call.verb->run(&call);
}

int bh_run(const char *line)
{
    static char *help[] = {(char *)"help", NULL};
    char *words[BH_MAX_WORDS], *copy = strdup(line);
    int count, status = 0;

    if (!copy) {
        bh_print("bh: not enough memory\n");
        return -1;
    }
    count = bh_split_words(copy, words);
    if (count < 0) {
        bh_print("bh: a quote is not closed, or there are more than %d words\n", BH_MAX_WORDS - 1);
        status = -1;
    } else if (count && !strcmp(words[0], "bh")) {
        status = run_words(count > 1 ? words + 1 : help);
    } else if (count) {
        status = run_words(words);
    }
    free(copy);
    return status;
}

/* ---- help ---- */

static int run_help(struct bh_call *call)
{
    const struct bh_verb *verb = call->argc ? bh_find_verb(call->argv[0]) : NULL;

    if (call->argc > 1)
        return bh_usage(call);
    if (call->argc && !verb)
        return bh_fail(call, "there is no command '%s'", call->argv[0]);
    if (verb) {
        bh_explain(verb);
        return 0;
    }
    for (const struct bh_verb *const *group = bh_verbs; *group; group++)
        for (const struct bh_verb *v = *group; v->name; v++)
            bh_print(" %-15s %s\n", v->name, v->help);
    return 0;
}

const struct bh_verb bh_help_verbs[] = {
    {.name = "help",
     .arguments = "[VERB]",
     .help = "list the commands, or explain one",
     .argument = ARGUMENT_VERB,
     .run = run_help},
    {.name = NULL},
};
