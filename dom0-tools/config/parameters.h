/* SPDX-License-Identifier: MIT */
/* Cutting a device's description into its parameters. Private to dom0-tools/config. */
#ifndef TOOLS_CONFIG_PARAMETERS_H
#define TOOLS_CONFIG_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tools/error.h>

#define PARAMETER_SIZE 320 /* bytes of one parameter, terminator included */

/* One parameter: `key=value`, or a word alone, with an empty key. */
struct parameter {
    char key[24];
    char value[PARAMETER_SIZE];
    const char *rest; /* from the value to the end of the whole text */
};

/*
 * Takes the next parameter from *@text, up to a comma; blanks around it are dropped. *@text becomes
 * NULL after the last. @return 0, or -1 with the reason in @e.
 */
int parameter_next(const char **text, struct parameter *p, struct error *e);

/* Copies a value that has at most @size - 1 bytes. @return 0, or -1 with the reason in @e. */
int parameter_copy(char *to, size_t size, const char *name, const char *value, struct error *e);

/* Reads decimal digits. @return 0, or -1 if @text is anything else or above @max. */
int parameter_number(const char *text, uint64_t max, uint64_t *number);

#endif
