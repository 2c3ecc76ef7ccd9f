/* SPDX-License-Identifier: MIT */
/* What the parts of `bh` share: output, and the table of verbs. Private to dom0-tools/bh. */
#ifndef TOOLS_BH_H
#define TOOLS_BH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tools/error.h>

/* What a verb's arguments are, for completion. */
enum bh_argument {
    ARGUMENT_NONE,
    ARGUMENT_DOMAIN,
    ARGUMENT_FILE,
    ARGUMENT_VERB,
};

struct bh_verb {
    const char *name;
    const char *usage; /* what follows the name */
    const char *help;  /* one line */
    enum bh_argument argument;
    /* @argv[0] is the verb. Returns 0, or -1 after having said what is wrong. */
    int (*run)(int argc, char **argv);
};

extern const struct bh_verb *const bh_verbs[]; /* ends in NULL */

const struct bh_verb *bh_find_verb(const char *name);

/* Prints to the terminal. */
void bh_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "bh VERB: sentence". Returns -1. */
int bh_fail(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says how the verb is used. Returns -1. */
int bh_usage(const char *verb);

/* Prints how a verb is used and what it does. */
void bh_explain(const struct bh_verb *verb);

#define BH_MAX_WORDS 32 /* of a command line, with the NULL at its end */

/*
 * Splits a line into words, in place. Quotes of either kind keep blanks, and are removed as a shell
 * does it; but those in a list are the list's, so that disk=['a b'] may be typed as it stands in a
 * file, without other quotes. Returns how many words there are, or -1 if a quote is not closed or
 * there are too many. NULL follows the last.
 */
int bh_split_words(char *line, char *words[BH_MAX_WORDS]);

/*
 * Refuses options in front of the other arguments that the verb's usage does not have. Returns 0,
 * or -1.
 */
int bh_check_options(const struct bh_verb *verb, char **argv);

/*
 * Takes "--json" or another option out of the arguments; "-p" also out of "-fp". Returns whether it
 * was there.
 */
bool bh_take_option(int *argc, char **argv, const char *option);

/*
 * Looks up all domains that the arguments name, before anything is shown of any. @domids has room
 * for BH_MAX_WORDS. Returns how many, or -1 after having said which is not there.
 */
int bh_find_domains(int argc, char **argv, uint16_t *domids);

/* Runs one command, a line of words. Returns what the verb returned; an empty line gives 0. */
int bh_run(const char *line);

/* Groups of verbs, one a file; each ends in an entry without a name. */
extern const struct bh_verb bh_create_verbs[], bh_domain_verbs[], bh_info_verbs[],
    bh_machine_verbs[], bh_device_verbs[], bh_console_verbs[], bh_store_verbs[];

/* Attaches the terminal to domains' consoles until Ctrl-] or the domains' end. */
int bh_attach_console(const char *verb, const uint16_t *domids, unsigned int count);

/* Begins a new line on the terminal if a console has left one open. */
void bh_end_console_line(void);

#endif
