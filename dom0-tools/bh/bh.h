/* SPDX-License-Identifier: MIT */
/*
 * What the parts of `bh` share: a verb's description, one call of it, and output. Private to
 * dom0-tools/bh.
 *
 * The files are layers, and a file uses only earlier ones: output, arguments, json, listing,
 * progress, the groups of verbs (of which create attaches to consoles), running them, the shell.
 * The table of verbs is the platform's.
 */
#ifndef TOOLS_BH_H
#define TOOLS_BH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <platform.h>
#include <tools/error.h>

/* The kind of a verb's arguments, for completion. */
enum bh_argument {
    ARGUMENT_NONE,
    ARGUMENT_DOMAIN,
    ARGUMENT_FILE,
    ARGUMENT_VERB,
};

#define BH_MAX_OPTIONS 8
#define BH_MAX_WORDS   32 /* of a command line, with the NULL at its end */

/* An option: "-l", "--long", or both; with the name of its value, "COUNT", if it takes one. */
struct bh_option {
    char letter;      /* '\0': none */
    const char *word; /* without its dashes, or NULL */
    const char *value;
};

struct bh_call;

struct bh_verb {
    const char *name;
    struct bh_option options[BH_MAX_OPTIONS]; /* a verb's own enum numbers them; the rest is zero */
    const char *arguments;                    /* what follows the options, for the usage */
    const char *help;                         /* one line */
    enum bh_argument argument;
    /* @return 0, or -1 after having said what is wrong. */
    int (*run)(struct bh_call *call);
};

/* A verb with its arguments, as they were typed. */
struct bh_call {
    const struct bh_verb *verb;
    int argc;    /* arguments, without options */
    char **argv; /* argv[argc] is NULL */
    bool given[BH_MAX_OPTIONS];
    const char *values[BH_MAX_OPTIONS];
};

/* ---- Output ---- */

/* Prints to the terminal. */
void bh_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for what went wrong. */
void bh_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Prints bytes of which there may be any number, unchanged: in small parts, between which other
 * threads run. May wait. @return false if Ctrl-C was typed meanwhile: the rest is not printed.
 */
bool bh_print_long(const void *data, size_t length);

/* Ends the line that a part has left open, for a notice. */
void bh_end_part(void);

/*
 * Gathers bytes on their way to the terminal, so that many of them are written at once. All zero is
 * an empty one; bh_write_end writes what is left.
 */
struct bh_writer {
    char part[TERMINAL_PART];
    size_t used;
    bool others_run; /* after each part: what is written must be the caller's own */
};
void bh_write(struct bh_writer *w, const char *bytes, size_t length);
void bh_write_end(struct bh_writer *w);

/* Prints text in UTF-8, and blanks up to @columns. */
void bh_print_padded(const char *text, unsigned int columns);

/* Prints "bh VERB: sentence". @return -1. */
int bh_fail(const struct bh_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints how the verb is used. @return -1. */
int bh_usage(const struct bh_call *call);

/* Prints "bh VERB: what is wrong; usage: ...". @return -1. */
int bh_misused(const struct bh_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints how a verb is used and what it does. */
void bh_explain(const struct bh_verb *verb);

/* ---- Arguments ---- */

/*
 * Splits a line into words, in place. Quotes of either kind keep blanks, and are removed as a shell
 * does it; but those in a list are the list's, so that disk=['a b'] may be typed as it stands in a
 * file, without other quotes. @return how many words there are, or -1 if a quote is not closed or
 * there are too many. NULL follows the last.
 */
int bh_split_words(char *line, char *words[BH_MAX_WORDS]);

/*
 * Takes the options out of call->argv, as getopt_long does: "-fp" is "-f -p", values stand in the
 * same word or in the next, and what follows "--" are arguments. A word that begins with a dash and
 * is not an option of the verb is refused in front of the other arguments, and is one of them
 * behind the first. @return 0, or -1 after having said what is wrong.
 */
int bh_parse_options(struct bh_call *call);

/*
 * Looks up all domains that the arguments name, before the verb shows anything. @domids has room
 * for BH_MAX_WORDS. @return how many, or -1 after having printed which one does not exist.
 */
int bh_find_domains(const struct bh_call *call, domid_t *domids);

/*
 * Looks up the domain that the nth argument names. @return 0, or -1 after having printed that it
 * does not exist.
 */
int bh_find_domain(const struct bh_call *call, int nth, domid_t *domid);

/* ---- Verbs ---- */

/* Groups of verbs, one a file; each ends in an entry without a name. */
extern const struct bh_verb bh_create_verbs[], bh_domain_verbs[], bh_vcpu_verbs[], bh_sched_verbs[],
    bh_cpu_verbs[], bh_top_verbs[], bh_info_verbs[], bh_machine_verbs[], bh_device_verbs[],
    bh_console_verbs[], bh_store_verbs[], bh_debug_verbs[], bh_help_verbs[];

/* Attaches the terminal to domains' consoles until Ctrl-] or the domains' end. */
int bh_attach_console(const struct bh_call *call, const domid_t *domids, unsigned int count);

/* Begins a new line on the terminal if a console has left one open. */
void bh_end_console_line(void);

/* ---- The table of verbs ---- */

extern const struct bh_verb *const bh_verbs[]; /* the platform's groups; ends in NULL */

/* Finds a verb by its name, or by the beginning of its name and of no other's. @return or NULL. */
const struct bh_verb *bh_find_verb(const char *name);

/* Runs one command, whose words, at least one and fewer than BH_MAX_WORDS, end in NULL. */
int bh_run_words(char **words);

/* Runs one command, a line of words. @return what the verb returned; an empty line gives 0. */
int bh_run(const char *line);

#endif
