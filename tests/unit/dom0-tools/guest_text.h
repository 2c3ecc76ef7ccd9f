/* SPDX-License-Identifier: MIT */
/* Reads guests' configurations from texts. */
#ifndef GUEST_TEXT_H
#define GUEST_TEXT_H

#include <tools/guest_config.h>

static char warnings[1024]; /* of the last read_guest() */

static inline void warn(void *context, const char *text)
{
    strcat(warnings, text);
    strcat(warnings, "\n");
}

static inline int parse(struct config *c, const char *text, struct error *e)
{
    /* A copy without a terminator: the parser may not look behind the end. */
    size_t length = strlen(text);
    char *copy = malloc(length ? length : 1);
    int status;

    memcpy(copy, text, length);
    config_init(c);
    status = config_parse(c, "f.cfg", copy, length, e);
    free(copy);
    return status;
}

static inline int read_guest(struct guest_config *g, const char *text, struct error *e)
{
    struct config c;
    int status;

    warnings[0] = '\0';
    assert_int_equal(parse(&c, text, e), 0);
    status = guest_config_read(g, &c, "f.cfg", warn, NULL, e);
    config_free(&c);
    return status;
}

#define MINIMUM "name='n'\nkernel='/k'\n"

static inline void assert_value_error(const char *text, const char *expected)
{
    struct guest_config g;
    struct error e;

    assert_int_equal(read_guest(&g, text, &e), -1);
    assert_string_equal(e.text, expected);
}

#endif
