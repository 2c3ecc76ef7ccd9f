/* SPDX-License-Identifier: MIT */
/* Finding verbs in their table and running them, and help. */
#include <stdlib.h>
#include <string.h>

#include "bh.h"

/* Calls @found for each verb whose name begins with @word. */
static void each_match(const char *word, void (*found)(void *context, const struct bh_verb *verb),
                       void *context)
{
    for (const struct bh_verb *const *group = bh_verbs; *group; group++)
        for (const struct bh_verb *v = *group; v->name; v++)
            if (!strncmp(v->name, word, strlen(word)))
                found(context, v);
}

struct matches {
    const char *word;
    const struct bh_verb *exact, *last;
    unsigned int count;
};

static void count_match(void *context, const struct bh_verb *verb)
{
    struct matches *m = context;

    m->count++;
    m->last = verb;
    if (!strcmp(verb->name, m->word))
        m->exact = verb;
}

const struct bh_verb *bh_find_verb(const char *name)
{
    struct matches m = {.word = name};

    each_match(name, count_match, &m);
    return m.exact ? m.exact : m.count == 1 ? m.last : NULL;
}

static void print_match(void *context, const struct bh_verb *verb)
{
    bh_complain(" %s", verb->name);
}

/* Says that no command, or more than one, is meant by a word. @return -1. */
static int refuse_word(const char *word)
{
    struct matches m = {.word = word};

    each_match(word, count_match, &m);
    if (m.count && *word) {
        bh_complain("bh: '%s' is short for several commands:", word);
        each_match(word, print_match, NULL);
        bh_complain("\n");
    } else {
        bh_complain("bh: there is no command '%s'; `help` lists them\n", word);
    }
    return -1;
}

int bh_run_words(char **words)
{
    struct bh_call call = {.verb = bh_find_verb(words[0]), .argv = words + 1};

    if (!call.verb)
        return refuse_word(words[0]);
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
        status = bh_run_words(count > 1 ? words + 1 : help);
    } else if (count) {
        status = bh_run_words(words);
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
        return refuse_word(call->argv[0]);
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
