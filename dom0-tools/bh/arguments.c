/* SPDX-License-Identifier: MIT */
/*
 * The words of a command line: their quotes, the options among them, as getopt has them, and the
 * domains that they name. A verb's usage says which options it has, so what `bh help` shows is what
 * is understood.
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

/* Whether @usage has @option, as in "[-w]", "[-w|--wait]" or "[-n COUNT]". */
static bool has_option(const char *usage, const char *option, size_t length)
{
    for (const char *at = strchr(usage, '-'); at; at = strchr(at + 1, '-'))
        if ((at[-1] == '[' || at[-1] == '|') && !strncmp(at, option, length) &&
            strchr("]| ", at[length]))
            return true;
    return false;
}

/* Whether @word is several options of one letter, as "-fp". */
static bool is_cluster(const char *usage, const char *word)
{
    if (word[0] != '-' || !word[1] || !word[2])
        return false;
    for (const char *letter = word + 1; *letter; letter++)
        if (!has_option(usage, (char[]){'-', *letter, '\0'}, 2))
            return false;
    return true;
}

int bh_check_options(const struct bh_verb *verb, char **argv)
{
    for (int i = 1; argv[i] && argv[i][0] == '-' && argv[i][1]; i++)
        if (!has_option(verb->usage, argv[i], strlen(argv[i])) && !is_cluster(verb->usage, argv[i]))
            return bh_fail(verb->name, "unknown option '%s'; usage: bh %s%s%s", argv[i], verb->name,
                           *verb->usage ? " " : "", verb->usage);
    return 0;
}

bool bh_take_option(int *argc, char **argv, const char *option)
{
    const char *usage = bh_find_verb(argv[0])->usage;
    bool found = false;
    int i = 1;

    while (i < *argc) {
        char *letter = option[1] != '-' && is_cluster(usage, argv[i]) ? strchr(argv[i], option[1])
                                                                      : NULL;

        if (letter) {
            memmove(letter, letter + 1, strlen(letter));
        } else if (!strcmp(argv[i], option)) {
            memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof(argv[0]));
            --*argc;
        } else {
            i++;
            continue;
        }
        found = true; /* and there may be more in the same word */
    }
    return found;
}

int bh_find_domains(int argc, char **argv, uint16_t *domids)
{
    struct error e;

    for (int i = 1; i < argc; i++)
        if (service_find(argv[i], &domids[i - 1], &e))
            return bh_fail(argv[0], "%s", e.text);
    return argc - 1;
}
