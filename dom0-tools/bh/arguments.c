/* SPDX-License-Identifier: MIT */
/*
 * The words of a command line: their quotes, the options among them, and the domains that they
 * name. bh_parse_options and the usage texts use the same table of options.
 */
#include <string.h>

#include <tools/service.h>

#include "bh.h"

int bh_split_words(char *line, char *words[BH_MAX_WORDS])
{
    int count = 0;
    char *from = line;

    for (;;) {
        char quote = '\0';
        unsigned int depth = 0; /* of the list that we are in */
        char *start, *to;

        while (*from == ' ' || *from == '\t')
            from++;
        if (!*from || *from == '#')
            return count;
        if (count == BH_MAX_WORDS - 1)
            return -1;
        start = to = from;
        while (*from && (quote || (*from != ' ' && *from != '\t'))) {
            bool is_quote = quote ? *from == quote : (*from == '\'' || *from == '"');

            if (is_quote)
                quote = quote ? '\0' : *from;
            else if (!quote && (*from == '[' || *from == ']'))
                depth += *from == '[' ? 1 : depth ? -1u : 0;
            if (!is_quote || depth)
                *to++ = *from;
            from++;
        }
        if (quote)
            return -1;
        if (*from)
            from++;
        *to = '\0';
        words[count++] = start;
        words[count] = NULL;
    }
}

/* ---- Options ---- */

/* The number of the verb's option with that letter, or -1. */
static int find_letter(const struct bh_verb *verb, char letter)
{
    for (int n = 0; n < BH_MAX_OPTIONS; n++)
        if (verb->options[n].letter == letter)
            return n;
    return -1;
}

/* The number of the verb's option with the word of @length bytes, or -1. */
static int find_word(const struct bh_verb *verb, const char *word, size_t length)
{
    for (int n = 0; n < BH_MAX_OPTIONS; n++) {
        const char *name = verb->options[n].word;

        if (name && strlen(name) == length && !memcmp(name, word, length))
            return n;
    }
    return -1;
}

/*
 * Notes option @n, whose value is in the same word at @value, or, if that is NULL, in the next of
 * the words at @next. @return how many of those were taken, or -1 after a message.
 */
static int note_option(struct bh_call *call, int n, const char *value, char **next)
{
    const struct bh_option *o = &call->verb->options[n];

    if (o->value && !value && !*next)
        return bh_misused(call, "an option lacks its value, %s", o->value);
    if (!o->value && value)
        return bh_misused(call, "--%s takes no value", o->word);
    call->given[n] = true;
    call->values[n] = value ? value : o->value ? *next : NULL;
    return o->value && !value;
}

/* The options of one letter each in @word, behind its dash. Whether the verb has all of them. */
static bool has_letters(const struct bh_verb *verb, const char *word)
{
    for (const char *letter = word + 1; *letter; letter++) {
        int n = find_letter(verb, *letter);

        if (n < 0)
            return false;
        if (verb->options[n].value)
            return true; /* the rest is its value */
    }
    return true;
}

static int take_letters(struct bh_call *call, const char *word, char **next)
{
    int taken = 0;

    for (const char *letter = word + 1; *letter && !taken; letter++) {
        int n = find_letter(call->verb, *letter);
        const char *value = call->verb->options[n].value && letter[1] ? letter + 1 : NULL;

        taken = note_option(call, n, value, next);
        if (value)
            break;
    }
    return taken;
}

/*
 * Takes the options in @word, which begins with a dash; their values may be in the words at @next.
 * @return how many of those were taken, -1 after a message, or -2 if it is not an option.
 */
static int take_option(struct bh_call *call, const char *word, char **next)
{
    const char *end = strchr(word, '=');
    int n;

    if (word[1] != '-')
        return has_letters(call->verb, word) ? take_letters(call, word, next) : -2;
    n = find_word(call->verb, word + 2, end ? (size_t)(end - word) - 2 : strlen(word) - 2);
    return n < 0 ? -2 : note_option(call, n, end ? end + 1 : NULL, next);
}

int bh_parse_options(struct bh_call *call)
{
    char **from = call->argv, **to = call->argv;

    while (*from) {
        char *word = *from++;
        int taken = -2;

        if (!strcmp(word, "--")) {
            while (*from)
                *to++ = *from++;
            break;
        }
        if (word[0] == '-' && word[1])
            taken = take_option(call, word, from);
        if (taken == -1)
            return -1;
        if (taken == -2 && word[0] == '-' && word[1] && to == call->argv)
            return bh_misused(call, "unknown option '%.80s'", word);
        if (taken == -2)
            *to++ = word;
        else
            from += taken;
    }
    *to = NULL;
    call->argc = (int)(to - call->argv);
    return 0;
}

/* ---- Domains ---- */

int bh_find_domain(const struct bh_call *call, int nth, uint16_t *domid)
{
    struct error e;

    return service_find(call->argv[nth], domid, &e) ? bh_fail(call, "%s", e.text) : 0;
}

int bh_find_domains(const struct bh_call *call, uint16_t *domids)
{
    for (int i = 0; i < call->argc; i++)
        if (bh_find_domain(call, i, &domids[i]))
            return -1;
    return call->argc;
}
