/* SPDX-License-Identifier: MIT */
/* C library: strcasecmp() and strncasecmp() live in string.h. */
#ifndef STRINGS_H
#define STRINGS_H

#include <string.h>

#endif
