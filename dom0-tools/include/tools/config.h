/* SPDX-License-Identifier: MIT */
/*
 * The syntax of a domain's configuration file, which is xl's: settings key = value (or key += value
 * for lists and strings), each on its own line or after a semicolon, and comments from # to the end
 * of the line. A value is a string in ' or ", a number, or a list in [ ] that may span lines. What
 * settings mean is the subject of tools/guest_config.h.
 *
 * Nothing here touches the platform; memory comes from malloc.
 */
#ifndef TOOLS_CONFIG_H
#define TOOLS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include <tools/error.h>

enum config_kind {
    CONFIG_STRING,
    CONFIG_NUMBER, /* kept as text: each key has its own range */
    CONFIG_LIST,
};

struct config_value {
    enum config_kind kind;
    unsigned int line; /* where the value starts, from 1 */
    char *text;        /* string or number: the text, quotes and escapes removed; else NULL */
    size_t count;      /* list: number of items */
    struct config_value *items;
};

struct config_setting {
    struct config_setting *next;
    char *key;
    char *file;        /* name of the source in messages */
    unsigned int line; /* of the key, from 1 */
    struct config_value value;
};

struct config {
    struct config_setting
        *first; /* in the order given; of two with the same key the later counts */
    struct config_setting **end;
};

/* Makes @c empty. */
void config_init(struct config *c);

/* Frees all that @c holds and makes it empty. */
void config_free(struct config *c);

/*
 * Parses @length bytes at @text and appends the settings to @c. @file names the source in messages.
 * @return 0, or -1 with `file:line: what is wrong` in @e; then @c holds the settings before the
 * error.
 */
int config_parse(struct config *c, const char *file, const char *text, size_t length,
                 struct error *e);

/*
 * Parses one `key=value` argument from a command line, where a value that has none of the forms
 * above is a string without quotes: `name=web`, `memory=512`, `on_crash=destroy`.
 * @return 0, or -1 with the reason in @e.
 */
int config_parse_argument(struct config *c, const char *argument, struct error *e);

/* The setting that counts for @key, or NULL. */
const struct config_setting *config_find(const struct config *c, const char *key);

#endif
