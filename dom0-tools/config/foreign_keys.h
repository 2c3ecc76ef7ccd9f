/* SPDX-License-Identifier: MIT */
/* Settings that the configuration does not use. Private to dom0-tools/config. */
#ifndef TOOLS_CONFIG_FOREIGN_KEYS_H
#define TOOLS_CONFIG_FOREIGN_KEYS_H

#include <stddef.h>

/*
 * Writes the warning about a setting whose key is not used here: for a key of xl what to use
 * instead, for a mistyped key the nearest one. @own lists the keys that are used, and ends in NULL.
 */
void foreign_key_words(char *text, size_t size, const char *key, const char *const *own);

#endif
